//! INI and dotenv documents with odd values: quotes of every kind,
//! backslashes, line breaks, comment signs, `$`, `%(x)s`. What sops 3.13.2
//! printed for each, and what KSOPS 4.5.1 prints too, is the judge.

use std::fs;

use crate::support::{keyring, show, sops, testdata, written};
use serde_json::Value;
use sops_core::{Document, EncryptOptions, Format, Plain, Style};

const RECIPIENT: &str = "age1a7zz5jawu8m8mxzqtue0wp7jtgpqvvg4pqnm260y694ygszaheqqeetzuc";

/// Every line of `flat.jsonl`, and what is wrong with it.
fn judge(judge: impl Fn(&Value) -> Result<(), String>) -> usize {
    let text = fs::read_to_string(testdata().join("vectors/flat.jsonl")).unwrap();
    let lines = text.split('\n').filter(|line| !line.is_empty());
    let mut wrong = Vec::new();
    let mut count = 0;
    for line in lines {
        let vector: Value = serde_json::from_str(line).unwrap();
        count += 1;
        if let Err(why) = judge(&vector) {
            wrong.push(format!("{}: {why}", vector["name"]));
        }
    }
    let first = wrong.iter().take(5).cloned().collect::<Vec<_>>();
    assert!(
        wrong.is_empty(),
        "{} of {count}:\n{}",
        wrong.len(),
        first.join("\n")
    );
    count
}

fn same(ours: Result<String, String>, theirs: &Value) -> Result<(), String> {
    let theirs = theirs.as_str().unwrap();
    match ours? {
        ours if ours == theirs => Ok(()),
        ours => Err(format!("printed\n{ours}\nnot\n{theirs}")),
    }
}

#[test]
fn decrypted_as_by_sops() {
    let count = judge(|vector| {
        let format = Format::from_path(format!("x.{}", vector["ext"].as_str().unwrap()));
        let encrypted = vector["encrypted"].as_str().unwrap();
        let document = Document::parse(encrypted.as_bytes(), format)
            .and_then(|document| document.decrypt(&keyring(&["age-a.txt"])))
            .map_err(|e| format!("{e:?}"))?;
        if vector["ini"].is_string() {
            return same(written(&document, Format::Ini), &vector["ini"]);
        }
        same(written(&document, format), &vector["plain"])?;
        same(written(&document, Format::Json), &vector["json"])
    });
    assert_eq!(count, 380);
}

/// The plaintext, read and written without a detour by encryption.
#[test]
fn read_and_written_as_by_sops() {
    judge(|vector| {
        let Some(plain) = vector["in"].as_str() else {
            return Ok(());
        };
        let format = Format::from_path(format!("x.{}", vector["ext"].as_str().unwrap()));
        let document = Document::<Plain>::parse_plain(plain.as_bytes(), format)
            .map_err(|e| format!("{e:?}"))?;
        same(written(&document, format), &vector["plain"])
    });
}

/// A sequence of odd texts, the same every time.
struct Odd(u64);

impl Odd {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % bound as u64) as usize
    }

    fn text(&mut self, pieces: &[&str], most: usize) -> String {
        let count = self.below(most + 1);
        (0..count)
            .map(|_| pieces[self.below(pieces.len())])
            .collect()
    }
}

const PIECES: [&str; 24] = [
    "a", "b", "é", "=", ":", "#", ";", "\"", "'", "`", "\"\"\"", "\\", " ", "\t", "$x", "%(x)s",
    "[", "]", "\\n", "!", "-", "ENC[", "\r", "\n",
];

/// Sections of texts, encrypted as JSON and printed as INI.
#[test]
fn real_sops_writes_the_same_ini() {
    let Some(sops) = sops() else { return };
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("in.json");
    let mut odd = Odd(7);
    for _ in 0..20 {
        let sections: serde_json::Map<_, _> = (0..20)
            .map(|n| {
                let keys: serde_json::Map<_, _> = (0..6)
                    .map(|k| {
                        let name =
                            format!("k{k}{}", odd.text(&["a", "=", "`", "\"", ":", " b"], 2));
                        (name, odd.text(&PIECES, 6).into())
                    })
                    .collect();
                (format!("s{n}"), keys.into())
            })
            .collect();
        let json = Value::from(sections).to_string();
        let options = EncryptOptions::new([RECIPIENT.parse().unwrap()]);
        let plain = Document::<Plain>::parse_plain(json.as_bytes(), Format::Json).unwrap();
        let keyring = sops_core::Keyring::new();
        fs::write(&file, plain.encrypt(&options, &keyring).unwrap()).unwrap();
        let arguments = ["decrypt", "--output-type", "ini", file.to_str().unwrap()];
        let theirs = sops(&arguments).output().unwrap();
        assert!(theirs.status.success(), "{}", show(&theirs.stderr));
        let ours = plain.to_bytes(Format::Ini, &Style::default()).unwrap();
        assert_eq!(show(&ours), show(&theirs.stdout), "{json}");
    }
}

/// Texts that may be INI: read alike, or refused alike.
#[test]
fn real_sops_reads_the_same_ini() {
    let Some(sops) = sops() else { return };
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("in.ini");
    let path = file.to_str().unwrap();
    let mut odd = Odd(11);
    let (mut read, mut refused) = (0, 0);
    for _ in 0..80 {
        let mut text = String::new();
        for n in 0..12 {
            let line = odd.text(&PIECES, 6);
            text += &match odd.below(12) {
                0 => format!("[s{}]\n", line.replace('\n', "")),
                // sops panics over an empty line within a comment.
                1 => format!("; a{}\n", line.replace('\n', "")),
                2 => "\n".to_owned(),
                3 => format!("k{n} = \"\"\"{line}x\ny{line}\"\"\"\n"),
                4 => format!("k{n} = `{line}x\ny{line}`\n"),
                5 => format!("k{n} : {line}\\\nmore\n"),
                _ => format!("k{n}= {}\n", line.replace('\n', "")),
            };
        }
        fs::write(&file, &text).unwrap();
        let encrypted = sops(&["encrypt", "--age", RECIPIENT, path])
            .output()
            .unwrap();
        let ours = Document::<Plain>::parse_plain(text.as_bytes(), Format::Ini);
        if !encrypted.status.success() {
            let why = show(&encrypted.stderr);
            if why.contains("panic") {
                continue;
            }
            assert!(ours.is_err(), "{text}\n{why}");
            refused += 1;
            continue;
        }
        let ours = written(
            &ours.unwrap_or_else(|e| panic!("{e}\n{text}")),
            Format::Json,
        );
        fs::write(&file, &encrypted.stdout).unwrap();
        let theirs = sops(&["decrypt", "--output-type", "json", path])
            .output()
            .unwrap();
        if !theirs.status.success() {
            continue;
        }
        assert_eq!(ours, Ok(show(&theirs.stdout)), "{text}");
        read += 1;
    }
    println!("{read} read, {refused} refused");
    assert!(read > 20 && refused > 20, "{read} read, {refused} refused");
}
