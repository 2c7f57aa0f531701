//! The search for secrets in all that is ever shown.

use std::{collections::BTreeSet, ffi::OsString};

use zeroize::Zeroizing;

use super::*;

/// Fails where any run of 12 characters of a secret is shown.
fn assert_hides(shown: &str, secrets: &[String]) {
    // Most lines are shown again and again.
    let lines: BTreeSet<&str> = shown.lines().collect();
    let lines: Vec<_> = lines.into_iter().collect();
    let shown = lines.join("\n").to_ascii_uppercase();
    for secret in secrets {
        let secret = secret.to_ascii_uppercase();
        for run in secret.as_bytes().windows(12) {
            let run = std::str::from_utf8(run).unwrap();
            assert!(!shown.contains(run), "{run} is shown in:\n{shown}");
        }
    }
}

#[test]
fn nothing_shows_a_secret() {
    // Keys that look like nothing, and real ones without what they all start
    // with.
    let planted = "Zq7xW2pLk9RtVb4Nm8Yd".to_owned();
    let data = |secret: String| secret.rsplit('1').next().unwrap().to_owned();
    let ssh = |name: &str| key(name).lines().nth(2).unwrap().to_owned();
    let secrets = [
        planted.clone(),
        data(secret("age-a.txt")),
        data(secret("age-b.txt")),
        data(secret("age-pq.txt")),
        ssh("ssh-ed25519"),
        ssh("ssh-rsa"),
    ];
    let a = secret("age-a.txt");
    let lines = [
        planted.clone(),
        a.to_lowercase(),
        format!("\"{a}\""),
        format!("{planted} {a}"),
        a[..50].to_owned(),
        format!("AGE-SECRET-KEY-1{planted}"),
        format!("AGE-SECRET-KEY-PQ-1{planted}"),
        format!("AGE-PLUGIN-X-1{planted}"),
        format!("age1{planted}"),
        key("ssh-ed25519"),
        key("ssh-rsa"),
        key("ssh-ed25519").replace('-', "_"),
        a.clone(),
    ];
    let variables = [
        "SOPS_AGE_KEY",
        "SOPS_AGE_KEY_CMD",
        "SOPS_AGE_KEY_FILE",
        "SOPS_AGE_SSH_PRIVATE_KEY_CMD",
        "SOPS_AGE_SSH_PRIVATE_KEY_FILE",
    ];
    let shares = crate::keys::shamir::split(&[1; 32], 2, 2).unwrap();
    let files = [
        file(&[B]),
        groups(
            vec![vec![entry(&shares[0], A)], vec![entry(&shares[1], B)]],
            2,
        ),
        groups(vec![vec![age(&a, planted.clone())]], 0),
    ];
    let dir = tempfile::tempdir().unwrap();
    let mut shown = String::new();
    let mut show = |text: &dyn std::fmt::Debug| shown.push_str(&format!("{text:?}\n{text:#?}\n"));
    for line in &lines {
        let path = dir.path().join("keys");
        fs::write(&path, line).unwrap();
        for variable in variables {
            // Paths and the names of programs are shown, unless they look like
            // keys.
            let is_program = variable.ends_with("CMD") && line.starts_with(&planted);
            let marked = !is_program && (line.contains("KEY-") || line.contains("PRIVATE"));
            let mut values = vec![path.to_str().unwrap().to_owned()];
            if marked || variable == "SOPS_AGE_KEY" {
                values.push(line.clone());
            }
            if variable.ends_with("CMD") {
                // As what a command is given, prints, or fails to be.
                values.push(format!("echo '{line}'"));
                values.push(format!("cat {}", path.display()));
                values.push(format!("'{line}"));
            }
            for value in values {
                let lookup = |name: &str| (name == variable).then(|| OsString::from(&value));
                let callbacks = Callbacks::none().run_commands();
                let mut ring = Keyring::from_vars(lookup, callbacks);
                show(&ring.add_identities(line));
                show(&ring.add_ssh_key(line));
                for metadata in &files {
                    match ring.open(metadata) {
                        Ok(key) => show(&key),
                        Err(error) => {
                            let report = error.report().unwrap();
                            show(&format_args!("{error}\n{error:?}\n{report}"));
                            show(report);
                            show(&report.clone().redacted());
                            show(&serde_json::to_string(report).unwrap());
                        }
                    }
                }
                show(&ring);
                show(&ring.places());
            }
        }
        match wrap(b"x", line) {
            // What starts like a recipient is shown as one.
            Err(error) if !line.starts_with("age1") => {
                show(&format_args!("{error}\n{error:?}\n{:?}", error.advice()))
            }
            _ => {}
        }
    }
    let words = ["vault".to_owned(), planted.clone()];
    show(&KeyCommand {
        words: &words,
        recipient: A,
    });
    let prompt = planted.clone();
    show(
        &Callbacks::none()
            .prompt(move |_| Some(Zeroizing::new(prompt.clone())))
            .run_commands(),
    );
    show(&crate::keys::DataKey(Zeroizing::new(planted.into_bytes())));
    assert!(shown.contains("vault") && shown.contains("DataKey"));
    assert_hides(&shown, &secrets);
    // As numbers, which is how a derived `Debug` prints bytes.
    let numbers = format!("{:?}", &b"Zq7xW2pL"[..]);
    assert!(!shown.contains(numbers.trim_matches(['[', ']'])));
}
