//! Each room that data goes through, at 1 KB, 100 KB and 10 MB of encrypted
//! text, for every format:
//!
//! ```sh
//! cargo bench -p benches
//! cargo bench -p benches -- decrypt/yaml
//! ```
//!
//! `parse` reads text to tree and metadata, `decrypt` opens all values and
//! checks the MAC with a data key at hand, `emit` writes the plaintext,
//! `document` is all of it with a new keyring. `unwrap` opens a wrapped data
//! key, `resolve` types plain scalars, and `bare` are AES-GCM and SHA-512 as
//! their crates do them, on as many values of the usual length.

// `criterion_group!` makes items that nothing can document.
#![allow(missing_docs)]

use std::{hint::black_box, time::Duration};

use aes_gcm::{
    AeadInPlace, AesGcm, KeyInit,
    aead::consts::U32,
    aes::{Aes256, cipher::Unsigned},
};
use benches::{Shape, document, encrypt, keyring};
use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use go_yaml::resolve::resolve;
use sha2::{Digest, Sha512};
use sops_core::{Document, Format, Style};

const FORMATS: [(Format, Shape); 5] = [
    (Format::Yaml, Shape::Sections),
    (Format::Json, Shape::Sections),
    (Format::Dotenv, Shape::Flat),
    (Format::Ini, Shape::Sections),
    (Format::Binary, Shape::Flat),
];

/// Bytes that a value takes in an encrypted file, about.
fn per_value(format: Format) -> usize {
    if format == Format::Binary { 43 } else { 170 }
}

fn rooms(c: &mut Criterion) {
    for (format, shape) in FORMATS {
        for (size, label) in [(1_000, "1KB"), (100_000, "100KB"), (10_000_000, "10MB")] {
            let values = (size / per_value(format)).max(1);
            let encrypted = encrypt(&document(values, format, shape)).unwrap();
            let ring = keyring();
            let parse = || Document::parse(&encrypted, format).unwrap();
            let decrypted = parse().decrypt(&ring).unwrap();
            let style = Style::default();

            let mut room = |name: &str, run: &mut dyn FnMut(&mut criterion::Bencher<'_>)| {
                let mut group = c.benchmark_group(format!("{name}/{}", format.name()));
                group.throughput(Throughput::Bytes(encrypted.len() as u64));
                group.sample_size(10);
                group.warm_up_time(Duration::from_millis(200));
                group.measurement_time(Duration::from_secs(1));
                group.bench_function(BenchmarkId::from_parameter(label), |b| run(b));
                group.finish();
            };
            room("parse", &mut |b| b.iter_with_large_drop(parse));
            room("decrypt", &mut |b| {
                b.iter_batched(
                    parse,
                    |document| document.decrypt(&ring).unwrap(),
                    BatchSize::PerIteration,
                )
            });
            room("emit", &mut |b| {
                b.iter_with_large_drop(|| decrypted.to_bytes(format, &style).unwrap())
            });
            room("document", &mut |b| {
                b.iter(|| {
                    let document = parse().decrypt(&keyring()).unwrap();
                    document.to_bytes(format, &style).unwrap()
                })
            });
        }
    }
}

fn unwrap(c: &mut Criterion) {
    let encrypted = encrypt(&document(1, Format::Yaml, Shape::Flat)).unwrap();
    let document = Document::parse(&encrypted, Format::Yaml).unwrap();
    let mut group = c.benchmark_group("unwrap");
    group.bench_function("age-x25519", |b| {
        b.iter_batched(
            keyring,
            |ring| ring.open(document.metadata()).unwrap(),
            BatchSize::SmallInput,
        )
    });
    group.bench_function("remembered", |b| {
        let ring = keyring();
        b.iter(|| ring.open(document.metadata()).unwrap())
    });
    group.bench_function("read-identities", |b| b.iter(keyring));
    group.finish();
}

fn resolving(c: &mut Criterion) {
    let scalars = [
        "ENC[AES256_GCM,data:4ft0,iv:8eOUZl,tag:9ORjb8,type:str]",
        "key_000017",
        "true",
        "4711",
        "2001-12-14t21:59:43.10-05:00",
        "1e3",
        "12:30:45",
    ];
    let mut group = c.benchmark_group("resolve");
    group.throughput(Throughput::Elements(scalars.len() as u64));
    group.bench_function("scalars", |b| {
        b.iter(|| {
            for scalar in scalars {
                black_box(resolve(black_box(scalar)));
            }
        })
    });
    group.finish();
}

fn bare(c: &mut Criterion) {
    /// Of a value, and of the path that is authenticated with it.
    const VALUE: usize = 40;
    const PATH: usize = 24;
    let cipher = AesGcm::<Aes256, U32>::new(&[7; 32].into());
    let nonce = [9; U32::USIZE].into();
    let mut value = [1; VALUE];
    let tag = cipher
        .encrypt_in_place_detached(&nonce, &[2; PATH], &mut value)
        .unwrap();
    let mut group = c.benchmark_group("bare");
    group.bench_function("aes-gcm/value", |b| {
        b.iter(|| {
            let mut data = black_box(value);
            cipher
                .decrypt_in_place_detached(&nonce, black_box(&[2; PATH]), &mut data, &tag)
                .unwrap();
            data
        })
    });
    group.bench_function("sha512/value", |b| {
        let mut hash = Sha512::new();
        b.iter(|| hash.update(black_box(&value)))
    });
    group.throughput(Throughput::Bytes(1 << 20));
    group.bench_function("aes-gcm/1MiB", |b| {
        let mut data = vec![0; 1 << 20];
        b.iter(|| {
            cipher
                .encrypt_in_place_detached(&nonce, &[], black_box(&mut data))
                .unwrap()
        })
    });
    group.bench_function("sha512/1MiB", |b| {
        let data = vec![0; 1 << 20];
        b.iter(|| Sha512::digest(black_box(&data)))
    });
    group.finish();
}

criterion_group!(benches, unwrap, resolving, bare, rooms);
criterion_main!(benches);
