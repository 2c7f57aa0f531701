//! What the program does on the network: many files at a time with a server
//! that stands for AWS, one of Vault's kind, and nothing without need.

#![cfg(all(feature = "aws", feature = "vault"))]

use std::{
    fs,
    path::Path,
    process::{Command, Output},
    sync::{
        Arc, Condvar, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use base64::{Engine, prelude::BASE64_STANDARD};
use serde_json::{Value, json};
use sops_core::{Document, EncryptOptions, Format, Keyring, keys::Recipient};
use sops_kms::{
    Environment, Policy,
    http::{Client, Request},
};
use testkit::{
    fake::{Fake, Got, Reply},
    servers::{Server, tool},
};

const ARN: &str = "arn:aws:kms:eu-west-1:123456789012:key/a";

fn turned(text: &Value) -> String {
    let mut bytes = BASE64_STANDARD.decode(text.as_str().unwrap()).unwrap();
    bytes.reverse();
    BASE64_STANDARD.encode(bytes)
}

fn call(got: &Got) -> Value {
    serde_json::from_slice(&got.body).unwrap()
}

/// AWS KMS, the same for everybody; and a container's credentials.
fn aws(got: &Got) -> Reply {
    if got.target == "/container" {
        let keys = json!({"AccessKeyId": "AKID", "SecretAccessKey": "s", "Token": "t",
            "Expiration": "2100-01-01T00:00:00Z"});
        return Reply::json(200, keys.to_string());
    }
    let (from, to) = match got.header("x-amz-target") {
        "TrentService.Encrypt" => ("Plaintext", "CiphertextBlob"),
        _ => ("CiphertextBlob", "Plaintext"),
    };
    Reply::json(200, json!({ to: turned(&call(got)[from]) }).to_string())
}

pub(super) fn environment(vars: &[(&str, &str)]) -> Environment {
    let vars: Vec<_> = vars
        .iter()
        .map(|&(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    let lookup = move |name: &str| vars.iter().find(|(k, _)| k == name).map(|(_, v)| v.into());
    Environment::new(lookup, Policy::default())
}

/// A Secret that only this key opens.
pub(super) fn secret(name: &str, to: Recipient, vars: &[(&str, &str)]) -> Vec<u8> {
    let mut keyring = Keyring::without_services();
    sops_kms::add_services(&mut keyring, &environment(vars));
    let options = EncryptOptions::with_key_groups(vec![vec![to]]);
    let text = format!(
        "apiVersion: v1\nkind: Secret\nmetadata:\n    name: {name}\nstringData:\n    a: b\n"
    );
    let plain = Document::parse_plain(text.as_bytes(), Format::Yaml).unwrap();
    plain.encrypt(&options, &keyring).unwrap()
}

/// A generator of these files.
pub(super) fn generator(dir: &Path, files: &[String]) {
    let files: String = files.iter().map(|file| format!("- {file}\n")).collect();
    let text =
        format!("apiVersion: viaduct.ai/v1\nkind: ksops\nmetadata:\n  name: g\nfiles:\n{files}");
    fs::write(dir.join("generator.yaml"), text).unwrap();
}

pub(super) fn run(dir: &Path, args: &[&str], vars: &[(&str, &str)]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_ksops-rs"))
        .args(args)
        .current_dir(dir)
        .env_clear()
        .env("HOME", dir)
        .envs(vars.iter().copied())
        .output()
        .unwrap()
}

/// Whether it succeeded, what it printed, and what it said.
pub(super) fn text(output: &Output) -> (bool, String, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (
        output.status.success(),
        text(&output.stdout),
        text(&output.stderr),
    )
}

/// Two hundred files, each with a key of its own: as many are asked for at a
/// time as the limit says, however few cores there are, and credentials once.
#[test]
fn many_files_wait_together() {
    let (limit, all) = (20, 200);
    let (asked, running, most) = <(AtomicUsize, AtomicUsize, AtomicUsize)>::default();
    let counts = Arc::new((asked, running, most));
    let here = Arc::new((Mutex::new(0), Condvar::new()));
    let (in_fake, seen) = (here.clone(), counts.clone());
    let fake = Fake::http(move |got| {
        if got.header("x-amz-target") == "TrentService.Decrypt" {
            let (asked, running, most) = &*seen;
            asked.fetch_add(1, Ordering::SeqCst);
            let now = running.fetch_add(1, Ordering::SeqCst) + 1;
            most.fetch_max(now, Ordering::SeqCst);
            // The first ones are answered when all of them are there.
            let (count, changed) = &*in_fake;
            let mut count = count.lock().unwrap();
            *count += 1;
            changed.notify_all();
            let few = |count: &mut usize| *count < limit;
            let waited = changed.wait_timeout_while(count, Duration::from_secs(20), few);
            drop(waited);
            running.fetch_sub(1, Ordering::SeqCst);
        }
        aws(got)
    });
    let url = fake.url();
    let container = format!("{url}/container");
    let vars = [
        ("AWS_ENDPOINT_URL", url.as_str()),
        ("AWS_CONTAINER_CREDENTIALS_FULL_URI", &container),
    ];
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    let names: Vec<_> = (0..all).map(|n| format!("s{n}.enc.yaml")).collect();
    for (n, name) in names.iter().enumerate() {
        let file = secret(&format!("s{n}"), Recipient::aws_kms(ARN), &vars);
        fs::write(dir.join(name), file).unwrap();
    }
    generator(dir, &names);
    let fetched = || {
        fake.got()
            .iter()
            .filter(|got| got.target == "/container")
            .count()
    };
    let before = fetched();
    let (good, out, errors) = text(&run(dir, &["generator.yaml"], &vars));
    assert!(good, "{errors}");
    assert_eq!(out.matches("a: b").count(), all);
    let (asked, _, most) = &*counts;
    assert_eq!(asked.swap(0, Ordering::SeqCst), all);
    assert_eq!(most.swap(0, Ordering::SeqCst), limit);
    assert_eq!(fetched(), before + 1);
    // A limit of one's own.
    let vars = [&vars[..], &[("KSOPS_CONCURRENCY_LIMIT", "3")]].concat();
    let (good, _, errors) = text(&run(dir, &["generator.yaml"], &vars));
    assert!(good, "{errors}");
    assert_eq!(asked.swap(0, Ordering::SeqCst), all);
    assert!(most.load(Ordering::SeqCst) <= 3);
    // Copies of one file have one wrapped key, which is asked for once.
    for name in &names {
        fs::remove_file(dir.join(name)).unwrap();
        let file = secret("s", Recipient::aws_kms(ARN), &vars);
        fs::write(dir.join(name), file).unwrap();
    }
    let one = fs::read(dir.join("s0.enc.yaml")).unwrap();
    let copies: Vec<_> = names.iter().take(50).cloned().collect();
    for name in &copies {
        fs::write(dir.join(name), &one).unwrap();
    }
    let entries: String = copies
        .iter()
        .map(|name| format!("  - a={name}\n"))
        .collect();
    let text_of = format!(
        "apiVersion: viaduct.ai/v1\nkind: ksops\nmetadata:\n  name: g\nsecretFrom:\n- metadata: {{name: x}}\n  files:\n{}",
        entries
            .lines()
            .enumerate()
            .map(|(n, line)| format!("{}\n", line.replacen("a=", &format!("k{n}="), 1)))
            .collect::<String>()
    );
    fs::write(dir.join("generator.yaml"), text_of).unwrap();
    let (good, _, errors) = text(&run(dir, &["generator.yaml"], &vars));
    assert!(good, "{errors}");
    assert_eq!(asked.load(Ordering::SeqCst), 1);
}

/// Vault's own server, in Argo CD: the token goes where `VAULT_ADDR` says.
#[test]
fn openbao_in_argo_cd() {
    let Some(program) = tool("bao") else { return };
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    let home = dir.display().to_string();
    let args = |port: u16| {
        let listen = format!("-dev-listen-address=127.0.0.1:{port}");
        ["server", "-dev", "-dev-root-token-id=root", &listen]
            .map(Into::into)
            .into()
    };
    let bao = Server::start(&program, args, &[("HOME", &home)]);
    let url = bao.url();
    for (path, body) in [
        ("sys/mounts/transit", r#"{"type":"transit"}"#),
        ("transit/keys/dev", "{}"),
    ] {
        let request = Request::post(format!("{url}/v1/{path}"))
            .with_header("x-vault-token", "root")
            .with_body(body.as_bytes().to_vec());
        let answer = Client::new(&environment(&[])).send(&request).unwrap();
        assert!(answer.is_success(), "{path}: {answer:?}");
    }
    let vars = [("VAULT_TOKEN", "root"), ("VAULT_ADDR", &*url)];
    let to = Recipient::vault(&url, "transit", "dev");
    fs::write(dir.join("s.enc.yaml"), secret("s", to, &vars)).unwrap();
    generator(dir, &["s.enc.yaml".into()]);
    let argo_cd = ("ARGOCD_APP_NAME", "app");
    let with = |vars: &[(&str, &str)]| {
        let vars = [vars, &[argo_cd]].concat();
        text(&run(dir, &["generator.yaml"], &vars))
    };
    let (good, out, errors) = with(&vars);
    assert!(good && out.contains("a: b"), "{errors}");
    // Nobody said where it may go.
    let (good, _, errors) = with(&vars[..1]);
    assert!(!good);
    assert!(errors.contains("and VAULT_ADDR is not set"), "{errors}");
    assert!(errors.contains(&format!("set VAULT_ADDR on the repo-server to {url}")));
    let wrong = [("VAULT_TOKEN", "s.planted"), vars[1]];
    let (good, _, errors) = with(&wrong);
    assert!(!good && !errors.contains("s.planted"), "{errors}");
    assert!(errors.contains("VAULT_TOKEN"), "{errors}");
}

/// A file that an age key opens needs no cloud: strace says that no socket is
/// opened and no file of credentials is looked at, whatever is set up.
#[test]
#[cfg(target_os = "linux")]
fn an_age_key_needs_no_network() {
    let Some(strace) = tool("strace") else { return };
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    let key = testkit::files::testdata().join("corpus/keys/age-a.txt");
    let secret = testkit::files::testdata().join("corpus/cases/yaml/coll-nested/enc.yaml");
    fs::copy(secret, dir.join("s.enc.yaml")).unwrap();
    let files = [
        ".aws/config",
        ".aws/credentials",
        ".vault-token",
        ".config/gcloud/application_default_credentials.json",
        ".huaweicloud/credentials",
        "token-of-a-pod",
    ];
    for file in files {
        let path = dir.join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, "x").unwrap();
    }
    let token = dir.join("token-of-a-pod");
    let output = Command::new(strace)
        .args(["-f", "-e", "trace=%network,%file", "-o", "trace"])
        .arg(env!("CARGO_BIN_EXE_ksops-rs"))
        .args(["decrypt", "s.enc.yaml"])
        .current_dir(dir)
        .env_clear()
        .env("HOME", dir)
        .env("SOPS_AGE_KEY_FILE", key)
        .env("AWS_WEB_IDENTITY_TOKEN_FILE", &token)
        .env("AWS_ROLE_ARN", "arn:aws:iam::1:role/r")
        .env("AZURE_FEDERATED_TOKEN_FILE", &token)
        .env("KSOPS_VAULT_ROLE", "r")
        .env("KSOPS_VAULT_TOKEN_FILE", &token)
        .env("SSL_CERT_FILE", dir.join("ca.pem"))
        .output()
        .unwrap();
    let (good, _, errors) = text(&output);
    assert!(good, "{errors}");
    let trace = fs::read_to_string(dir.join("trace")).unwrap();
    assert!(trace.contains("s.enc.yaml"), "{trace}");
    let network = trace
        .lines()
        .filter(|line| line.contains("socket(") || line.contains("connect("));
    assert_eq!(network.count(), 0, "{trace}");
    for name in files
        .iter()
        .copied()
        .chain([".aws", "gcloud", "ca.pem", "/etc/ssl"])
    {
        assert!(!trace.contains(name), "{name} was looked at:\n{trace}");
    }
}

/// What `doctor` says of clouds: with whose credentials each would be asked,
/// and of the files what is needed; it asks with `--online` only.
#[test]
fn doctor_asks_when_it_is_told_to() {
    let fake = Fake::http(|got| match got.header("x-amz-target") {
        "TrentService.Decrypt" => Reply::json(400, r#"{"__type":"AccessDeniedException"}"#),
        _ => aws(got),
    });
    let url = fake.url();
    let vars = [
        ("AWS_ENDPOINT_URL", url.as_str()),
        ("AWS_ACCESS_KEY_ID", "AKID"),
        ("AWS_SECRET_ACCESS_KEY", "planted"),
    ];
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    let file = secret("s", Recipient::aws_kms(ARN), &vars);
    fs::write(dir.join("s.enc.yaml"), file).unwrap();
    generator(dir, &["s.enc.yaml".into()]);
    fs::write(
        dir.join("kustomization.yaml"),
        "generators: [generator.yaml]\n",
    )
    .unwrap();
    let more = [
        ("HUAWEICLOUD_SDK_AK", "ak"),
        ("HUAWEICLOUD_SDK_SK", "planted"),
        ("VAULT_TOKEN", "planted"),
        ("VAULT_ADDR", "https://vault.example.org"),
        ("GOOGLE_OAUTH_ACCESS_TOKEN", "planted"),
        ("AZURE_TENANT_ID", "t"),
        ("AZURE_CLIENT_ID", "c"),
        ("AZURE_FEDERATED_TOKEN_FILE", "/no/token"),
    ];
    let vars = [&vars[..], &more].concat();
    let asked = || fake.got().len();
    let before = asked();
    let lines = |args: &[&str]| {
        let (_, out, _) = text(&run(dir, args, &vars));
        assert!(!out.contains("planted"), "{out}");
        let lines = out.lines().filter(|line| {
            line.contains("keys:") || line.contains("s.enc.yaml") || line.contains("kms:Decrypt")
        });
        lines.map(|line| format!("{line}\n")).collect::<String>()
    };
    let offline = lines(&["doctor", "."]);
    assert_eq!(asked(), before);
    let online = lines(&["doctor", "--online", "."]);
    assert!(asked() > before);
    // A role of the pod's has to be asked for, too.
    let pod = [
        ("AWS_ENDPOINT_URL", url.as_str()),
        ("AWS_WEB_IDENTITY_TOKEN_FILE", "generator.yaml"),
        ("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/argocd"),
    ];
    let before = asked();
    let (_, out, _) = text(&run(dir, &["doctor", "."], &pod));
    assert!(
        out.contains("AWS KMS was not asked, --online does"),
        "{out}"
    );
    assert!(
        out.contains("role arn:aws:iam::123456789012:role/argocd"),
        "{out}"
    );
    assert_eq!(asked(), before);
    insta::assert_snapshot!([offline, online].join("--online--\n"));
}
