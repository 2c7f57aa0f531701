//! Every bound on hostile input, in one place, each with its reason.

/// Bytes of one armored message: 64 KiB, as for the other kinds of keys. A
/// wrapped data key takes some 500 bytes for each recipient of the message.
pub(crate) const MESSAGE: usize = 64 << 10;

/// Packets of one message, at each of its levels: 256.
pub(crate) const PACKETS: usize = 256;

/// Recipients of one message: 64. Each may be tried with every private key;
/// sops writes one.
pub(crate) const RECIPIENTS: usize = 64;

/// Levels of compression and encryption inside a message: 4. GnuPG writes one.
pub(crate) const NESTING: usize = 4;

/// Bytes that a compressed packet may become: 64 KiB, for 33 bytes of key.
pub(crate) const DECOMPRESSED: usize = 64 << 10;

/// Bytes of a file with private keys: 16 MiB, as for age.
pub(crate) const KEY_FILE: usize = 16 << 20;

/// Bytes of one of GnuPG's key rings: 128 MiB. A ring of 10,000 keys with
/// their signatures takes about half of that, and is skimmed, not parsed.
pub(crate) const RING: usize = 128 << 20;

/// Private keys of one source: 1,024. A message that hides its recipient is
/// tried with each of them.
pub(crate) const KEYS: usize = 1024;

/// Memory for unlocking a private key, as a power of two of KiB: 21, which is
/// 2 GiB, the most that RFC 9106 recommends.
pub(crate) const ARGON2_MEMORY: u8 = 21;

/// Passes over that memory, times KiB: 2^22, some four seconds. The older kind
/// of work, hashing, ends at 62 MiB by its format.
pub(crate) const ARGON2_WORK: u64 = 1 << 22;

/// Bytes that are hashed to unlock a key file of gpg-agent: 1 GiB, a second or
/// two. gpg-agent chooses what its machine hashes in a tenth of a second.
pub(crate) const AGENT_S2K: usize = 1 << 30;

/// Bytes of one key file of gpg-agent: 64 KiB. RSA with 16,384 bits takes 20.
pub(crate) const AGENT_KEY: usize = 64 << 10;

/// Signatures of a key on each of its parts: 256. Those of others, of which
/// there may be thousands, are not looked at.
pub(crate) const SIGNATURES: usize = 256;

/// Operations with private keys that give nothing: 1,000 at once, of one or two
/// milliseconds each with RSA, and then 20 a second. A message that hides its
/// recipient is tried with every key.
pub(crate) const FRUITLESS: u32 = 1000;

/// How many more there may be each second.
pub(crate) const FRUITLESS_PER_SECOND: u32 = 20;

/// Bytes of a file with a passphrase: 4 KiB.
pub(crate) const PASSPHRASE: usize = 4 << 10;

/// Keys of an agent that are tried where it is not known which one a message
/// is for: 32, each a question to the agent.
pub(crate) const AGENT_KEYS: usize = 32;
