//! A server of a cloud that stands in for the real one: it answers what the
//! test says, and keeps who asked.

#![allow(
    dead_code,
    unreachable_pub,
    reason = "each test program uses a part of it"
)]

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
};

use base64::{Engine, prelude::BASE64_STANDARD};
use serde_json::{Value, json};

/// A request.
pub struct Asked {
    /// `POST / HTTP/1.1`.
    pub line: String,
    headers: Vec<String>,
    pub body: Vec<u8>,
}

impl Asked {
    pub fn header(&self, name: &str) -> &str {
        let headers = self.headers.iter().filter_map(|line| line.split_once(": "));
        let mut found = headers.filter(|(other, _)| other.eq_ignore_ascii_case(name));
        found.next().map_or("", |(_, value)| value)
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }
}

/// What is answered, and by whom it was asked.
pub type Answer = (u16, Value, String);

pub struct Fake {
    pub url: String,
    log: Arc<Mutex<Vec<String>>>,
}

impl Fake {
    pub fn start(answer: impl Fn(&Asked) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let log = Arc::new(Mutex::new(Vec::new()));
        let (kept, answer) = (log.clone(), Arc::new(answer));
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (kept, answer) = (kept.clone(), answer.clone());
                thread::spawn(move || serve(&stream, &kept, &*answer));
            }
        });
        Fake { url, log }
    }

    /// Who asked since the last time that this was called.
    pub fn asked(&self) -> Vec<String> {
        std::mem::take(&mut self.log.lock().unwrap())
    }
}

fn serve(
    stream: &TcpStream,
    log: &Mutex<Vec<String>>,
    answer: &dyn Fn(&Asked) -> Answer,
) -> Option<()> {
    let mut reader = BufReader::new(stream);
    loop {
        let mut lines = Vec::new();
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line).ok()? == 0 {
                return None;
            }
            match line.trim_end() {
                "" => break,
                line => lines.push(line.to_owned()),
            }
        }
        let mut asked = Asked {
            line: lines.remove(0),
            headers: lines,
            body: Vec::new(),
        };
        let length = asked.header("content-length").parse().unwrap_or(0);
        asked.body.resize(length, 0);
        reader.read_exact(&mut asked.body).ok()?;
        let (status, body, who) = answer(&asked);
        log.lock().unwrap().push(who);
        let body = body.to_string();
        let length = body.len();
        let text = format!(
            "HTTP/1.1 {status} Said\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
        );
        (&mut &*stream).write_all(text.as_bytes()).ok()?;
    }
}

/// "Encrypts": backwards, in base64.
pub fn turned(text: &str) -> String {
    let mut bytes = BASE64_STANDARD.decode(text).unwrap_or_default();
    bytes.reverse();
    BASE64_STANDARD.encode(bytes)
}

/// Google Cloud KMS: a key for whoever has the token.
pub fn gcp(asked: &Asked) -> Answer {
    let who = asked.header("authorization").to_owned();
    let call = asked.json();
    let (from, to) = match asked.line.contains(":encrypt") {
        true => ("plaintext", "ciphertext"),
        false => ("ciphertext", "plaintext"),
    };
    if who == "Bearer t0k3n" {
        let text = turned(call[from].as_str().unwrap_or_default());
        (200, json!({ to: text }), who)
    } else {
        let error = json!({"status": "PERMISSION_DENIED", "message": "planted"});
        (403, json!({ "error": error }), who)
    }
}

/// AWS KMS: each key for the account in whose ARN the access key's name is.
pub fn aws(asked: &Asked) -> Answer {
    let authorization = asked.header("authorization");
    let who = authorization
        .split("Credential=")
        .nth(1)
        .unwrap_or_default();
    let who = who.split('/').next().unwrap_or_default().to_owned();
    let call = asked.json();
    let key = call["KeyId"].as_str().unwrap_or_default();
    if who.is_empty() || !key.ends_with(&format!("key/{who}")) {
        let error = json!({"__type": "AccessDeniedException", "message": "planted"});
        return (400, error, who);
    }
    let text = |field: &str| turned(call[field].as_str().unwrap_or_default());
    let answer = match asked.header("x-amz-target") {
        "TrentService.Encrypt" => json!({"KeyId": key, "CiphertextBlob": text("Plaintext")}),
        _ => json!({"KeyId": key, "Plaintext": text("CiphertextBlob")}),
    };
    (200, answer, who)
}

/// Vault's transit engine, for whoever has the token.
pub fn vault(asked: &Asked) -> Answer {
    let who = asked.header("x-vault-token").to_owned();
    if who != "s.t0k3n" {
        return (403, json!({"errors": ["planted"]}), who);
    }
    let call = asked.json();
    let text = |field: &str| call[field].as_str().unwrap_or_default().to_owned();
    let data = match asked.line.contains("/encrypt/") {
        true => json!({"ciphertext": format!("vault:v1:{}", turned(&text("plaintext")))}),
        false => {
            let ciphertext = text("ciphertext");
            let wrapped = ciphertext.strip_prefix("vault:v1:").unwrap_or_default();
            json!({ "plaintext": turned(wrapped) })
        }
    };
    (200, json!({ "data": data }), who)
}
