//! What a file has besides its bytes, its owner and its mode: access control
//! lists and other extended attributes. The bits of an access control list's
//! mask stand where those of the group are: a mode without its list would let
//! in whom nobody let in.

use std::{fs::File, io};

/// Gives a new file the attributes of the one whose place it takes, and no
/// others.
///
/// # Errors
///
/// Where one cannot be read or given.
#[cfg(target_os = "linux")]
pub(super) fn copy(from: &File, to: &File) -> io::Result<()> {
    use rustix::fs::{XattrFlags, fremovexattr, fsetxattr};
    let (old, new) = (all(from)?, all(to)?);
    for attribute in &old {
        if !new.contains(attribute) {
            let (name, value) = attribute;
            fsetxattr(to, name.as_slice(), value, XattrFlags::empty())?;
        }
    }
    for (name, _) in &new {
        if !old.iter().any(|(known, _)| known == name) {
            fremovexattr(to, name.as_slice())?;
        }
    }
    Ok(())
}

#[cfg(not(target_os = "linux"))]
pub(super) fn copy(_: &File, _: &File) -> io::Result<()> {
    Ok(())
}

/// The attributes of a file by name. A file system without any has none.
#[cfg(target_os = "linux")]
fn all(file: &File) -> io::Result<Vec<(Vec<u8>, Vec<u8>)>> {
    use rustix::{
        fs::{fgetxattr, fgetxattr_query, flistxattr, flistxattr_query},
        io::Errno,
    };
    let size = match flistxattr_query(file) {
        Ok(size) => size,
        Err(Errno::NOTSUP) => 0,
        Err(error) => return Err(error.into()),
    };
    if size == 0 {
        return Ok(Vec::new());
    }
    let mut names = vec![0; size];
    let size = flistxattr(file, names.as_mut_slice())?;
    names.truncate(size);
    let names = names.split(|b| *b == 0).filter(|name| !name.is_empty());
    let value = |name: &[u8]| -> io::Result<_> {
        let mut value = vec![0; fgetxattr_query(file, name)?];
        if !value.is_empty() {
            let size = fgetxattr(file, name, value.as_mut_slice())?;
            value.truncate(size);
        }
        Ok((name.to_vec(), value))
    };
    names.map(value).collect()
}
