//! What a command line says.

use std::ffi::{OsStr, OsString};

use super::flag::{Flag, Kind};
use crate::{Error, Result, error::quoted};

/// Options with their values, and what stands behind them.
#[derive(Debug, Default)]
pub(crate) struct Given {
    values: Vec<(&'static str, Value)>,
    /// What is no option.
    pub(crate) positionals: Vec<OsString>,
}

#[derive(Debug)]
pub(super) enum Value {
    Switch(bool),
    Text(OsString),
    Number(i64),
    Texts(Vec<OsString>),
}

impl Given {
    pub(super) fn put(&mut self, flag: &Flag, value: Value) {
        self.values.retain(|(name, _)| *name != flag.name());
        self.values.push((flag.name(), value));
    }

    pub(super) fn push(&mut self, flag: &Flag, text: OsString) {
        let found = self
            .values
            .iter_mut()
            .find(|(name, _)| *name == flag.name());
        match found {
            Some((_, Value::Texts(texts))) => texts.push(text),
            _ => self.put(flag, Value::Texts(vec![text])),
        }
    }

    /// Each option with its value as a text, as often as it stands.
    pub(crate) fn options(&self) -> Vec<(&'static str, OsString)> {
        let texts = |value: &Value| match value {
            Value::Switch(on) => vec![on.to_string().into()],
            Value::Number(number) => vec![number.to_string().into()],
            Value::Text(text) => vec![text.clone()],
            Value::Texts(texts) => texts.clone(),
        };
        let options = self.values.iter();
        options
            .flat_map(|(name, value)| texts(value).into_iter().map(|text| (*name, text)))
            .collect()
    }

    fn get(&self, flag: &Flag) -> Option<&Value> {
        let mut values = self.values.iter();
        values
            .find(|(name, _)| *name == flag.name())
            .map(|(_, value)| value)
    }

    /// Whether the option, or its variable, is there at all.
    pub(crate) fn has(&self, flag: &Flag) -> bool {
        self.get(flag).is_some()
    }

    pub(crate) fn switch(&self, flag: &Flag) -> bool {
        match (self.get(flag), flag.kind) {
            (Some(Value::Switch(on)), _) => *on,
            (_, Kind::Switch(default)) => default,
            _ => false,
        }
    }

    /// The value of an option that takes a text. As for sops, an empty one is
    /// none: `--extract "$WHAT"`.
    pub(crate) fn text(&self, flag: &Flag) -> Option<&OsStr> {
        match self.get(flag) {
            Some(Value::Text(text)) if !text.is_empty() => Some(text),
            _ => None,
        }
    }

    /// The same as UTF-8.
    ///
    /// # Errors
    ///
    /// Where it is not.
    pub(crate) fn str(&self, flag: &Flag) -> Result<Option<&str>> {
        self.text(flag).map(|text| utf8(flag, text)).transpose()
    }

    pub(crate) fn number(&self, flag: &Flag) -> Option<i64> {
        match self.get(flag) {
            Some(Value::Number(number)) => Some(*number),
            _ => None,
        }
    }

    /// All values of an option that may be repeated.
    ///
    /// # Errors
    ///
    /// Where one is not UTF-8.
    pub(crate) fn strs(&self, flag: &Flag) -> Result<Vec<&str>> {
        match self.get(flag) {
            Some(Value::Texts(texts)) => texts.iter().map(|text| utf8(flag, text)).collect(),
            _ => Ok(Vec::new()),
        }
    }
}

fn utf8<'t>(flag: &Flag, text: &'t OsStr) -> Result<&'t str> {
    text.to_str().ok_or_else(|| {
        let text = quoted(&text.to_string_lossy());
        Error::new(format!("--{} is {text}, which is not UTF-8", flag.name()))
            .advise("give it in UTF-8")
            .of_kind("usage")
    })
}
