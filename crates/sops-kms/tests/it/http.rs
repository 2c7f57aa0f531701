//! The one room that requests go through: trust, proxies, tries, bounds.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::{Duration, Instant},
};

use sops_kms::http::{ANSWER, Cause, Client, Request};

use super::fake::{Fake, Reply, certificate, https, nobody, proxy, silent};
use super::world::env;

fn client() -> Client {
    Client::new(&env(&[]))
}

fn ca() -> String {
    certificate("ca.pem").display().to_string()
}

#[test]
fn connections_are_kept() {
    let fake = Fake::http(|got| {
        assert_eq!(
            got.header("user-agent"),
            concat!("sops-kms/", env!("CARGO_PKG_VERSION"))
        );
        Reply::json(200, got.text()).slow(1)
    });
    let client = client();
    for text in ["one", "two", "three"] {
        let request = Request::post(fake.url()).with_body(text.as_bytes().to_vec());
        let answer = client.send(&request).unwrap();
        assert_eq!((answer.status(), answer.body()), (200, text.as_bytes()));
    }
    assert_eq!(fake.connections(), 1);
}

#[test]
fn passing_faults_are_tried_three_times() {
    for status in [429, 500, 502, 503, 504] {
        let fake = Fake::http(move |_| Reply::json(status, "{}"));
        let answer = client().send(&Request::get(fake.url())).unwrap();
        assert_eq!((answer.status(), fake.got().len()), (status, 3));
    }
    for status in [200, 400, 401, 403, 404, 412, 501] {
        let fake = Fake::http(move |_| Reply::json(status, "{}"));
        let answer = client().send(&Request::get(fake.url())).unwrap();
        assert_eq!((answer.status(), fake.got().len()), (status, 1));
    }
}

#[test]
fn a_server_that_comes_back_is_answered() {
    let count = AtomicUsize::new(0);
    let fake = Fake::http(move |_| match count.fetch_add(1, Ordering::SeqCst) {
        0 => Reply::Raw(Vec::new()),
        1 => Reply::with(503, &[("retry-after", "0")], ""),
        _ => Reply::json(200, "good"),
    });
    let answer = client().send(&Request::get(fake.url())).unwrap();
    assert_eq!(answer.body(), b"good");
}

#[test]
fn nobody_there() {
    let url = format!("http://{}", nobody());
    let failure = client().send(&Request::get(&url)).unwrap_err();
    assert_eq!(
        *failure.cause(),
        Cause::Connection("connection refused".into())
    );
    assert!(failure.is_transient());
    assert_eq!(
        failure.to_string(),
        format!("{url}: no connection: connection refused")
    );
    let failure = client()
        .send(&Request::get("http://no.such.host.invalid"))
        .unwrap_err();
    assert_eq!(*failure.cause(), Cause::HostNotFound);
}

#[test]
fn a_server_that_does_not_answer_is_not_asked_again() {
    let fake = Fake::http(|_| Reply::Raw(Vec::new()));
    let client = client();
    for _ in 0..5 {
        client.send(&Request::get(fake.url())).unwrap_err();
    }
    assert_eq!(fake.connections(), 3);
    client.forget_failures();
    client.send(&Request::get(fake.url())).unwrap_err();
    assert_eq!(fake.connections(), 6);
}

#[test]
fn a_redirect_is_not_followed() {
    let other = Fake::http(|_| Reply::json(200, "{}"));
    for status in [301, 302, 303, 307, 308] {
        let to = other.url();
        let fake = Fake::http(move |_| Reply::with(status, &[("location", &to)], ""));
        let failure = client().send(&Request::get(fake.url())).unwrap_err();
        assert_eq!(*failure.cause(), Cause::Redirect(status));
        assert_eq!(fake.got().len(), 1);
    }
    assert_eq!(other.connections(), 0);
}

#[test]
fn answers_are_bounded() {
    let fake = Fake::http(|got| match got.target.as_str() {
        "/just" => Reply::json(200, "x".repeat(ANSWER)),
        "/huge" => Reply::json(200, "x".repeat(ANSWER + 1)),
        // No length: until the connection ends.
        "/endless" => {
            Reply::Raw([b"HTTP/1.1 200 OK\r\n\r\n", &vec![b'x'; 2 * ANSWER][..]].concat())
        }
        _ => Reply::Raw(format!("HTTP/1.1 200 OK\r\nx: {}\r\n\r\n", "x".repeat(ANSWER)).into()),
    });
    let get = |path: &str| client().send(&Request::get(fake.url() + path));
    assert_eq!(get("/just").unwrap().body().len(), ANSWER);
    for path in ["/huge", "/endless"] {
        assert_eq!(*get(path).unwrap_err().cause(), Cause::TooLarge, "{path}");
    }
    get("/headers").unwrap_err();
}

#[test]
fn a_cut_answer_is_no_answer() {
    for raw in [
        "",
        "HTTP/1.1 200 O",
        "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n12345",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\n123",
        "SSH-2.0-OpenSSH_9.2\r\n",
    ] {
        let fake = Fake::http(move |_| Reply::Raw(raw.into()));
        let failure = client().send(&Request::get(fake.url())).unwrap_err();
        assert!(failure.is_transient(), "{raw:?}: {failure}");
        assert!(
            matches!(failure.cause(), Cause::Cut | Cause::Connection(_)),
            "{raw:?}: {failure:?}"
        );
    }
}

#[test]
fn a_metadata_server_is_tried_once_for_a_second() {
    let (address, _listener) = silent();
    let start = Instant::now();
    let client = Client::for_metadata(&env(&[("HTTP_PROXY", "http://127.0.0.1:1")]));
    let failure = client
        .send(&Request::get(format!("http://{address}")))
        .unwrap_err();
    assert_eq!(*failure.cause(), Cause::Timeout);
    // One try; three would be three times as long.
    assert!(
        start.elapsed() < Duration::from_millis(2900),
        "{:?}",
        start.elapsed()
    );
}

#[test]
fn certificates() {
    let hello = |_: &super::fake::Got| Reply::json(200, "hello");
    let server = https("server", false, hello);
    let elsewhere = https("elsewhere", false, hello);
    let why = |client: Client, fake: &Fake| match client.send(&Request::get(fake.url())) {
        Ok(answer) => String::from_utf8(answer.body().to_vec()).unwrap(),
        Err(failure) => {
            assert!(!failure.is_transient());
            failure.to_string().rsplit_once(": ").unwrap().1.to_owned()
        }
    };
    let unknown = "nobody whom we trust has signed its certificate";
    assert_eq!(why(client(), &server), unknown);
    assert_eq!(server.connections(), 1, "not tried again");
    let ours = env(&[("SSL_CERT_FILE", &ca())]);
    assert_eq!(why(Client::new(&ours), &server), "hello");
    assert_eq!(
        why(Client::new(&ours), &elsewhere),
        "its certificate is for another name"
    );
    let named = Client::new(&ours).with_server_name(Some("elsewhere.example.org".into()));
    assert_eq!(why(named, &elsewhere), "hello");
    let directory = tempfile::tempdir().unwrap();
    std::fs::copy(ca(), directory.path().join("ca.pem")).unwrap();
    let path = directory.path().display().to_string();
    assert_eq!(
        why(Client::new(&env(&[("SSL_CERT_DIR", &path)])), &server),
        "hello"
    );
    let trusting = client().trusting_directory(Some(directory.path().into()));
    assert_eq!(why(trusting, &server), "hello");
    let trusting = client().trusting_file(Some(ca().into()));
    assert_eq!(why(trusting, &server), "hello");
    let pem = std::fs::read_to_string(ca()).unwrap();
    assert_eq!(why(client().trusting_pem(Some(pem)), &server), "hello");
    assert_eq!(
        why(client().without_verification(true), &elsewhere),
        "hello"
    );
    // What a service's own variable names must be there.
    let missing = client().trusting_file(Some("/no/such/bundle".into()));
    let failure = missing.send(&Request::get(server.url())).unwrap_err();
    assert_eq!(failure.to_string(), "/no/such/bundle: entity not found");
}

/// What `openssl req -x509` makes is an authority's certificate and a server's
/// at once: named as it stands it is taken, as by Go.
#[test]
fn a_certificate_that_signed_itself() {
    let ask = |server: &str, named: &str| {
        let fake = https(server, false, |_| Reply::json(200, "hello"));
        let named = certificate(&format!("{named}.pem")).display().to_string();
        let client = Client::new(&env(&[("SSL_CERT_FILE", &named)]));
        match client.send(&Request::get(fake.url())) {
            Ok(_) => "hello".to_owned(),
            Err(failure) => failure.to_string().rsplit_once(": ").unwrap().1.to_owned(),
        }
    };
    assert_eq!(ask("self", "self"), "hello");
    assert_eq!(
        ask("self-elsewhere", "self-elsewhere"),
        "its certificate is for another name"
    );
    assert_eq!(
        ask("self-expired", "self-expired"),
        "its certificate has expired, or this machine's clock is wrong"
    );
    // Another's that looks the same is not.
    assert_eq!(
        ask("self", "self-expired"),
        "nobody whom we trust has signed its certificate"
    );
    assert_eq!(
        ask("self", "ca"),
        "nobody whom we trust has signed its certificate"
    );
}

#[test]
fn a_client_certificate() {
    let server = https("server", true, |_| Reply::json(200, "hello"));
    let trusting = || client().trusting_file(Some(ca().into()));
    let with = |pem: &str, key: &str| {
        let client = trusting().with_identity(certificate(pem), certificate(key));
        client.send(&Request::get(server.url()))
    };
    assert_eq!(with("client.pem", "client.key").unwrap().body(), b"hello");
    assert!(trusting().send(&Request::get(server.url())).is_err());
    // Their key is not this one's: an error, where ureq itself would panic.
    let failure = with("client.pem", "server.key").unwrap_err();
    assert!(matches!(failure.cause(), Cause::Setting(_)), "{failure}");
    let failure = with("README.md", "client.key").unwrap_err();
    assert!(matches!(failure.cause(), Cause::Setting(_)), "{failure}");
}

#[test]
fn through_a_proxy() {
    let server = https("server", false, |_| Reply::json(200, "hello"));
    let (address, count) = proxy();
    let through = format!("http://user:hunter2@{address}");
    let ca = ca();
    let vars = [("HTTPS_PROXY", through.as_str()), ("SSL_CERT_FILE", &ca)];
    let client = Client::new(&env(&vars));
    // A name that only the proxy can look up.
    let url = format!("https://vault.example.org:{}", server.address().port());
    assert_eq!(client.send(&Request::get(&url)).unwrap().body(), b"hello");
    assert_eq!(count.load(Ordering::SeqCst), 1);
    // This machine is asked directly.
    assert_eq!(
        client.send(&Request::get(server.url())).unwrap().body(),
        b"hello"
    );
    assert_eq!(count.load(Ordering::SeqCst), 1);
    let nobody = format!("http://user:hunter2@{}", nobody());
    let client = Client::new(&env(&[("HTTPS_PROXY", &nobody)]));
    let failure = client.send(&Request::get(&url)).unwrap_err();
    assert!(!failure.to_string().contains("hunter2"), "{failure}");
}

/// A proxy that cannot be used matters where a request would go through it.
#[test]
fn a_proxy_that_cannot_be_used() {
    let server = Fake::http(|_| Reply::json(200, "hello"));
    for bad in ["socks5://proxy:1080", "::::"] {
        let vars = [("HTTPS_PROXY", bad), ("HTTP_PROXY", bad)];
        let client = Client::new(&env(&vars));
        let direct = client.send(&Request::get(server.url()));
        assert_eq!(direct.unwrap().body(), b"hello", "{bad}");
        for url in ["https://vault.example.org", "http://vault.example.org"] {
            let failure = client.send(&Request::get(url)).unwrap_err();
            assert!(matches!(failure.cause(), Cause::Setting(_)), "{failure}");
            assert!(failure.to_string().contains("_PROXY: "), "{failure}");
            assert!(failure.advice().is_some());
        }
        let except = [vars[0], vars[1], ("NO_PROXY", "127.0.0.1")];
        let client = Client::new(&env(&except));
        assert!(client.send(&Request::get(server.url())).is_ok());
    }
    // One that is not there is what is said, and not the server.
    let gone = format!("http://{}", nobody());
    let client = Client::new(&env(&[("HTTPS_PROXY", &gone)]));
    let failure = client.send(&Request::get("https://vault.example.org"));
    assert_eq!(*failure.unwrap_err().cause(), Cause::Proxy);
}

/// One that is busy is tried three times for the first request, and then once
/// for each until one succeeds.
#[test]
fn a_server_that_is_busy() {
    let count = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let seen = count.clone();
    let fake = Fake::http(move |_| match seen.fetch_add(1, Ordering::SeqCst) {
        0..5 => Reply::with(503, &[("retry-after", "0")], ""),
        5 | 7.. => Reply::json(200, "{}"),
        6 => Reply::json(500, ""),
    });
    let client = client();
    let get = || {
        let status = client.send(&Request::get(fake.url())).unwrap().status();
        (status, count.load(Ordering::SeqCst))
    };
    assert_eq!([get(), get(), get()], [(503, 3), (503, 4), (503, 5)]);
    // It is well again, and has its tries back.
    assert_eq!([get(), get()], [(200, 6), (200, 8)]);
}

#[test]
fn nothing_of_an_answer_is_shown() {
    let fake = Fake::http(|_| {
        Reply::with(
            307,
            &[("location", "http://planted-secret/")],
            "planted-secret",
        )
    });
    let request = Request::post(fake.url())
        .with_header("x-vault-token", "planted-secret")
        .with_body(b"planted-secret".to_vec());
    let failure = client().send(&request).unwrap_err();
    assert!(!format!("{failure} {failure:?} {request:?}").contains("planted-secret"));
    let fake = Fake::http(|_| Reply::json(403, "planted-secret"));
    let answer = client().send(&request.clone()).map(|_| ());
    assert!(answer.is_err());
    let answer = client().send(&Request::get(fake.url())).unwrap();
    assert!(!format!("{answer:?}").contains("planted-secret"));
}

#[test]
fn what_cannot_be_sent() {
    for url in [
        "ftp://x/",
        "x",
        "http://a b/",
        "http://user@host/",
        "http://host:99999/",
        "",
    ] {
        let failure = client().send(&Request::get(url)).unwrap_err();
        assert_eq!(*failure.cause(), Cause::NotAnAddress, "{url}");
    }
    let fake = Fake::http(|_| Reply::json(200, "{}"));
    let request = Request::get(fake.url()).with_header("x-vault-token", "a\r\nx-other: b");
    assert_eq!(
        *client().send(&request).unwrap_err().cause(),
        Cause::NotAHeader("x-vault-token".into())
    );
    assert_eq!(fake.connections(), 0);
}
