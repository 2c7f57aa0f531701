//! The same store, for programs that await: between the steps of
//! [`Opening`](sops_core::Opening) the answer may take as long as it
//! likes, and nothing of SOPS blocks a thread.

use std::{
    future::Future,
    pin::{Pin, pin},
    task::{Context, Poll, Waker},
};

use sops_core::{
    Document, EncryptOptions, Encrypted, Finish, Keyed, Keyring, Plain, Result,
    keys::{DataKey, KeyError, Recipient, Secret, WrappedKey},
    metadata::Metadata,
};

use crate::{Store, drawer, explain};

/// A connection to the store that answers after a while.
pub struct Client<'s> {
    store: &'s Store,
    user: String,
}

impl<'s> Client<'s> {
    /// A connection in the name of this user.
    pub fn new(store: &'s Store, user: &str) -> Self {
        Client {
            store,
            user: user.into(),
        }
    }

    async fn unwrap(&self, key: &WrappedKey) -> std::result::Result<Secret, KeyError> {
        AWhile::default().await;
        let drawer = drawer(self.store, key.recipient())?;
        let secret = self.store.take(&self.user, drawer, key.enc());
        secret.map(Secret::from).map_err(explain)
    }

    async fn wrap(
        &self,
        to: &Recipient,
        secret: &Secret,
    ) -> std::result::Result<WrappedKey, KeyError> {
        AWhile::default().await;
        let drawer = drawer(self.store, to)?;
        let ticket = self.store.put(&self.user, drawer, secret.as_bytes());
        ticket
            .map(|ticket| WrappedKey::new(to.clone(), ticket))
            .map_err(explain)
    }

    /// Opens the data key of a file.
    ///
    /// # Errors
    ///
    /// Says of each recipient why it was not opened.
    pub async fn open(&self, metadata: &Metadata) -> Result<DataKey> {
        // It has no service to ask: the answers come from here.
        let keyring = Keyring::without_services();
        let mut opening = keyring.start(metadata);
        for (position, key) in opening.wanted() {
            if opening.is_done() {
                break;
            }
            if !opening.is_open(position.group) {
                let answer = self.unwrap(key).await;
                opening.supply(position, answer);
            }
        }
        opening.finish()
    }

    /// Decrypts a file.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open), and where the file was changed.
    pub async fn decrypt(&self, document: Document<Encrypted>) -> Result<Document<Plain>> {
        let data_key = self.open(document.metadata()).await?;
        document.decrypt_with(&data_key)
    }

    /// Wraps what is wanted for a document, whether its values are being
    /// changed or its recipients alone.
    ///
    /// # Errors
    ///
    /// What the store says, or that the recipients cannot be.
    pub async fn wrap_all<S: Keyed>(
        &self,
        document: &mut Document<S>,
    ) -> std::result::Result<(), Box<dyn std::error::Error>> {
        for wanted in document.wanted()? {
            let key = self.wrap(&wanted.recipient, &wanted.secret).await?;
            document.supply(wanted.position, key)?;
        }
        Ok(())
    }

    /// Encrypts a new file.
    ///
    /// # Errors
    ///
    /// As [`wrap_all`](Self::wrap_all), and where the data cannot be
    /// encrypted.
    pub async fn encrypt(
        &self,
        plain: Document<Plain>,
        options: &EncryptOptions,
    ) -> std::result::Result<Vec<u8>, Box<dyn std::error::Error>> {
        let mut document = plain.into_editing(options)?;
        self.wrap_all(&mut document).await?;
        Ok(document.finish(&Finish::new())?)
    }
}

/// Is ready when it is asked for the second time.
#[derive(Default)]
struct AWhile {
    asked: bool,
}

impl Future for AWhile {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if std::mem::replace(&mut self.asked, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    }
}

/// The smallest executor there is. Programs have one already.
pub fn block_on<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
            return output;
        }
        std::thread::yield_now();
    }
}
