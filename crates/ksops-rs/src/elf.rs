//! As much of an ELF file's header as tells whether it can run here.

use std::{
    fs::File,
    io,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
};

/// What a program needs in order to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Needs {
    /// Only the kernel: a static program for this machine.
    Machine(u16),
    /// A loader and its libraries besides.
    Loader(u16, PathBuf),
    /// The interpreter of a script.
    Script(PathBuf),
    /// Nobody knows: neither ELF nor a script.
    Unknown,
}

/// The most of a file that is read as one header.
const MAX: usize = 4096;

impl Needs {
    /// Reads the header of a file.
    ///
    /// # Errors
    ///
    /// Those of the operating system.
    pub(crate) fn of(path: &Path) -> io::Result<Self> {
        Self::of_file(&File::open(path)?)
    }

    /// As [`of`](Self::of); wherever the file is read next, it stays so.
    ///
    /// # Errors
    ///
    /// Those of the operating system.
    pub(crate) fn of_file(file: &File) -> io::Result<Self> {
        let mut start = vec![0; MAX];
        let length = file.read_at(&mut start, 0)?;
        start.truncate(length);
        if let Some(line) = start.strip_prefix(b"#!") {
            let line = line.split(|&b| b == b'\n').next().unwrap_or_default();
            let line = String::from_utf8_lossy(line);
            let program = line.split_whitespace().next().unwrap_or_default();
            return Ok(Needs::Script(PathBuf::from(program)));
        }
        if !start.starts_with(b"\x7fELF") {
            return Ok(Needs::Unknown);
        }
        let Some(machine) = number(&start, 18, 2).and_then(|n| u16::try_from(n).ok()) else {
            return Ok(Needs::Unknown);
        };
        Ok(match loader(file, &start)? {
            Some(loader) => Needs::Loader(machine, loader),
            None => Needs::Machine(machine),
        })
    }
}

/// The loader that a 64-bit little-endian program asks for (`PT_INTERP`).
fn loader(file: &File, header: &[u8]) -> io::Result<Option<PathBuf>> {
    const PT_INTERP: u64 = 3;
    let is_known = header.get(4..6) == Some(&[2, 1]);
    let (Some(table), Some(size), Some(count)) = (
        number(header, 32, 8).filter(|_| is_known),
        number(header, 54, 2),
        number(header, 56, 2),
    ) else {
        return Ok(None);
    };
    for n in 0..count {
        let at = table.saturating_add(n.saturating_mul(size));
        let mut entry = [0; 40];
        if file.read_exact_at(&mut entry, at).is_err() {
            return Ok(None);
        }
        if number(&entry, 0, 4) != Some(PT_INTERP) {
            continue;
        }
        let offset = number(&entry, 8, 8).unwrap_or_default();
        let length = number(&entry, 32, 8).unwrap_or_default();
        let mut name = vec![0; usize::try_from(length).unwrap_or(MAX).min(MAX)];
        file.read_exact_at(&mut name, offset)?;
        let name = name.split(|&b| b == 0).next().unwrap_or_default();
        return Ok(Some(PathBuf::from(
            String::from_utf8_lossy(name).into_owned(),
        )));
    }
    Ok(None)
}

/// A little-endian number of so many bytes.
fn number(bytes: &[u8], at: usize, length: usize) -> Option<u64> {
    let bytes = bytes.get(at..at + length)?;
    Some(bytes.iter().rev().fold(0, |n, &b| n << 8 | u64::from(b)))
}

impl Needs {
    /// The machine that it is for, where it is a program.
    pub(crate) fn machine(&self) -> Option<u16> {
        match self {
            Needs::Machine(machine) | Needs::Loader(machine, _) => Some(*machine),
            Needs::Script(_) | Needs::Unknown => None,
        }
    }
}

/// What a machine is called by Docker, Kubernetes and the releases.
pub(crate) fn machine_name(machine: u16) -> String {
    match machine {
        62 => "x86_64 (amd64)".into(),
        183 => "aarch64 (arm64)".into(),
        3 => "x86 (386)".into(),
        40 => "arm".into(),
        21 => "ppc64le".into(),
        22 => "s390x".into(),
        243 => "riscv64".into(),
        other => format!("ELF machine {other}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_read() {
        let needs = Needs::of(&std::env::current_exe().unwrap()).unwrap();
        let machine = match needs {
            Needs::Machine(machine) => machine,
            Needs::Loader(machine, loader) => {
                assert!(loader.is_absolute());
                machine
            }
            other => panic!("{other:?}"),
        };
        assert!(machine_name(machine).contains(std::env::consts::ARCH));
        let dir = tempfile::tempdir().unwrap();
        let of = |bytes: &[u8]| {
            let path = dir.path().join("x");
            std::fs::write(&path, bytes).unwrap();
            Needs::of(&path).unwrap()
        };
        assert_eq!(of(b""), Needs::Unknown);
        assert_eq!(of(b"\x7fELF"), Needs::Unknown);
        assert_eq!(of(b"#! /bin/sh -e\nx"), Needs::Script("/bin/sh".into()));
        let mut header = b"\x7fELF\x02\x01".to_vec();
        header.resize(64, 0);
        header[18] = 183;
        assert_eq!(of(&header), Needs::Machine(183));
        // A program table that is not there.
        header[32..40].fill(0xff);
        header[54..58].fill(0xff);
        assert_eq!(of(&header), Needs::Machine(183));
    }
}
