use std::time::Duration;

use serde::Deserialize;

use super::*;

#[derive(Deserialize)]
struct Case {
    name: String,
    normalize: bool,
    sign_body: bool,
    token: Option<String>,
    omit_token: bool,
    double: bool,
    stamp: String,
    region: String,
    service: String,
    request: String,
    canonical: String,
    string_to_sign: String,
    signature: String,
}

const SECRET: &[u8] = b"wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";

fn cases() -> Vec<Case> {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../testdata/sigv4/vectors.json"
    );
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

/// What is not ASCII, and blanks: a URL of ours never has them.
fn escaped(text: &str) -> String {
    let escape = |c: char| match c {
        '!'..='~' => c.to_string(),
        c => encode(&c.to_string()),
    };
    text.chars().map(escape).collect()
}

#[test]
fn the_signing_test_suite() {
    let cases = cases();
    assert_eq!(cases.len(), 39);
    for case in cases {
        let name = &case.name;
        let (head, body) = case
            .request
            .split_once("\n\n")
            .unwrap_or((&case.request, ""));
        let mut lines = head.lines();
        let first = lines.next().unwrap().strip_suffix(" HTTP/1.1").unwrap();
        let (method, target) = first.split_once(' ').unwrap();
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let mut headers: Vec<(String, String)> = Vec::new();
        for line in lines {
            match line.split_once(':') {
                Some((name, value)) if !line.starts_with(' ') => {
                    headers.push((name.to_lowercase(), value.to_owned()));
                }
                _ => headers.last_mut().unwrap().1.push_str(line),
            }
        }
        headers.push(("x-amz-date".into(), case.stamp.clone()));
        let hash = hex(&Sha256::digest(body));
        if case.sign_body {
            headers.push(("x-amz-content-sha256".into(), hash.clone()));
        }
        if let Some(token) = case.token.filter(|_| !case.omit_token) {
            headers.push(("x-amz-security-token".into(), token));
        }
        let mut path = escaped(path);
        if case.normalize {
            path = normalized(&path);
        }
        if case.double {
            let parts: Vec<_> = path.split('/').map(encode).collect();
            path = parts.join("/");
        }
        let (text, _) = canonical(method, &path, &escaped(query), &headers, &hash);
        assert_eq!(*text, case.canonical, "{name}");
        let range = format!(
            "{}/{}/{}/aws4_request",
            &case.stamp[..8],
            case.region,
            case.service
        );
        let text = to_sign(&case.stamp, &range, &text);
        assert_eq!(text, case.string_to_sign, "{name}");
        assert_eq!(
            hex(&signature(SECRET, &range, &text)),
            case.signature,
            "{name}"
        );
    }
}

#[test]
fn a_whole_request() {
    let keys = Keys::new("AKIDEXAMPLE", std::str::from_utf8(SECRET).unwrap(), None);
    let scope = Scope {
        region: "us-east-1",
        service: "service",
        time: SystemTime::UNIX_EPOCH + Duration::from_secs(1_440_938_160),
        plain_path: false,
    };
    let request = sign(
        Request::get("https://example.amazonaws.com/"),
        &keys,
        &scope,
    );
    let headers: Vec<_> = request.headers().collect();
    let vanilla = cases()
        .into_iter()
        .find(|case| case.name == "get-vanilla")
        .unwrap();
    let authorization = format!(
        "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, \
         SignedHeaders=host;x-amz-date, Signature={}",
        vanilla.signature
    );
    assert_eq!(
        headers,
        [
            ("x-amz-date", "20150830T123600Z"),
            ("authorization", &*authorization),
        ]
    );
}
