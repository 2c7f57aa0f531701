use std::collections::BTreeMap;

use proptest::prelude::*;
use sops_core::{Document, Format, Style};

use super::*;

fn tree(yaml: &str) -> Tree {
    let document = Document::parse_plain(yaml.as_bytes(), Format::Yaml).unwrap();
    document.tree().to_vec()
}

fn yaml(tree: Tree) -> String {
    let document = Document::from_tree(tree, Format::Yaml);
    let bytes = document.to_bytes(Format::Yaml, &Style::default()).unwrap();
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn merge(base: &str, ours: &str, theirs: &str) -> (String, Vec<String>) {
    let merged = trees(&tree(base), &tree(ours), &tree(theirs), Side::Ours);
    (yaml(merged.tree), merged.conflicts)
}

fn clean(base: &str, ours: &str, theirs: &str) -> String {
    let (text, conflicts) = merge(base, ours, theirs);
    assert_eq!(conflicts, Vec::<String>::new());
    text
}

#[test]
fn each_side_s_change_is_taken() {
    assert_eq!(
        clean("a: 1\nb: 2\n", "a: 9\nb: 2\n", "a: 1\nb: 8\n"),
        "a: 9\nb: 8\n"
    );
    // Both alike.
    assert_eq!(clean("a: 1\n", "a: 2\n", "a: 2\n"), "a: 2\n");
    // Removed by one, untouched by the other.
    assert_eq!(clean("a: 1\nb: 2\n", "b: 2\n", "a: 1\nb: 2\n"), "b: 2\n");
    assert_eq!(clean("a: 1\nb: 2\n", "a: 1\nb: 2\n", "b: 2\n"), "b: 2\n");
    // Removed by both.
    assert_eq!(clean("a: 1\nb: 2\n", "b: 2\n", "b: 2\n"), "b: 2\n");
}

#[test]
fn additions_stand_behind_what_stands_before_them() {
    assert_eq!(
        clean(
            "a: 1\nz: 1\n",
            "a: 1\no: 1\nz: 1\n",
            "a: 1\nt: 1\nu: 1\nz: 1\n"
        ),
        "a: 1\nt: 1\nu: 1\no: 1\nz: 1\n"
    );
    assert_eq!(clean("a: 1\n", "a: 1\n", "m: 1\na: 1\n"), "m: 1\na: 1\n");
}

#[test]
fn mappings_are_merged_below() {
    assert_eq!(
        clean(
            "d: {a: 1, b: 2}\n",
            "d: {a: 9, b: 2}\n",
            "d: {a: 1, b: 2, c: 3}\n"
        ),
        "d:\n    a: 9\n    b: 2\n    c: 3\n"
    );
    // Both added a mapping.
    assert_eq!(
        clean("{}", "d: {a: 1}\n", "d: {b: 2}\n"),
        "d:\n    b: 2\n    a: 1\n"
    );
}

#[test]
fn conflicts_name_their_path() {
    let (text, conflicts) = merge(
        "d: {a: 1, b: 1}\n",
        "d: {a: 2, b: 1}\n",
        "d: {a: 3, b: 4}\n",
    );
    assert_eq!(
        (text.as_str(), conflicts),
        ("d:\n    a: 2\n    b: 4\n", vec!["d.a".into()])
    );
    // One changed what the other removed.
    assert_eq!(merge("a: 1\nb: 1\n", "a: 2\nb: 1\n", "b: 1\n").1, ["a"]);
    // A list is one value, and so is its type.
    assert_eq!(merge("a: [1]\n", "a: [1, 2]\n", "a: [1, 3]\n").1, ["a"]);
    assert_eq!(merge("a: 1\n", "a: '1'\n", "a: 2\n").1, ["a"]);
    // A stream is one value.
    assert_eq!(
        merge(
            "a: 1\n---\nb: 1\n",
            "a: 2\n---\nb: 1\n",
            "a: 1\n---\nb: 2\n"
        )
        .1,
        [""]
    );
    assert_eq!(
        clean(
            "a: 1\n---\nb: 1\n",
            "a: 1\n---\nb: 1\n",
            "a: 1\n---\nb: 2\n"
        ),
        "a: 1\n---\nb: 2\n"
    );
}

#[test]
fn comments_go_with_what_follows_and_never_conflict() {
    assert_eq!(
        clean(
            "# old\na: 1\nb: 1\n",
            "# old\n# ours\na: 1\nb: 1\n",
            "# theirs\na: 1\n# b's\nb: 2\n"
        ),
        "# ours\n# theirs\na: 1\n# b's\nb: 2\n"
    );
}

/// A stranger's branch may hold as many keys as fit into a file.
#[test]
fn many_keys_and_comments_are_merged_in_one_pass() {
    let side = |name: &str| {
        let mut mapping = Mapping::default();
        for n in 0..30_000 {
            mapping.push(format!("{name}{n}"), Value::Int(n));
        }
        vec![mapping]
    };
    let (ours, theirs) = (side("a"), side("b"));
    let merged = trees(&[], &ours, &theirs, Side::Ours);
    assert!(merged.conflicts.is_empty());
    let keys: Vec<_> = merged.tree[0]
        .entries()
        .map(|(key, _)| key.as_bytes())
        .collect();
    assert_eq!(keys.len(), 60_000);
    assert_eq!((keys[0], keys[30_000]), (&b"b0"[..], &b"a0"[..]));
}

#[test]
fn repeated_keys_make_a_mapping_one_value() {
    let json = |text: &str| {
        let document = Document::parse_plain(text.as_bytes(), Format::Json).unwrap();
        document.tree().to_vec()
    };
    let base = json(r#"{"a": 1, "a": 2}"#);
    let changed = json(r#"{"a": 1, "a": 3}"#);
    let merged = trees(&base, &changed, &base, Side::Ours);
    assert!(merged.conflicts.is_empty() && merged.tree == changed);
    let other = json(r#"{"a": 4, "a": 2}"#);
    assert_eq!(trees(&base, &changed, &other, Side::Theirs).conflicts, [""]);
}

fn any_tree() -> impl Strategy<Value = Tree> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        (0i64..3).prop_map(Value::Int),
        "[ab]{0,1}".prop_map(Value::from),
    ];
    let value = leaf.prop_recursive(2, 12, 3, |inner| {
        prop::collection::btree_map("[a-c]", inner, 0..3).prop_map(|entries| {
            let mut mapping = Mapping::default();
            for (key, value) in entries {
                mapping.push(key, value);
            }
            Value::Mapping(mapping)
        })
    });
    prop::collection::btree_map("[a-d]", value, 0..4).prop_map(|entries| {
        let mut mapping = Mapping::default();
        for (key, value) in entries {
            mapping.push(key, value);
        }
        vec![mapping]
    })
}

/// Whatever the order of their keys.
fn sorted(tree: &[Mapping]) -> Tree {
    fn sort(mapping: &Mapping) -> Mapping {
        let mut entries: Vec<_> = mapping.entries().collect();
        entries.sort_by_key(|(key, _)| key.as_bytes().to_vec());
        let mut sorted = Mapping::default();
        for (key, value) in entries {
            sorted.push(
                key.clone(),
                match value {
                    Value::Mapping(inner) => Value::Mapping(sort(inner)),
                    other => other.clone(),
                },
            );
        }
        sorted
    }
    tree.iter().map(sort).collect()
}

/// Every value by its path.
fn leaves(tree: &[Mapping]) -> BTreeMap<String, Value> {
    fn below(mapping: &Mapping, path: &str, leaves: &mut BTreeMap<String, Value>) {
        for (key, value) in mapping.entries() {
            let path = join(path, key.as_bytes());
            match value {
                Value::Mapping(inner) => below(inner, &path, leaves),
                other => {
                    leaves.insert(path, other.clone());
                }
            }
        }
    }
    let mut leaves = BTreeMap::new();
    tree.iter()
        .for_each(|mapping| below(mapping, "", &mut leaves));
    leaves
}

/// What one side made of a base: some of its entries are those of another
/// tree.
fn any_change(base: &[Mapping], other: &[Mapping], which: u8) -> Tree {
    let mut changed = Mapping::default();
    for (n, key) in ["a", "b", "c", "d"].iter().enumerate() {
        let from = if which >> n & 1 == 1 { other } else { base };
        if let Some(value) = from.first().and_then(|mapping| mapping.get(key)) {
            changed.push(*key, value.clone());
        }
    }
    vec![changed]
}

proptest! {
    /// Where nothing conflicts, what either side changed, added or removed is
    /// so in the result, and what neither touched is as it was.
    #[test]
    fn a_clean_merge_loses_no_edit(
        base in any_tree(),
        others in (any_tree(), any_tree()),
        which in (any::<u8>(), any::<u8>()),
    ) {
        let ours = any_change(&base, &others.0, which.0);
        let theirs = any_change(&base, &others.1, which.1);
        let merged = trees(&base, &ours, &theirs, Side::Ours);
        if merged.conflicts.is_empty() {
            let [base, ours, theirs, merged] = [&base, &ours, &theirs, &merged.tree]
                .map(|tree| leaves(tree));
            let paths = [&base, &ours, &theirs, &merged].into_iter().flat_map(|l| l.keys());
            for path in paths {
                let [b, o, t, m] = [&base, &ours, &theirs, &merged].map(|leaves| leaves.get(path));
                let expected = if o == b { t } else { o };
                prop_assert!(m == expected, "{}", path);
            }
        }
    }

    #[test]
    fn who_changed_nothing_has_no_say(base in any_tree(), changed in any_tree()) {
        for (ours, theirs) in [(&base, &changed), (&changed, &base)] {
            let merged = trees(&base, ours, theirs, Side::Ours);
            prop_assert!(merged.conflicts.is_empty());
            prop_assert_eq!(sorted(&merged.tree), sorted(&changed));
        }
    }

    #[test]
    fn the_same_change_twice_is_that_change(base in any_tree(), changed in any_tree()) {
        let merged = trees(&base, &changed, &changed, Side::Ours);
        prop_assert!(merged.conflicts.is_empty());
        prop_assert_eq!(sorted(&merged.tree), sorted(&changed));
    }

    #[test]
    fn sides_agree_on_what_is_a_conflict(base in any_tree(), a in any_tree(), b in any_tree()) {
        let ours = trees(&base, &a, &b, Side::Ours);
        let theirs = trees(&base, &a, &b, Side::Theirs);
        prop_assert_eq!(&ours.conflicts, &theirs.conflicts);
        if ours.conflicts.is_empty() {
            prop_assert_eq!(sorted(&ours.tree), sorted(&theirs.tree));
            // It does not matter which side is which.
            let turned = trees(&base, &b, &a, Side::Ours);
            prop_assert!(turned.conflicts.is_empty());
            prop_assert_eq!(sorted(&ours.tree), sorted(&turned.tree));
        } else {
            prop_assert_ne!(sorted(&ours.tree), sorted(&theirs.tree));
        }
    }
}
