//! GnuPG's home, read as it lies on the disk: no program is run and no agent
//! asked.
//!
//! Public keys come from `pubring.kbx` (GnuPG 2.1 and later) and `pubring.gpg`,
//! private ones from `private-keys-v1.d` and from `secring.gpg` (GnuPG 1).

mod keybox;
mod private_keys;

use std::{
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use zeroize::Zeroizing;

use crate::{
    key::Recipient,
    keygrip::Keygrip,
    limits,
    private::{PrivateKey, PrivateKeys},
    ring::{Member, Ring, RingKey},
};
pub(crate) use private_keys::{AgentKey, Refusal};

/// A home of GnuPG.
pub(crate) struct Home {
    path: PathBuf,
    read: Mutex<Option<Arc<Rings>>>,
}

/// What lies in a home besides its private keys.
#[derive(Default)]
pub(crate) struct Rings {
    /// The public keys.
    pub(crate) public: Vec<Ring>,
    /// `secring.gpg`.
    pub(crate) secret: PrivateKeys,
    /// Files that are there and cannot be read, with the reason.
    pub(crate) unreadable: Vec<(PathBuf, io::ErrorKind)>,
    /// Whether its public keys are in a database that is not read here.
    pub(crate) keyboxd: bool,
    /// Whether there is a home at all.
    pub(crate) exists: bool,
}

/// A key of a home that a message may be for, and where its private half is.
pub(crate) struct Candidate<'h> {
    /// The whole key.
    pub(crate) key: &'h RingKey,
    /// The primary key or subkey itself.
    pub(crate) member: &'h Member,
    /// The ring it is in.
    pub(crate) ring: &'h Ring,
    /// The name of its private half; of kinds that are not supported, none.
    pub(crate) keygrip: Option<Keygrip>,
}

impl Home {
    /// A home at a path. Nothing is read before it is needed.
    pub(crate) fn new(path: PathBuf) -> Self {
        Home {
            path,
            read: Mutex::default(),
        }
    }

    /// Its path.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Its key rings, read when first asked for.
    pub(crate) fn rings(&self) -> Arc<Rings> {
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(read.get_or_insert_with(|| Arc::new(self.read_rings())))
    }

    /// Forgets the key rings: they may have changed.
    pub(crate) fn forget(&self) {
        *self.read.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    fn read_rings(&self) -> Rings {
        let mut rings = Rings {
            exists: self.path.is_dir(),
            keyboxd: self.path.join("public-keys.d/pubring.db").exists(),
            ..Rings::default()
        };
        if let Some(file) = self.file("pubring.kbx", &mut rings) {
            let keys = keybox::keys(&file);
            rings.public.push(Ring::of(file.to_vec(), &keys));
        }
        if let Some(file) = self.file("pubring.gpg", &mut rings)
            && !keybox::is_keybox(&file)
        {
            rings.public.push(Ring::read(&file));
        }
        if let Some(file) = self.file("secring.gpg", &mut rings) {
            rings.secret = PrivateKeys::read(&file);
        }
        rings
    }

    fn file(&self, name: &str, rings: &mut Rings) -> Option<Zeroizing<Vec<u8>>> {
        let path = self.path.join(name);
        match read_plain(&path, limits::RING) {
            Ok(file) => Some(file),
            Err(error) if is_missing(&error) => None,
            Err(error) => {
                rings.unreadable.push((path, error.kind()));
                None
            }
        }
    }

    /// Where gpg-agent keeps the private half for a keygrip.
    pub(crate) fn agent_key_path(&self, keygrip: &Keygrip) -> PathBuf {
        let name = format!("{keygrip}.key");
        self.path.join("private-keys-v1.d").join(name)
    }

    /// The private half that gpg-agent keeps for a keygrip.
    ///
    /// # Errors
    ///
    /// The file cannot be read; `Ok(None)` where there is none, or it is none.
    pub(crate) fn agent_key(&self, keygrip: &Keygrip) -> io::Result<Option<AgentKey>> {
        match read_plain(&self.agent_key_path(keygrip), limits::AGENT_KEY) {
            Ok(file) => Ok(AgentKey::read(&file)),
            Err(error) if is_missing(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

impl Rings {
    /// The keys that a message may be for.
    pub(crate) fn candidates(&self, recipient: &Recipient) -> Vec<Candidate<'_>> {
        let mut found = Vec::new();
        for ring in &self.public {
            for key in ring.keys() {
                for member in &key.members {
                    if member.may_decrypt
                        && member.fingerprint.is(recipient)
                        && let Some(packet) = ring.packet(member)
                    {
                        found.push(Candidate {
                            key,
                            member,
                            ring,
                            keygrip: Keygrip::of(&packet),
                        });
                    }
                }
            }
        }
        found
    }
}

impl Candidate<'_> {
    /// The private key, from the file that gpg-agent keeps of it.
    ///
    /// # Errors
    ///
    /// Why it cannot be had.
    pub(crate) fn private_key(
        &self,
        key: &AgentKey,
        passphrase: Option<&[u8]>,
    ) -> Result<PrivateKey, Refusal> {
        let public = self.ring.packet(self.member).ok_or(Refusal::Unknown)?;
        let body = key.secret_packet(&public, passphrase)?;
        let primary = self.key.members.first().unwrap_or(self.member);
        let primary = primary.fingerprint.clone();
        PrivateKey::new(public.is_primary, body, primary, self.key.user.clone())
            .ok_or(Refusal::Unknown)
    }
}

/// [`read_file`] for what lies in a folder and nobody named: of a pipe, nobody
/// knows whether there is ever anything to read.
///
/// # Errors
///
/// As of it; [`io::ErrorKind::InvalidData`] where it is no plain file.
pub(crate) fn read_plain(path: &Path, most: usize) -> io::Result<Zeroizing<Vec<u8>>> {
    let kind = path.metadata()?.file_type();
    if !kind.is_file() && !kind.is_dir() {
        return Err(io::ErrorKind::InvalidData.into());
    }
    read_file(path, most)
}

/// Reads a file into memory that is wiped, if it is no longer than that.
///
/// # Errors
///
/// As of reading a file; [`io::ErrorKind::FileTooLarge`] where it is longer.
pub(crate) fn read_file(path: &Path, most: usize) -> io::Result<Zeroizing<Vec<u8>>> {
    let file = File::open(path)?;
    let length = usize::try_from(file.metadata()?.len()).unwrap_or(usize::MAX);
    if length > most {
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    let mut bytes = Zeroizing::new(Vec::with_capacity(length + 1));
    file.take(most as u64 + 1).read_to_end(&mut bytes)?;
    if bytes.len() > most {
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    Ok(bytes)
}

/// Whether an error means that there is no such file.
pub(crate) fn is_missing(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
    )
}
