use proptest::prelude::*;

use super::*;
use crate::{ErrorKind, format::Style, secret::SecretBuf};

fn written(tree: &[Mapping]) -> Result<String> {
    let mut out = SecretBuf::default();
    write(tree, &Style::default(), &mut out)?;
    Ok(String::from_utf8(out.into_vec()).unwrap())
}

fn value(text: &str) -> Option<String> {
    let tree = read(format!("[s]\nk = {text}").as_bytes()).ok()?;
    let section = tree[0].get("s")?.as_mapping()?;
    section.get("k")?.as_str().map(str::to_owned)
}

#[test]
fn values_as_go_ini_reads_them() {
    for (text, expected) in [
        ("  a b  ", "a b"),
        ("a ; b # c", "a"),
        ("\"a;b\"", "\"a"),
        ("\"a b \"", "a b "),
        ("'a'", "a"),
        ("'a' 'b'", "'a' 'b'"),
        ("\"a\"b\"", "\"a\"b\""),
        ("`a;b`", "a;b"),
        ("`a` `b` ; c", "a` `b"),
        ("\"\"\"a\nb\"\"\" ; c", "a\nb"),
        ("`a\nb`", "a\nb"),
        ("`a\nb`\\ \nc`d", "a\nb`\\ \nc"),
        ("`a`\\\nb=c", "a"),
        ("\"\"\"", "\"\"\""),
        ("a \\\n  b\\\n\nc=d", "a b"),
        ("a\\", "a"),
        ("", ""),
        (";c", ""),
        ("%(x)s", "%(x)s"),
    ] {
        assert_eq!(value(text).as_deref(), Some(expected), "{text}");
    }
}

#[test]
fn keys_as_go_ini_reads_them() {
    let text = "a:b=c\n\"q=r\" = 1\n`x:y`: 2\n\"\"\"t\"u\"\"\" = 3\n- = 4\n- = 5\n[s]\n- = 6\n";
    let tree = read(text.as_bytes()).unwrap();
    let keys = |name: &str| -> Vec<String> {
        let section = tree[0].get(name).unwrap().as_mapping().unwrap();
        section
            .entries()
            .map(|(k, _)| k.as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(keys("DEFAULT"), ["a", "q=r", "x:y", "t\"u", "#1", "#2"]);
    assert_eq!(keys("s"), ["#1"]);
}

#[test]
fn comments_move_above() {
    let text = "; head\n;; more\n[s] ; tail\nk = v ; x\n# y\nlonger = \"a b \"\n; lost\n";
    let tree = read(text.as_bytes()).unwrap();
    assert_eq!(
        written(&tree).unwrap(),
        "; head\n; ; more\n; tail\n[s]\n; x\nk      = v\n; y\nlonger = \"a b \"\n"
    );
}

#[test]
fn sections() {
    let text = "[ a ]\n[b] x ] y\nk=1\nk=2\n[b]\nl=3";
    let tree = read(text.as_bytes()).unwrap();
    assert_eq!(
        written(&tree).unwrap(),
        "[ a ]\n\n[b] x ]\nk = 2\n\n[b]\nl = 3\n"
    );
    assert_eq!(written(&read(b"").unwrap()).unwrap(), "");
    assert_eq!(written(&read(b"k=v").unwrap()).unwrap(), "k = v\n");
}

/// Not one of these reads back as it was, all but the last two.
#[test]
fn values_are_written_as_go_ini_writes_them() {
    for (text, expected) in [
        ("\"x\"", "\"x\""),
        ("'x'", "'x'"),
        ("x\\", "x\\"),
        ("\\", "\\"),
        ("`x", "\"\"\"`x\"\"\""),
        ("\"a`b\"", "\"\"\"\"a`b\"\"\"\""),
        ("\"\"\"x", "\"\"\"x"),
        ("a`\"\"\"\nb", "\"\"\"a`\"\"\"\nb\"\"\""),
        ("\"a\"\n", "\"\"\"\"a\"\n\"\"\""),
        (" \"x\"", "\" \"x\"\""),
        ("x\\ ", "\"x\\ \""),
        ("x;\\", "`x;\\`"),
        ("", ""),
    ] {
        let mut section = Mapping::default();
        section.push("k", text);
        let mut tree = vec![Mapping::default()];
        tree[0].push("s", Value::Mapping(section));
        let written = written(&tree).unwrap();
        assert_eq!(written, format!("[s]\nk = {expected}\n"), "{text}");
    }
}

#[test]
fn what_ini_cannot_hold() {
    let error = |value: Value| {
        let mut section = Mapping::default();
        section.push("k", value);
        let mut tree = vec![Mapping::default()];
        tree[0].push("s", Value::Mapping(section));
        written(&tree).unwrap_err().to_string()
    };
    assert_eq!(
        error(Value::List(Default::default())),
        "s.k: an INI key cannot hold a list"
    );
    let mut tree = vec![Mapping::default()];
    tree[0].push("a", "x");
    assert_eq!(
        written(&tree).unwrap_err().to_string(),
        "a: an INI file consists of sections, and this is a string"
    );
}

#[test]
fn errors_name_the_line() {
    for (text, message) in [
        ("[s]\nflag", "line 2: neither a section nor key = value"),
        ("[s", "line 1: a section header without closing ]"),
        ("[]", "line 1: a section without a name"),
        ("a=1\nb = `x\ny", "line 2: a value without closing quote"),
        ("\"a = 1", "line 1: a key without closing quote"),
        ("= 1", "line 1: a key without a name"),
    ] {
        let error = read(text.as_bytes()).unwrap_err();
        assert_eq!(error.to_string(), message);
        assert_eq!(error.kind(), ErrorKind::Syntax);
    }
}

#[test]
fn metadata_escapes() {
    let armor = "-----BEGIN AGE ENCRYPTED FILE-----\nabc\n";
    for escaped in [armor.replace('\n', "\\n"), armor.replace('\n', "\\\\n")] {
        assert_eq!(unescape(&escaped.into()).as_str(), Some(armor));
    }
    assert_eq!(escape(&"a\nb".into()).as_str(), Some("a\\nb"));
}

proptest! {
    /// What was written reads back to the same, where no value holds quotes or
    /// line breaks, or has a backslash at its end.
    #[test]
    fn written_values_read_back(
        key in "[a-z\"=:][a-z\"=:; ]{0,3}[a-z\"=:;]",
        text in "([a-z=:;# \\\\\t]{0,10}[a-z=:;# \t])?",
    ) {
        let mut section = Mapping::default();
        section.push(key, text);
        let mut tree = vec![Mapping::default()];
        tree[0].push("DEFAULT", Value::Mapping(Mapping::default()));
        tree[0].push("s", Value::Mapping(section));
        let out = written(&tree).unwrap();
        prop_assert_eq!(read(out.as_bytes()).unwrap(), tree, "{}", out);
    }

    #[test]
    fn no_text_panics(bytes: Vec<u8>, ini in "[\\[\\]a=:;#\"`' \\\\\n\r]{0,40}") {
        for text in [bytes.as_slice(), ini.as_bytes()] {
            if let Ok(tree) = read(text) {
                let _ = write(&tree, &Style::default(), &mut SecretBuf::default());
            }
        }
    }
}
