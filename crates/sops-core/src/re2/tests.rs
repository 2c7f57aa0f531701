use super::translate;

fn matches(pattern: &str, text: &str) -> Option<bool> {
    let regex = regex::bytes::Regex::new(&translate(pattern)?).ok()?;
    Some(regex.is_match(text.as_bytes()))
}

#[test]
fn means_what_go_means() {
    for (pattern, text, expected) in [
        ("^(data|stringData)$", "data", true),
        ("^(data|stringData)$", "metadata", false),
        ("pass", "my_password", true),
        ("(?i)PASS", "my_password", true),
        ("(?i)ß", "ẞ", true),
        (r"^\d+$", "12", true),
        (r"^\d+$", "١٢", false),
        (r"^\D$", "é", true),
        (r"^\w$", "é", false),
        (r"^[\w-]+$", "a-b", true),
        (r"^[^\W_]+$", "a_b", false),
        (r"^\s$", "\u{A0}", false),
        (r"^\s$", "\x0B", false),
        (r"\bkey\b", "a.key", true),
        (r"\bkey\b", "ékey", true),
        (r"\Qa.b*\Ec", "a.b*c", true),
        (r"\Qa.b", "aXb", false),
        (r"a\z", "a", true),
        ("a{,2}b", "a{,2}b", true),
        ("a{,2}b", "aab", false),
        ("^a{2}$", "aa", true),
        ("^a{2,}$", "aaaa", true),
        ("a{1", "a{1", true),
        ("a{01}", "a{01}", true),
        ("[[a]", "[", true),
        ("^[a&&b]$", "&", true),
        ("^[!--c]$", "&", true),
        ("^[]a]$", "]", true),
        ("^[^]a]$", "]", false),
        ("^[a-]$", "-", true),
        ("^[[:alpha:]]$", "é", false),
        ("^[[:^alpha:]]$", "é", true),
        ("^[[:alpha:]_-]+$", "a_-b", true),
        (r"^\p{Greek}$", "λ", true),
        (r"^\pL$", "é", true),
        (r"^\p{^Greek}$", "λ", false),
        (r"^[\p{Greek}\d]+$", "λ1", true),
        (r"\<b", "<b", true),
        (r"^\x41\x{1F600}\101$", "A😀A", true),
        (r"^\0$", "\0", true),
        ("(?P<name>a)(?<n>b)", "ab", true),
        ("(?s-i:a.b)", "a\nb", true),
        ("a.b", "a\nb", false),
        ("a b # c", "a b # c", true),
        ("}", "}", true),
        ("]", "]", true),
        ("", "anything", true),
        ("a||b", "", true),
    ] {
        assert_eq!(matches(pattern, text), Some(expected), "{pattern} {text}");
    }
}

#[test]
fn refuses_what_go_refuses() {
    for pattern in [
        "a**",
        "a*{2}",
        "a{2}{3}",
        "*",
        "(",
        ")",
        "[a",
        "[b-a]",
        "[]",
        r"\",
        r"\1",
        r"\8",
        r"\C",
        r"\Z",
        r"\u0041",
        r"\h",
        "(?=a)",
        "(?!a)",
        "(?<=a)",
        "(?x)a",
        "(?u)a",
        "(?R)a",
        "a{1001}",
        "a{3,2}",
        r"\xZ",
        r"\x{}",
        r"\x{110000}",
        r"\p",
        "(?P<>a)",
        "(?P=n)",
        "[a--c]",
    ] {
        assert_eq!(matches(pattern, "a"), None, "{pattern}");
    }
}

proptest::proptest! {
    #[test]
    fn no_pattern_panics(pattern in r"[\[\](){}\\^$*+?|,\-:&~<>PpQEdwsxub0-9a-zé]{0,20}") {
        if let Some(translated) = translate(&pattern) {
            let _ = regex::bytes::Regex::new(&translated);
        }
    }
}
