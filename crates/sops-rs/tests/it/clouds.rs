//! Files with keys of AWS (moto) and Vault (OpenBao), by our program and by Go
//! sops: each opens, re-keys and edits what the other wrote.

use super::common::{Folder, Run, sops, sops_rs};
use sops_kms::{
    Environment, Policy,
    http::{Client, Request},
};
use std::path::Path;
use testkit::servers::{Server, tool};

const PLAIN: &str = "a: secret\nb:\n    - 1\n    - true\n";

fn send(request: &Request) -> serde_json::Value {
    let env = Environment::new(|_| None, Policy::default());
    let answer = Client::new(&env).send(request).unwrap();
    assert!(answer.is_success(), "{request:?}: {answer:?}");
    serde_json::from_slice(answer.body()).unwrap_or_default()
}

/// Both servers, two keys in each, and a folder whose variables lead there.
struct World {
    folder: Folder,
    arns: Vec<String>,
    vaults: Vec<String>,
    _moto: Server,
    _bao: Server,
}

impl World {
    fn new() -> Option<Self> {
        let (moto, bao) = (tool("moto_server")?, tool("bao")?);
        let mut folder = Folder::new();
        let home = folder.path().display().to_string();
        let moto = Server::start(&moto, |port| vec!["-p".into(), port.to_string()], &[]);
        let args = |port: u16| {
            let listen = format!("-dev-listen-address=127.0.0.1:{port}");
            ["server", "-dev", "-dev-root-token-id=root", &listen]
                .map(Into::into)
                .into()
        };
        let bao = Server::start(&bao, args, &[("HOME", &home)]);
        let scope = "AWS4-HMAC-SHA256 Credential=x/20260101/eu-west-1/kms/aws4_request, SignedHeaders=host, Signature=0";
        let create = Request::post(moto.url() + "/")
            .with_header("x-amz-target", "TrentService.CreateKey")
            .with_header("content-type", "application/x-amz-json-1.1")
            .with_header("authorization", scope)
            .with_body(b"{}".to_vec());
        let arn = || {
            send(&create)["KeyMetadata"]["Arn"]
                .as_str()
                .unwrap()
                .to_owned()
        };
        let arns = vec![arn(), arn()];
        let url = bao.url();
        let post = |path: &str, body: &str| {
            let request = Request::post(format!("{url}/v1/{path}"))
                .with_header("x-vault-token", "root")
                .with_body(body.as_bytes().to_vec());
            send(&request);
        };
        post("sys/mounts/transit", r#"{"type":"transit"}"#);
        let vaults = ["one", "two"].map(|name| {
            post(&format!("transit/keys/{name}"), "{}");
            format!("{url}/v1/transit/keys/{name}")
        });
        for (name, value) in [
            ("HOME", &*home),
            ("AWS_ENDPOINT_URL", &moto.url()),
            ("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"),
            ("AWS_SECRET_ACCESS_KEY", "planted-secret"),
            ("AWS_EC2_METADATA_DISABLED", "true"),
            ("VAULT_ADDR", &url),
            ("VAULT_TOKEN", "root"),
            ("SOPS_DISABLE_VERSION_CHECK", "1"),
        ] {
            folder.var(name, value);
        }
        folder.vars.remove("SOPS_AGE_KEY_FILE");
        Some(World {
            folder,
            arns,
            vaults: vaults.into(),
            _moto: moto,
            _bao: bao,
        })
    }

    fn run(&self, program: &Path, args: &[&str]) -> Run {
        let run = self.folder.run_with(program, args, b"y\n");
        assert_eq!(
            run.code,
            0,
            "{} {args:?}: {}",
            program.display(),
            run.stderr
        );
        run
    }
}

#[test]
fn each_opens_and_changes_what_the_other_wrote() {
    let (Some(world), Some(sops)) = (World::new(), sops()) else {
        return;
    };
    let (folder, ours) = (&world.folder, sops_rs());
    let [first, second] = [&world.arns[0], &world.arns[1]];
    for (n, (writer, reader)) in [(&ours, &sops), (&sops, &ours)].into_iter().enumerate() {
        for (kind, flags) in [
            (
                "aws",
                vec!["--kms", first, "--encryption-context", "app:x,env:y"],
            ),
            ("vault", vec!["--hc-vault-transit", &world.vaults[0]]),
        ] {
            let name = format!("{kind}{n}.yaml");
            folder.write(&name, PLAIN);
            world.run(
                writer,
                &[&["encrypt", "--in-place"], &*flags, &[&*name]].concat(),
            );
            assert_eq!(world.run(reader, &["decrypt", &name]).text(), PLAIN);
            // The other one gives it a new data key, and one more recipient.
            let more = [
                "rotate",
                "-i",
                "--add-kms",
                second,
                "--add-hc-vault-transit",
                &world.vaults[1],
                &name,
            ];
            world.run(reader, &more);
            let file = folder.read(&name);
            assert!(
                file.contains(&**second) && file.contains("key_name: two"),
                "{file}"
            );
            assert_eq!(world.run(writer, &["decrypt", &name]).text(), PLAIN);
            world.run(writer, &["set", &name, r#"["a"]"#, r#""new""#]);
            assert_eq!(
                world
                    .run(reader, &["decrypt", "--extract", r#"["a"]"#, &name])
                    .text(),
                "new"
            );
        }
    }
    // By the configuration, key groups and all.
    folder.write(
        ".sops.yaml",
        format!(
            "creation_rules:\n- shamir_threshold: 2\n  key_groups:\n  - kms: [{{arn: '{first}'}}]\n  - hc_vault: ['{}']\n",
            world.vaults[0]
        ),
    );
    folder.write("groups.yaml", PLAIN);
    world.run(&ours, &["encrypt", "-i", "groups.yaml"]);
    assert_eq!(world.run(&sops, &["decrypt", "groups.yaml"]).text(), PLAIN);
    folder.write(
        ".sops.yaml",
        format!(
            "creation_rules:\n- kms: '{second}'\n  hc_vault_transit_uri: '{}'\n",
            world.vaults[1]
        ),
    );
    let run = world.run(&ours, &["updatekeys", "--yes", "groups.yaml"]);
    assert!(run.text().contains(&**second), "{}", run.text());
    assert_eq!(world.run(&sops, &["decrypt", "groups.yaml"]).text(), PLAIN);
}

#[test]
fn what_is_refused_says_what_to_do() {
    let Some(mut world) = World::new() else {
        return;
    };
    let ours = sops_rs();
    world.folder.write("f.yaml", PLAIN);
    let vault = world.vaults[0].clone();
    world.run(
        &ours,
        &["encrypt", "-i", "--hc-vault-transit", &vault, "f.yaml"],
    );
    let url = world.folder.vars["VAULT_ADDR"].clone();
    let mut seen = Vec::new();
    for (name, value) in [
        ("VAULT_TOKEN", "planted-token"),
        ("VAULT_ADDR", "https://vault.example.org"),
        ("SOPS_HC_VAULT_ALLOWLIST", "none"),
    ] {
        let before = world.folder.vars.insert(name.into(), value.into());
        let run = world.folder.run(&["decrypt", "f.yaml"]);
        assert_eq!(run.code, 128, "{}", run.stderr);
        assert!(!run.stderr.contains("planted"), "{}", run.stderr);
        let home = world.folder.path().display().to_string();
        seen.push(run.stderr.replace(&url, "URL").replace(&home, "~"));
        match before {
            Some(before) => world.folder.vars.insert(name.into(), before),
            None => world.folder.vars.remove(name),
        };
    }
    insta::assert_snapshot!(seen.join("--\n"));
}
