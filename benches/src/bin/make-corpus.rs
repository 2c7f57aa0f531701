//! Writes the files that whole processes are measured with:
//!
//! ```sh
//! make-corpus DIR [--headline]
//! ```
//!
//! `--headline` leaves out all but the first three of
//!
//! | in DIR | |
//! |---|---|
//! | `keys.txt` | the identity for all of it |
//! | `one/` | a generator with one Secret |
//! | `files200/` | a generator with 200 files, which have 20 data keys |
//! | `values20000/` | a generator with one file of 20,000 values, 3.5 MB |
//! | `keys1000/` | a generator with 1,000 files, each with its own data key |
//! | `growth/SHAPE-N.FORMAT` | N values; and without a shape, in sections |

use std::{
    error::Error,
    fmt::Write,
    fs,
    path::{Path, PathBuf},
};

use benches::{IDENTITIES, Shape, document, encrypt, encrypt_secret, secret};
use sops_core::Format;

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
