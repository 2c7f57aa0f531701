//! gRPC as far as one message each way goes: a frame around the message, and
//! the status in the trailers.

use std::{fmt, time::Duration};

use bytes::{Bytes, BytesMut};
use h2::RecvStream;
use http::HeaderMap;
use zeroize::Zeroizing;

/// The largest message that is taken: more than any wrapped key.
pub(super) const MAX_MESSAGE: usize = 256 << 10;
/// The most that the headers of a request or an answer may hold.
pub(super) const MAX_HEADERS: u32 = 16 << 10;
/// How long the other side may take to be reached, and to say what it wants.
pub(super) const PATIENCE: Duration = Duration::from_secs(20);

/// A status other than "all is well".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Status {
    Unknown,
    InvalidArgument,
    PermissionDenied,
    Unimplemented,
    Unavailable,
    Other(u16),
}

impl Status {
    pub(super) fn code(self) -> u16 {
        match self {
            Status::Unknown => 2,
            Status::InvalidArgument => 3,
            Status::PermissionDenied => 7,
            Status::Unimplemented => 12,
            Status::Unavailable => 14,
            Status::Other(code) => code,
        }
    }

    fn of(code: u16) -> Option<Self> {
        Some(match code {
            0 => return None,
            2 => Status::Unknown,
            3 => Status::InvalidArgument,
            7 => Status::PermissionDenied,
            12 => Status::Unimplemented,
            14 => Status::Unavailable,
            other => Status::Other(other),
        })
    }

    /// What the headers or trailers say: `Some(None)` that all is well.
    pub(super) fn in_headers(headers: &HeaderMap) -> Option<Option<Self>> {
        let code = headers.get("grpc-status")?.to_str().ok()?.parse().ok()?;
        Some(Status::of(code))
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Status::Unknown => f.write_str("it cannot"),
            Status::InvalidArgument => f.write_str("it does not understand the request"),
            Status::PermissionDenied => f.write_str("it refused"),
            Status::Unimplemented => f.write_str("it does not know such requests"),
            Status::Unavailable => f.write_str("it is not available"),
            Status::Other(code) => write!(f, "it answered with status {code}"),
        }
    }
}

/// A message with its frame.
pub(super) fn framed(message: &[u8]) -> Bytes {
    let mut out = BytesMut::with_capacity(message.len() + 5);
    // Not compressed.
    out.extend_from_slice(&[0]);
    let length = u32::try_from(message.len()).unwrap_or(u32::MAX);
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(message);
    out.freeze()
}

/// All of a body.
///
/// # Errors
///
/// Where the connection ends, or the body is too large.
pub(super) async fn body(stream: &mut RecvStream) -> Result<Zeroizing<Vec<u8>>, &'static str> {
    let mut all = Zeroizing::new(Vec::with_capacity(1024));
    while let Some(chunk) = stream.data().await {
        let chunk = chunk.map_err(|_| "the connection was lost")?;
        if all.len() + chunk.len() > MAX_MESSAGE {
            return Err("the message is too large");
        }
        all.extend_from_slice(&chunk);
        let _ = stream.flow_control().release_capacity(chunk.len());
    }
    Ok(all)
}

/// The message of a body of one frame.
pub(super) fn message(body: &[u8]) -> Option<&[u8]> {
    let (head, message) = body.split_at_checked(5)?;
    let [compressed, a, b, c, d] = *head else {
        return None;
    };
    let length = usize::try_from(u32::from_be_bytes([a, b, c, d])).ok()?;
    (compressed == 0 && length == message.len()).then_some(message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_holds_one_message() {
        assert_eq!(framed(b"abc").as_ref(), b"\0\0\0\0\x03abc");
        assert_eq!(message(b"\0\0\0\0\x03abc"), Some(&b"abc"[..]));
        for wrong in [
            &b""[..],
            b"\0\0\0\0",
            b"\x01\0\0\0\x03abc",
            b"\0\0\0\0\x04abc",
            b"\0\xff\xff\xff\xffabc",
            b"\0\0\0\0\x01abc",
        ] {
            assert_eq!(message(wrong), None, "{wrong:?}");
        }
    }
}
