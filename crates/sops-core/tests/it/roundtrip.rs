//! Files that sops encrypted, and what its releases printed for them.

use std::fs;

use crate::support::{show, testdata};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::Value;
use sops_core::{Document, Format, Keyring, Style};

#[test]
fn what_sops_wrote_reads_as_sops_reads_it() {
    let vectors = testdata().join("vectors");
    let mut keyring = Keyring::new();
    let _ = keyring.add_identities(fs::read(vectors.join("roundtrip-test-key.txt")).unwrap());
    let text = fs::read_to_string(vectors.join("roundtrip.jsonl")).unwrap();
    let mut wrong = Vec::new();
    let mut count = 0;
    for line in text.split('\n').filter(|line| !line.is_empty()) {
        let vector: Value = serde_json::from_str(line).unwrap();
        let Some(encrypted) = vector["encrypted"].as_str() else {
            continue;
        };
        count += 1;
        let extension = vector["ext"].as_str().unwrap();
        let format = Format::from_path(format!("x.{extension}"));
        // 3.13.2 cannot read files with a comment in a list; 3.12.2 can.
        let [new, old] = ["3.13.2", "3.12.2"].map(|release| &vector[release]);
        let expected = if new["rc"] == 0 { new } else { old };
        let style = Style::default().with_inline_comments(new["rc"] == 0);
        let ours = Document::parse(encrypted.as_bytes(), format)
            .and_then(|document| document.decrypt(&keyring))
            .and_then(|document| document.to_bytes(format, &style))
            .map(|bytes| show(&bytes));
        let theirs = STANDARD
            .decode(expected["out_b64"].as_str().unwrap())
            .unwrap();
        let good = match &ours {
            Ok(text) => expected["rc"] == 0 && *text == show(&theirs),
            Err(_) => expected["rc"] != 0,
        };
        if !good {
            wrong.push(format!(
                "{count}: {ours:?}\nsops {} {:?}",
                expected["rc"],
                show(&theirs)
            ));
        }
    }
    println!("round trips: {count}, {} wrong", wrong.len());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(count, 299);
}
