use super::*;

fn path(rule: Rule, path: &[&str]) -> bool {
    let mut selection = Selection::new(&rule);
    let mut scope = Scope::default();
    let (last, outer) = path.split_last().unwrap();
    for key in outer {
        scope = selection.enter(scope, Some(&Text::from(*key)));
    }
    let key = Text::from(*last);
    let first = selection.selects(scope, Some(&key));
    assert_eq!(first, selection.selects(scope, Some(&key)));
    first
}

#[test]
fn any_element_of_the_path_counts() {
    assert!(path(Rule::default(), &["a", "b"]));
    assert!(!path(Rule::default(), &["a_unencrypted", "b"]));
    assert!(!path(Rule::default(), &["a", "b_unencrypted"]));
    let rule = || Rule::EncryptedRegex("^(data|stringData)$".into());
    assert!(path(rule(), &["data", "b"]));
    assert!(!path(rule(), &["metadata", "name"]));
    let rule = || Rule::UnencryptedRegex("^meta".into());
    assert!(!path(rule(), &["metadata", "name"]));
    assert!(path(rule(), &["data", "name"]));
    assert!(path(Rule::EncryptedSuffix("_enc".into()), &["a_enc", "b"]));
    assert!(!path(Rule::EncryptedSuffix("_enc".into()), &["a", "b"]));
}

#[test]
fn words_are_what_the_regex_is() {
    for pattern in [
        "^data$",
        "^(data|stringData)$",
        "^(?:a_1|b-2)$",
        "^(data|)$",
        "^$",
    ] {
        let words = words(pattern).unwrap();
        let regex = compile(pattern).unwrap();
        for text in [
            "",
            "data",
            "stringData",
            "a_1",
            "b-2",
            "data\n",
            "xdata",
            "datax",
            "Data",
            "(",
            "|",
        ] {
            let is_word = words.iter().any(|word| **word == *text.as_bytes());
            assert_eq!(is_word, regex.is_match(text.as_bytes()), "{pattern} {text}");
        }
    }
    for pattern in [
        "data",
        "^data",
        "data$",
        "^a|b$",
        "^(a|b$",
        "^(a)|(b)$",
        "^(?i:a)$",
        "^a.c$",
        "^a\\$",
        "^é$",
        "^(a|b)?$",
    ] {
        assert!(words(pattern).is_none(), "{pattern}");
    }
}

#[test]
fn an_invalid_regex_never_matches() {
    assert!(path(Rule::UnencryptedRegex("(".into()), &["("]));
    assert!(!path(Rule::EncryptedRegex("a**".into()), &["a"]));
}

#[test]
fn a_marker_is_not_encrypted_by_itself() {
    let mut selection = Selection::new(&Rule::EncryptedCommentRegex("^ enc".into()));
    let mut scope = Scope::default();
    let marker = Text::from(" enc me");
    assert!(!selection.selects(scope, None));
    assert!(!selection.selects_comment(&mut scope, &marker));
    assert!(selection.selects(scope, None));
    assert!(selection.selects_comment(&mut scope, &marker));
    let inner = selection.enter(scope, None);
    assert!(selection.selects(inner, None));
    scope.after_value();
    assert!(!selection.selects(scope, None));

    let mut selection = Selection::new(&Rule::UnencryptedCommentRegex("plain".into()));
    let mut scope = Scope::default();
    assert!(selection.selects(scope, None));
    assert!(!selection.selects_comment(&mut scope, &"plain".into()));
    assert!(!selection.selects(scope, None));
}
