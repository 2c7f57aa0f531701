//! One file, changed in one way each: refused where sops refuses, accepted
//! with the same bytes where it accepts.

use std::fs;

use crate::support::{folders, keyring, show, testdata};
use sops_core::{Document, ErrorKind, Format, Style, metadata::is_release};

/// What comes of a file whose version the command refuses, with exit code 1.
const NO_RELEASE: &str = "the version is that of no release";

/// What sops does with the file, and what the `decrypt` command does here.
fn decrypt(encrypted: &[u8]) -> sops_core::Result<String> {
    let document = Document::parse(encrypted, Format::Yaml)?;
    if !is_release(&document.metadata().version) {
        return Ok(NO_RELEASE.into());
    }
    let document = document.decrypt(&keyring(&["age-a.txt"]))?;
    let bytes = document.to_bytes(Format::Yaml, &Style::default())?;
    Ok(show(&bytes))
}

/// Where sops is wrong, or refuses without need.
const EXCEPTIONS: [(&str, Option<ErrorKind>); 5] = [
    // sops panics.
    ("type-bytes", Some(ErrorKind::Decrypt)),
    // sops lets the value disappear.
    ("type-comment", Some(ErrorKind::Mac)),
    // sops ignores what stands behind the bracket.
    ("trailing-text", Some(ErrorKind::Decrypt)),
    // Read by KSOPS and by other releases of sops.
    ("lastmodified-unquoted", None),
    // Not a change at all.
    ("untouched", None),
];

#[test]
fn every_kind_of_tampering() {
    let mut wrong = Vec::new();
    let folders = folders(&testdata().join("corpus/tamper"));
    let untouched = fs::read(testdata().join("corpus/tamper/untouched/plain.yaml")).unwrap();
    for folder in &folders {
        let name = folder.file_name().unwrap().to_string_lossy();
        let outcome = decrypt(&fs::read(folder.join("enc.yaml")).unwrap());
        let expect = fs::read_to_string(folder.join("expect")).unwrap();
        let exit = expect.lines().next().unwrap();
        let exception = EXCEPTIONS.iter().find(|(n, _)| *n == name);
        let good = match (exception, &outcome) {
            (Some((_, None)), Ok(text)) => *text == show(&untouched),
            (Some((_, Some(kind))), Err(e)) => e.kind() == *kind,
            (Some(_), _) => false,
            (None, Ok(text)) if text == NO_RELEASE => exit == "1",
            (None, Ok(text)) => {
                exit == "0" && *text == show(&fs::read(folder.join("plain.yaml")).unwrap())
            }
            (None, Err(e)) => exit == exit_code(e.kind()),
        };
        if let Err(e) = &outcome {
            let told = format!(
                "{e} {:?}",
                std::error::Error::source(e).map(|s| s.to_string())
            );
            assert!(e.advice().is_some(), "{name}: {told}");
            assert!(!told.contains("ENC[AES256_GCM,data"), "{name}: {told}");
        }
        if !good {
            wrong.push(format!("{name}: {outcome:?}, and sops {expect}"));
        }
    }
    println!("tamper: {} cases, {} wrong", folders.len(), wrong.len());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(folders.len(), 101);
}

/// The exit code of `sops decrypt`.
fn exit_code(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::DataKey => "128",
        ErrorKind::Decrypt | ErrorKind::Unsupported => "25",
        ErrorKind::Mac => "51",
        _ => "1",
    }
}

/// Without a look at the MAC, values that only the MAC protects come out.
#[test]
fn the_mac_can_be_ignored_by_name_only() {
    let path = testdata().join("corpus/tamper/reorder-keys/enc.yaml");
    let encrypted = fs::read(path).unwrap();
    assert_eq!(decrypt(&encrypted).unwrap_err().kind(), ErrorKind::Mac);
    let document = Document::parse(&encrypted, Format::Yaml).unwrap();
    let document = document
        .decrypt_without_mac(&keyring(&["age-a.txt"]))
        .unwrap();
    assert!(document.get(&["data".into(), "password".into()]).is_ok());
}
