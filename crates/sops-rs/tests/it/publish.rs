//! `publish`, from the command line to the store: S3 by moto, Google Cloud
//! Storage by drongo, Vault's engines by OpenBao; with Go sops beside it.

use std::path::Path;

use super::common::{Folder, Run, sops, sops_rs};
use sops_kms::{
    Environment, Policy,
    http::{Client, Request},
};
use testkit::{
    fake::{Fake, Reply},
    servers::{Server, tool},
};

const A: &str = "age1a7zz5jawu8m8mxzqtue0wp7jtgpqvvg4pqnm260y694ygszaheqqeetzuc";

/// Two files for one destination.
fn folder(rule: &str) -> Folder {
    let mut folder = Folder::new();
    folder.write("e.yaml", "a: x\nb:\n    c: y z\n    d: ''\n");
    folder.write("sub/f.json", r#"{"x": "y", "z": {"n": "-1"}}"#);
    for file in ["e.yaml", "sub/f.json"] {
        let run = folder.run(&["encrypt", "--age", A, "--in-place", file]);
        assert_eq!(run.code, 0, "{}", run.stderr);
    }
    folder.write(".sops.yaml", format!("destination_rules:\n- {{{rule}}}\n"));
    let home = folder.path().display().to_string();
    folder.var("HOME", home);
    folder.var("SOPS_DISABLE_VERSION_CHECK", "1");
    folder.var("AWS_EC2_METADATA_DISABLED", "true");
    folder
}

/// Sends a request; the status and the body of the answer.
fn send(request: Request) -> (u16, Vec<u8>) {
    let env = Environment::new(|_| None, Policy::default());
    let answer = Client::new(&env).send(&request).unwrap();
    (answer.status(), answer.body().to_vec())
}

fn publish(folder: &Folder, program: &Path, args: &[&str], answer: &str) -> Run {
    let args = [&["publish"], args].concat();
    folder.run_with(program, &args, answer.as_bytes())
}

/// Publishes with a program; what is there afterwards are the files.
fn whole_files(folder: &Folder, program: &Path, get: impl Fn(&str) -> Vec<u8>) {
    for args in [&["--yes", "e.yaml"][..], &["-y", "--recursive", "sub"]] {
        let run = publish(folder, program, args, "");
        assert_eq!(run.code, 0, "{}: {}", program.display(), run.stderr);
        assert_eq!(run.text(), "");
    }
    for (object, file) in [("e.yaml", "e.yaml"), ("f.json", "sub/f.json")] {
        let seen = String::from_utf8(get(object)).unwrap();
        assert_eq!(seen, folder.read(file), "{}", program.display());
    }
}

/// A request that moto takes for one of S3's.
fn of_s3(request: Request) -> Request {
    let scope = "AWS4-HMAC-SHA256 Credential=x/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0";
    request.with_header("authorization", scope)
}

#[test]
fn s3() {
    let Some(program) = tool("moto_server") else {
        return;
    };
    let port = |port: u16| vec!["-p".into(), port.to_string()];
    let moto = Server::start(&program, port, &[]);
    let url = moto.url();
    let (status, _) = send(of_s3(Request::put(format!("{url}/a-bucket"))));
    assert_eq!(status, 200);
    let mut folder = folder("s3_bucket: a-bucket, s3_prefix: pre/");
    folder.var("AWS_ENDPOINT_URL", &*url);
    folder.var("AWS_ACCESS_KEY_ID", "id");
    folder.var("AWS_SECRET_ACCESS_KEY", "planted-secret");
    folder.var("AWS_REGION", "us-east-1");
    let get = |name: &str| {
        let object = format!("{url}/a-bucket/pre/{name}");
        let (status, body) = send(of_s3(Request::get(&*object)));
        assert_eq!(status, 200, "{name}");
        // The next one has to write it anew.
        send(of_s3(Request::put(&*object).with_body(b"x".to_vec())));
        body
    };
    whole_files(&folder, &sops_rs(), get);
    if let Some(sops) = sops() {
        whole_files(&folder, &sops, get);
    }
    // Nobody there.
    folder.var(
        "AWS_ENDPOINT_URL",
        format!("http://{}", testkit::fake::nobody()),
    );
    let run = publish(&folder, &sops_rs(), &["-y", "e.yaml"], "");
    assert_eq!(run.code, 1);
    assert!(
        run.stderr
            .contains("cannot upload to s3://a-bucket/pre/e.yaml")
    );
    assert!(!run.stderr.contains("planted-secret"), "{}", run.stderr);
}

#[test]
fn gcs() {
    let Some(drongo) = testkit::servers::drongo() else {
        return;
    };
    let url = drongo.url();
    let create = Request::post(format!("{url}/storage/v1/b?project=p"))
        .with_header("content-type", "application/json")
        .with_body(br#"{"name": "a-bucket"}"#.to_vec());
    assert_eq!(send(create).0, 200);
    let mut folder = folder("gcs_bucket: a-bucket, gcs_prefix: pre/");
    folder.var("STORAGE_EMULATOR_HOST", &url["http://".len()..]);
    let get = |name: &str| {
        let object = format!("{url}/storage/v1/b/a-bucket/o/pre%2F{name}?alt=media");
        let (status, body) = send(Request::get(object));
        assert_eq!(status, 200, "{name}");
        body
    };
    // What Go sops sends in parts drongo does not understand.
    whole_files(&folder, &sops_rs(), get);
}

#[test]
fn vault() {
    let (Some(program), Some(sops)) = (tool("bao"), sops()) else {
        return;
    };
    let mut folder = folder("vault_path: x");
    let home = folder.path().display().to_string();
    let args = |port: u16| {
        let listen = format!("-dev-listen-address=127.0.0.1:{port}");
        ["server", "-dev", "-dev-root-token-id=root", &listen]
            .map(Into::into)
            .into()
    };
    let bao = Server::start(&program, args, &[("HOME", &home)]);
    let url = bao.url();
    folder.var("VAULT_ADDR", &*url);
    folder.var("VAULT_TOKEN", "root");
    let get = |path: &str| {
        let request = Request::get(format!("{url}/v1/{path}")).with_header("x-vault-token", "root");
        let (status, body) = send(request);
        assert_eq!(status, 200, "{path}");
        serde_json::from_slice::<serde_json::Value>(&body).unwrap()["data"].clone()
    };
    let ours = |args: &[&str]| {
        let run = publish(&folder, &sops_rs(), args, "");
        assert_eq!(run.code, 0, "{}", run.stderr);
        run
    };
    ours(&["-y", "e.yaml"]);
    let ours_first = get("secret/data/x/e.yaml");
    assert_eq!(ours_first["metadata"]["version"], 1);
    // For Go sops it is there already, and the other way round.
    let run = publish(&folder, &sops, &["-y", "e.yaml"], "");
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert_eq!(get("secret/data/x/e.yaml"), ours_first);
    let run = publish(&folder, &sops, &["-y", "--recursive", "sub"], "");
    assert_eq!(run.code, 0, "{}", run.stderr);
    let theirs_first = get("secret/data/x/f.json");
    let run = ours(&["-y", "--recursive", "--verbose", "sub"]);
    assert!(run.stderr.contains("is up to date"), "{}", run.stderr);
    assert_eq!(get("secret/data/x/f.json"), theirs_first);
    assert_eq!(theirs_first["metadata"]["version"], 1);
    // An engine of version 1.
    let mount = Request::post(format!("{url}/v1/sys/mounts/kv1"))
        .with_header("x-vault-token", "root")
        .with_body(br#"{"type":"kv","options":{"version":"1"}}"#.to_vec());
    assert_eq!(send(mount).0, 204);
    folder.write(
        ".sops.yaml",
        "destination_rules:\n- {vault_path: x, vault_kv_version: 1, vault_kv_mount_name: kv1}\n",
    );
    let run = publish(&folder, &sops_rs(), &["-y", "e.yaml"], "");
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert_eq!(get("kv1/x/e.yaml"), ours_first["data"]);
}

#[test]
fn nothing_goes_where_it_may_not() {
    let server = Fake::http(|_| Reply::json(200, r#"{"data":{"data":{}}}"#));
    let rule = format!("vault_path: x, vault_address: '{}'", server.url());
    let mut folder = folder(&rule);
    folder.var("VAULT_TOKEN", "planted-token");
    let ours = |folder: &Folder, answer: &str| {
        let run = publish(folder, &sops_rs(), &["e.yaml"], answer);
        assert_eq!(run.code, 1, "{}", run.stderr);
        assert!(!run.stderr.contains("planted-token"));
        let text = run.stderr.replace(&server.url(), "URL");
        text.replace(
            &folder.path().canonicalize().unwrap().display().to_string(),
            "DIR",
        )
    };
    // Nobody said yes.
    let canceled = ours(&folder, "n\n");
    // The rule is in a file: it does not choose where a token goes.
    folder.var("VAULT_ADDR", "https://vault.example.org");
    let by_address = ours(&folder, "y\n");
    folder.var("SOPS_HC_VAULT_ALLOWLIST", "https://vault.example.org");
    let by_list = ours(&folder, "y\n");
    assert_eq!(server.connections(), 0);
    insta::assert_snapshot!([canceled, by_address, by_list].join("--\n"));
    // All that the question shows is asked.
    folder.var("SOPS_HC_VAULT_ALLOWLIST", "all");
    let run = publish(&folder, &sops_rs(), &["e.yaml"], "y\n");
    assert_eq!(run.code, 0, "{}", run.stderr);
    let got = server.got();
    assert_eq!(got.len(), 2);
    assert_eq!(got[1].target, "/v1/secret/data/x/e.yaml");
    assert_eq!(got[1].header("x-vault-token"), "planted-token");
}
