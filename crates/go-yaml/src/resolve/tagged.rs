//! What a scalar means that has a tag, or quotes.

use super::{Resolved, resolve};
use crate::ScalarStyle;

/// A value that does not fit the tag in front of it, such as `!!int x`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a value does not fit its tag")]
pub struct WrongTag;

/// What a scalar means to go-yaml v3, by its tag, its style and its text.
///
/// Quoted and block scalars are text; so is whatever has a tag that go-yaml
/// does not know, and `!!binary`, which is left to the caller to decode.
///
/// # Errors
///
/// [`WrongTag`] where the text cannot be what a tag of YAML says it is.
///
/// # Examples
///
/// ```
/// use go_yaml::ScalarStyle::{Plain, SingleQuoted};
/// use go_yaml::resolve::{Resolved, resolve_tagged};
///
/// assert!(resolve_tagged(None, Plain, "1") == Ok(Resolved::Int(1)));
/// assert!(resolve_tagged(None, SingleQuoted, "1") == Ok(Resolved::Str));
/// assert!(resolve_tagged(Some("!!float"), SingleQuoted, "1") == Ok(Resolved::Float(1.0)));
/// assert!(resolve_tagged(Some("!!int"), Plain, "x").is_err());
/// ```
pub fn resolve_tagged(
    tag: Option<&str>,
    style: ScalarStyle,
    text: &str,
) -> Result<Resolved, WrongTag> {
    let Some(tag) = tag.filter(|tag| *tag != "!") else {
        return Ok(match style {
            ScalarStyle::Plain => resolve(text),
            _ => Resolved::Str,
        });
    };
    if !matches!(
        tag,
        "!!bool" | "!!int" | "!!float" | "!!null" | "!!timestamp"
    ) {
        return Ok(Resolved::Str);
    }
    match (tag, resolve(text)) {
        ("!!float", Resolved::Int(value)) => Ok(Resolved::Float(value as f64)),
        ("!!bool", value @ Resolved::Bool(_))
        | ("!!int", value @ (Resolved::Int(_) | Resolved::Uint(_)))
        | ("!!float", value @ Resolved::Float(_))
        | ("!!null", value @ Resolved::Null)
        | ("!!timestamp", value @ Resolved::Timestamp(_)) => Ok(value),
        _ => Err(WrongTag),
    }
}
