use insta::assert_snapshot;
use zeroize::Zeroizing;

use super::*;

/// Answers a list whose items name the texts that they generate.
fn answer_with(input: &str, generated: &[&str]) -> Result<Answer> {
    let mut texts = generated.iter();
    answer(input.as_bytes(), &mut |name, _, _| {
        let text = texts.next().copied().unwrap_or_default();
        if text == "fail" {
            return Err(Error::new(format!("{name} failed")).advise("do it"));
        }
        Ok(Rendered {
            parts: vec![Part {
                origin: name.to_owned(),
                text: Zeroizing::new(text.as_bytes().to_vec()).into(),
                is_secret: false,
            }],
            warnings: vec![format!("{name} warns")],
        })
    })
}

fn text(input: &str, generated: &[&str]) -> String {
    let answer = answer_with(input, generated).unwrap();
    assert_eq!(answer.error, None);
    answer.text.to_string()
}

const ONE: &str = "kind: ResourceList\nitems: [{a: b}]\n";

#[test]
fn an_alias_must_not_lose_its_anchor() {
    let config = |text: &str| {
        let input = format!("kind: ResourceList\nitems: [{{a: &x b}}]\nfunctionConfig: {text}\n");
        answer_with(&input, &["a: b"])
    };
    assert!(config("{c: &y d, e: *y}").is_ok());
    assert_snapshot!(config("{c: *x}").err().unwrap(), @r"
    stdin: an alias names an anchor that stands elsewhere
    write out what the aliases of functionConfig and results stand for
    ");
}

#[test]
fn items_are_sorted_and_equal_ones_stay_in_order() {
    let generated = "\
{kind: B, apiVersion: v1, metadata: {name: b, namespace: n}}
---
{kind: B, apiVersion: v1, metadata: {name: c}}
---
{kind: A, apiVersion: v2}
---
{kind: B, apiVersion: v1, metadata: {name: c}, second: true}
---
{other: true}
---
{kind: B, apiVersion: v1, metadata: {name: b, namespace: m}}
";
    assert_snapshot!(text(ONE, &[generated]), @"
    apiVersion: config.kubernetes.io/v1
    kind: ResourceList
    items:
    - {other: true}
    - {kind: B, apiVersion: v1, metadata: {name: c}}
    - {kind: B, apiVersion: v1, metadata: {name: c}, second: true}
    - {kind: B, apiVersion: v1, metadata: {name: b, namespace: m}}
    - {kind: B, apiVersion: v1, metadata: {name: b, namespace: n}}
    - {kind: A, apiVersion: v2}
    ");
}

#[test]
fn styles_and_comments_are_kept() {
    let generated = r#"
# above
apiVersion: v1 # behind
kind: Secret
data: {a: 'b'}
stringData:
    # of d
    d: |-
        one
        two
    e: >
        folded
        text
    f: "0123"
"#;
    assert_snapshot!(text(ONE, &[generated]), @r#"
    apiVersion: config.kubernetes.io/v1
    kind: ResourceList
    items:
    - # above
      apiVersion: v1 # behind
      kind: Secret
      data: {a: 'b'}
      stringData:
        # of d
        d: |-
          one
          two
        e: >
          folded text

        f: "0123"
    "#);
}

#[test]
fn empty_documents_are_left_out() {
    assert_snapshot!(text(ONE, &["---\n{}\n---\n---\nkind: A\n---\nnull\n---\n"]), @"
    apiVersion: config.kubernetes.io/v1
    kind: ResourceList
    items:
    - kind: A
    ");
    assert_snapshot!(text(ONE, &[""]), @"
    apiVersion: config.kubernetes.io/v1
    kind: ResourceList
    ");
}

#[test]
fn the_rest_of_the_list_is_kept_or_dropped_as_kyaml_does() {
    let input = "\
metadata: {name: dropped}
results:
- {message: before, severity: info}
functionConfig: # why
  a: {b: c}
kind: ResourceList
items: []
apiVersion: config.kubernetes.io/v1alpha1
";
    assert_snapshot!(text(input, &[]), @"
    apiVersion: config.kubernetes.io/v1
    kind: ResourceList
    functionConfig:
      a: {b: c}
    results:
    - {message: before, severity: info}
    ");
    assert_snapshot!(text(r#"{"kind":"ResourceList","functionConfig":{}}"#, &[]), @"
    apiVersion: config.kubernetes.io/v1
    kind: ResourceList
    ");
}

#[test]
fn every_failing_item_is_reported_and_the_items_stay() {
    let input = "kind: ResourceList\nitems: [{n: 1}, {metadata: {name: x}}, {n: 3}]\n";
    let answer = answer_with(input, &["fail", "fail", "kind: A"]).unwrap();
    assert_eq!(
        answer.warnings,
        ["generator items[2] of the ResourceList warns"]
    );
    assert_snapshot!(answer.error.unwrap(), @r#"
    2 generators failed
      generator items[0] of the ResourceList failed
      generator "x" failed
    do it
    "#);
    assert_snapshot!(answer.text.as_str(), @r#"
    apiVersion: config.kubernetes.io/v1
    kind: ResourceList
    items:
    - {n: 1}
    - {n: 3}
    - {metadata: {name: x}}
    results:
    - message: |-
        2 generators failed
          generator items[0] of the ResourceList failed
          generator "x" failed
        do it
      severity: error
    "#);
}

#[test]
fn what_is_no_object_is_an_error() {
    let message = |generated: &str| {
        let answer = answer_with(ONE, &[generated]).unwrap();
        assert!(answer.text.contains("severity: error"));
        answer.error.unwrap().to_string()
    };
    assert_snapshot!(message("kind: A\n---\n- list\n"), @"
    generator items[0] of the ResourceList: line 3 of the decrypted file starts no mapping, so it is no Kubernetes object
    a KRM function prints Kubernetes objects only; to put a file into a Secret, list it under `secretFrom:`
    ");
    assert_snapshot!(message("hunter2"), @"
    generator items[0] of the ResourceList: line 1 of the decrypted file starts no mapping, so it is no Kubernetes object
    a KRM function prints Kubernetes objects only; to put a file into a Secret, list it under `secretFrom:`
    ");
    assert_snapshot!(message("a: [hunter2"), @"
    generator items[0] of the ResourceList: line 2: did not find expected ',' or ']'
    a KRM function prints Kubernetes objects only; to put a file into a Secret, list it under `secretFrom:`
    ");
}

proptest::proptest! {
    #[test]
    fn no_input_panics(text in "(kind: ResourceList\n|items:\n|- |  |a|: |[&*]x|[{}\\[\\],\n#'\"|>!~]){0,30}") {
        if let Ok(answer) = answer_with(&text, &[&text, &text]) {
            // What was answered is a ResourceList again.
            answer_with(&answer.text, &[]).unwrap();
        }
    }
}
