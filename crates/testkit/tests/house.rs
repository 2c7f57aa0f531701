//! The rules of the house that a reader of the sources can check: where
//! modules and tests stand, and that no rooms lean on each other.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;

use testkit::files::{files, folders, repository};
use testkit::sources::{circles, citations, inline_tests, modules, sections};

/// Lines of tests that may stand inside a file; longer ones have one of their
/// own.
const INLINE: usize = 100;

/// Sources that are read under another name than their own.
const ELSEWHERE: &[&str] = &["crates/ksops-rs/tests/it/fuzz.rs"];

fn sources() -> Vec<(String, PathBuf)> {
    let top = repository();
    ["crates", "benches", "fuzz"]
        .iter()
        .flat_map(|folder| files(&top.join(folder)))
        .map(|path| {
            let below = path.strip_prefix(&top).expect("below the top");
            (below.to_string_lossy().into_owned(), path)
        })
        .filter(|(name, _)| name.ends_with(".rs") && !name.split('/').any(|part| part == "target"))
        .collect()
}

/// Fails for what breaks a rule and is not known to, and for what is said to
/// break it and does not.
#[track_caller]
fn only(found: &BTreeSet<String>, known: &[&str], rule: &str) {
    let known: BTreeSet<String> = known.iter().map(|&name| name.to_owned()).collect();
    let new: Vec<_> = found.difference(&known).collect();
    let gone: Vec<_> = known.difference(found).collect();
    assert!(new.is_empty(), "{rule}: {new:#?}");
    assert!(gone.is_empty(), "take it from the list: {gone:#?}");
}

/// The names of sources whose text is so.
fn where_text(is_so: impl Fn(&str) -> bool) -> BTreeSet<String> {
    let text = |path: &PathBuf| fs::read_to_string(path).expect("a source");
    let found = sources().into_iter().filter(|(_, path)| is_so(&text(path)));
    found.map(|(name, _)| name).collect()
}

#[test]
fn a_module_stands_beside_its_folder() {
    let names = sources().into_iter().map(|(name, _)| name);
    let found = names.filter(|name| name.ends_with("/mod.rs")).collect();
    only(&found, &[], "name it x.rs, beside x/");
    let has_path = |text: &str| text.lines().any(|line| line.starts_with("#[path"));
    only(
        &where_text(has_path),
        ELSEWHERE,
        "put it where its name says",
    );
}

#[test]
fn long_tests_have_a_file_of_their_own() {
    let are_long = |text: &str| inline_tests(text).iter().any(|(_, lines)| *lines > INLINE);
    let rule = "more than 100 lines: put them into x/tests.rs";
    only(&where_text(are_long), &[], rule);
}

#[test]
fn no_modules_lean_on_each_other() {
    let mut found = BTreeSet::new();
    for folder in folders(&repository().join("crates")) {
        let name = folder.file_name().expect("a name").to_string_lossy();
        for circle in circles(&modules(&folder.join("src"))) {
            println!("{name}: {circle}");
            found.insert(name.clone().into_owned());
        }
    }
    only(&found, &[], "circles among modules (see above) in");
}

/// Names that begin so are of documents in `docs/spec`.
const OUR_DOCUMENTS: &[&str] = &["age-identities", "flux-", "helm-", "ksops-", "sops-"];

#[test]
fn what_is_cited_is_there() {
    let top = repository();
    let texts = sources().into_iter().chain(
        ["docs", "testdata"]
            .iter()
            .flat_map(|folder| files(&top.join(folder)))
            .filter(|path| path.extension().is_some_and(|ext| ext == "md"))
            .map(|path| (path.display().to_string(), path)),
    );
    let mut known: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for path in files(&top.join("docs/spec")) {
        let name = path.file_stem().expect("a name").to_string_lossy();
        let text = fs::read_to_string(&path).expect("a document");
        known.insert(name.into_owned(), sections(&text));
    }
    let (mut count, mut lost) = (0, Vec::new());
    for (name, path) in texts {
        let text = fs::read_to_string(&path).expect("a text");
        for cited in citations(&text) {
            let ours = OUR_DOCUMENTS
                .iter()
                .any(|ours| cited.document.starts_with(ours));
            let sections = known.get(&cited.document);
            // The example of the room that finds them.
            if !ours || name.ends_with("sources/citations.rs") {
                continue;
            }
            count += 1;
            if !sections.is_some_and(|sections| sections.contains(&cited.section)) {
                lost.push(format!(
                    "{name}:{}: {} §{}",
                    cited.line, cited.document, cited.section
                ));
            }
        }
    }
    assert!(count > 100, "only {count} citations were found");
    assert!(lost.is_empty(), "not in docs/spec:\n{}", lost.join("\n"));
}

/// docs/THREAT-MODEL.md names the tests of each promise: a file, then what is
/// in it or in the folder beside it.
#[test]
fn each_promise_has_its_tests() {
    let top = repository();
    let text = fs::read_to_string(top.join("docs/THREAT-MODEL.md")).expect("a document");
    let heading = "\n## The test behind each promise\n";
    let (promises, table) = text.split_once(heading).expect("its last section");
    let (mut count, mut lost) = (0, Vec::new());
    for row in table.lines().filter(|line| line.starts_with("| ")).skip(1) {
        let mut file = (String::new(), String::new());
        // What stands between backticks.
        let tests = row.rsplit_once(" | ").map_or("", |(_, tests)| tests);
        for name in tests.split('`').skip(1).step_by(2) {
            if name.ends_with(".rs") {
                // With what is in the folder beside it.
                let path = top.join("crates").join(name);
                let beside = files(&path.with_extension(""));
                let sources = std::iter::once(path).chain(beside);
                let sources = sources.filter_map(|path| fs::read_to_string(path).ok());
                file = (name.to_owned(), sources.collect());
                continue;
            }
            count += 1;
            // Tests that a macro makes are closures.
            let is_there = [format!("fn {name}("), format!("    {name}: |")];
            if !is_there.iter().any(|text| file.1.contains(text)) {
                lost.push(format!("{}: {name}", file.0));
            }
        }
    }
    assert!(lost.is_empty(), "{lost:#?}");
    assert!(count > 100, "{count}");
    // No section makes promises that are not in the table.
    for section in promises.split("\n## ").skip(1) {
        let title = section.lines().next().unwrap_or_default();
        let known = title == "Who may do what" || table.contains(&format!("| {title}"));
        assert!(known || !section.contains("*Promised"), "{title}");
    }
}

/// The names in backticks.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

/// The rows of the tables below a heading: first column, and the rest.
fn rows<'t>(text: &'t str, heading: &str) -> Vec<(&'t str, &'t str)> {
    let is_heading = |line: &&str| line.starts_with("## ") || line.starts_with("### ");
    let mut lines = text.lines().skip_while(|line| !line.starts_with(heading));
    lines.next();
    lines
        .take_while(|line| !is_heading(line))
        .filter_map(|line| line.strip_prefix("| ")?.split_once(" | "))
        .collect()
}

/// Every crate has a table in DESIGN, with all of its rooms and no others.
#[test]
fn design_names_every_room() {
    let top = repository();
    let design = fs::read_to_string(top.join("docs/DESIGN.md")).expect("the design");
    let (mut count, mut wrong) = (0, Vec::new());
    for folder in folders(&top.join("crates")) {
        let krate = folder.file_name().expect("a name").to_string_lossy();
        let src = folder.join("src");
        let top_file = fs::read_to_string(src.join("lib.rs")).expect("a library");
        let rooms: BTreeSet<String> = modules(&src)
            .into_keys()
            .filter_map(|path| <[String; 1]>::try_from(path).ok())
            .map(|[room]| room)
            .filter(|room| !top_file.contains(&format!("#[cfg(test)]\nmod {room};")))
            .filter(|room| room != "main")
            .collect();
        let rows = rows(&design, &format!("### crates/{krate}"));
        let names = rows.iter().flat_map(|(names, _)| quoted(names));
        let named: BTreeSet<String> = names
            .map(|name| {
                name.trim_end_matches(".rs")
                    .trim_end_matches('/')
                    .to_owned()
            })
            .collect();
        count += named.len();
        for room in rooms.difference(&named) {
            wrong.push(format!("{krate}: {room} is not in the table"));
        }
        for room in named.difference(&rooms) {
            wrong.push(format!("{krate}: there is no {room}"));
        }
        for inner in rows.iter().flat_map(|(_, text)| quoted(text)) {
            let room = inner.split_once('/').map(|(room, _)| room);
            let is_there = src.join(format!("{inner}.rs")).is_file() || src.join(inner).is_dir();
            if room.is_some_and(|room| rooms.contains(room)) && !is_there {
                wrong.push(format!("{krate}: there is no {inner}"));
            }
        }
    }
    let is_path = |name: &&str| {
        ["crates/", "docs/", "plugin/", "fuzz/", "benches/"]
            .iter()
            .any(|start| name.starts_with(start))
    };
    for path in quoted(&design).filter(is_path) {
        if !top.join(path).exists() {
            wrong.push(format!("there is no {path}"));
        }
    }
    assert!(count > 100, "only {count} rooms were found");
    assert!(wrong.is_empty(), "docs/DESIGN.md:\n{}", wrong.join("\n"));
}
