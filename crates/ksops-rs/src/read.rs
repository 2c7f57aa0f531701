//! Reading files and stdin whole.

use std::{fs::File, io, io::Read, path::Path};

/// The most that is read of one file: more than any Kubernetes object holds
/// by far, and an end to `/dev/zero`.
const MAX_BYTES: u64 = 256 << 20;

/// All of a file.
///
/// # Errors
///
/// Those of the operating system; also where it is a directory or too large.
pub(crate) fn file(path: &Path) -> io::Result<Vec<u8>> {
    opened(File::open(path)?)
}

/// All of a file that is open.
///
/// # Errors
///
/// Those of the operating system; also where it is a directory or too large.
pub(crate) fn opened(mut file: File) -> io::Result<Vec<u8>> {
    let size = file.metadata()?.len();
    let mut bytes = Vec::with_capacity(usize::try_from(size.min(MAX_BYTES)).unwrap_or(0));
    bounded(&mut file, &mut bytes)?;
    Ok(bytes)
}

/// All of a stream.
///
/// # Errors
///
/// Those of the operating system; also where it is too large.
pub(crate) fn stream(stream: &mut dyn Read) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    bounded(stream, &mut bytes)?;
    Ok(bytes)
}

fn bounded(stream: &mut dyn Read, bytes: &mut Vec<u8>) -> io::Result<()> {
    let read = stream.take(MAX_BYTES + 1).read_to_end(bytes)?;
    if u64::try_from(read).is_ok_and(|read| read <= MAX_BYTES) {
        Ok(())
    } else {
        Err(io::Error::new(
            io::ErrorKind::FileTooLarge,
            format!("more than {} MiB", MAX_BYTES >> 20),
        ))
    }
}
