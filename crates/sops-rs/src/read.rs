//! Reading files and stdin whole.

use std::{fs::File, io, io::Read, path::Path};

/// The most that is read where nothing else is said: more than any Kubernetes
/// object holds by far, and an end to `/dev/zero`.
pub const MAX_BYTES: usize = 256 << 20;

/// Why a file whose name says nothing is read as it is.
pub const AS_BINARY: &str = "its name ends in none of .yaml .yml .json .env .ini, so it is read as a binary file encrypted by sops, which is JSON";

/// What is odd about a text in a JSON file, see
/// [`Document::not_utf8`](sops_core::Document::not_utf8).
pub const NOT_UTF8: &str =
    "not UTF-8, which JSON cannot hold: U+FFFD stands for what is none, as with sops";

/// All of a file.
///
/// # Errors
///
/// Those of the operating system; also where it is a directory or too large.
pub fn file(path: &Path) -> io::Result<Vec<u8>> {
    opened(File::open(path)?, MAX_BYTES)?.ok_or_else(too_large)
}

/// All of a file that is open; `None` where it has more bytes than `most`.
///
/// # Errors
///
/// Those of the operating system; also where it is a directory.
pub fn opened(mut file: File, most: usize) -> io::Result<Option<Vec<u8>>> {
    let size = usize::try_from(file.metadata()?.len()).unwrap_or(usize::MAX);
    if size > most {
        return Ok(None);
    }
    bounded(&mut file, Vec::with_capacity(size), most)
}

/// All of a stream.
///
/// # Errors
///
/// Those of the operating system; also where it is too large.
pub fn stream(stream: &mut dyn Read) -> io::Result<Vec<u8>> {
    bounded(stream, Vec::new(), MAX_BYTES)?.ok_or_else(too_large)
}

fn bounded(stream: &mut dyn Read, mut bytes: Vec<u8>, most: usize) -> io::Result<Option<Vec<u8>>> {
    let limit = u64::try_from(most).unwrap_or(u64::MAX).saturating_add(1);
    let read = stream.take(limit).read_to_end(&mut bytes)?;
    Ok((read <= most).then_some(bytes))
}

fn too_large() -> io::Error {
    io::Error::new(
        io::ErrorKind::FileTooLarge,
        format!("more than {} MiB", MAX_BYTES >> 20),
    )
}
