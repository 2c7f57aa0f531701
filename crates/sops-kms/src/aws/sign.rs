//! AWS Signature Version 4, in the `Authorization` header
//! (docs.aws.amazon.com, "Signature Version 4 for API requests").

use std::{fmt::Write, time::SystemTime};

use hmac::{Hmac, Mac};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::credentials::Keys;
use crate::{
    http::{Origin, Request, encode},
    time,
    wire::hex,
};

/// For what a signature is good.
pub(crate) struct Scope<'a> {
    pub(crate) region: &'a str,
    pub(crate) service: &'a str,
    pub(crate) time: SystemTime,
    /// S3 takes the path as it is; all others escape it once more and leave
    /// out what `.`, `..` and `//` say.
    pub(crate) plain_path: bool,
}

/// The request with the headers that sign it.
pub(crate) fn sign(request: Request, keys: &Keys, scope: &Scope<'_>) -> Request {
    let stamp = time::compact(scope.time);
    let mut request = request.with_header("x-amz-date", stamp.clone());
    if let Some(token) = &keys.token {
        request = request.with_header("x-amz-security-token", token.as_str());
    }
    let (host, path, query) = split(request.url());
    let mut headers: Vec<(String, String)> = vec![("host".into(), host)];
    headers.extend(
        request
            .headers()
            .map(|(k, v)| (k.to_lowercase(), v.to_owned())),
    );
    let headers = Zeroizing::new(headers);
    let hash = hex(&Sha256::digest(request.body()));
    let path = if scope.plain_path {
        path
    } else {
        let parts: Vec<String> = normalized(&path).split('/').map(encode).collect();
        parts.join("/")
    };
    let (canonical, signed) = canonical(request.method(), &path, &query, &headers, &hash);
    let date = stamp.get(..8).unwrap_or_default();
    let range = format!("{date}/{}/{}/aws4_request", scope.region, scope.service);
    let text = to_sign(&stamp, &range, &canonical);
    let signature = hex(&signature(keys.secret.as_bytes(), &range, &text));
    let id = &keys.id;
    request.with_header(
        "authorization",
        format!(
            "AWS4-HMAC-SHA256 Credential={id}/{range}, SignedHeaders={signed}, Signature={signature}"
        ),
    )
}

/// Host (with a port that does not go without saying), path and query.
fn split(url: &str) -> (String, String, String) {
    let host = Origin::of(url).map_or_else(String::new, |origin| {
        let origin = origin.to_string();
        origin
            .split_once("://")
            .map_or("", |(_, host)| host)
            .to_owned()
    });
    let after = url.split_once("://").map_or(url, |(_, rest)| rest);
    let path = after.find(['/', '?']).map_or("", |at| &after[at..]);
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let path = if path.is_empty() { "/" } else { path };
    (host, path.into(), query.into())
}

/// The canonical request, and the names of the headers that are signed.
fn canonical(
    method: &str,
    path: &str,
    query: &str,
    headers: &[(String, String)],
    hash: &str,
) -> (Zeroizing<String>, String) {
    let mut pairs: Vec<&str> = query.split('&').filter(|pair| !pair.is_empty()).collect();
    // By name, then by value: the sign between them is not to be compared.
    pairs.sort_by_key(|pair| pair.split_once('=').unwrap_or((pair, "")));
    let mut out = Zeroizing::new(format!("{method}\n{path}\n"));
    for (i, pair) in pairs.iter().enumerate() {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let and = if i == 0 { "" } else { "&" };
        let _ = write!(out, "{and}{name}={value}");
    }
    out.push('\n');
    let mut names: Vec<&str> = headers.iter().map(|(name, _)| &**name).collect();
    names.sort_unstable();
    names.dedup();
    for name in &names {
        let _ = write!(out, "{name}:");
        let values = headers.iter().filter(|(other, _)| other == name);
        for (i, (_, value)) in values.enumerate() {
            let words = value.split_ascii_whitespace();
            for (j, word) in words.enumerate() {
                let gap = match (i, j) {
                    (0, 0) => "",
                    (_, 0) => ",",
                    _ => " ",
                };
                let _ = write!(out, "{gap}{word}");
            }
        }
        out.push('\n');
    }
    let signed = names.join(";");
    let _ = write!(out, "\n{signed}\n{hash}");
    (out, signed)
}

/// A path without `.`, `..` and `//`.
fn normalized(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    let last = path.rsplit('/').next();
    let open = matches!(last, Some("" | "." | "..")) && !parts.is_empty();
    format!("/{}{}", parts.join("/"), if open { "/" } else { "" })
}

fn to_sign(stamp: &str, range: &str, canonical: &str) -> String {
    let hash = hex(&Sha256::digest(canonical.as_bytes()));
    format!("AWS4-HMAC-SHA256\n{stamp}\n{range}\n{hash}")
}

/// A key for each part of the range, and with the last of them the text.
fn signature(secret: &[u8], range: &str, text: &str) -> [u8; 32] {
    let first = Zeroizing::new([b"AWS4", secret].concat());
    let mut key = Zeroizing::new(first.to_vec());
    for part in range.split('/') {
        key = Zeroizing::new(hmac(&key, part).to_vec());
    }
    hmac(&key, text)
}

fn hmac(key: &[u8], text: &str) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests;
