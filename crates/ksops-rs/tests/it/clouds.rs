//! Keys of clouds, from the program's environment to what it prints: with a
//! server that stands for Google Cloud KMS.

#![cfg(feature = "gcp")]

use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

use crate::fake::Fake;
use sops_core::{Document, EncryptOptions, Format, Keyring, keys::Recipient};
use sops_kms::{Environment, Policy};

const ID: &str = "projects/p/locations/global/keyRings/r/cryptoKeys/k";

/// A file that only KMS opens.
fn secret(kms: &Fake) -> Vec<u8> {
    let url = kms.url.clone();
    let env = Environment::new(
        move |name| match name {
            "SOPS_GCP_KMS_ENDPOINT" => Some(url.clone().into()),
            "GOOGLE_OAUTH_ACCESS_TOKEN" => Some("t0k3n".into()),
            _ => None,
        },
        Policy::default(),
    );
    let mut keyring = Keyring::without_services();
    sops_kms::add_services(&mut keyring, &env);
    let options = EncryptOptions::with_key_groups(vec![vec![Recipient::gcp_kms(ID)]]);
    let text = b"apiVersion: v1\nkind: Secret\nmetadata:\n    name: s\nstringData:\n    a: b\n";
    let plain = Document::parse_plain(text, Format::Yaml).unwrap();
    plain.encrypt(&options, &keyring).unwrap()
}

fn run(dir: &Path, args: &[&str], kms: &Fake, token: &str, more: &[(&str, &str)]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_ksops-rs"))
        .args(args)
        .current_dir(dir)
        .env_clear()
        .env("SOPS_GCP_KMS_ENDPOINT", &kms.url)
        .env("GOOGLE_OAUTH_ACCESS_TOKEN", token)
        .envs(more.iter().copied())
        .output()
        .unwrap()
}

#[test]
fn files_are_opened_with_the_credentials_of_the_process() {
    let kms = Fake::start(crate::fake::gcp);
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    fs::write(dir.join("s.enc.yaml"), secret(&kms)).unwrap();
    let generator = "apiVersion: viaduct.ai/v1\nkind: ksops\nmetadata:\n  name: g\nfiles:\n- s.enc.yaml\n- s.enc.yaml\n";
    fs::write(dir.join("generator.yaml"), generator).unwrap();
    let text = |output: &Output| {
        let out = String::from_utf8(output.stdout.clone()).unwrap();
        (
            output.status.success(),
            out,
            String::from_utf8(output.stderr.clone()).unwrap(),
        )
    };
    kms.asked();
    let (good, out, errors) = text(&run(dir, &["decrypt", "s.enc.yaml"], &kms, "t0k3n", &[]));
    assert!(good && out.contains("a: b"), "{errors}");
    // As the plugin, in Argo CD or not.
    for more in [&[][..], &[("ARGOCD_APP_NAME", "app")]] {
        let (good, out, errors) = text(&run(dir, &["generator.yaml"], &kms, "t0k3n", more));
        assert!(good && out.contains("a: b"), "{errors}");
    }
    // Equal wrapped keys are asked for once.
    assert_eq!(kms.asked().len(), 3);
    // Somebody else's token; nothing of the answer is shown.
    let (good, out, errors) = text(&run(dir, &["generator.yaml"], &kms, "other", &[]));
    assert!(!good && out.is_empty());
    assert!(errors.contains("useToDecrypt is not allowed"), "{errors}");
    assert!(errors.contains("403 PERMISSION_DENIED"), "{errors}");
    assert!(
        !errors.contains("planted") && !errors.contains("other"),
        "{errors}"
    );
}

#[test]
fn credentials_of_all_projects_are_none_of_one() {
    let kms = Fake::start(crate::fake::gcp);
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    fs::write(dir.join("s.enc.yaml"), secret(&kms)).unwrap();
    fs::create_dir(dir.join("keys")).unwrap();
    kms.asked();
    let keys = dir.join("keys").display().to_string();
    let more = [
        ("KSOPS_AGE_KEY_DIR", keys.as_str()),
        ("KSOPS_KEY_PROJECTS", "true"),
    ];
    let output = run(dir, &["decrypt", "s.enc.yaml"], &kms, "t0k3n", &more);
    assert!(!output.status.success());
    assert_eq!(kms.asked(), [""; 0]);
}
