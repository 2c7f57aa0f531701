//! Scalars as texts.

use go_yaml::{
    Kind, Node, ScalarStyle, number,
    resolve::{Resolved, resolve_v2},
};

/// A scalar of a manifest.
pub(super) struct Scalar<'a> {
    text: &'a str,
    /// Written without quotes and without a tag that makes it a text, so that
    /// it may be something else than a text.
    is_open: bool,
}

impl<'a> Scalar<'a> {
    /// `None` where the node is a list or a mapping.
    pub(super) fn of(node: &'a Node<'_>) -> Option<Self> {
        let Kind::Scalar { value, style } = &node.kind else {
            return None;
        };
        let is_open = match node.tag() {
            Some(tag) => matches!(tag, "!!null" | "!!bool" | "!!int" | "!!float" | "!!merge"),
            None => *style == ScalarStyle::Plain,
        };
        Some(Scalar {
            text: value,
            is_open,
        })
    }

    pub(super) fn is_null(&self) -> bool {
        self.is_open && matches!(self.text, "" | "~" | "null" | "Null" | "NULL")
    }

    pub(super) fn is_merge_key(&self) -> bool {
        self.is_open && self.text == "<<"
    }

    /// For names, paths and types: the text as it was written, `y` and `1.0`
    /// included, and nothing for null.
    pub(super) fn as_written(&self) -> String {
        if self.is_null() {
            String::new()
        } else {
            self.text.to_owned()
        }
    }

    /// For labels and annotations: the text that KSOPS makes of it, which
    /// reads YAML 1.1: `yes` is `true`, `0x10` is `16`, `1e6` is `1e+06`.
    pub(super) fn as_yaml_1_1(&self) -> String {
        if !self.is_open {
            return self.text.to_owned();
        }
        match resolve_v2(self.text) {
            Resolved::Null => String::new(),
            Resolved::Bool(value) => value.to_string(),
            Resolved::Int(number) => number.to_string(),
            Resolved::Uint(number) => number.to_string(),
            Resolved::Float(number) => number::general(number).to_string(),
            Resolved::Timestamp(_) | Resolved::Merge | Resolved::Str => self.text.to_owned(),
        }
    }
}
