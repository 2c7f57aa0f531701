//! What `Debug` shows of a value, if it has one: a `Debug` that is derived one
//! day is seen from that day on.

use std::fmt::Debug;

/// A value. `(&Probe(&value)).shown()`, with both traits in scope, is what its
/// `Debug` shows, or nothing where it has none.
///
/// ```
/// use testkit::debugged::{Debugged as _, Opaque as _, Probe};
/// struct Key;
/// assert_eq!((&Probe(&"a")).shown(), "\"a\"\n\"a\"");
/// assert_eq!((&Probe(&Key)).shown(), "");
/// ```
pub struct Probe<'a, T>(pub &'a T);

/// Of a value that has a `Debug`.
pub trait Debugged {
    /// What it shows, on one line and on many.
    fn shown(&self) -> String;
}

impl<T: Debug> Debugged for Probe<'_, T> {
    fn shown(&self) -> String {
        format!("{:?}\n{:#?}", self.0, self.0)
    }
}

/// Of any other value: the method that is found last.
pub trait Opaque {
    /// Nothing.
    fn shown(&self) -> String;
}

impl<T> Opaque for &Probe<'_, T> {
    fn shown(&self) -> String {
        String::new()
    }
}
