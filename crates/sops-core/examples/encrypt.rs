//! Encrypts one file with SOPS to age recipients:
//!
//! ```sh
//! cargo run -p sops-core --example encrypt -- \
//!     --age age1… [--encrypted-regex REGEX] PLAIN ENCRYPTED
//! ```
//!
//! The format is that of the files' names, as for sops.

use std::error::Error;
use std::fs;

use sops_core::metadata::Rule;
use sops_core::{
    Document, EncryptOptions, Format, Keyring, Plain,
    keys::{KeyKind, Recipient},
};

const USAGE: &str = "usage: encrypt --age RECIPIENT [--age RECIPIENT]… \
                     [--encrypted-regex REGEX] PLAIN ENCRYPTED";

fn main() -> Result<(), Box<dyn Error>> {
    let mut recipients = Vec::new();
    let mut rule = Rule::default();
    let mut files = Vec::new();
    let mut args = std::env::args().skip(1);
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--age" => recipients.push(Recipient::parse(KeyKind::Age, &args.next().ok_or(USAGE)?)?),
            "--encrypted-regex" => rule = Rule::EncryptedRegex(args.next().ok_or(USAGE)?),
            _ => files.push(arg),
        }
    }
    let [plain, encrypted] = files.as_slice() else {
        return Err(USAGE.into());
    };

    let document = Document::<Plain>::parse_plain(&fs::read(plain)?, Format::from_path(plain))?;
    let options = EncryptOptions::new(recipients)
        .with_rule(rule)
        .with_format(Format::from_path(encrypted));
    fs::write(encrypted, document.encrypt(&options, &Keyring::new())?)?;
    Ok(())
}
