//! Text from outside, made fit to be shown: in messages, reports and labels.
//!
//! Nothing that could be a private key, no control characters (it goes to a
//! terminal), nothing that turns text around, and a bounded length.

use std::fmt::Write;

use crate::tree::Text;

/// What stands in messages for a text that may be a key.
pub const MASK: &str = "<a private key>";

/// Whether a text from outside could be a private key, or hold one: a path or
/// a setting where a person put the key itself. Such a text is not for
/// messages.
///
/// ```
/// use sops_core::shown::may_be_key;
/// assert!(may_be_key("AGE-SECRET-KEY-1…"));
/// assert!(!may_be_key("/home/argocd/.config/sops/age/keys.txt"));
/// ```
#[must_use]
pub fn may_be_key(text: &str) -> bool {
    let upper = text.to_ascii_uppercase();
    [
        "AGE-SECRET-KEY-",
        "AGE-PLUGIN-",
        "PRIVATE KEY",
        "-----BEGIN ",
    ]
    .iter()
    .any(|mark| upper.contains(mark))
        || is_base64(text)
}

/// Whether it is Base64 of how an identity file starts: of a key, or of the
/// comments that `age-keygen` writes.
pub(crate) fn is_base64(text: &str) -> bool {
    const STARTS: [&str; 3] = ["QUdFLVNFQ1JFVC1LRVkt", "IyBjcmVhdGVk", "IyBwdWJsaWMga2V5"];
    STARTS.iter().any(|start| text.starts_with(start))
}

/// A text of our own that quotes something from outside: without control
/// characters, and of bounded length. What could be a private key is not
/// looked for.
pub(crate) fn clean(text: &str) -> String {
    let shown = |c: char| if c.is_control() || is_bidi(c) { '?' } else { c };
    text.chars().take(MAX_PRINTABLE).map(shown).collect()
}

/// A text from outside, fit to be shown: without what could be a private key,
/// without control characters, and of bounded length (4,096 characters).
///
/// ```
/// use sops_core::shown::printable;
/// assert_eq!(printable("a\u{1b}[31mb"), "a?[31mb");
/// assert_eq!(printable("AGE-SECRET-KEY-1…"), "<a private key>");
/// ```
#[must_use]
pub fn printable(text: &str) -> String {
    if may_be_key(text) {
        return MASK.into();
    }
    clean(text)
}

/// A post-quantum recipient has 1,959 characters.
const MAX_PRINTABLE: usize = 4096;

/// Characters that change the direction of the text around them.
fn is_bidi(c: char) -> bool {
    matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// A recipient, fit to be shown, shortened but recognisable.
///
/// ```
/// use sops_core::shown::shorten;
/// let recipient = "age1a7zz5jawu8m8mxzqtue0wp7jtgpqvvg4pqnm260y694ygszaheqqeetzuc";
/// assert_eq!(shorten(recipient), "age1a7zz5jawu8m8…eetzuc");
/// ```
#[must_use]
pub fn shorten(recipient: &str) -> String {
    let recipient = printable(recipient);
    let middle = |text: &str, first: usize, last: usize| {
        let chars: Vec<char> = text.chars().collect();
        match (chars.get(..first), chars.len().checked_sub(last)) {
            (Some(start), Some(rest)) if rest > first + 1 => {
                let end = chars.get(rest..).unwrap_or_default();
                start.iter().chain(&['…']).chain(end).collect()
            }
            _ => text.to_owned(),
        }
    };
    let mut words = recipient.splitn(3, ' ');
    match (words.next(), words.next(), words.next()) {
        (Some(kind), Some(key), comment) if kind.starts_with("ssh-") => {
            let comment = comment.map(|c| format!(" {}", middle(c, 32, 0)));
            format!(
                "{kind} {}{}",
                middle(key, 0, 8),
                comment.unwrap_or_default()
            )
        }
        _ if recipient.starts_with("age1") => middle(&recipient, 16, 6),
        _ => middle(&recipient, 72, 24),
    }
}

/// Appends a key as messages show it: with control characters escaped, for
/// it goes to a terminal, and cut where it is long, or where it turns into an
/// encrypted value (a comment that lost its `#`, or a value that was broken
/// before its bracket, which begins a section in INI).
pub(crate) fn push_printable(out: &mut String, key: &str) {
    const MAX: usize = 100;
    let end = key.find("ENC[").or_else(|| key.find("AES256_GCM"));
    let shown = end.and_then(|end| key.get(..end)).unwrap_or(key);
    for c in shown.chars().take(MAX) {
        if c.is_control() {
            let _ = write!(out, "{}", c.escape_default());
        } else {
            out.push(c);
        }
    }
    if end.is_some() || shown.chars().nth(MAX).is_some() {
        out.push('…');
    }
}

/// Keys joined as messages show them: `data.password`.
pub(crate) fn key_path(keys: &[&Text]) -> String {
    let mut shown = String::new();
    for (i, key) in keys.iter().enumerate() {
        if i > 0 {
            shown.push('.');
        }
        push_printable(&mut shown, &key.to_string_lossy());
    }
    shown
}
