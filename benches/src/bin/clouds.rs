//! Measures whole processes that ask a key service of a cloud, which is a
//! server of our own on this machine:
//!
//! ```sh
//! clouds KSOPS_RS [SOPS]
//! ```
//!
//! One file with one AWS key and static credentials over plain HTTP, each
//! program in turns (`COMPARE_RUNS`, 21 unless set); and 200 files with as many
//! wrapped keys, where each answer takes 50 ms. Vault's engine beside it.

use std::{
    env,
    error::Error,
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use sops_core::{Document, EncryptOptions, Format, Keyring, keys::Recipient};
use sops_kms::{Environment, Policy};
use testkit::fake::{Fake, Got, Reply};

type Result<T = ()> = std::result::Result<T, Box<dyn Error>>;

const FILES: usize = 200;
const ANSWER: u64 = 50;

/// AWS KMS and Vault's transit engine that "wrap" by nothing but a number in
/// front, so that no two wrapped keys are equal.
fn answer(got: &Got) -> Reply {
    let call: Value = serde_json::from_slice(&got.body).unwrap_or_default();
    let text = |name: &str| call[name].as_str().unwrap_or_default().to_owned();
    let answer = match (got.header("x-amz-target"), got.target.rsplit('/').nth(1)) {
        ("TrentService.Encrypt", _) => json!({"CiphertextBlob": text("Plaintext")}),
        ("TrentService.Decrypt", _) => json!({"Plaintext": text("CiphertextBlob")}),
        (_, Some("encrypt")) => {
            json!({"data": {"ciphertext": format!("vault:v1:{}", text("plaintext"))}})
        }
        _ => json!({"data": {"plaintext": text("ciphertext").trim_start_matches("vault:v1:")}}),
    };
    Reply::json(200, answer.to_string())
}

/// The variables that lead to a server.
fn variables(url: &str) -> Vec<(String, String)> {
    [
        ("AWS_ENDPOINT_URL", url),
        ("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"),
        ("AWS_SECRET_ACCESS_KEY", "example"),
        ("VAULT_ADDR", url),
        ("VAULT_TOKEN", "example"),
        ("SOPS_DISABLE_VERSION_CHECK", "1"),
    ]
    .map(|(name, value)| (name.into(), value.into()))
    .into()
}

fn write(path: &Path, to: Recipient, vars: &[(String, String)]) -> Result {
    let vars = vars.to_vec();
    let lookup = move |name: &str| vars.iter().find(|(k, _)| k == name).map(|(_, v)| v.into());
    let mut keyring = Keyring::without_services();
    sops_kms::add_services(&mut keyring, &Environment::new(lookup, Policy::default()));
    let name = path.file_stem().unwrap_or_default().to_string_lossy();
    let text = format!(
        "apiVersion: v1\nkind: Secret\nmetadata:\n    name: {name}\nstringData:\n    password: hunter2\n"
    );
    let plain = Document::parse_plain(text.as_bytes(), Format::Yaml)?;
    fs::write(path, plain.encrypt(&EncryptOptions::new([to]), &keyring)?)?;
    Ok(())
}

/// Wall time of a whole process.
fn time(program: &Path, dir: &Path, args: &[&str], vars: &[(String, String)]) -> Result<Duration> {
    let start = Instant::now();
    let status = Command::new(program)
        .args(args)
        .current_dir(dir)
        .env_clear()
        .env("HOME", dir)
        .envs(vars.iter().map(|(name, value)| (name, value)))
        .stdout(Stdio::null())
        .status()?;
    let time = start.elapsed();
    match status.success() {
        true => Ok(time),
        false => Err(format!("{} {args:?} failed", program.display()).into()),
    }
}

fn median(times: &mut [f64]) -> f64 {
    times.sort_by(f64::total_cmp);
    times.get(times.len() / 2).copied().unwrap_or_default()
}

fn main() -> Result {
    let programs: Vec<PathBuf> = env::args_os().skip(1).map(PathBuf::from).collect();
    let ours = programs.first().ok_or("usage: clouds KSOPS_RS [SOPS]")?;
    let runs: usize = match env::var("COMPARE_RUNS") {
        Ok(runs) => runs.parse()?,
        Err(_) => 21,
    };
    let dir = env::temp_dir().join(format!("ksops-rs-clouds-{}", std::process::id()));
    fs::create_dir_all(&dir)?;
    let fake = Fake::http(answer);
    let vars = variables(&fake.url());
    let arn = Recipient::aws_kms("arn:aws:kms:eu-west-1:123456789012:key/a");
    let vault = Recipient::vault(fake.url(), "transit", "k");
    for (name, to) in [("aws", &arn), ("vault", &vault)] {
        let file = format!("{name}.yaml");
        write(&dir.join(&file), to.clone(), &vars)?;
        let mut times = vec![Vec::new(); programs.len()];
        let mut ratios = vec![Vec::new(); programs.len()];
        for _ in 0..runs {
            let mut first = 0.0;
            for (n, program) in programs.iter().enumerate() {
                let time = time(program, &dir, &["decrypt", &file], &vars)?;
                let time = time.as_secs_f64() * 1000.0;
                if n == 0 {
                    first = time;
                }
                times[n].push(time);
                ratios[n].push(time / first);
            }
        }
        println!("one file with one key of {name}: ms, ratio (medians of {runs} turns)");
        for (n, program) in programs.iter().enumerate() {
            let name = program.file_name().unwrap_or_default().to_string_lossy();
            let (time, ratio) = (median(&mut times[n]), median(&mut ratios[n]));
            println!("{name:<12} {time:8.2} {ratio:6.2}");
        }
    }
    let slow = Fake::http(|got| answer(got).slow(ANSWER));
    let vars = variables(&slow.url());
    let mut list = String::new();
    for n in 0..FILES {
        let name = format!("s{n}.enc.yaml");
        // The wrapped keys are written by the fast one.
        write(&dir.join(&name), arn.clone(), &variables(&fake.url()))?;
        list += &format!("- {name}\n");
    }
    let generator =
        format!("apiVersion: viaduct.ai/v1\nkind: ksops\nmetadata:\n  name: g\nfiles:\n{list}");
    fs::write(dir.join("generator.yaml"), generator)?;
    let mut all = Vec::new();
    for _ in 0..runs.min(5) {
        let time = time(ours, &dir, &["generator.yaml"], &vars)?;
        all.push(time.as_secs_f64() * 1000.0);
    }
    println!(
        "{FILES} files and wrapped keys, {ANSWER} ms an answer: {:.0} ms",
        median(&mut all)
    );
    fs::remove_dir_all(&dir)?;
    Ok(())
}
