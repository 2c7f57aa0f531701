//! Writes the files that whole processes are measured with:
//!
//! ```sh
//! make-corpus DIR [--headline]
//! ```
//!
//! `--headline` leaves out all but the first four of
//!
//! | in DIR | |
//! |---|---|
//! | `keys.txt` | the identity for all of it |
//! | `one/` | a generator with one Secret |
//! | `pgp/` | the same for a key of RSA-2048: `key.asc`, and a home of GnuPG with it; where there is a gpg |
//! | `files200/` | a generator with 200 files, which have 20 data keys |
//! | `values20000/` | a generator with one file of 20,000 values, 3.5 MB |
//! | `keys1000/` | a generator with 1,000 files, each with its own data key |
//! | `growth/SHAPE-N.FORMAT` | N values; and without a shape, in sections |

use std::{
    error::Error,
    fmt::Write,
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use benches::{IDENTITIES, Shape, document, encrypt, encrypt_secret, encrypt_secret_for, secret};
use sops_core::{Format, Keyring, keys::Recipient};
use sops_pgp::Pgp;

type Result<T = ()> = std::result::Result<T, Box<dyn Error>>;

fn main() -> Result {
    let mut args = std::env::args_os().skip(1);
    let dir = args.next().ok_or("usage: make-corpus DIR [--headline]")?;
    let dir = PathBuf::from(dir);
    let headline_only = args.next().is_some_and(|arg| arg == "--headline");
    fs::create_dir_all(&dir)?;
    fs::write(dir.join("keys.txt"), IDENTITIES)?;

    let one = encrypt_secret(&secret("database", 6))?;
    generator(&dir.join("one"), &[one])?;

    pgp(&dir.join("pgp"))?;

    let twenty = secrets(20)?;
    let copies: Vec<_> = (0..200).map(|n| twenty[n % 20].clone()).collect();
    generator(&dir.join("files200"), &copies)?;

    let big = encrypt(&document(20_000, Format::Yaml, Shape::Sections))?;
    generator(&dir.join("values20000"), &[big])?;

    if headline_only {
        return Ok(());
    }
    generator(&dir.join("keys1000"), &secrets(1000)?)?;

    let growth = dir.join("growth");
    fs::create_dir_all(&growth)?;
    for (format, shape, name, end) in [
        (Format::Yaml, Shape::Sections, "", "yaml"),
        (Format::Yaml, Shape::Flat, "flat-", "yaml"),
        (Format::Yaml, Shape::List, "list-", "yaml"),
        (Format::Yaml, Shape::Commented, "commented-", "yaml"),
        (Format::Json, Shape::Sections, "", "json"),
        (Format::Json, Shape::Flat, "flat-", "json"),
        (Format::Dotenv, Shape::Flat, "", "env"),
        (Format::Ini, Shape::Sections, "", "ini"),
        (Format::Binary, Shape::Flat, "", "bin"),
    ] {
        for values in [1_000, 10_000, 100_000] {
            let bytes = encrypt(&document(values, format, shape))?;
            fs::write(growth.join(format!("{name}{values}.{end}")), bytes)?;
        }
    }
    Ok(())
}

/// A generator with one Secret that a new key of RSA-2048 opens.
fn pgp(dir: &Path) -> Result {
    let home = dir.join("home");
    fs::create_dir_all(&home)?;
    #[cfg(unix)]
    fs::set_permissions(&home, std::os::unix::fs::PermissionsExt::from_mode(0o700))?;
    let gpg = |args: &[&str]| {
        let mut command = Command::new("gpg");
        let command = command.args(["--batch", "--quiet", "--passphrase", ""]);
        let command = command.args(["--pinentry-mode", "loopback", "--homedir"]);
        command.arg(&home).args(args).stdin(Stdio::null()).output()
    };
    let parameters = dir.join("parameters");
    let lines = "Key-Type: RSA\nKey-Length: 2048\nSubkey-Type: RSA\nSubkey-Length: 2048\n\
                 Name-Real: bench\n%no-protection\n%commit\n";
    fs::write(&parameters, lines)?;
    let made = gpg(&["--full-generate-key", &parameters.to_string_lossy()]);
    if !made.is_ok_and(|made| made.status.success()) {
        eprintln!("no key of PGP: gpg is not there, or failed");
        return Ok(());
    }
    let key = gpg(&["--armor", "--export-secret-keys"])?.stdout;
    fs::write(dir.join("key.asc"), &key)?;
    let mut pgp = Pgp::default();
    let found = pgp.add_keys(&key).to_string();
    let fingerprint = found.rsplit(' ').next().unwrap_or_default();
    let mut keyring = Keyring::without_services();
    keyring.add_service(pgp);
    let secret = secret("database", 6);
    let file = encrypt_secret_for(&secret, Recipient::pgp(fingerprint), &keyring)?;
    // Whoever is measured starts it again if it is needed.
    let mut command = Command::new("gpgconf");
    let _ = command
        .arg("--homedir")
        .arg(&home)
        .args(["--kill", "gpg-agent"])
        .status();
    generator(dir, &[file])
}

/// So many Secrets of six values, each with its own data key.
fn secrets(count: usize) -> Result<Vec<Vec<u8>>> {
    (0..count)
        .map(|n| Ok(encrypt_secret(&secret(&format!("secret-{n}"), 6))?))
        .collect()
}

/// A folder with these files and a generator that names them.
fn generator(dir: &Path, files: &[Vec<u8>]) -> Result {
    fs::create_dir_all(dir)?;
    let mut text =
        "apiVersion: viaduct.ai/v1\nkind: ksops\nmetadata:\n  name: bench\nfiles:\n".to_owned();
    for (n, bytes) in files.iter().enumerate() {
        fs::write(dir.join(format!("{n:04}.enc.yaml")), bytes)?;
        writeln!(text, "- ./{n:04}.enc.yaml")?;
    }
    fs::write(dir.join("generator.yaml"), text)?;
    Ok(())
}
