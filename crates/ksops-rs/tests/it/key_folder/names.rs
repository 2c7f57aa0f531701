//! Each name that a key or credentials may have in a folder of keys: for all,
//! for a project, for whom it is shared with, and what the environment counts
//! beside it.

#![cfg(feature = "pgp")]

use std::fs;

use base64::{Engine, prelude::BASE64_STANDARD};
use sops_core::keys::Found;
use sops_pgp::Pgp;

use super::*;
use crate::world::Key;

/// A key or credentials under a name.
struct Case {
    name: &'static str,
    content: Vec<u8>,
    /// What only that opens.
    file: &'static str,
    /// Variables by which the environment has the same.
    outside: Vec<(&'static str, String)>,
    /// Whether `ambient` lends it to a project.
    lent: bool,
}

/// The pod, and what answers for the clouds but AWS.
struct Clouds {
    pod: Pod,
    vault: Fake,
    google: Fake,
}

impl Clouds {
    fn new() -> Self {
        let vault = Fake::start(crate::fake::vault);
        let google = Fake::start(|asked| match asked.target.contains("/token") {
            true => {
                let body = serde_json::json!({"access_token": "t0k3n", "expires_in": 3600});
                (200, body, "renewed".into())
            }
            false => crate::fake::gcp(asked),
        });
        let pod = Pod::new();
        let url = vault.url.clone();
        let to = Recipient::vault(&vault.url, "transit", "k");
        let file = encrypt(to, move |name| match name {
            "VAULT_ADDR" => Some(url.clone()),
            "VAULT_TOKEN" => Some("s.t0k3n".into()),
            _ => None,
        });
        pod.write("app/vault.enc.yaml", file);
        let id = "projects/p/locations/global/keyRings/r/cryptoKeys/k";
        let url = google.url.clone();
        let file = encrypt(Recipient::gcp_kms(id), move |name| match name {
            "SOPS_GCP_KMS_ENDPOINT" => Some(url.clone()),
            "GOOGLE_OAUTH_ACCESS_TOKEN" => Some("t0k3n".into()),
            _ => None,
        });
        pod.write("app/google.enc.yaml", file);
        // What encrypting took.
        vault.asked();
        google.asked();
        Clouds { pod, vault, google }
    }

    /// The environment of the pod: it reaches the clouds, and may have more.
    fn set(&mut self, more: &[(&'static str, String)]) {
        self.pod.vars.clear();
        self.pod.set("VAULT_ADDR", &self.vault.url);
        self.pod.set("SOPS_GCP_KMS_ENDPOINT", &self.google.url);
        for (name, value) in more {
            self.pod.set(name, value);
        }
    }

    /// As Argo CD renders it; nobody is asked where it is not opened.
    #[track_caller]
    fn opens(&self, project: Option<&str>, case: &Case) -> bool {
        let ran = self.pod.render(project, case.file);
        let asked = ran.asked.len() + self.vault.asked().len() + self.google.asked().len();
        assert_eq!(ran.good, ran.out.contains("of-it"), "{}", ran.errors);
        assert!(ran.good || asked == 0, "{}: {}", case.name, ran.errors);
        ran.good
    }

    fn put(&self, folder: &str, name: &str, content: &[u8]) {
        let _ = fs::remove_dir_all(self.pod.path("keys"));
        // So that it is a folder of projects.
        if folder != "keys" {
            for project in ["team-a", "team-b"] {
                self.pod.write(&format!("keys/{project}/README"), "");
            }
        }
        self.pod.write(&format!("{folder}/{name}"), content);
    }

    fn doctor(&self, project: Option<&str>) -> String {
        let mut args = vec!["doctor"];
        args.extend(project.iter().flat_map(|project| ["--project", *project]));
        self.pod.run(None, &args).out
    }
}

/// An OpenPGP key, and what it is called.
fn pgp() -> (Vec<u8>, String) {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../testdata/fuzz/private_key/rsa.asc"
    );
    let key = fs::read(path).unwrap();
    let Found::Identities { recipients, .. } = Pgp::default().add_file(path) else {
        panic!("no key")
    };
    (key, recipients[0].clone())
}

/// The bytes in an armored text.
fn dearmored(text: &[u8]) -> Vec<u8> {
    let text = std::str::from_utf8(text).unwrap();
    let lines = text.lines().skip_while(|line| !line.is_empty()).skip(1);
    let lines = lines.take_while(|line| !line.starts_with(['=', '-']));
    BASE64_STANDARD.decode(lines.collect::<String>()).unwrap()
}

fn cases(clouds: &Clouds) -> Vec<Case> {
    let pod = &clouds.pod;
    let age = Key::new();
    pod.write("elsewhere/age", &age.identity);
    let plain = || Document::parse_plain(SECRET, Format::Yaml).unwrap();
    let options = EncryptOptions::new([Recipient::age(&age.recipient)]);
    pod.write(
        "app/age.enc.yaml",
        plain().encrypt(&options, &Keyring::new()).unwrap(),
    );

    let (key, fingerprint) = pgp();
    pod.write("elsewhere/pgp", &key);
    let mut service = Pgp::default();
    let _ = service.add_keys(&key);
    let mut keyring = Keyring::without_services();
    keyring.add_service(service);
    let options = EncryptOptions::with_key_groups(vec![vec![Recipient::pgp(fingerprint)]]);
    pod.write(
        "app/pgp.enc.yaml",
        plain().encrypt(&options, &keyring).unwrap(),
    );

    let google = serde_json::json!({
        "type": "authorized_user",
        "client_id": "c",
        "client_secret": "planted",
        "refresh_token": "planted",
        "token_uri": format!("{}/token", clouds.google.url),
    });
    let case = |name, content: &[u8], file, variable, value: String, lent| Case {
        name,
        content: content.to_owned(),
        file,
        outside: vec![(variable, value)],
        lent,
    };
    let at = |path| pod.path(path).display().to_string();
    let identity = age.identity.as_bytes();
    let (age, pgp) = ("SOPS_AGE_KEY_FILE", "KSOPS_PGP_KEY_FILE");
    let aws = b"aws_access_key_id: TEAM-A\naws_secret_access_key: planted-secret\n";
    vec![
        case(
            "x.agekey",
            identity,
            "age.enc.yaml",
            age,
            at("elsewhere/age"),
            false,
        ),
        case(
            "x.txt",
            identity,
            "age.enc.yaml",
            age,
            at("elsewhere/age"),
            false,
        ),
        case(
            "x.asc",
            &key,
            "pgp.enc.yaml",
            pgp,
            at("elsewhere/pgp"),
            false,
        ),
        case(
            "x.gpg",
            &dearmored(&key),
            "pgp.enc.yaml",
            pgp,
            at("elsewhere/pgp"),
            false,
        ),
        case(
            "sops.aws-kms",
            aws,
            "TEAM-A.enc.yaml",
            "AWS_ACCESS_KEY_ID",
            "TEAM-A".into(),
            true,
        ),
        case(
            "sops.vault-token",
            b"s.t0k3n\n",
            "vault.enc.yaml",
            "VAULT_TOKEN",
            "s.t0k3n".into(),
            true,
        ),
        case(
            "sops.gcp-kms",
            google.to_string().as_bytes(),
            "google.enc.yaml",
            "GOOGLE_OAUTH_ACCESS_TOKEN",
            "t0k3n".into(),
            true,
        ),
    ]
}

#[test]
fn each_name_for_all_for_a_project_and_shared() {
    let mut clouds = Clouds::new();
    clouds.set(&[]);
    for case in cases(&clouds) {
        for (folder, mine, others) in [
            ("keys", true, true),
            ("keys/team-a", true, false),
            ("keys/_shared", true, true),
        ] {
            clouds.put(folder, case.name, &case.content);
            let what = format!("{folder}/{}", case.name);
            assert_eq!(clouds.opens(Some("team-a"), &case), mine, "{what}");
            assert_eq!(clouds.opens(Some("team-b"), &case), others, "{what}");
            if folder == "keys" {
                assert!(clouds.opens(None, &case), "{what}");
            }
            // doctor says the same.
            let place = format!("✓ keys: /{what}");
            for (project, has) in [("team-a", mine), ("team-b", others)] {
                let project = Some(project).filter(|_| folder != "keys");
                let said = clouds.doctor(project);
                assert_eq!(said.contains(&place), has, "{what}\n{said}");
            }
        }
    }
}

#[test]
fn what_the_environment_has_counts_for_no_project_unless_it_is_lent() {
    let mut clouds = Clouds::new();
    for case in cases(&clouds) {
        clouds.set(&case.outside);
        let name = case.name;
        clouds.put("keys/team-a", "README", b"");
        assert!(!clouds.opens(Some("team-a"), &case), "{name}");
        clouds.put("keys/team-a", "ambient", b"");
        assert_eq!(clouds.opens(Some("team-a"), &case), case.lent, "{name}");
        assert!(!clouds.opens(Some("team-b"), &case), "{name}");
        let said = clouds.doctor(Some("team-a"));
        assert!(said.contains("! keys: /keys/team-a/ambient"), "{said}");
        clouds.put("keys/_shared", "ambient", b"");
        assert_eq!(clouds.opens(Some("team-b"), &case), case.lent, "{name}");
        // Beside what is the project's own.
        clouds.put("keys/team-a", name, &case.content);
        clouds.pod.write("keys/team-a/ambient", "");
        assert!(clouds.opens(Some("team-a"), &case), "{name}");
        assert!(!clouds.opens(Some("team-b"), &case), "{name}");
    }
}

/// Azure's vaults are reached over TLS only: whether somebody is asked at all is
/// what a proxy sees.
#[cfg(feature = "azure")]
#[test]
fn the_same_for_azure() {
    let asked = |_: &testkit::fake::Got| (502, serde_json::Value::Null, "vault".to_owned());
    let proxy = Fake::start(asked);
    let mut pod = Pod::new();
    let file = fs::read_to_string(pod.path("app/POD.enc.yaml")).unwrap();
    let (head, tail) = file.split_once("    kms:\n").unwrap();
    let rest = tail.find("    lastmodified").unwrap();
    let key = "    azure_kv:\n        - vault_url: https://unit.vault.azure.net\n          name: k\n          version: v\n          created_at: \"2026-01-01T00:00:00Z\"\n          enc: AAAA\n";
    pod.write(
        "app/azure.enc.yaml",
        format!("{head}{key}{}", &tail[rest..]),
    );
    pod.set("HTTPS_PROXY", &proxy.url);
    pod.set("AZURE_TENANT_ID", "of-the-pod");
    pod.set("AZURE_CLIENT_ID", "of-the-pod");
    pod.set("AZURE_CLIENT_SECRET", "planted");
    let asks = |pod: &Pod, project| {
        proxy.asked();
        let ran = pod.render(Some(project), "azure.enc.yaml");
        ran.refused();
        (!proxy.asked().is_empty(), ran.errors)
    };
    let application = "tenantId: t\nclientId: c\nclientSecret: planted\n";
    for (folder, others) in [("keys/team-a", false), ("keys/_shared", true)] {
        let _ = fs::remove_dir_all(pod.path("keys"));
        pod.write("keys/team-b/README", "");
        pod.write(&format!("{folder}/sops.azure-kv"), application);
        assert!(asks(&pod, "team-a").0, "{folder}");
        let (has, errors) = asks(&pod, "team-b");
        assert_eq!(has, others, "{folder}");
        if !others {
            let why = "neither sops.azure-kv nor ambient among the project's";
            assert!(errors.contains(why), "{errors}");
        }
        let said = pod.run(None, &["doctor", "--project", "team-a"]).out;
        let place = format!("✓ keys: /{folder}/sops.azure-kv: application c");
        assert!(said.contains(&place), "{said}");
    }
    pod.write("keys/team-b/ambient", "");
    assert!(asks(&pod, "team-b").0);
    let said = pod.run(None, &["doctor", "--project", "team-b"]).out;
    assert!(said.contains("application of-the-pod"), "{said}");
    // For all.
    let _ = fs::remove_dir_all(pod.path("keys"));
    pod.write("keys/sops.azure-kv", application);
    assert!(asks(&pod, "team-a").0);
}

/// What has another name, and what would never end, is left alone.
#[test]
fn nothing_else_is_read() {
    let mut clouds = Clouds::new();
    clouds.set(&[]);
    let all = cases(&clouds);
    for case in &all {
        for name in [
            ".x.agekey",
            "key.age",
            "sops.aws",
            "sops.vault-token.bak",
            "..data",
        ] {
            clouds.put("keys/team-a", name, &case.content);
            assert!(!clouds.opens(Some("team-a"), case), "{name}: {}", case.name);
        }
        // A pipe that nobody writes to, beside a key.
        clouds.put("keys/team-a", case.name, &case.content);
        for name in ["a.agekey", "a.asc", "zz.gpg", "zz.txt"] {
            let path = clouds.pod.path("keys/team-a").join(name);
            let mode = rustix::fs::Mode::from(0o644);
            rustix::fs::mknodat(rustix::fs::CWD, path, rustix::fs::FileType::Fifo, mode, 0)
                .unwrap();
        }
        assert!(clouds.opens(Some("team-a"), case), "{}", case.name);
        let said = clouds.doctor(Some("team-a"));
        assert!(said.contains("a.agekey: "), "{said}");
    }
    for name in ["sops.aws-kms", "sops.vault-token", "sops.gcp-kms"] {
        clouds.put("keys/team-a", "README", b"");
        let path = clouds.pod.path("keys/team-a").join(name);
        let mode = rustix::fs::Mode::from(0o644);
        rustix::fs::mknodat(rustix::fs::CWD, path, rustix::fs::FileType::Fifo, mode, 0).unwrap();
        let case = all.iter().find(|case| case.name == name).unwrap();
        assert!(!clouds.opens(Some("team-a"), case), "{name}");
        let said = clouds.doctor(Some("team-a"));
        assert!(said.contains(&format!("/{name}: not a file")), "{said}");
    }
}
