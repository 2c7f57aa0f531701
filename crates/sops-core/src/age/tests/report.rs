//! Each report as a person sees it who has never seen the program.

mod secrets;

use std::{fs, sync::Arc};

use super::{
    super::{
        identity::Words,
        source::{Kind, Source},
        *,
    },
    A, B, age, entry, file, groups, key, keyring, other, secret,
};
use crate::{
    Error, Keyring,
    keys::{Found, KeyKind, Location},
    metadata::Metadata,
};

/// The report on a file, by a keyring of these variables. `~` in a variable
/// is a directory, in which `keys` holds this text.
fn report(vars: &[(&str, &str)], keys: impl AsRef<[u8]>, metadata: &Metadata) -> String {
    let home = tempfile::tempdir().unwrap();
    fs::write(home.path().join("keys"), keys).unwrap();
    let home = home.path().to_str().unwrap();
    let vars: Vec<_> = vars
        .iter()
        .map(|(n, v)| (*n, v.replace('~', home)))
        .collect();
    let mut vars: Vec<_> = vars.iter().map(|(n, v)| (*n, v.as_str())).collect();
    vars.push(("HOME", home));
    let error = keyring(&vars, Callbacks::none())
        .open(metadata)
        .unwrap_err();
    rendered(&error).replace(home, "/home/dev")
}

/// As a program shows it.
fn rendered(error: &Error) -> String {
    let report = error.report().unwrap();
    assert_eq!(error.advice(), Some(report.advice()));
    assert!(
        report
            .to_string()
            .ends_with(&format!("\nhelp: {}", report.advice()))
    );
    assert!(!report.to_string().contains("\n\n"));
    format!("{error}\n{report}")
}

macro_rules! snapshot {
    ($report:expr) => {
        insta::with_settings!({ omit_expression => true, prepend_module_to_snapshot => false }, {
            insta::assert_snapshot!($report);
        })
    };
}

fn file_var(keys: impl AsRef<[u8]>) -> String {
    report(&[("SOPS_AGE_KEY_FILE", "~/keys")], keys, &file(&[B]))
}

#[test]
fn wrong_key() {
    snapshot!(report(
        &[("SOPS_AGE_KEY", &secret("age-a.txt"))],
        "",
        &file(&[B])
    ));
}

#[test]
fn no_key() {
    snapshot!(report(&[], "", &file(&[B])));
}

#[test]
fn key_file_missing() {
    snapshot!(report(
        &[("SOPS_AGE_KEY_FILE", "~/nothing.txt")],
        "",
        &file(&[B])
    ));
}

#[test]
fn key_file_empty() {
    snapshot!(file_var("# only a comment\n"));
}

#[test]
fn key_file_is_a_directory() {
    snapshot!(report(&[("SOPS_AGE_KEY_FILE", "~")], "", &file(&[B])));
}

/// A keyring with a file that belongs to root, read as another user.
fn unreadable() -> Keyring {
    let mut ring = Keyring::new();
    ring.service::<Age>().add(Source::nothing(
        Location::File {
            variable: Some("SOPS_AGE_KEY_FILE".into()),
            path: "/keys/age.txt".into(),
        },
        Found::NotReadable {
            why: "permission denied".into(),
            mode: Some(0o400),
            owner: Some(0),
            user: Some(999),
        },
    ));
    ring
}

#[test]
fn key_file_unreadable() {
    snapshot!(rendered(&unreadable().open(&file(&[B])).unwrap_err()));
}

#[cfg(unix)]
#[test]
fn key_file_unreadable_in_truth() {
    use std::os::unix::fs::{MetadataExt, PermissionsExt};
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("keys");
    fs::write(&path, key("age-a.txt")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o200)).unwrap();
    if fs::read(&path).is_ok() {
        println!("skipped: this user may read every file");
        return;
    }
    let owner = fs::metadata(&path).unwrap().uid();
    let mut ring = Keyring::new();
    let Found::NotReadable {
        mode,
        owner: found,
        user,
        why,
    } = ring.add_file(&path)
    else {
        panic!("readable")
    };
    assert_eq!((mode, found), (Some(0o200), Some(owner)));
    assert_eq!(why, "permission denied");
    assert!(user.is_none_or(|user| user == owner));
}

#[test]
fn public_key_for_a_private_one() {
    snapshot!(file_var(format!("# my key\n{A}\n")));
}

#[test]
fn utf16() {
    let text = key("age-a.txt");
    let bytes = text.encode_utf16().flat_map(u16::to_le_bytes);
    snapshot!(file_var([vec![0xff, 0xfe], bytes.collect()].concat()));
}

#[test]
fn byte_order_mark() {
    snapshot!(file_var(format!("\u{feff}{}", key("age-a.txt"))));
}

#[test]
fn carriage_returns_do_no_harm() {
    let text = key("age-b.txt").replace('\n', "\r\n");
    let mut ring = Keyring::new();
    assert!(matches!(
        ring.add_identities(text),
        Found::Identities { count: 1, .. }
    ));
    assert!(ring.can_open(&file(&[B])));
}

#[test]
fn quoted_key() {
    let quoted = format!("\"{}\"", secret("age-a.txt"));
    snapshot!(report(&[("SOPS_AGE_KEY", &quoted)], "", &file(&[B])));
}

#[test]
fn key_with_surrounding_text() {
    snapshot!(file_var(format!("# c\nAGE_KEY={}\n", secret("age-a.txt"))));
}

/// A key for a YubiKey, a TPM or a Secure Enclave beside one that opens the
/// file: wherever the text stands, the other one is used.
#[test]
fn an_identity_of_a_plugin_spoils_no_other() {
    let text = format!("# yubikey\nAGE-PLUGIN-YUBIKEY-1QQQQ\n{}", key("age-b.txt"));
    let home = tempfile::tempdir().unwrap();
    let keys = home.path().join(".config/sops/age/keys.txt");
    std::fs::create_dir_all(keys.parent().unwrap()).unwrap();
    std::fs::write(&keys, &text).unwrap();
    let path = keys.to_str().unwrap();
    let words = format!("AGE-PLUGIN-YUBIKEY-1QQQQ {}", secret("age-b.txt"));
    for (name, value) in [
        ("SOPS_AGE_KEY", words.as_str()),
        ("SOPS_AGE_KEY_FILE", path),
        ("SOPS_AGE_KEY_CMD", &format!("cat {path}")),
        ("HOME", home.path().to_str().unwrap()),
    ] {
        let ring = keyring(&[(name, value)], Callbacks::none().run_commands());
        assert!(ring.can_open(&file(&[B])), "{name}");
        let left_alone = ring
            .places()
            .iter()
            .filter(|place| matches!(place.found, Found::Identities { plugins: 1, .. }))
            .count();
        assert_eq!(left_alone, 1, "{name}");
    }
}

#[test]
fn plugin_identity_left_alone() {
    let plugin = "AGE-PLUGIN-TPM-1QQQQ\n";
    snapshot!(file_var(format!("{plugin}{}", key("age-a.txt"))));
}

#[test]
fn plugin_identities_only() {
    snapshot!(file_var("# c\nAGE-PLUGIN-SE-1QQQQ\nAGE-PLUGIN-TPM-1QQQQ\n"));
}

#[test]
fn no_debug_shows_an_assignment() {
    let callbacks = Callbacks::none().run(|command| {
        assert_eq!(format!("{command:?}"), "KeyCommand(PASSWORD=… …)");
        Err(CommandFailure::Failed { code: Some(1) })
    });
    let ring = keyring(&[("SOPS_AGE_KEY_CMD", "PASSWORD=hunter2 pass")], callbacks);
    assert!(rendered(&ring.open(&file(&[B])).unwrap_err()).contains("exit"));
}

/// What a variable takes is said where it has something else.
#[test]
fn values_in_the_wrong_variable() {
    let key = secret("age-a.txt");
    let mut advice = String::new();
    for (name, value) in [
        ("SOPS_AGE_KEY_CMD", ""),
        ("SOPS_AGE_KEY_FILE", ""),
        ("SOPS_AGE_KEY_CMD", &key),
        ("SOPS_AGE_SSH_PRIVATE_KEY_FILE", &key),
        ("SOPS_AGE_KEY_CMD", "PASSWORD=hunter2 pass show key"),
        ("SOPS_AGE_KEY_CMD", "/no/such/program --key"),
    ] {
        let ring = keyring(&[(name, value)], Callbacks::none().run_commands());
        let text = rendered(&ring.open(&file(&[B])).unwrap_err());
        assert!(!text.contains("hunter2") && !text.contains(&key[20..30]));
        advice += text.lines().last().unwrap();
        advice.push('\n');
    }
    insta::assert_snapshot!(advice, @"
    help: unset SOPS_AGE_KEY_CMD, or give it a command that prints a key
    help: unset SOPS_AGE_KEY_FILE, or give it the path of a key file
    help: put the key itself in SOPS_AGE_KEY; SOPS_AGE_KEY_CMD takes a command that prints it
    help: put the key into a file, and its path in SOPS_AGE_SSH_PRIVATE_KEY_FILE
    help: SOPS_AGE_KEY_CMD is run without a shell: write sh -c '…' around it
    help: install the program of SOPS_AGE_KEY_CMD (/no/such/program …), or give the whole path
    ");
}

#[test]
fn comma_list() {
    let list = "~/keys,~/more.txt";
    snapshot!(report(&[("SOPS_AGE_KEY_FILE", list)], "", &file(&[B])));
}

#[test]
fn key_for_a_path() {
    let key = secret("age-a.txt");
    snapshot!(report(&[("SOPS_AGE_KEY_FILE", &key)], "", &file(&[B])));
}

#[test]
fn only_other_kinds() {
    let keys = vec![
        other(
            KeyKind::AwsKms,
            "arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab",
        ),
        other(KeyKind::Pgp, "85D77543B3D624B63CEA9E6DBC17301B491B3F21"),
    ];
    let vars = [("SOPS_AGE_KEY", secret("age-a.txt"))];
    let vars = vars.each_ref().map(|(n, v)| (*n, v.as_str()));
    snapshot!(report(&vars, "", &groups(vec![keys], 0)));
}

#[test]
fn quorum_one_short() {
    let shares = crate::keys::shamir::split(&[1; 32], 2, 3).unwrap();
    let pgp = other(KeyKind::Pgp, "85D77543B3D624B63CEA9E6DBC17301B491B3F21");
    let metadata = groups(
        vec![
            vec![entry(&shares[0], A)],
            vec![entry(&shares[1], B), pgp.clone()],
            vec![pgp],
        ],
        2,
    );
    snapshot!(report(
        &[("SOPS_AGE_KEY_FILE", "~/keys")],
        key("age-a.txt"),
        &metadata
    ));
}

#[test]
fn passphrase_that_cannot_be_asked_for() {
    let text = "age-encryption.org/v1\n-> scrypt bBjlhJVYZeE4aqUdmtRHfw 18\n\
                ZV/AhotwSGqaPCU43cepl4WYUouAa17a3xpu4G2yi5k\n\
                --- fgMiVLJHMlg9fW7CVG/hPS5EAU4Zeg19LyCP7SoH5nA\n0123456789abcdef0123456789abcdef";
    snapshot!(file_var(text));
}

#[test]
fn command_not_allowed() {
    let command = "vault kv get -field=key secret/age";
    snapshot!(report(&[("SOPS_AGE_KEY_CMD", command)], "", &file(&[B])));
}

#[test]
fn ssh_recipient_and_garbage_key() {
    let vars = [("SOPS_AGE_SSH_PRIVATE_KEY_FILE", "~/keys")];
    snapshot!(report(&vars, "garbage", &file(&[&key("ssh-ed25519.pub")])));
}

#[test]
fn damaged_entry() {
    let key = age(A, wrap(&[1; 32], A).unwrap().replace("-----END", "-----"));
    let vars = [("SOPS_AGE_KEY", secret("age-a.txt"))];
    let vars = vars.each_ref().map(|(n, v)| (*n, v.as_str()));
    snapshot!(report(&vars, "", &groups(vec![vec![key]], 0)));
}

#[test]
fn many_recipients_of_many_kinds() {
    let enc = entry(&[1; 32], B).enc().to_owned();
    let plugin = "age1yubikey1qwt50d05nh5vutpdzmlg5wn80xq5negm4uj9ghv0snvdd3yysf5yw3rhl3t";
    let mut keys = vec![
        other(
            KeyKind::Vault,
            "https://vault.example.com:8200/v1/sops/keys/firstkey",
        ),
        age(plugin, enc.clone()),
        entry(&[1; 32], &key("ssh-rsa.pub")),
    ];
    let pq = identity::parse(key("age-pq.txt").as_bytes(), Words::One);
    keys.push(entry(&[1; 32], pq.ok().unwrap().identities[0].recipient()));
    keys.push(age("\u{1b}[31mred\u{202e}", enc));
    keys.push(entry(&[1; 32], B));
    snapshot!(report(
        &[("SOPS_AGE_KEY_FILE", "~/keys")],
        key("age-a.txt"),
        &groups(vec![keys], 0)
    ));
}

fn redacted() -> Report {
    let mut ring = unreadable();
    let location = Location::File {
        variable: None,
        path: "/keys/old.agekey".into(),
    };
    let kind = Kind::Age(Words::One);
    let text = key("age-a.txt");
    ring.service::<Age>().add(Source::bytes(
        location,
        kind,
        text.as_bytes(),
        &Arc::default(),
    ));
    let error = ring.open(&file(&[B])).unwrap_err();
    error.report().unwrap().clone().redacted()
}

#[test]
fn redacted_for_more_eyes() {
    snapshot!(redacted());
}

#[test]
fn as_data() {
    snapshot!(serde_json::to_string_pretty(&redacted()).unwrap());
}

/// A program that was given keys, and looked at no variable, is not told to
/// set one.
#[test]
fn advice_names_only_what_was_looked_at() {
    let advice = |ring: &Keyring| {
        let error = ring.open(&file(&[B])).unwrap_err();
        error.advice().unwrap().to_owned()
    };
    let mut ring = Keyring::new();
    insta::assert_snapshot!(advice(&ring), @"give the private key of age1ja7ptl5quguf…cg3qun");
    ring.service::<Age>().add(Source::nothing(
        Location::Directory {
            path: "/keys".into(),
        },
        Found::NotReadable {
            why: "permission denied".into(),
            mode: None,
            owner: None,
            user: None,
        },
    ));
    insta::assert_snapshot!(advice(&ring), @"let this process read /keys");
}

/// Variables are named where variables were looked at.
#[test]
fn another_variable_is_named_where_one_was_read() {
    let ssh = key("ssh-ed25519");
    let shown = file_var(&ssh);
    assert!(shown.contains("instead"), "{shown}");
    let mut ring = Keyring::new();
    let found = ring.add_identities(&ssh);
    assert!(
        matches!(
            found,
            Found::Bad {
                flaw: crate::keys::Flaw::SshKey,
                ..
            }
        ),
        "{found}"
    );
    let report = ring.report(&file(&[B])).to_string();
    assert!(!report.contains("SOPS_"), "{report}");
}
