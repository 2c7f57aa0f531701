//! The language of manual pages, as far as both programs print it.

/// A text on one line that is no request of roff, whatever it begins with.
///
/// ```
/// assert_eq!(sops_rs::roff::escaped(".a-b"), "\\&.a\\-b");
/// ```
#[must_use]
pub fn escaped(text: &str) -> String {
    let text = text
        .replace('\\', "\\e")
        .replace('-', "\\-")
        .replace('"', "\\(dq");
    match text.strip_prefix(['.', '\'']) {
        Some(_) => format!("\\&{text}"),
        None => text,
    }
}
