//! Opens and hashes the values of a file once more, by the bare crates in a
//! loop: what `benches/crypto` compares the program with.
//!
//! ```sh
//! bare FILE.yaml
//! ```

use std::{error::Error, fs, hint::black_box};

use aes_gcm::{AeadInPlace, AesGcm, KeyInit, Tag, aead::consts::U32, aes::Aes256};
use benches::keyring;
use sha2::{Digest, Sha512};
use sops_core::{Document, Format};

type Gcm = AesGcm<Aes256, U32>;

/// A value as it is stored: what is authenticated with it, ciphertext, tag.
type Sealed = (Vec<u8>, Vec<u8>, Tag);

const NONCE: [u8; 32] = [9; 32];

fn main() -> Result<(), Box<dyn Error>> {
    let file = std::env::args().nth(1).ok_or("usage: bare FILE.yaml")?;
    let document = Document::parse(&fs::read(file)?, Format::Yaml)?.decrypt(&keyring())?;
    let gcm = Gcm::new(&[7; 32].into());
    let mut values = Vec::new();
    for (path, value) in document.flatten() {
        let aad = format!("{path}:").into_bytes();
        let mut data = value.as_bytes().to_vec();
        let tag = gcm.encrypt_in_place_detached(&NONCE.into(), &aad, &mut data);
        values.push((aad, data, tag.map_err(|_| "too long")?));
    }
    bare_aes_gcm(&gcm, &mut values);
    bare_sha512(&values);
    Ok(())
}

#[inline(never)]
fn bare_aes_gcm(gcm: &Gcm, values: &mut [Sealed]) {
    for (aad, data, tag) in values {
        let opened = gcm.decrypt_in_place_detached(&NONCE.into(), aad, data, tag);
        let _ = black_box(opened);
    }
}

#[inline(never)]
fn bare_sha512(values: &[Sealed]) {
    let mut hash = Sha512::new();
    for (_, data, _) in values {
        hash.update(black_box(data));
    }
    black_box(hash.finalize());
}
