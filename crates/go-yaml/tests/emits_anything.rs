//! Whatever is written reads back, in every profile: strings of any kind, in
//! any nesting, with comments anywhere.

use std::fmt::Result;

use go_yaml::emit::{Emitter, Profile, Scalar, Start, first_forbidden_char};
use go_yaml::resolve::{Resolved, resolve};
use go_yaml::{Comments, Document, Kind, Limits, NodeId, ScalarStyle, parse};
use proptest::prelude::*;

#[derive(Debug, Clone, PartialEq)]
enum Tree {
    Text(String),
    List(Vec<Tree>),
    Map(Vec<(String, Tree)>),
}

/// Strings made of what is special in YAML.
fn any_text() -> impl Strategy<Value = String> {
    let parts = prop_oneof![
        4 => "[a-z0-9]{1,8}",
        6 => "[ \t\n\\-:#,?&*!|>'\"%@`\\[\\]{}~=<.+_0-9a-z]",
        1 => Just("\u{2028}".to_owned()),
        1 => "\\PC",
        1 => proptest::char::any().prop_map(String::from),
    ];
    let words = proptest::collection::vec("[a-z']{1,12} {0,2}", 0..30).prop_map(|w| w.concat());
    prop_oneof![
        4 => proptest::collection::vec(parts, 0..8).prop_map(|parts| parts.concat()),
        1 => words,
    ]
}

fn any_tree() -> impl Strategy<Value = Tree> {
    let leaf = any_text().prop_map(Tree::Text);
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Tree::List),
            proptest::collection::vec((any_text(), inner), 0..4).prop_map(Tree::Map),
        ]
    })
}

fn any_profile() -> impl Strategy<Value = Profile> {
    prop_oneof![
        (0_usize..12).prop_map(Profile::v3),
        Just(Profile::v2()),
        Just(Profile::kyaml()),
    ]
}

/// Writes a tree; `comments` are put wherever there is a place for one, in
/// turn, until there are no more.
struct Writer {
    yaml: Emitter<String>,
    comments: Vec<[String; 3]>,
    flow: bool,
}

impl Writer {
    fn comment(&mut self) -> Comments<'static> {
        let [head, line, foot] = self.comments.pop().unwrap_or_default();
        Comments {
            head: head.into(),
            line: line.into(),
            foot: foot.into(),
        }
    }

    fn write(&mut self, tree: &Tree) -> Result {
        let comments = self.comment();
        let start = Start {
            head: &comments.head,
            flow: self.flow,
            ..Start::default()
        };
        match tree {
            Tree::Text(text) => self.yaml.string(text, &comments),
            Tree::List(items) => {
                self.yaml.sequence_start(start)?;
                for item in items {
                    self.write(item)?;
                }
                self.yaml.sequence_end(&comments)
            }
            Tree::Map(entries) => {
                self.yaml.mapping_start(start)?;
                for (key, value) in entries {
                    // go-yaml cannot place a comment on the line of a key
                    // whose value is empty, and SOPS gives it none.
                    let mut comments = self.comment();
                    comments.line = "".into();
                    self.yaml.string(key, &comments)?;
                    self.write(value)?;
                }
                self.yaml.mapping_end(&comments)
            }
        }
    }
}

fn write(tree: &Tree, profile: Profile, flow: bool, comments: Vec<[String; 3]>) -> String {
    let mut writer = Writer {
        yaml: Emitter::new(String::new(), profile),
        comments,
        flow,
    };
    let result = writer
        .yaml
        .document_start("")
        .and_then(|()| writer.write(tree))
        .and_then(|()| writer.yaml.document_end(""));
    result.expect("a string takes all");
    writer.yaml.into_inner()
}

fn read(text: &str) -> std::result::Result<Tree, String> {
    let documents = parse(text, &Limits::default()).map_err(|error| error.to_string())?;
    let [document] = &documents[..] else {
        return Err(format!("{} documents", documents.len()));
    };
    Ok(tree(document, document.root().ok_or("no root")?))
}

fn tree(document: &Document<'_>, id: NodeId) -> Tree {
    let node = document.node(id);
    match &node.kind {
        Kind::Scalar { value, style } => {
            let tagged = node.tag().is_some() || *style != ScalarStyle::Plain;
            let text = matches!(resolve(value), Resolved::Str | Resolved::Merge);
            assert!(tagged || text, "{value:?} is no string any more");
            Tree::Text(value.to_string())
        }
        Kind::Sequence { items, .. } => {
            Tree::List(items.iter().map(|item| tree(document, *item)).collect())
        }
        Kind::Mapping { entries, .. } => {
            let entries = entries.iter().map(|(key, value)| {
                let Tree::Text(key) = tree(document, *key) else {
                    panic!("a key that is no string");
                };
                (key, tree(document, *value))
            });
            Tree::Map(entries.collect())
        }
        Kind::Alias(target) => tree(document, *target),
    }
}

fn holds(tree: &Tree, test: fn(&str) -> bool) -> bool {
    match tree {
        Tree::Text(text) => test(text),
        Tree::List(items) => items.iter().any(|item| holds(item, test)),
        Tree::Map(entries) => entries.iter().any(|(k, v)| test(k) || holds(v, test)),
    }
}

fn any_style() -> impl Strategy<Value = ScalarStyle> {
    prop_oneof![
        Just(ScalarStyle::SingleQuoted),
        Just(ScalarStyle::DoubleQuoted),
        Just(ScalarStyle::Literal),
        Just(ScalarStyle::Folded),
    ]
}

fn any_comments() -> impl Strategy<Value = Vec<[String; 3]>> {
    let comment = proptest::option::weighted(0.3, "#[ a-z:'\"\\-]{0,6}(\n#[a-z]{0,3}){0,2}");
    let comment = comment.prop_map(Option::unwrap_or_default);
    proptest::collection::vec([comment.clone(), comment.clone(), comment], 0..24)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn text_reads_back(tree in any_tree(), profile in any_profile(), flow: bool) {
        prop_assume!(!holds(&tree, |text| first_forbidden_char(text).is_some()));
        let text = write(&tree, profile, flow, Vec::new());
        prop_assert_eq!(read(&text), Ok(tree), "{}", text);
    }

    #[test]
    fn control_characters_read_back(tree in any_tree(), indent in 0_usize..12) {
        let text = write(&tree, Profile::v3(indent), false, Vec::new());
        prop_assert_eq!(read(&text), Ok(tree), "{}", text);
    }

    /// Comments may move or be lost, values may not.
    #[test]
    fn comments_do_no_harm(tree in any_tree(), comments in any_comments(), indent in 0_usize..12) {
        let text = write(&tree, Profile::v3(indent), false, comments);
        prop_assert_eq!(read(&text), Ok(tree), "{}", text);
    }

    #[test]
    fn any_style_reads_back(text in any_text(), style in any_style(), flow: bool, indent in 0_usize..12) {
        let mut yaml = Emitter::new(String::new(), Profile::v3(indent));
        yaml.document_start("").expect("a string takes all");
        yaml.sequence_start(Start { flow, ..Start::default() }).expect("a string takes all");
        let scalar = Scalar { text: &text, style, tag: None, anchor: None };
        yaml.scalar(scalar, Comments::NONE).expect("a string takes all");
        yaml.sequence_end(Comments::NONE).expect("a string takes all");
        yaml.document_end("").expect("a string takes all");
        prop_assert_eq!(read(&yaml.into_inner()), Ok(Tree::List(vec![Tree::Text(text)])));
    }

    #[test]
    fn writing_is_stable(tree in any_tree(), profile in any_profile(), flow: bool) {
        let once = write(&tree, profile, flow, Vec::new());
        let mut again = Emitter::new(String::new(), Profile::kyaml());
        for document in parse(&once, &Limits::default()).expect("YAML") {
            again.document(&document).expect("a string takes all");
        }
        prop_assert_eq!(read(&again.into_inner()), Ok(tree));
    }
}
