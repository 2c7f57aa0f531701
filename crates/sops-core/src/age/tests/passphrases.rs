//! Identities that a passphrase protects.

use super::*;

/// An identity file's text, encrypted with a passphrase.
fn encrypted(text: &str, passphrase: &str, armor: bool) -> Vec<u8> {
    let mut recipient = age::scrypt::Recipient::new(SecretString::from(passphrase));
    recipient.set_work_factor(2);
    let encryptor = age::Encryptor::with_recipients(std::iter::once(&recipient as _)).unwrap();
    let format = match armor {
        true => age::armor::Format::AsciiArmor,
        false => age::armor::Format::Binary,
    };
    let mut out = Vec::new();
    let armor = age::armor::ArmoredWriter::wrap_output(&mut out, format).unwrap();
    let mut writer = encryptor.wrap_output(armor).unwrap();
    writer.write_all(text.as_bytes()).unwrap();
    writer.finish().unwrap().finish().unwrap();
    out
}

/// A callback that counts how often it was asked.
fn prompt(passphrase: Option<&'static str>) -> (Callbacks, Arc<AtomicUsize>) {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let callbacks = Callbacks::none().prompt(move |_| {
        count.fetch_add(1, Ordering::SeqCst);
        passphrase.map(|p| Zeroizing::new(p.to_owned()))
    });
    (callbacks, asked)
}

#[test]
fn encrypted_identity_files() {
    for armor in [false, true] {
        let file_text = encrypted(&key("age-a.txt"), "right", armor);
        let (callbacks, asked) = prompt(Some("right"));
        let mut ring = Keyring::with_callbacks(callbacks);
        assert_eq!(ring.add_identities(&file_text), Found::Locked);
        let _ = ring.add_file(key_path("age-b.txt"));
        assert!(ring.can_open(&file(&[B])));
        assert_eq!(asked.load(Ordering::SeqCst), 0, "asked without need");
        assert!(ring.can_open(&file(&[A])) && ring.can_open(&file(&[A])));
        assert_eq!(asked.load(Ordering::SeqCst), 1);

        for (answer, expected) in [
            (Some("wrong"), Found::WrongPassphrase),
            (None, Found::NeedsPassphrase),
        ] {
            let (callbacks, asked) = prompt(answer);
            let mut ring = Keyring::with_callbacks(callbacks);
            let _ = ring.add_identities(&file_text);
            assert!(!ring.can_open(&file(&[A])) && !ring.can_open(&file(&[A])));
            assert_eq!(ring.places()[0].found, expected);
            assert_eq!(asked.load(Ordering::SeqCst), 1);
        }
    }
    let found = |bytes: &[u8]| {
        let mut ring = Keyring::with_callbacks(prompt(Some("right")).0);
        let _ = ring.add_identities(bytes);
        ring.can_open(&file(&[A]));
        ring.places()[0].found.clone()
    };
    let bad = |flaw| Found::Bad { line: None, flaw };
    assert_eq!(found(b"age-encryption.org/v1\n"), bad(Flaw::AgeFile));
    assert_eq!(
        found(wrap(b"x", A).unwrap().as_bytes()),
        bad(Flaw::NotPassphrase)
    );
    let line_2 = Found::Bad {
        line: Some(2),
        flaw: Flaw::PublicKey,
    };
    assert_eq!(found(&encrypted(&format!("\n{A}"), "right", true)), line_2);
}

#[test]
fn encrypted_identity_file_of_too_much_work() {
    let text = String::from_utf8_lossy(&encrypted("", "p", false)).replace(" 2\n", " 23\n");
    let mut ring = Keyring::with_callbacks(prompt(Some("p")).0);
    // Only the header counts: the work is refused before anything is done.
    let header = text.split("--- ").next().unwrap();
    let mac = "--- AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n";
    let _ = ring.add_identities(format!("{header}{mac}{}", "\0".repeat(32)));
    assert!(!ring.can_open(&file(&[A])));
    assert_eq!(ring.places()[0].found, Found::TooMuchWork);
}

#[test]
fn encrypted_ssh_key() {
    let recipient = key("../../keys/ssh-ed25519-passphrase.pub");
    let path = key_path("../../keys/ssh-ed25519-passphrase");
    let (callbacks, asked) = prompt(Some("correct horse"));
    let mut ring = Keyring::with_callbacks(callbacks);
    assert_eq!(ring.add_ssh_key_file(&path), Found::Locked);
    // A file for another SSH key is no reason to ask.
    assert!(!ring.can_open(&file(&[&key("ssh-ed25519.pub")])));
    assert!(!ring.can_open(&file(&[A])));
    assert_eq!(asked.load(Ordering::SeqCst), 0);
    assert!(ring.can_open(&file(&[&recipient])) && ring.can_open(&file(&[&recipient])));
    assert_eq!(asked.load(Ordering::SeqCst), 1);
    let mut ring = Keyring::new();
    let _ = ring.add_ssh_key_file(&path);
    assert!(!ring.can_open(&file(&[&recipient])));
    assert_eq!(ring.places()[0].found, Found::NeedsPassphrase);
}
