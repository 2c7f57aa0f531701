//! The signature of Huawei Cloud's requests, `SDK-HMAC-SHA256`
//! (support.huaweicloud.com, "AK/SK-based authentication"): AWS's in its
//! form, with the secret key itself in place of a derived one, and a slash at
//! the end of the path.

use hmac::{Hmac, Mac};
use sha2::{Digest, Sha256};

use super::credentials::Keys;
use crate::{http::Request, wire::hex};

const ALGORITHM: &str = "SDK-HMAC-SHA256";

/// The request with the headers that sign it. All headers that it has are
/// signed, and `host` where it is given.
pub(super) fn sign(request: Request, keys: &Keys, host: Option<&str>, stamp: &str) -> Request {
    let mut request = request.with_header("x-sdk-date", stamp);
    if let Some(token) = &keys.token {
        request = request.with_header("x-security-token", token.as_str());
    }
    let mut headers: Vec<(String, &str)> = request
        .headers()
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim()))
        // Proxies may change it.
        .filter(|(name, _)| name != "content-type")
        .collect();
    headers.extend(host.map(|host| ("host".to_owned(), host)));
    headers.sort();
    let names: Vec<&str> = headers.iter().map(|(name, _)| &**name).collect();
    let names = names.join(";");
    let url = request.url();
    let after = url.split_once("://").map_or(url, |(_, rest)| rest);
    let path = after.find('/').map_or("/", |at| &after[at..]);
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let mut pairs: Vec<&str> = query.split('&').collect();
    pairs.sort_unstable();
    let query = pairs.join("&");
    let slash = if path.ends_with('/') { "" } else { "/" };
    // A secret is in it, with a token: the text is hashed at once.
    let mut hash = Sha256::new();
    hash.update(format!("{}\n{path}{slash}\n{query}\n", request.method()));
    for (name, value) in &headers {
        for part in [name, ":", value, "\n"] {
            hash.update(part);
        }
    }
    hash.update(format!(
        "\n{names}\n{}",
        hex(&Sha256::digest(request.body()))
    ));
    let text = format!("{ALGORITHM}\n{stamp}\n{}", hex(&hash.finalize()));
    let signature = hex(&hmac(keys.secret.as_bytes(), text.as_bytes()));
    let id = &keys.id;
    request.with_header(
        "authorization",
        format!("{ALGORITHM} Access={id}, SignedHeaders={names}, Signature={signature}"),
    )
}

fn hmac(key: &[u8], text: &[u8]) -> Vec<u8> {
    // A key of any length will do.
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("a key of any length");
    mac.update(text);
    mac.finalize().into_bytes().to_vec()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde::Deserialize;
    use zeroize::Zeroizing;

    use super::*;

    fn keys(token: Option<&String>) -> Keys {
        Keys {
            id: "AccessKey".into(),
            secret: Zeroizing::new("SecretKey".into()),
            token: token.cloned().map(Zeroizing::new),
        }
    }

    fn authorization(request: &Request) -> &str {
        let found = request.headers().find(|(name, _)| *name == "authorization");
        found.unwrap().1
    }

    /// As Huawei's SDK in Python signs (testdata/huawei/README.md).
    #[test]
    fn as_huaweis_sdk_signs() {
        #[derive(Deserialize)]
        struct Vector {
            method: String,
            path: String,
            query: String,
            headers: BTreeMap<String, String>,
            body: String,
            authorization: String,
        }
        const HOST: &str = "kms.tr-west-1.myhuaweicloud.com";
        let text = include_str!("../../../../testdata/huawei/signatures.json");
        let vectors: Vec<Vector> = serde_json::from_str(text).unwrap();
        assert_eq!(vectors.len(), 3);
        for vector in vectors {
            let query = match &*vector.query {
                "" => String::new(),
                query => format!("?{query}"),
            };
            let url = format!("https://{HOST}{}{query}", vector.path);
            let mut request = match &*vector.method {
                "POST" => Request::post(url).with_body(vector.body.into_bytes()),
                _ => Request::get(url),
            };
            if let Some(project) = vector.headers.get("x-project-id") {
                request = request.with_header("x-project-id", project.clone());
            }
            let keys = keys(vector.headers.get("x-security-token"));
            let request = sign(request, &keys, Some(HOST), &vector.headers["x-sdk-date"]);
            assert_eq!(authorization(&request), vector.authorization);
        }
    }

    /// Two vectors of the tests of Huawei's SDK in Go
    /// (core/auth/signer/signer_test.go), which does not sign the host.
    #[test]
    fn as_huaweis_sdk_in_go_signs() {
        let url = "https://example.huaweicloud.com/path";
        let get = Request::get(format!("{url}?limit=1"));
        let post = Request::post(format!("{url}?key=value"))
            .with_header("content-type", "application/json")
            .with_body(b"{\"Name\":\"test\",\"Id\":1}\n".to_vec());
        for (request, signature) in [
            (
                get,
                "5a2ce64c865e0e6046321c6f3d5a77ba8413eeaf355c3166c03d58d02ac79624",
            ),
            (
                post,
                "cecc2af119b18ab70b4d094c0750f3b42c02f254903179a0fc2cc72fc9db4f59",
            ),
        ] {
            let request = sign(request, &keys(None), None, "20060102T150405Z");
            let expected = format!(
                "SDK-HMAC-SHA256 Access=AccessKey, SignedHeaders=x-sdk-date, Signature={signature}"
            );
            assert_eq!(authorization(&request), expected);
        }
    }
}
