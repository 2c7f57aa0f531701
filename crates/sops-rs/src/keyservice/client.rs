//! A key service that is asked.

use std::{sync::Mutex, time::Duration};

use h2::{Ping, client};
use http::Request as HttpRequest;
use sops_core::{
    Keyring,
    keys::{Effort, KeyError, KeyKind, KeyService, Reason, Recipient, Secret, WrappedKey},
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpStream, UnixStream},
    time::timeout,
};
use zeroize::Zeroizing;

use super::{
    address::Address,
    grpc::{self, MAX_HEADERS, PATIENCE, Status},
    runtime,
    wire::{self, Method, Request},
};

/// How long an answer may take: a person may be asked on the other side.
const ANSWER: Duration = Duration::from_secs(300);

/// A key service of another process.
pub(crate) struct Remote {
    address: Address,
    /// What came of asking it, where it is of no use to ask again: how many
    /// keys a file names is the file's choice, and each would take that long.
    lost: Mutex<Option<Failure>>,
}

impl Remote {
    pub(crate) fn new(address: Address) -> Self {
        Remote {
            address,
            lost: Mutex::default(),
        }
    }

    fn call(&self, method: Method, request: &Request) -> Result<Zeroizing<Vec<u8>>, KeyError> {
        if let Some(failure) = *self.lost() {
            return Err(self.error(failure));
        }
        let runtime = runtime().map_err(|error| {
            KeyError::new(Reason::Unavailable, error.to_string()).may_help_to_retry()
        })?;
        let message = request.encode();
        let answer = runtime.block_on(exchange(&self.address, method, &message));
        // What still waits for the other side is given up.
        runtime.shutdown_background();
        answer.map_err(|failure| {
            if !matches!(failure, Failure::Status(_)) {
                *self.lost() = Some(failure);
            }
            self.error(failure)
        })
    }

    fn lost(&self) -> std::sync::MutexGuard<'_, Option<Failure>> {
        self.lost
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Nothing of what the server answered but its status.
    fn error(&self, failure: Failure) -> KeyError {
        let address = &self.address;
        let named = |reason, why: &dyn std::fmt::Display| {
            KeyError::new(reason, format!("the key service {address}: {why}"))
        };
        match failure {
            Failure::Unreachable(why) => named(Reason::Unavailable, &why)
                .may_help_to_retry()
                .advise(format!(
                    "start it, or take --keyservice and SOPS_KEYSERVICE away: nothing answers at {address}"
                )),
            Failure::Wrong(why) => named(Reason::Unavailable, &why).advise(format!(
                "see what listens at {address}: it answers, and not as a key service of sops does"
            )),
            Failure::Status(status) => match status {
                Status::PermissionDenied | Status::Other(16) => named(Reason::Denied, &status),
                Status::Unavailable => named(Reason::Unavailable, &status).may_help_to_retry(),
                Status::InvalidArgument | Status::Unimplemented => {
                    named(Reason::Unsupported, &status)
                }
                _ => named(Reason::NotOurs, &status),
            },
        }
    }
}

impl KeyService for Remote {
    fn handles(&self, _: KeyKind) -> bool {
        true
    }

    fn efforts(&self, _: &WrappedKey) -> &[Effort] {
        &[Effort::Network]
    }

    fn unwrap(&self, key: &WrappedKey, _: Effort) -> Result<Secret, KeyError> {
        let request = Request {
            recipient: key.recipient().clone(),
            bytes: key.enc().as_bytes().to_vec().into(),
        };
        let key = self.call(Method::Decrypt, &request)?;
        // A data key, or a share of one, which is a byte longer.
        match key.len() {
            16 | 17 | 24 | 25 | 32 | 33 => Ok(Secret::from(key)),
            _ => Err(self.error(Failure::Wrong("what it answered is no data key"))),
        }
    }

    fn wrap(&self, to: &Recipient, secret: &Secret) -> Result<WrappedKey, KeyError> {
        let request = Request {
            recipient: to.clone(),
            bytes: secret.as_bytes().to_vec().into(),
        };
        let enc = self.call(Method::Encrypt, &request)?;
        match std::str::from_utf8(&enc) {
            Ok(enc) if may_be_wrapped(to, enc) => Ok(WrappedKey::new(to.clone(), enc)),
            _ => Err(self.error(Failure::Wrong("what it answered is no wrapped key"))),
        }
    }

    fn forget_failures(&self) {
        *self.lost() = None;
    }
}

/// Whether a text may be what a key is wrapped as: better no file than one that
/// nobody can open.
fn may_be_wrapped(to: &Recipient, enc: &str) -> bool {
    match to.kind() {
        // Without any identity it is said whether it is an age file at all.
        KeyKind::Age => {
            let key = WrappedKey::new(to.clone(), enc);
            let opened = Keyring::new().unwrap(&key, Effort::AtHand);
            opened.is_err_and(|why| why.reason() != Reason::Damaged)
        }
        KeyKind::Pgp => {
            let text = enc.trim();
            text.starts_with("-----BEGIN PGP MESSAGE-----")
                && text.ends_with("-----END PGP MESSAGE-----")
        }
        // base64, and what Vault puts in front of it.
        _ => !enc.is_empty() && enc.bytes().all(|b| b.is_ascii_graphic()),
    }
}

#[derive(Clone, Copy)]
enum Failure {
    /// Nobody answers.
    Unreachable(&'static str),
    /// Somebody does, and not as a key service.
    Wrong(&'static str),
    Status(Status),
}

const NO_ANSWER: Failure = Failure::Wrong("it gives no answer that can be understood");
const LATE: Failure = Failure::Unreachable("it does not answer in time");

async fn exchange(
    address: &Address,
    method: Method,
    message: &[u8],
) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let late = |_| LATE;
    let refused = |_| Failure::Unreachable("it cannot be reached");
    match address {
        Address::Tcp(address) => {
            let stream = timeout(PATIENCE, TcpStream::connect(address)).await;
            let stream = stream.map_err(late)?.map_err(refused)?;
            let asked = ask(stream, address, method, message);
            timeout(ANSWER, asked).await.map_err(late)?
        }
        Address::Unix(path) => {
            let stream = timeout(PATIENCE, UnixStream::connect(path)).await;
            let stream = stream.map_err(late)?.map_err(refused)?;
            let asked = ask(stream, "localhost", method, message);
            timeout(ANSWER, asked).await.map_err(late)?
        }
    }
}

async fn ask(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    authority: &str,
    method: Method,
    message: &[u8],
) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let lost = |_| NO_ANSWER;
    let mut builder = client::Builder::new();
    builder.max_header_list_size(MAX_HEADERS).enable_push(false);
    let handshake = builder.handshake::<_, bytes::Bytes>(stream);
    let late = |_| LATE;
    let (sender, mut connection) = timeout(PATIENCE, handshake)
        .await
        .map_err(late)?
        .map_err(lost)?;
    let pings = connection.ping_pong();
    tokio::spawn(async move {
        // Its end is seen by those who wait for the answer.
        let _ = connection.await;
    });
    // The handshake is done when our own half is written. Whether somebody is
    // there shows with an answer, for which no person is needed.
    if let Some(mut pings) = pings {
        let pong = timeout(PATIENCE, pings.ping(Ping::opaque()));
        pong.await.map_err(late)?.map_err(lost)?;
    }
    let request = HttpRequest::post(format!("http://{authority}{}", method.path()))
        .version(http::Version::HTTP_2)
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .body(())
        .map_err(|_| Failure::Unreachable("its address is none"))?;
    let mut sender = sender.ready().await.map_err(lost)?;
    let (response, mut body) = sender.send_request(request, false).map_err(lost)?;
    body.send_data(grpc::framed(message), true).map_err(lost)?;
    let response = response.await.map_err(lost)?;
    if let Some(Some(status)) = Status::in_headers(response.headers()) {
        return Err(Failure::Status(status));
    }
    if response.status() != http::StatusCode::OK {
        return Err(NO_ANSWER);
    }
    let mut stream = response.into_body();
    let body = grpc::body(&mut stream).await.map_err(Failure::Wrong)?;
    let trailers = stream.trailers().await.map_err(lost)?.unwrap_or_default();
    match Status::in_headers(&trailers) {
        Some(None) => {}
        Some(Some(status)) => return Err(Failure::Status(status)),
        None => return Err(NO_ANSWER),
    }
    grpc::message(&body)
        .and_then(wire::decode_answer)
        .ok_or(NO_ANSWER)
}
