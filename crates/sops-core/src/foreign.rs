//! What a file is that is no file of SOPS of the format that it was taken for,
//! where it can be told: of another format, of another tool, or in the middle
//! of a merge.

use std::fmt;

use crate::{Format, format};

/// A kind of text that is taken for a SOPS file by mistake.
///
/// ```
/// use sops_core::foreign::Foreign;
/// let pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n";
/// assert_eq!(Foreign::recognise(pointer), Some(Foreign::LfsPointer));
/// assert_eq!(Foreign::recognise(b"a: b\n"), None);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Foreign {
    /// A file with the markers that git leaves where a merge needs a decision.
    Conflict {
        /// The line of the first marker, counted from 1.
        line: usize,
    },
    /// The pointer that Git LFS keeps in place of a file.
    LfsPointer,
    /// A file of `ansible-vault`.
    AnsibleVault,
    /// A file of git-crypt, still locked.
    GitCrypt,
    /// A whole file encrypted by age, in text form or not.
    Age,
    /// A whole message encrypted by OpenPGP, in text form.
    OpenPgp,
}

impl Foreign {
    /// Looks at the start of a file, and for conflict markers in all of it.
    #[must_use]
    pub fn recognise(bytes: &[u8]) -> Option<Self> {
        let start = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
        for (sign, foreign) in [
            (
                &b"version https://git-lfs.github.com/"[..],
                Foreign::LfsPointer,
            ),
            (b"$ANSIBLE_VAULT;", Foreign::AnsibleVault),
            (b"\0GITCRYPT\0", Foreign::GitCrypt),
            (b"age-encryption.org/v1\n", Foreign::Age),
            (b"-----BEGIN AGE ENCRYPTED FILE-----", Foreign::Age),
            (b"-----BEGIN PGP MESSAGE-----", Foreign::OpenPgp),
        ] {
            if start.starts_with(sign) {
                return Some(foreign);
            }
        }
        // All three, each at the start of a line: `=======` alone is a
        // heading's underline.
        let line_of = |sign: &[u8], from: usize| {
            let lines = bytes.split(|&b| b == b'\n').enumerate().skip(from);
            let mut found = lines.filter(|(_, line)| line.starts_with(sign));
            found.next().map(|(n, _)| n)
        };
        let ours = line_of(b"<<<<<<< ", 0)?;
        let border = line_of(b"=======", ours)?;
        line_of(b">>>>>>> ", border)?;
        Some(Foreign::Conflict { line: ours + 1 })
    }

    /// What a person can do.
    #[must_use]
    pub fn advice(&self) -> &'static str {
        match self {
            Foreign::Conflict { .. } => {
                "take one side of the merge as a whole (`git checkout --ours` or `--theirs`), and make the other side's changes with `sops edit`"
            }
            Foreign::LfsPointer => "fetch the file itself with `git lfs pull`",
            Foreign::AnsibleVault => {
                "decrypt it with `ansible-vault decrypt`, and encrypt it with `sops encrypt`"
            }
            Foreign::GitCrypt => "unlock the repository with `git-crypt unlock`",
            Foreign::Age => "decrypt it with `age --decrypt`, and encrypt it with `sops encrypt`",
            Foreign::OpenPgp => {
                "decrypt it with `gpg --decrypt`, and encrypt it with `sops encrypt`"
            }
        }
    }
}

/// A lower-case fragment: `it is a Git LFS pointer, not the file`.
impl fmt::Display for Foreign {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Foreign::Conflict { line } => write!(
                f,
                "it holds the conflict markers of a merge, the first on line {line}"
            ),
            Foreign::LfsPointer => f.write_str("it is a Git LFS pointer, not the file"),
            Foreign::AnsibleVault => f.write_str("it is a file of ansible-vault"),
            Foreign::GitCrypt => f.write_str("it is a file of git-crypt, still locked"),
            Foreign::Age => f.write_str("it is a whole file encrypted by age, without SOPS"),
            Foreign::OpenPgp => f.write_str("it is a message of OpenPGP, without SOPS"),
        }
    }
}

/// The format by which a text is an encrypted file, where its name says
/// nothing of it, or something else. Reads it by one format after the other:
/// for messages.
///
/// ```
/// use sops_core::{Format, foreign};
/// # let file = std::fs::read("examples/secret.enc.yaml")?;
/// assert_eq!(foreign::format_of(&file), Some(Format::Yaml));
/// assert_eq!(foreign::format_of(b"a: b\n"), None);
/// # Ok::<(), std::io::Error>(())
/// ```
#[must_use]
pub fn format_of(bytes: &[u8]) -> Option<Format> {
    // All JSON is YAML.
    let formats = [Format::Json, Format::Yaml, Format::Dotenv, Format::Ini];
    let mut formats = formats.into_iter();
    formats.find(|&format| format::read_encrypted(bytes, format).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_known_by_their_signs() {
        let conflict = b"a: 1\n<<<<<<< HEAD\nb: 2\n=======\nb: 3\n>>>>>>> other\n";
        for (bytes, expected) in [
            (&conflict[..], Some(Foreign::Conflict { line: 2 })),
            (b"<<<<<<< HEAD\n", None),
            (b"a\n=======\nb\n", None),
            (b"- <<<<<<< a\n- =======\n- >>>>>>> b\n", None),
            (
                b"$ANSIBLE_VAULT;1.1;AES256\n6162\n",
                Some(Foreign::AnsibleVault),
            ),
            (b"\0GITCRYPT\0\x01\x02", Some(Foreign::GitCrypt)),
            (b"age-encryption.org/v1\n-> X25519", Some(Foreign::Age)),
            (
                b"\xEF\xBB\xBF-----BEGIN PGP MESSAGE-----\n",
                Some(Foreign::OpenPgp),
            ),
            (b"a: $ANSIBLE_VAULT;1.1\n", None),
            (b"", None),
        ] {
            assert_eq!(Foreign::recognise(bytes), expected);
        }
    }
}
