//! What stands in the place of recipient types that a build leaves out: it
//! has no values.

/// The cargo feature that a recipient would need, and this build is without.
pub(super) fn feature_of(recipient: &str) -> Option<&'static str> {
    if recipient.starts_with("ssh-") && !cfg!(feature = "ssh") {
        Some("ssh")
    } else if recipient.starts_with("age1pq1") && !cfg!(feature = "post-quantum") {
        Some("post-quantum")
    } else {
        None
    }
}

#[cfg(not(feature = "ssh"))]
pub(super) mod ssh {
    use std::sync::Arc;

    use super::super::{Callbacks, identity::Identity};
    use crate::keys::{Flaw, Found};

    pub(in super::super) enum Locked {}

    pub(in super::super) enum Key {
        #[expect(dead_code, reason = "nothing makes one")]
        Open(Identity),
        #[expect(dead_code, reason = "nothing makes one")]
        Locked(Arc<Locked>),
    }

    impl Locked {
        pub(in super::super) fn identity(this: &Arc<Self>) -> Identity {
            match **this {}
        }

        pub(in super::super) fn recipient(&self) -> &str {
            match *self {}
        }

        pub(in super::super) fn found(&self) -> Found {
            match *self {}
        }

        pub(in super::super) fn forget_failure(&self) {
            match *self {}
        }
    }

    pub(in super::super) fn parse(_: &[u8], _: &str, _: &Arc<Callbacks>) -> Result<Key, Flaw> {
        Err(Flaw::SshKind)
    }

    pub(in super::super) fn recipient(_: &str) -> Option<Box<dyn age::Recipient>> {
        None
    }

    pub(in super::super) fn to_age(_: &str) -> Option<String> {
        None
    }
}

#[cfg(not(feature = "post-quantum"))]
pub(super) mod hybrid {
    use std::{collections::HashSet, fmt};

    use age::{DecryptError, EncryptError};
    use age_core::format::{FileKey, Stanza};

    pub(in super::super) const IDENTITY_PREFIX: &str = "AGE-SECRET-KEY-PQ-1";
    pub(in super::super) const RECIPIENT_PREFIX: &str = "age1pq1";

    pub(in super::super) enum Identity {}

    pub(in super::super) enum Recipient {}

    impl Identity {
        pub(in super::super) fn parse(_: &str) -> Option<Self> {
            None
        }

        pub(in super::super) fn recipient(&self) -> &Recipient {
            match *self {}
        }
    }

    impl Recipient {
        pub(in super::super) fn parse(_: &str) -> Option<Self> {
            None
        }
    }

    impl fmt::Display for Recipient {
        fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
            match *self {}
        }
    }

    impl age::Identity for Identity {
        fn unwrap_stanza(&self, _: &Stanza) -> Option<Result<FileKey, DecryptError>> {
            match *self {}
        }
    }

    impl age::Recipient for Recipient {
        fn wrap_file_key(
            &self,
            _: &FileKey,
        ) -> Result<(Vec<Stanza>, HashSet<String>), EncryptError> {
            match *self {}
        }
    }
}
