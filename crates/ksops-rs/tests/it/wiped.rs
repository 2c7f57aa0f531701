//! What is left of secrets in the memory that a run gave back: nothing.
//!
//! Looked for in a process of its own, by way of `/proc/self/mem`. The stack is
//! left out, where compilers put copies (`docs/THREAT-MODEL.md`), and so is
//! KRM style, which reads decrypted text again.

use std::{env, fs, fs::File, os::unix::fs::FileExt, path::Path, process::Command};

use crate::world::{Key, World};
use zeroize::Zeroize;

const DIR: &str = "WIPED_DIR";

/// A secret, in a form in which it is not found itself. Of a short one that was
/// given back the allocator overwrites the start: the end is looked for.
struct Masked(Vec<u8>);

impl Masked {
    const MASK: u8 = 0x5A;

    fn of(secret: &str) -> Self {
        let end = &secret.as_bytes()[secret.len() - 24..];
        Masked(end.iter().map(|byte| byte ^ Self::MASK).collect())
    }

    fn is_at(&self, bytes: &[u8]) -> bool {
        bytes.len() >= self.0.len()
            && bytes
                .iter()
                .zip(&self.0)
                .all(|(byte, masked)| byte ^ Self::MASK == *masked)
    }

    fn is_in(&self, bytes: &[u8]) -> bool {
        (0..bytes.len()).any(|at| self.is_at(&bytes[at..]))
    }
}

/// How often the secrets are in the memory of this process, without its stack.
fn left(secrets: &[Masked], buffer: &mut [u8]) -> usize {
    const OVERLAP: usize = 64;
    let local = 0_u8;
    let stack = (&raw const local).addr();
    let own = buffer.as_ptr().addr()..buffer.as_ptr().addr() + buffer.len();
    let mut starts = [false; 256];
    for secret in secrets {
        starts[usize::from(secret.0[0] ^ Masked::MASK)] = true;
    }
    let memory = File::open("/proc/self/mem").unwrap();
    let mut found = 0;
    for line in fs::read_to_string("/proc/self/maps").unwrap().lines() {
        let fields: Vec<_> = line.split_whitespace().collect();
        let of_heap =
            fields[1].starts_with("rw") && matches!(fields.get(5), None | Some(&"[heap]"));
        let (start, end) = fields[0].split_once('-').unwrap();
        let [start, end] = [start, end].map(|text| usize::from_str_radix(text, 16).unwrap());
        if !of_heap || (start..end).contains(&stack) {
            continue;
        }
        let mut at = start;
        while at < end {
            let length = buffer.len().min(end - at);
            let Ok(read) = memory.read_at(&mut buffer[..length], at as u64) else {
                break;
            };
            for offset in 0..read {
                // Most bytes are none that a secret starts with.
                if !starts[usize::from(buffer[offset])] || own.contains(&(at + offset)) {
                    continue;
                }
                let bytes = &buffer[offset..read];
                found += usize::from(secrets.iter().any(|secret| secret.is_at(bytes)));
            }
            if at + read >= end || read <= OVERLAP {
                break;
            }
            at += read - OVERLAP;
        }
    }
    found
}

/// Not a test: a process of its own, whose memory is looked through.
#[test]
#[ignore = "started by another test"]
fn child() {
    let Some(dir) = env::var_os(DIR) else { return };
    let dir = Path::new(&dir);
    let masks = fs::read(dir.join("masks")).unwrap();
    let secrets: Vec<_> = masks.chunks(24).map(|mask| Masked(mask.into())).collect();
    let mut buffer = vec![0; 64 << 10];
    let mut stdout = Vec::with_capacity(64 << 10);
    for line in fs::read_to_string(dir.join("runs")).unwrap().lines() {
        let mut stderr = Vec::new();
        let code = ksops_rs::run(ksops_rs::Process {
            args: line.split(' ').map(Into::into).collect(),
            var: &|name| (name == "SOPS_AGE_KEY_FILE").then(|| dir.join("age.agekey").into()),
            var_later: |_| None,
            dir: dir.to_owned(),
            parent_dir: None,
            stdin: Box::new(std::io::empty()),
            stdin_is_device: true,
            first_of_stdin: &|| Ok(Vec::new()),
            stdout: &mut stdout,
            stderr: &mut stderr,
            ask_passphrase: |_| None,
        });
        assert_eq!(code, 0, "{line}: {}", String::from_utf8_lossy(&stderr));
        let is_binary = line.contains("binary");
        assert!(is_binary || secrets[0].is_in(&stdout), "{line}");
        stdout.zeroize();
        assert_eq!(left(&secrets, &mut buffer), 0, "{line}");
    }
    // It would be found, in one of many buffers that were given back.
    let plain = masks.iter().take(24).map(|byte| byte ^ Masked::MASK);
    let plain = [vec![0; 64], plain.collect()].concat();
    drop(vec![plain; 100]);
    assert!(left(&secrets, &mut buffer) > 0);
}

#[test]
fn nothing_is_left_of_what_was_decrypted() {
    let key = Key::new();
    let world = World::with_plugin(&key);
    let secret: String = (0..48_u32)
        .map(|n| char::from_digit(10 + (n * n * 7 + n * 5 + 3) % 26, 36).unwrap())
        .collect();
    for (name, text) in [
        (
            "a.yaml",
            format!(
                "kind: Secret\nstringData:\n  a: {secret}\n  # {secret}\n  b: [x {secret}, 1]\n"
            ),
        ),
        (
            "a.json",
            format!("{{\"kind\": \"Secret\", \"stringData\": {{\"a\": \"{secret}\"}}}}"),
        ),
        ("a.env", format!("A={secret}\nB=\"x{secret}\"\n")),
        ("a.ini", format!("[s]\na = {secret}\n")),
        ("a.bin", secret.clone()),
    ] {
        world.encrypt(name, &[&key], ".", &text);
    }
    let lists = [
        ("files", "files: [a.yaml, a.json]"),
        (
            "texts",
            "secretFrom: [{files: [a.yaml, a.json, a.ini, a.env, a.bin]}]",
        ),
        ("envs", "secretFrom: [{envs: [a.env]}]"),
        ("binary", "secretFrom: [{binaryFiles: [a.bin]}]"),
    ];
    let mut runs = String::new();
    for (name, text) in lists {
        world.write(&format!("{name}.gen.yaml"), format!("{text}\n"));
        runs += &format!("{name}.gen.yaml\n");
    }
    for name in ["a.yaml", "a.json", "a.env", "a.ini", "a.bin"] {
        runs += &format!("decrypt {name}\n");
    }
    runs += "decrypt --output-type json a.yaml\ndecrypt --extract [\"stringData\"][\"a\"] a.yaml\n";
    world.write("runs", runs);
    let masks = [Masked::of(&secret), Masked::of(key.identity.trim())];
    world.write("masks", masks.map(|mask| mask.0).concat());
    let output = Command::new(env::current_exe().unwrap())
        .args(["--exact", "wiped::child", "--ignored", "--nocapture"])
        .env(DIR, world.path(""))
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(String::from_utf8_lossy(&output.stdout).contains("1 passed"));
}
