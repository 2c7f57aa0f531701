use insta::assert_snapshot;

use crate::generator::Generator;

fn read(text: &str) -> Generator {
    Generator::parse("g.yaml", text.as_bytes()).unwrap()
}

fn paths(text: &str) -> Vec<String> {
    read(text).files.into_iter().map(|file| file.path).collect()
}

fn error(text: &str) -> String {
    Generator::parse("g.yaml", text.as_bytes())
        .unwrap_err()
        .to_string()
}

fn warnings(text: &str) -> String {
    read(text).warnings.join("\n")
}

#[test]
fn a_whole_generator() {
    let generator = read(
        "\
apiVersion: viaduct.ai/v1
kind: ksops
metadata: {name: gen, annotations: {a: b}}
files: [a.yaml, ./b.json]
secretFrom:
- metadata:
    name: s
    namespace: n
    labels: {l: '1'}
    annotations: {a: x}
  type: Opaque
  files: [c.yaml, k=d.yaml]
  binaryFiles:
  - sub/e.bin
  envs:
  - f=g.env
",
    );
    assert!(generator.warnings.is_empty());
    assert_eq!(generator.files.len(), 2);
    assert_eq!(generator.files[1].path, "./b.json");
    assert_eq!(generator.files[1].place.to_string(), "line 4: files[1]");
    let [secret] = generator.secrets.as_slice() else {
        panic!("one Secret");
    };
    assert_eq!(
        (secret.name.as_str(), secret.namespace.as_str()),
        ("s", "n")
    );
    assert_eq!(secret.kind, "Opaque");
    assert_eq!(secret.labels["l"], "1");
    assert_eq!(secret.annotations["a"], "x");
    assert_eq!(secret.files[0].key, "c.yaml");
    assert_eq!(secret.files[1].key, "k");
    assert_eq!(secret.files[1].entry.path, "d.yaml");
    assert_eq!(secret.binary_files[0].key, "e.bin");
    assert_eq!(secret.envs[0].path, "f=g.env");
    assert_eq!(
        secret.envs[0].place.to_string(),
        "line 16: secretFrom[0].envs[0]"
    );
}

#[test]
fn field_names_match_in_any_case() {
    assert_eq!(paths("FILES: [a]"), ["a"]);
    let secret = &read("SecretFROM: [{METADATA: {Name: x}, Type: t}]").secrets[0];
    assert_eq!((secret.name.as_str(), secret.kind.as_str()), ("x", "t"));
}

#[test]
fn the_last_duplicate_wins() {
    assert_eq!(paths("files: [a]\nfiles: [b]"), ["b"]);
    assert_eq!(paths("files: [a]\nFiles: [b]"), ["a"]);
    assert_eq!(paths("Files: [a]\nfiles: [b]"), ["b"]);
    assert!(error("files: [a]\nfiles:").contains("neither"));
}

#[test]
fn only_the_first_document_counts() {
    assert_eq!(paths("files: [a]\n---\nfiles: [b]\n---\n- 5"), ["a"]);
    assert_eq!(paths("---\nfiles: [a]\n---\n"), ["a"]);
    assert_eq!(paths("files: [a]\n---\nb: ["), ["a"]);
    assert_eq!(paths("files: [a]\n---\n*nothing"), ["a"]);
}

#[test]
fn scalars_become_text() {
    assert_eq!(
        paths("files: [5, 1.0, 0x10, yes, y, true]"),
        ["5", "1.0", "0x10", "yes", "y", "true"]
    );
    let secret = &read("secretFrom: [{metadata: {name: y, namespace: 012}, type: on}]").secrets[0];
    assert_eq!(
        (&*secret.name, &*secret.namespace, &*secret.kind),
        ("y", "012", "on")
    );
}

#[test]
fn labels_and_annotations_are_read_as_yaml_1_1() {
    let secret = &read("\
secretFrom:
- metadata:
    labels: {a: 1, b: yes, c: off, d: 0x10, e: 1.50, f: 1000000.0, g: 'yes', h: !!str yes, i: , j: 2001-01-01, k: text, l: 012, m: True}
    annotations: {on: x, 1: z}
").secrets[0];
    let labels: Vec<_> = secret.labels.values().map(String::as_str).collect();
    assert_eq!(
        labels,
        [
            "1",
            "true",
            "false",
            "16",
            "1.5",
            "1e+06",
            "yes",
            "yes",
            "",
            "2001-01-01",
            "text",
            "10",
            "true"
        ]
    );
    assert_eq!(secret.annotations["true"], "x");
    assert_eq!(secret.annotations["1"], "z");
}

#[test]
fn nothing_is_not_missing() {
    assert!(paths("files: []").is_empty());
    assert!(read("secretFrom: []").secrets.is_empty());
    let secrets = read("secretFrom: [null, {}, {metadata: , files: }]").secrets;
    assert_eq!(
        secrets,
        [Default::default(), Default::default(), Default::default()]
    );
}

#[test]
fn anchors_and_merge_keys_are_followed() {
    assert_eq!(paths("x: &x [a]\nfiles: *x"), ["a"]);
    assert_eq!(paths("x: &x {files: [a]}\n<<: *x"), ["a"]);
    assert_eq!(paths("x: &x {files: [a]}\n<<: *x\nfiles: [b]"), ["b"]);
    assert_eq!(paths("<<: [{files: [a]}, {files: [b]}]"), ["a"]);
}

#[test]
fn hostile_aliases_end_in_an_error() {
    assert_snapshot!(error("a: &a {<<: *a, files: []}\n<<: *a"), @"
    g.yaml: line 1: <<: more than 20 merge keys (`<<`) in one another
    write the fields out instead
    ");
    let mut text = String::from("a0: &a0 {x: 1, y: 2}\n");
    for n in 0..18 {
        text += &format!("a{}: &a{} {{<<: [*a{n}, *a{n}, *a{n}]}}\n", n + 1, n + 1);
    }
    text += "<<: *a18\nfiles: []\n";
    assert_snapshot!(error(&text), @"
    g.yaml: more than 100000 fields and list items
    split the generator into several
    ");
}

#[test]
fn unknown_fields_are_warned_of() {
    assert_snapshot!(warnings("files: []\nbogus: 1\nfile: x\n"), @r#"
    g.yaml: line 2: unknown field "bogus" is ignored; known here: files, secretFrom
    g.yaml: line 3: unknown field "file" is ignored; did you mean files?
    "#);
    assert_snapshot!(warnings("\
secretFrom:
- metdata: {name: x}
  immutable: true
  binaryfile: []
  metadata:
    label: {}
    ownerReferences: []
"), @r#"
    g.yaml: line 2: unknown field "secretFrom[0].metdata" is ignored; did you mean metadata?
    g.yaml: line 3: unknown field "secretFrom[0].immutable" is ignored; known here: files, binaryFiles, envs, metadata, type
    g.yaml: line 4: unknown field "secretFrom[0].binaryfile" is ignored; did you mean binaryFiles?
    g.yaml: line 6: unknown field "secretFrom[0].metadata.label" is ignored; did you mean labels?
    g.yaml: line 7: unknown field "secretFrom[0].metadata.ownerReferences" is ignored; known here: name, namespace, labels, annotations
    "#);
    assert_snapshot!(warnings("files: []\n\"a\\nb\": 1\n"), @r#"g.yaml: line 2: unknown field "a\nb" is ignored; known here: files, secretFrom"#);
    assert_snapshot!(warnings("apiVersion: x\nkind: y\nmetadata: {foo: 1}\nfiles: []"), @"");
}

#[test]
fn a_misspelt_field_that_leaves_files_out_is_an_error() {
    assert_snapshot!(error("files: [a]\nsecretForm:\n- envs: [b]\n"), @r#"
    g.yaml: line 2: unknown field "secretForm", and no secretFrom: what it names would not be rendered
    did you mean `secretFrom`? write it so, or take the field out
    "#);
    assert_snapshot!(error("secretFrom:\n- {files: [a], env: [b]}\n"), @r#"
    g.yaml: line 2: unknown field "secretFrom[0].env", and no secretFrom[0].envs: what it names would not be rendered
    did you mean `envs`? write it so, or take the field out
    "#);
    for text in [
        "secretFrom: [{envs: [a]}]\nfile: a\n",
        "secretFrom: [{envs: [a]}]\nfiles: ~\nfile: [a]\n",
        "secretFrom: [{binaryfile: [a]}]\n",
        "secretFrom: [{files: [a]}, {File: [a], binariFiles: [b], files: [c]}]\n",
    ] {
        assert!(error(text).contains("would not be rendered"), "{text}");
    }
    // Nothing is left out.
    for text in [
        "files: [a]\nfile: [b]\n",
        "files: [a]\nsecretForm: []\n",
        "files: [a]\nsecretForm:\n",
        "secretFrom: [{files: [a], env: []}]\n",
        "secretFrom: [{files: [a], FILES: [b]}]\n",
    ] {
        let _ = warnings(text);
    }
}

#[test]
fn a_misspelt_field_is_named_where_nothing_is_left() {
    assert_snapshot!(error("kind: ksops\nfile: [a]\n"), @r#"
    g.yaml: line 2: unknown field "file", and no files: what it names would not be rendered
    did you mean `files`? write it so, or take the field out
    "#);
}

#[test]
fn errors_name_line_and_field() {
    assert_snapshot!(error("files: s.enc.yaml\n"), @"
    g.yaml: line 1: files should be a list of file names, but it is a single value
    `ksops-rs --help` shows what a generator looks like
    ");
    assert_snapshot!(error("kind: x\nfiles:\n  a: b\n"), @"
    g.yaml: line 3: files should be a list of file names, but it is a mapping
    `ksops-rs --help` shows what a generator looks like
    ");
    assert_snapshot!(error("files:\n- a\n- [b]\n"), @"
    g.yaml: line 3: files[1] should be a text, but it is a list
    `ksops-rs --help` shows what a generator looks like
    ");
    assert_snapshot!(error("files:\n- a\n-\n"), @"
    g.yaml: line 3: files[1] names no file
    write the path of an encrypted file there, or remove the line
    ");
    assert_snapshot!(error("secretFrom: {}\n"), @"
    g.yaml: line 1: secretFrom should be a list of Secrets, but it is a mapping
    `ksops-rs --help` shows what a generator looks like
    ");
    assert_snapshot!(error("secretFrom:\n- x\n"), @"
    g.yaml: line 2: secretFrom[0] should be a mapping with fields such as `files`, but it is a single value
    `ksops-rs --help` shows what a generator looks like
    ");
    assert_snapshot!(error("secretFrom:\n- files: [a=b=c]\n"), @r#"
    g.yaml: line 2: secretFrom[0].files[0]: "a=b=c" has more than one `=`
    write `key=path` or `path`; neither a key nor a path may hold `=`, so rename the file
    "#);
    assert_snapshot!(error("secretFrom:\n- files: [k=]\n"), @"
    g.yaml: line 2: secretFrom[0].files[0] names no file
    write the path of an encrypted file there, or remove the line
    ");
    assert_snapshot!(error("secretFrom:\n- metadata: x\n"), @"
    g.yaml: line 2: secretFrom[0].metadata should be a mapping with fields such as `name`, but it is a single value
    `ksops-rs --help` shows what a generator looks like
    ");
    assert_snapshot!(error("secretFrom:\n- metadata:\n    name: []\n"), @"
    g.yaml: line 3: secretFrom[0].metadata.name should be a text, but it is a list
    `ksops-rs --help` shows what a generator looks like
    ");
    assert_snapshot!(error("secretFrom:\n- metadata:\n    labels: [a]\n"), @"
    g.yaml: line 3: secretFrom[0].metadata.labels should be a mapping of texts, but it is a list
    `ksops-rs --help` shows what a generator looks like
    ");
    assert_snapshot!(error("secretFrom:\n- metadata:\n    labels:\n      a: {}\n"), @r#"
    g.yaml: line 4: secretFrom[0].metadata.labels["a"] should be a text, but it is a mapping
    `ksops-rs --help` shows what a generator looks like
    "#);
    assert_snapshot!(error("secretFrom:\n- type: {}\n"), @"
    g.yaml: line 2: secretFrom[0].type should be a text, but it is a mapping
    `ksops-rs --help` shows what a generator looks like
    ");
    assert_snapshot!(error("[a]: b\n"), @"
    g.yaml: line 1: a key of a generator should be a text, but it is a list
    `ksops-rs --help` shows what a generator looks like
    ");
}

#[test]
fn what_is_no_generator_is_said() {
    assert_snapshot!(error(""), @"
    g.yaml: neither `files` nor `secretFrom` is there
    a generator names encrypted files: list them under `files:`, or under `secretFrom:` to make a Secret of them
    ");
    assert_snapshot!(error("# nothing\n"), @"
    g.yaml: neither `files` nor `secretFrom` is there
    a generator names encrypted files: list them under `files:`, or under `secretFrom:` to make a Secret of them
    ");
    assert_snapshot!(error("kind: ksops\n"), @"
    g.yaml: neither `files` nor `secretFrom` is there
    a generator names encrypted files: list them under `files:`, or under `secretFrom:` to make a Secret of them
    ");
    assert_snapshot!(error("just a text\n"), @"
    g.yaml: line 1: a generator should be a mapping with the field `files` or `secretFrom`, but it is a single value
    `ksops-rs --help` shows what a generator looks like
    ");
    assert_snapshot!(error("- a\n"), @"
    g.yaml: line 1: a generator should be a mapping with the field `files` or `secretFrom`, but it is a list
    `ksops-rs --help` shows what a generator looks like
    ");
    assert_snapshot!(error("a: [b\n"), @"
    g.yaml: line 2: did not find expected ',' or ']'
    mend the YAML there or on the line above; the file is to be UTF-8
    ");
    assert_snapshot!(error("a: b: c\n"), @"
    g.yaml: line 1: mapping values are not allowed in this context
    mend the YAML there or on the line above; the file is to be UTF-8
    ");
    let error = Generator::parse("g.yaml", b"a: b\nc: \xff\n").unwrap_err();
    assert_snapshot!(error, @"
    g.yaml: line 2: not UTF-8 text
    mend the YAML there or on the line above; the file is to be UTF-8
    ");
}

#[test]
fn what_kustomize_wrote_is_called_by_its_name() {
    let error = |text: &str| {
        Generator::parse("/tmp/kust-plugin-config-1", text.as_bytes())
            .unwrap_err()
            .to_string()
    };
    assert_snapshot!(error("files: {}\nmetadata: {name: gen}\n"), @r#"
    generator "gen": files should be a list of file names, but it is a mapping
    `ksops-rs --help` shows what a generator looks like
    "#);
    assert_snapshot!(error("files: [{}]\n"), @r#"
    generator without a name: files[0] should be a text, but it is a mapping
    `ksops-rs --help` shows what a generator looks like
    "#);
}

proptest::proptest! {
    #[test]
    fn no_manifest_panics(
        text in "(files|secretFrom|metadata|labels|envs|[: \n,#'\"~]|- |  |: |<<|[&*]x|[{}\\[\\]]|=|\\PC){0,30}"
    ) {
        let _ = Generator::parse("g.yaml", text.as_bytes());
    }
}

#[test]
fn a_long_text_is_not_copied_for_aliases_without_end() {
    let long = "x".repeat(1_000_000);
    for (anchored, line) in [
        (long.clone(), "files:\n- *a\n"),
        (long.clone(), "secretFrom:\n- {metadata: {name: *a}}\n"),
        (
            long.clone(),
            "secretFrom:\n- {metadata: {labels: {l: *a}}}\n",
        ),
        (
            format!("{{\n? {long}\n: x}}"),
            "secretFrom:\n- {metadata: {labels: *a}}\n",
        ),
    ] {
        let (head, item) = line.split_at(line.find('\n').unwrap() + 1);
        let text = format!("a: &a {anchored}\n{head}{}", item.repeat(10_000));
        assert!(error(&text).contains("more than 100000 fields"), "{line}");
    }
}
