//! What a file is that cannot be read by its format, where it can be told.

use sops_core::{
    Format,
    foreign::{self, Foreign},
};
use sops_rs::read::AS_BINARY;

use crate::Error;

/// Why a file is not what it was taken for, and what a person can do.
#[derive(Default)]
pub(crate) struct Unreadable {
    pub(crate) causes: Vec<String>,
    /// What takes the place of other advice.
    pub(crate) advice: Option<String>,
}

impl Unreadable {
    pub(crate) fn of(bytes: &[u8], format: Format) -> Self {
        if let Some(foreign) = Foreign::recognise(bytes) {
            return Unreadable {
                causes: vec![foreign.to_string()],
                advice: Some(foreign.advice().into()),
            };
        }
        let mut unreadable = Unreadable::default();
        if format == Format::Binary {
            unreadable.causes.push(AS_BINARY.into());
            unreadable.advice =
                Some("give the file the ending of its format, as in secret.enc.yaml".into());
        }
        if let Some(is) = foreign::format_of(bytes).filter(|is| *is != format) {
            let like = format!("it looks like a file of type {is}");
            unreadable.causes.push(like);
            let ending = match is {
                Format::Yaml => ".yaml",
                Format::Dotenv => ".env",
                Format::Ini => ".ini",
                _ => ".json",
            };
            unreadable.advice = Some(format!(
                "give the file the ending of its format, as in secret.enc{ending}"
            ));
        }
        unreadable
    }
}

/// An error of reading, with what the file is.
pub(crate) fn explained(error: Error, bytes: &[u8], format: Format) -> Error {
    let unreadable = Unreadable::of(bytes, format);
    let error = unreadable.causes.into_iter().fold(error, Error::because);
    match unreadable.advice {
        Some(advice) => error.with_advice(advice),
        None => error,
    }
}
