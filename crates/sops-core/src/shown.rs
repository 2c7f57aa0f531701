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

/// Appends a key as messages show it, and no other key of its length like it:
/// bytes that are no UTF-8 (`\xff`), control characters and what turns text
/// around (`\n`, `\u{202e}`) escaped, for it goes to a terminal, and so the
/// backslash. It is cut where it is long, or where it turns into an encrypted
/// value (a comment that lost its `#`, or a value that was broken before its
/// bracket, which begins a section in INI).
pub(crate) fn push_printable(out: &mut String, key: impl AsRef<[u8]>) {
    const MAX: usize = 100;
    let mut left = MAX;
    for chunk in key.as_ref().utf8_chunks() {
        let text = chunk.valid();
        let value = ["ENC[", "AES256_GCM"]
            .iter()
            .filter_map(|mark| text.find(mark));
        let value = value.min();
        for c in text[..value.unwrap_or(text.len())].chars() {
            if left == 0 {
                return out.push('…');
            }
            left -= 1;
            if c.is_control() || is_bidi(c) || c == '\\' {
                let _ = write!(out, "{}", c.escape_default());
            } else {
                out.push(c);
            }
        }
        if value.is_some() || (left == 0 && !chunk.invalid().is_empty()) {
            return out.push('…');
        }
        for byte in chunk.invalid() {
            left = left.saturating_sub(1);
            let _ = write!(out, "\\x{byte:02x}");
        }
    }
}

/// Keys joined as messages show them: `data.password`.
pub(crate) fn key_path(keys: &[&Text]) -> String {
    let mut shown = String::new();
    for (i, key) in keys.iter().enumerate() {
        if i > 0 {
            shown.push('.');
        }
        push_printable(&mut shown, key);
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(bytes: &[u8]) -> String {
        key_path(&[&Text::from(bytes)])
    }

    #[test]
    fn keys_are_shown_each_in_its_own_way() {
        assert_eq!(key(b"a\xff\xe2\x82b"), r"a\xff\xe2\x82b");
        assert_eq!(key(b"a\\xff"), r"a\\xff");
        assert_eq!(key("a\n\u{202e}é".as_bytes()), r"a\n\u{202e}é");
        assert_ne!(key(b"\xfe"), key(b"\xff"));
        assert_ne!(key(b"\xff"), key("\u{fffd}".as_bytes()));
    }

    #[test]
    fn a_key_is_cut_where_it_is_long_or_becomes_a_value() {
        assert_eq!(key(&[b'a'; 100]), "a".repeat(100));
        assert_eq!(key(&[b'a'; 101]), "a".repeat(100) + "…");
        assert_eq!(key(&[0xff; 101]), r"\xff".repeat(100) + "…");
        let mixed = [[b'a'; 99].as_slice(), b"\xffb"].concat();
        assert_eq!(key(&mixed), "a".repeat(99) + r"\xff…");
        assert_eq!(key(b"\xff b ENC[AES256_GCM,data"), r"\xff b …");
        assert_eq!(key(b"b AES256_GCM,data:ENC["), "b …");
    }
}
