//! The server: requests of other processes, answered with a keyring.
//!
//! What they send is hostile: connections, requests at once, bytes and time
//! are bounded, and nothing of a request chooses more than which key is used.

use std::{io, net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use h2::server::{self, SendResponse};
use http::{Request as HttpRequest, Response};
use sops_core::{
    Keyring,
    keys::{Effort, KeyError, Reason, Recipient, WrappedKey},
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, UnixListener},
    sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot},
    time::timeout,
};
use zeroize::Zeroizing;

use super::{
    address::Address,
    grpc::{self, MAX_HEADERS, PATIENCE, Status},
    wire::{self, Method, Request},
};

/// How many connections there may be.
const CONNECTIONS: usize = 64;
/// How many requests a connection may make at once.
const STREAMS: u32 = 16;
/// How many keys are worked with at once.
pub(crate) const AT_ONCE: usize = 8;
/// How long a connection may do nothing, once it was used.
const IDLE: Duration = Duration::from_secs(600);

/// A person is to be asked whether a request is answered.
pub(crate) struct Question {
    /// `decrypt request using …`
    pub(crate) what: String,
    answer: oneshot::Sender<bool>,
}

impl Question {
    pub(crate) fn answer(self, yes: bool) {
        let _ = self.answer.send(yes);
    }
}

/// What is shared by all connections.
#[derive(Clone)]
struct Shared {
    keyring: Arc<Keyring>,
    questions: Option<mpsc::Sender<Question>>,
    work: Arc<Semaphore>,
}

/// A socket that is listened at.
pub(crate) enum Listener {
    Tcp(TcpListener),
    Unix(UnixListener, PathBuf),
}

impl Listener {
    /// Must be called within a runtime. A unix socket is for its owner alone.
    pub(crate) async fn bind(address: &Address) -> io::Result<Self> {
        match address {
            Address::Tcp(address) => Ok(Listener::Tcp(TcpListener::bind(address).await?)),
            Address::Unix(path) => {
                use rustix::{fs::Mode, process::umask};
                let before = umask(Mode::RWXG | Mode::RWXO);
                let bound = UnixListener::bind(path);
                umask(before);
                Ok(Listener::Unix(bound?, path.clone()))
            }
        }
    }

    /// Where it listens, as a client names it.
    pub(crate) fn uri(&self) -> String {
        match self {
            Listener::Tcp(listener) => {
                let address = listener.local_addr();
                address.map_or("tcp".into(), |address| format!("tcp://{address}"))
            }
            Listener::Unix(_, path) => format!("unix://{}", path.display()),
        }
    }

    /// Whether others than this machine can reach it.
    pub(crate) fn is_open_to_others(&self) -> bool {
        match self {
            Listener::Tcp(listener) => {
                let address: io::Result<SocketAddr> = listener.local_addr();
                address.is_ok_and(|address| !address.ip().is_loopback())
            }
            Listener::Unix(..) => false,
        }
    }

    /// Answers for ever. With `questions` nothing is answered that nobody
    /// agreed to.
    pub(crate) async fn serve(
        self,
        keyring: Arc<Keyring>,
        questions: Option<mpsc::Sender<Question>>,
    ) {
        let shared = Shared {
            keyring,
            questions,
            work: Arc::new(Semaphore::new(AT_ONCE)),
        };
        let places = Arc::new(Semaphore::new(CONNECTIONS));
        loop {
            let Ok(place) = Arc::clone(&places).acquire_owned().await else {
                return;
            };
            let accepted = match &self {
                Listener::Tcp(listener) => {
                    let accepted = listener.accept().await;
                    accepted.map(|(stream, _)| attend(stream, shared.clone(), place))
                }
                Listener::Unix(listener, _) => {
                    let accepted = listener.accept().await;
                    accepted.map(|(stream, _)| attend(stream, shared.clone(), place))
                }
            };
            if accepted.is_err() {
                // Too many open files, perhaps: until some are closed.
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
}

/// Starts to serve a connection, which has its place until it ends.
fn attend(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    shared: Shared,
    place: OwnedSemaphorePermit,
) {
    tokio::spawn(async move {
        connection(stream, shared).await;
        drop(place);
    });
}

async fn connection(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static, shared: Shared) {
    let mut builder = server::Builder::new();
    builder
        .max_concurrent_streams(STREAMS)
        .max_header_list_size(MAX_HEADERS)
        .max_concurrent_reset_streams(STREAMS as usize);
    let handshake = timeout(PATIENCE, builder.handshake::<_, bytes::Bytes>(stream));
    let Ok(Ok(mut connection)) = handshake.await else {
        return;
    };
    // Requests are worked on by tasks of their own, while this one keeps the
    // connection going.
    let mut wait = PATIENCE;
    while let Ok(Some(Ok((request, respond)))) = timeout(wait, connection.accept()).await {
        tokio::spawn(answer(request, respond, shared.clone()));
        wait = IDLE;
    }
}

async fn answer(
    request: HttpRequest<h2::RecvStream>,
    mut respond: SendResponse<bytes::Bytes>,
    shared: Shared,
) {
    let result = match timeout(PATIENCE, read(request)).await {
        Ok(Ok((method, request))) => work(method, request, &shared).await,
        Ok(Err(status)) => Err((status, "the request is none that this service knows".into())),
        Err(_) => Err((Status::Other(4), "the request took too long".into())),
    };
    // Where the other side has gone nobody is left to be told.
    let _ = send(&mut respond, result);
}

async fn read(request: HttpRequest<h2::RecvStream>) -> Result<(Method, Request), Status> {
    let method = Method::of_path(request.uri().path()).ok_or(Status::Unimplemented)?;
    let mut stream = request.into_body();
    let body = grpc::body(&mut stream)
        .await
        .map_err(|_| Status::InvalidArgument)?;
    grpc::message(&body)
        .and_then(Request::decode)
        .map(|request| (method, request))
        .ok_or(Status::InvalidArgument)
}

type Answer = Result<Zeroizing<Vec<u8>>, (Status, String)>;

async fn work(method: Method, request: Request, shared: &Shared) -> Answer {
    if let Some(questions) = &shared.questions {
        let (answer, answered) = oneshot::channel();
        let name = match method {
            Method::Encrypt => "encrypt",
            Method::Decrypt => "decrypt",
        };
        let what = format!("{name} request using {}", named(&request.recipient));
        let asked = questions.send(Question { what, answer }).await;
        if asked.is_err() || !answered.await.unwrap_or(false) {
            return Err((Status::PermissionDenied, "Request rejected by user".into()));
        }
    }
    let failed = || (Status::Unavailable, "the service ends".to_owned());
    let Ok(_turn) = shared.work.acquire().await else {
        return Err(failed());
    };
    let keyring = Arc::clone(&shared.keyring);
    // Key services are synchronous: one may wait for a server, or a person.
    let done = tokio::task::spawn_blocking(move || match method {
        Method::Encrypt => encrypt(&keyring, request),
        Method::Decrypt => decrypt(&keyring, request),
    });
    match done.await {
        Ok(Ok(bytes)) => Ok(wire::encode_answer(&bytes)),
        Ok(Err(why)) => {
            let status = match why.reason() {
                Reason::Unavailable => Status::Unavailable,
                Reason::Denied | Reason::Refused => Status::PermissionDenied,
                _ => Status::Unknown,
            };
            Err((status, why.to_string()))
        }
        Err(_) => Err(failed()),
    }
}

fn encrypt(keyring: &Keyring, request: Request) -> Result<Zeroizing<Vec<u8>>, KeyError> {
    let key = keyring.wrap(&request.recipient, &request.bytes.into())?;
    Ok(key.enc().as_bytes().to_vec().into())
}

fn decrypt(keyring: &Keyring, request: Request) -> Result<Zeroizing<Vec<u8>>, KeyError> {
    let enc = std::str::from_utf8(&request.bytes)
        .map_err(|_| KeyError::new(Reason::Damaged, "the wrapped key is no text"))?;
    let key = WrappedKey::new(request.recipient, enc);
    let mut failure: Option<KeyError> = None;
    for effort in Effort::ALL {
        match keyring.unwrap(&key, effort) {
            Ok(secret) => return Ok(secret.as_bytes().to_vec().into()),
            Err(why) if failure.as_ref().is_some_and(|f| f.reason() >= why.reason()) => {}
            Err(why) => failure = Some(why),
        }
    }
    Err(failure.unwrap_or_else(KeyError::not_ours))
}

/// A key as the question names it: made fit to be shown.
fn named(recipient: &Recipient) -> String {
    sops_core::shown::printable(&format!("{} {recipient}", recipient.kind()))
}

fn send(respond: &mut SendResponse<bytes::Bytes>, answer: Answer) -> Result<(), h2::Error> {
    let response = Response::builder()
        .header("content-type", "application/grpc")
        .body(())
        .unwrap_or_default();
    let mut stream = respond.send_response(response, false)?;
    let mut trailers = http::HeaderMap::new();
    match answer {
        Ok(message) => {
            stream.send_data(grpc::framed(&message), false)?;
            trailers.insert("grpc-status", 0.into());
        }
        Err((status, message)) => {
            trailers.insert("grpc-status", status.code().into());
            // Percent-encoded: ASCII without what HTTP does not have.
            let text: String = message
                .bytes()
                .map(|b| match b {
                    b' '..=b'~' if b != b'%' => char::from(b).to_string(),
                    _ => format!("%{b:02X}"),
                })
                .collect();
            if let Ok(text) = text.parse() {
                trailers.insert("grpc-message", text);
            }
        }
    }
    stream.send_trailers(trailers)
}
