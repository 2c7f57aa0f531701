//! A folder of keys as Flux's decryption Secrets have it: credentials of
//! clouds beside keys, for all and by project.

#![cfg(all(feature = "aws", feature = "vault", feature = "gcp"))]

mod names;

use std::{fs, os::unix::fs::symlink, path::PathBuf, process::Command};

use crate::fake::Fake;
use sops_core::{Document, EncryptOptions, Format, Keyring, keys::Recipient};
use sops_kms::{Environment, Policy};

const SECRET: &[u8] =
    b"apiVersion: v1\nkind: Secret\nmetadata:\n    name: s\nstringData:\n    a: of-it\n";

/// A file that is encrypted for one key of a cloud.
fn encrypt(to: Recipient, var: impl Fn(&str) -> Option<String> + Send + Sync + 'static) -> Vec<u8> {
    let lookup = move |name: &str| var(name).map(Into::into);
    let env = Environment::new(lookup, Policy::default());
    let mut keyring = Keyring::without_services();
    sops_kms::add_services(&mut keyring, &env);
    let options = EncryptOptions::with_key_groups(vec![vec![to]]);
    let plain = Document::parse_plain(SECRET, Format::Yaml).unwrap();
    plain.encrypt(&options, &keyring).unwrap()
}

/// A repo-server: AWS's keys `POD`, `TEAM-A` and `TEAM-B`, a file for each, the
/// pod's own access key in the environment.
struct Pod {
    temp: tempfile::TempDir,
    aws: Fake,
    vars: Vec<(String, String)>,
}

struct Ran {
    good: bool,
    out: String,
    errors: String,
    asked: Vec<String>,
}

impl Pod {
    fn new() -> Self {
        let pod = Pod {
            temp: tempfile::tempdir().unwrap(),
            aws: Fake::start(crate::fake::aws),
            vars: Vec::new(),
        };
        for account in ["POD", "TEAM-A", "TEAM-B"] {
            let file = encrypt(Recipient::aws_kms(arn(account)), pod.aws_vars(account));
            pod.write(&format!("app/{account}.enc.yaml"), file);
        }
        pod.aws.asked();
        pod
    }

    fn aws_vars(&self, account: &'static str) -> impl Fn(&str) -> Option<String> + use<> {
        let url = self.aws.url.clone();
        move |name| match name {
            "AWS_ENDPOINT_URL_KMS" => Some(url.clone()),
            "AWS_ACCESS_KEY_ID" => Some(account.into()),
            "AWS_SECRET_ACCESS_KEY" => Some("planted-secret".into()),
            _ => None,
        }
    }

    fn path(&self, path: &str) -> PathBuf {
        self.temp.path().join(path)
    }

    fn write(&self, path: &str, bytes: impl AsRef<[u8]>) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }

    /// Flux's file of credentials, as a mounted Secret holds it.
    fn give(&self, folder: &str, account: &str) {
        let text = format!(
            "aws_access_key_id: {account}\naws_secret_access_key: planted-secret\naws_session_token: planted-token\n"
        );
        let data = self.path(folder).join("..data");
        fs::create_dir_all(&data).unwrap();
        fs::write(data.join("sops.aws-kms"), text).unwrap();
        let link = self.path(folder).join("sops.aws-kms");
        let _ = fs::remove_file(&link);
        symlink("..data/sops.aws-kms", link).unwrap();
    }

    fn set(&mut self, name: &str, value: impl Into<String>) {
        self.vars.push((name.into(), value.into()));
    }

    /// As Argo CD renders an application of a project; or a person, without
    /// one.
    fn render(&self, project: Option<&str>, file: &str) -> Ran {
        self.write(
            "app/generator.yaml",
            format!(
                "apiVersion: viaduct.ai/v1\nkind: ksops\nmetadata: {{name: g}}\nfiles: [{file}]\n"
            ),
        );
        self.run(project, &["generator.yaml"])
    }

    fn run(&self, project: Option<&str>, args: &[&str]) -> Ran {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ksops-rs"));
        command
            .args(args)
            .current_dir(self.path("app"))
            .env_clear()
            .env("HOME", self.path("home"))
            .env("AWS_ENDPOINT_URL_KMS", &self.aws.url)
            .env("AWS_ACCESS_KEY_ID", "POD")
            .env("AWS_SECRET_ACCESS_KEY", "planted-secret")
            .env("KSOPS_KEY_DIR", self.path("keys"))
            .envs(self.vars.iter().map(|(k, v)| (k, v)));
        if let Some(project) = project {
            command
                .env("ARGOCD_APP_NAME", "app")
                .env("ARGOCD_APP_PROJECT_NAME", project);
        }
        let output = command.output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        let root = self.temp.path().display().to_string();
        let ran = Ran {
            good: output.status.success(),
            out: text(output.stdout).replace(&root, ""),
            errors: text(output.stderr).replace(&root, ""),
            asked: self.aws.asked(),
        };
        assert!(!ran.errors.contains("planted"), "{}", ran.errors);
        assert!(!ran.out.contains("planted"), "{}", ran.out);
        ran
    }
}

fn arn(account: &str) -> String {
    format!("arn:aws:kms:eu-west-1:123456789012:key/{account}")
}

impl Ran {
    fn opened_by(&self, who: &str) {
        assert!(self.good && self.out.contains("of-it"), "{}", self.errors);
        assert_eq!(self.asked, [who]);
    }

    fn refused(&self) -> &str {
        assert!(!self.good && !self.out.contains("of-it"));
        &self.errors
    }
}

#[test]
fn each_project_has_an_identity_of_its_own() {
    let pod = Pod::new();
    pod.give("keys/team-a", "TEAM-A");
    pod.give("keys/team-b", "TEAM-B");
    pod.render(Some("team-a"), "TEAM-A.enc.yaml")
        .opened_by("TEAM-A");
    pod.render(Some("team-b"), "TEAM-B.enc.yaml")
        .opened_by("TEAM-B");
    // Another project's file, and the pod's: asked for by the own identity
    // only, and the error says whose that is.
    for file in ["TEAM-B.enc.yaml", "POD.enc.yaml"] {
        let ran = pod.render(Some("team-a"), file);
        let errors = ran.refused();
        assert_eq!(ran.asked, ["TEAM-A"]);
        assert!(errors.contains("/keys/team-a/sops.aws-kms"), "{errors}");
        assert!(!errors.contains("keys/team-b"), "{errors}");
    }
    insta::assert_snapshot!(pod.render(Some("team-a"), "TEAM-B.enc.yaml").refused());
}

#[test]
fn a_profile_in_a_file_is_not_a_way_to_the_pods_credentials() {
    let pod = Pod::new();
    pod.give("keys/team-a", "TEAM-A");
    pod.write(
        "home/.aws/credentials",
        "[default]\naws_access_key_id = POD\naws_secret_access_key = planted-secret\n",
    );
    let file = fs::read_to_string(pod.path("app/POD.enc.yaml")).unwrap();
    let none = "aws_profile: \"\"";
    assert!(file.contains(none), "{file}");
    let file = file.replace(none, "aws_profile: default");
    pod.write("app/profile.enc.yaml", file);
    // Who is nobody's tenant gets them by the profile.
    let mine = pod.run(None, &["decrypt", "profile.enc.yaml"]);
    assert!(mine.good, "{}", mine.errors);
    let ran = pod.render(Some("team-a"), "profile.enc.yaml");
    ran.refused();
    assert_eq!(ran.asked, ["TEAM-A"], "{}", ran.errors);
}

#[test]
fn without_a_file_nobody_is_asked_unless_the_project_may_be_the_pod() {
    let pod = Pod::new();
    pod.give("keys/team-a", "TEAM-A");
    pod.write("keys/team-c/key.agekey", "# none\n");
    let ran = pod.render(Some("team-c"), "POD.enc.yaml");
    assert_eq!(ran.asked, [""; 0]);
    insta::assert_snapshot!(ran.refused());
    pod.write("keys/team-c/ambient", "");
    pod.render(Some("team-c"), "POD.enc.yaml").opened_by("POD");
    // For this project only.
    assert_eq!(pod.render(Some("team-d"), "POD.enc.yaml").asked, [""; 0]);
    // Beside credentials of its own: these come first.
    pod.write("keys/team-a/ambient", "");
    pod.render(Some("team-a"), "TEAM-A.enc.yaml")
        .opened_by("TEAM-A");
    let both = pod.render(Some("team-a"), "POD.enc.yaml");
    assert!(both.good);
    assert_eq!(both.asked, ["TEAM-A", "POD"]);
    // For all of them.
    pod.write("keys/_shared/ambient", "");
    pod.render(Some("team-d"), "POD.enc.yaml").opened_by("POD");
}

#[test]
fn a_file_that_fails_does_not_open_the_door_to_others() {
    let pod = Pod::new();
    pod.write("keys/team-b/x.agekey", "# none\n");
    for bad in [
        "",
        "aws_access_key_id: AKIDPLANTED\n",
        "[default]\nplanted\n",
    ] {
        pod.write("keys/team-a/sops.aws-kms", bad);
        let ran = pod.render(Some("team-a"), "POD.enc.yaml");
        assert!(ran.refused().contains("/keys/team-a/sops.aws-kms: "));
        assert_eq!(ran.asked, [""; 0]);
    }
    fs::remove_file(pod.path("keys/team-a/sops.aws-kms")).unwrap();
    symlink("nowhere", pod.path("keys/team-a/sops.aws-kms")).unwrap();
    let ran = pod.render(Some("team-a"), "POD.enc.yaml");
    assert!(ran.refused().contains("no such file"), "{}", ran.errors);
    assert_eq!(ran.asked, [""; 0]);
}

#[test]
fn one_folder_for_all() {
    let pod = Pod::new();
    // The environment's, as without a folder.
    pod.write("keys/key.agekey", "# none\n");
    pod.render(Some("team-a"), "POD.enc.yaml").opened_by("POD");
    // What the folder holds counts in its place, as in Flux.
    pod.give("keys", "TEAM-A");
    for project in [Some("team-a"), None] {
        pod.render(project, "TEAM-A.enc.yaml").opened_by("TEAM-A");
        let ran = pod.render(project, "POD.enc.yaml");
        assert_eq!(ran.asked, ["TEAM-A"]);
        ran.refused();
    }
    // A folder with nothing but credentials is none of projects.
    fs::remove_file(pod.path("keys/key.agekey")).unwrap();
    pod.render(Some("team-a"), "TEAM-A.enc.yaml")
        .opened_by("TEAM-A");
}

#[test]
fn vault_and_google() {
    let mut pod = Pod::new();
    let vault = Fake::start(crate::fake::vault);
    let url = vault.url.clone();
    let file = encrypt(
        Recipient::vault(&vault.url, "transit", "k"),
        move |name| match name {
            "VAULT_ADDR" => Some(url.clone()),
            "VAULT_TOKEN" => Some("s.t0k3n".into()),
            _ => None,
        },
    );
    pod.write("app/vault.enc.yaml", file);
    let google = Fake::start(|got| {
        // Where the user's token is renewed.
        if got.target.contains("/token") {
            let body = serde_json::json!({"access_token": "t0k3n", "expires_in": 3600});
            (200, body, "renewed".into())
        } else {
            crate::fake::gcp(got)
        }
    });
    let id = "projects/p/locations/global/keyRings/r/cryptoKeys/k";
    let url = google.url.clone();
    let file = encrypt(Recipient::gcp_kms(id), move |name| match name {
        "SOPS_GCP_KMS_ENDPOINT" => Some(url.clone()),
        "GOOGLE_OAUTH_ACCESS_TOKEN" => Some("t0k3n".into()),
        _ => None,
    });
    pod.write("app/google.enc.yaml", file);
    pod.set("VAULT_ADDR", vault.url.clone());
    pod.set("VAULT_TOKEN", "the pod's");
    pod.set("SOPS_GCP_KMS_ENDPOINT", google.url.clone());
    pod.set("GOOGLE_OAUTH_ACCESS_TOKEN", "the pod's");
    vault.asked();
    google.asked();

    pod.write("keys/team-a/sops.vault-token", "s.t0k3n\n");
    let user = serde_json::json!({
        "type": "authorized_user",
        "client_id": "c",
        "client_secret": "planted",
        "refresh_token": "planted",
        "token_uri": format!("{}/token", google.url),
    });
    pod.write("keys/team-a/sops.gcp-kms", user.to_string());
    pod.write("keys/team-b/key.agekey", "# none\n");
    for (file, cloud, asked) in [
        ("vault.enc.yaml", &vault, &["s.t0k3n"][..]),
        ("google.enc.yaml", &google, &["renewed", "Bearer t0k3n"]),
    ] {
        let ran = pod.render(Some("team-a"), file);
        assert!(ran.good && ran.out.contains("of-it"), "{}", ran.errors);
        assert_eq!(cloud.asked(), asked);
        pod.render(Some("team-b"), file).refused();
        assert_eq!(cloud.asked(), [""; 0]);
    }
}

#[test]
fn doctor_names_the_places() {
    let pod = Pod::new();
    pod.give("keys/team-a", "TEAM-A");
    pod.write("keys/team-b/sops.vault-token", "");
    pod.write("keys/team-b/ambient", "");
    pod.write("app/kustomization.yaml", "generators: [generator.yaml]\n");
    let doctor = |project: &str, file: &str| {
        pod.render(None, file);
        let ran = pod.run(None, &["doctor", "--online", "--project", project, "."]);
        let lines = ran.out.lines().skip_while(|line| !line.contains("project"));
        lines.collect::<Vec<_>>().join("\n")
    };
    insta::assert_snapshot!(doctor("team-a", "TEAM-A.enc.yaml"));
    insta::assert_snapshot!(doctor("team-a", "POD.enc.yaml"));
    insta::assert_snapshot!(doctor("team-b", "POD.enc.yaml"));
}
