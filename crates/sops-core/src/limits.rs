//! Every bound on hostile input, in one place, each with its reason.
//!
//! The numbers are far above what real files need and far below what hurts a
//! repo-server that renders many applications at once.

/// Bytes of one file: 64 MiB. Kubernetes refuses Secrets above 1 MiB and git
/// hosts refuse files above 100 MB; a tree takes some ten times its text.
pub const FILE_SIZE: usize = 64 << 20;

/// Levels of nested mappings and lists: 256. Readers, walks and writers call
/// themselves once per level; a thread's stack is 2 MiB, of which the YAML
/// parser takes 4 KiB per level where it is not optimized.
pub const DEPTH: usize = 256;

/// Documents in one YAML file: 10,000. An empty document is three bytes of
/// text but a vector of its own in memory.
pub const DOCUMENTS: usize = 10_000;

/// Values and lines of comments of one file, aliases expanded into copies:
/// 2,000,000. Nine levels of
/// nine aliases ("billion laughs") would be a billion; and `[[],[],…` takes
/// thirty times its text.
pub const NODES: usize = 2_000_000;

/// Bytes of text that aliases are expanded to: 64 MiB, as much as the file
/// itself may have. A thousand aliases of one text of half a megabyte would
/// be half a gigabyte.
pub const EXPANSION: usize = FILE_SIZE;

/// Bytes that are written: 256 MiB. Each line is indented by its depth, and
/// each key of an INI section by the longest, so that a file of 1 MiB can
/// become one of many gigabytes.
pub const OUTPUT: usize = 4 * FILE_SIZE;

/// Bytes of key paths that are authenticated: 256 MiB. Each value is bound to
/// all keys above it, and these may be as long as the file.
pub const PATHS: usize = 4 * FILE_SIZE;

/// Bytes of a key path in a message: 1 KiB.
pub const SHOWN_PATH: usize = 1 << 10;

/// Warnings that are kept of one file: 1,000. There may be one for each of its
/// comments.
pub const WARNINGS: usize = 1_000;

/// Key groups of one file: 255, because a Shamir share is numbered by one
/// byte that is not zero.
pub const GROUPS: usize = 255;

/// Shares that one secret can be split into: 255, as [`GROUPS`].
pub const SHARES: usize = 255;

/// Entries of one file's key groups together: 2,000. Each may cost a scalar
/// multiplication, or a scrypt run, for every identity at hand.
pub const RECIPIENTS: usize = 2_000;

/// Bytes of one entry's armored age file: 64 KiB. A wrapped data key takes
/// 400 bytes, a post-quantum one 2,100; an age header has no length of its
/// own.
pub const ARMOR_SIZE: usize = 64 << 10;

/// Stanzas of one entry's age file: 64. Each is tried with every identity;
/// sops writes one.
pub const STANZAS: usize = 64;

/// Shares among which a good quorum is searched for where one of them is
/// wrong: 10, which have 1,024 choices.
pub const SEARCHED_SHARES: usize = 10;

/// Wrapped keys that a keyring remembers: 1,024, some 100 bytes each.
pub const REMEMBERED_KEYS: usize = 1024;

/// Bytes of a key file, and of what a command prints: 16 MiB, as in sops.
pub const KEY_FILE_SIZE: usize = 16 << 20;

/// Bytes of one line of an identity file: 64 KiB, as in sops.
pub const IDENTITY_LINE: usize = 64 << 10;

/// Identities of one source: 1,024. Each is tried on every stanza.
pub const IDENTITIES: usize = 1024;

/// Work that unlocking an identity file may be, as a power of two: 22, which
/// is 4 GiB of memory and some ten seconds, as in age. `age -p` writes 18.
pub const SCRYPT_WORK_FACTOR: u8 = 22;

/// Bytes of the nonce (`iv:`) of one value: 64. sops writes 32; AES-GCM would
/// take any number.
pub const NONCE_SIZE: usize = 64;

/// Bytes of a `.sops.yaml`: 1 MiB. It is written by hand.
pub const CONFIG_SIZE: usize = 1 << 20;

/// Rules of a `.sops.yaml` that are looked at: 10,000. Each may cost the
/// compiling of a regex.
pub const CONFIG_RULES: usize = 10_000;

/// Spaces per level of JSON that a `.sops.yaml` may ask for: 64. sops takes
/// any number, for each level of each line.
pub const JSON_INDENT: usize = 64;

/// Bytes of one compiled selection regex: 1 MiB. Matching is linear in the
/// key's length, but times this.
pub const REGEX_SIZE: usize = 1 << 20;

/// Bytes of the text of one selection regex: 16 KiB.
pub const REGEX_TEXT: usize = 16 << 10;

/// What one file's selection regex may cost: its compiled size times the bytes
/// of all keys or comments that it is matched against, 2³⁷. A rule of 16 KiB,
/// which is more than most have, reads 8 MiB of keys; one of 64 KiB that is
/// made to be slow reads 2 MiB, which takes some seconds; one of
/// [`REGEX_SIZE`] reads 128 KiB.
pub const RULE_WORK: u64 = 1 << 37;

/// Bytes of the encrypted MAC: 1 KiB. sops writes 264. It is opened once for
/// every quorum of shares that is tried.
pub const MAC_SIZE: usize = 1 << 10;

/// Operations with private keys at hand for one file: 2¹⁶, of X25519, which is
/// some three to six seconds. A file for 50 recipients costs 150 with one
/// identity that opens none of it; an RSA key counts as
/// [`RSA_OPERATIONS`] others. What names a key at hand is tried first.
pub const OPERATIONS: usize = 1 << 16;

/// Operations of X25519 that one with an RSA key counts as: 32.
pub const RSA_OPERATIONS: usize = 32;

/// Remote calls for one file: 16 attempts to have a server unwrap a key. A
/// file that needs one asks once; sixteen leaves room for a quorum of eight
/// key groups with one dead key each, at up to 30 seconds a call.
pub const REMOTE_CALLS: usize = 16;

/// Programs run, or agents asked, for one file: 64. sops runs its key command
/// once for every age recipient.
pub const COMMAND_RUNS: usize = 64;

/// Questions to a person for one file: 16.
pub const QUESTIONS: usize = 16;
