//! The key service: our server for real sops and for our client, real sops's
//! server for our client, and what hostile clients send.

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    os::unix::{fs::PermissionsExt, net::UnixStream},
    path::Path,
    process::{Child, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use crate::common::{Folder, key, sops, sops_rs};

const A: &str = "age1a7zz5jawu8m8mxzqtue0wp7jtgpqvvg4pqnm260y694ygszaheqqeetzuc";
const B: &str = "age1ja7ptl5qugufr9nahd6tj32yxjffeaqwydt5jk3ssqxc2rl97gjqcg3qun";

/// A server that runs until this is dropped.
struct Server {
    child: Child,
    uri: String,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Our server, with the first key of the corpus.
fn ours(args: &[&str], stdin: Stdio) -> Server {
    let mut child = Command::new(sops_rs())
        .env_clear()
        .env("SOPS_AGE_KEY_FILE", key("age-a.txt"))
        .arg("keyservice")
        .args(args)
        .stdin(stdin)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let uri = loop {
        let line = lines.next().expect("it says where it listens").unwrap();
        if let Some(uri) = line.strip_prefix("listening at ") {
            break uri.to_owned();
        }
    };
    // So that it can go on writing.
    thread::spawn(move || lines.for_each(drop));
    Server { child, uri }
}

/// Real sops's server.
fn theirs(sops: &Path, net: &str, address: &str) -> Server {
    let child = Command::new(sops)
        .env_clear()
        .env("SOPS_AGE_KEY_FILE", key("age-a.txt"))
        .args(["keyservice", "--net", net, "--addr", address])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let start = Instant::now();
    let reached = || match net {
        "tcp" => TcpStream::connect(address).is_ok(),
        _ => UnixStream::connect(address).is_ok(),
    };
    while !reached() {
        assert!(start.elapsed() < Duration::from_secs(30));
        thread::sleep(Duration::from_millis(20));
    }
    Server {
        child,
        uri: format!("{net}://{address}"),
    }
}

fn free_address() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().to_string()
}

/// A folder without any key.
fn keyless() -> Folder {
    let mut folder = Folder::new();
    folder.vars.remove("SOPS_AGE_KEY_FILE");
    folder.var("SOPS_DISABLE_VERSION_CHECK", "1");
    folder.write("p.yaml", "secret: hunter2\n");
    folder
}

/// Encrypts, decrypts and rotates with nothing but a key service.
fn work(program: &Path, uri: &str) {
    let folder = keyless();
    let run = |args: &[&str]| {
        let service = ["--enable-local-keyservice=false", "--keyservice", uri];
        let (command, rest) = args.split_first().unwrap();
        let args = [&[*command], &service[..], rest].concat();
        let run = folder.run_with(program, &args, b"");
        assert_eq!(run.code, 0, "{args:?}: {}", run.stderr);
        run
    };
    run(&["encrypt", "--age", A, "-i", "p.yaml"]);
    assert!(folder.read("p.yaml").contains("ENC["));
    assert_eq!(run(&["decrypt", "p.yaml"]).text(), "secret: hunter2\n");
    run(&["rotate", "-i", "p.yaml"]);
    run(&["set", "p.yaml", "[\"other\"]", "\"x\""]);
    assert_eq!(
        run(&["decrypt", "p.yaml"]).text(),
        "secret: hunter2\nother: x\n"
    );
}

#[test]
fn our_client_and_our_server() {
    let server = ours(&["--addr", "127.0.0.1:0"], Stdio::null());
    work(&sops_rs(), &server.uri);
    let dir = tempfile::tempdir().unwrap();
    let socket = dir.path().join("s");
    let path = socket.to_str().unwrap();
    let mut server = ours(&["--net", "unix", "--addr", path], Stdio::null());
    let mode = fs::metadata(&socket).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode, 0o700 & mode, "for its owner alone");
    work(&sops_rs(), &server.uri);
    // A signal ends it and takes the socket away.
    let id = server.child.id().to_string();
    Command::new("kill").arg(id).status().unwrap();
    assert_eq!(server.child.wait().unwrap().code(), Some(0));
    assert!(!socket.exists());
}

#[test]
fn real_sops_asks_our_server() {
    let Some(sops) = sops() else { return };
    let server = ours(&["--addr", "127.0.0.1:0"], Stdio::null());
    work(&sops, &server.uri);
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("s");
    let server = ours(
        &["--network", "unix", "--address", path.to_str().unwrap()],
        Stdio::null(),
    );
    work(&sops, &server.uri);
}

#[test]
fn our_client_asks_real_sops() {
    let Some(sops) = sops() else { return };
    let server = theirs(&sops, "tcp", &free_address());
    work(&sops_rs(), &server.uri);
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("s");
    let server = theirs(&sops, "unix", path.to_str().unwrap());
    work(&sops_rs(), &server.uri);
}

#[test]
fn what_goes_wrong_is_said() {
    let mut folder = keyless();
    folder.run(&["encrypt", "-i", "--age", B, "p.yaml"]).ok();
    let server = ours(&["--addr", "127.0.0.1:0"], Stdio::null());
    let decrypt = |folder: &Folder, uri: &str| {
        let run = folder.run(&["decrypt", "--keyservice", uri, "p.yaml"]);
        let place = uri.split_once("://").map_or(uri, |(_, place)| place);
        (run.code, run.stderr.replace(place, "PLACE"))
    };
    // It has another key.
    let (code, stderr) = decrypt(&folder, &server.uri);
    assert_eq!(code, 128, "{stderr}");
    assert!(stderr.contains("the key service tcp"), "{stderr}");
    // Nobody is there.
    let (code, stderr) = decrypt(&folder, &format!("tcp://{}", free_address()));
    assert_eq!(code, 128, "{stderr}");
    assert!(stderr.contains("cannot be reached"), "{stderr}");
    // The address is none: left out.
    let (code, stderr) = decrypt(&folder, "bogus");
    assert_eq!(code, 128, "{stderr}");
    assert!(stderr.contains("is left out"), "{stderr}");
    // The variable counts too, and the local keys come first.
    folder.var("SOPS_KEYSERVICE", server.uri.clone());
    let run = folder.run(&["decrypt", "p.yaml"]);
    assert!(run.stderr.contains("the key service tcp"), "{}", run.stderr);
    folder.var("SOPS_AGE_KEY_FILE", key("age-b.txt").to_str().unwrap());
    folder.run(&["decrypt", "p.yaml"]).ok();
}

/// A service that answers every request with this message of `grpc`, one
/// field of bytes.
fn answering(bytes: Vec<u8>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let uri = format!("tcp://{}", listener.local_addr().unwrap());
    listener.set_nonblocking(true).unwrap();
    let mut message = vec![0x0a];
    let mut length = bytes.len();
    while length >= 0x80 {
        message.push(u8::try_from(length & 0x7f).unwrap() | 0x80);
        length >>= 7;
    }
    message.push(u8::try_from(length).unwrap());
    message.extend(bytes);
    let mut frame = vec![0];
    frame.extend(u32::try_from(message.len()).unwrap().to_be_bytes());
    frame.extend(message);
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                tokio::spawn(answer_all(stream, frame.clone()));
            }
        });
    });
    uri
}

async fn answer_all(stream: tokio::net::TcpStream, frame: Vec<u8>) {
    let mut connection = h2::server::handshake(stream).await.unwrap();
    while let Some(Ok((_request, mut respond))) = connection.accept().await {
        let mut stream = respond
            .send_response(http::Response::new(()), false)
            .unwrap();
        stream.send_data(frame.clone().into(), false).unwrap();
        let mut trailers = http::HeaderMap::new();
        trailers.insert("grpc-status", 0.into());
        stream.send_trailers(trailers).unwrap();
    }
}

/// Runs with nothing but this service.
fn with_service(folder: &Folder, uri: &str, args: &[&str]) -> (i32, String) {
    let service = ["--enable-local-keyservice=false", "--keyservice", uri];
    let (command, rest) = args.split_first().unwrap();
    let run = folder.run(&[&[*command], &service[..], rest].concat());
    assert_eq!(run.text(), "", "nothing comes of it");
    (
        run.code,
        run.stderr
            .replace(uri.split_once("://").unwrap().1, "PLACE"),
    )
}

#[test]
fn an_answer_that_is_no_key_is_the_fault_of_the_service() {
    let folder = keyless();
    folder.write("e.yaml", crate::common::encrypted("yaml", "coll-nested"));
    for bytes in [vec![7; 31], Vec::new(), vec![7; 10_000]] {
        let (code, stderr) = with_service(&folder, &answering(bytes), &["decrypt", "e.yaml"]);
        assert_eq!(code, 128);
        insta::allow_duplicates! { insta::assert_snapshot!(stderr); }
    }
    let kms = ["--kms", "arn:aws:kms:eu-west-1:1:key/x"];
    for (keys, bytes) in [
        (["--age", A], b"evil: x\nmore: y\n".to_vec()),
        (["--age", A], vec![b'k'; 10_000]),
        (
            ["--age", A],
            b"-----BEGIN AGE ENCRYPTED FILE-----\nAAAA\n-----END AGE ENCRYPTED FILE-----\n"
                .to_vec(),
        ),
        (
            ["--pgp", "CAB1425877E545A6B366F101B8DAC7A1F2DEFCFC"],
            b"x".to_vec(),
        ),
        (kms, b"evil: x\nmore: y\n".to_vec()),
        (kms, Vec::new()),
    ] {
        let args = [&["encrypt"], &keys[..], &["p.yaml"]].concat();
        let (code, stderr) = with_service(&folder, &answering(bytes), &args);
        assert_eq!(code, 1);
        assert!(stderr.contains("no wrapped key"), "{stderr}");
        assert!(!stderr.contains("evil"), "{stderr}");
    }
}

#[test]
fn what_is_no_key_service_is_called_so() {
    let folder = keyless();
    folder.write("e.yaml", crate::common::encrypted("yaml", "coll-nested"));
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let uri = format!("tcp://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        for stream in listener.incoming() {
            let _ = stream.unwrap().write_all(b"HTTP/1.1 400 x\r\n\r\n");
        }
    });
    let (code, stderr) = with_service(&folder, &uri, &["decrypt", "e.yaml"]);
    assert_eq!(code, 128);
    insta::assert_snapshot!(stderr);
}

/// How many keys a file has is the file's choice: who says nothing is waited
/// for once, and not as long as for a person.
#[test]
fn a_silent_service_is_waited_for_once() {
    let folder = Folder::new();
    folder.write("p.yaml", "secret: hunter2\n");
    let three = format!("{A},{B},{A}");
    folder
        .run(&["encrypt", "-i", "--age", &three, "p.yaml"])
        .ok();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let uri = format!("tcp://{}", listener.local_addr().unwrap());
    let connections = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&connections);
    thread::spawn(move || {
        let mut open = Vec::new();
        for stream in listener.incoming() {
            open.push(stream);
            counted.fetch_add(1, Ordering::SeqCst);
        }
    });
    let start = Instant::now();
    let (code, stderr) = with_service(&folder, &uri, &["decrypt", "p.yaml"]);
    assert_eq!(code, 128);
    assert!(stderr.contains("does not answer in time"), "{stderr}");
    assert_eq!(connections.load(Ordering::SeqCst), 1);
    // A person would be waited for five minutes.
    assert!(start.elapsed() < Duration::from_secs(150));
}

/// Connections that never ask for anything lose their places.
#[test]
fn silent_clients_lock_nobody_out() {
    let server = ours(&["--addr", "127.0.0.1:0"], Stdio::null());
    let address = server.uri.strip_prefix("tcp://").unwrap();
    let silent: Vec<_> = (0..64)
        .map(|_| {
            let mut stream = TcpStream::connect(address).unwrap();
            stream.write_all(HELLO).unwrap();
            stream
        })
        .collect();
    // Until the first of them lose their places before a client gives up.
    thread::sleep(Duration::from_secs(3));
    work(&sops_rs(), &server.uri);
    drop(silent);
}

/// Command lines with a key service, run by both programs.
#[test]
fn as_sops_does() {
    let server = ours(&["--addr", "127.0.0.1:0"], Stdio::null());
    let uri = &server.uri;
    let service = format!("--enable-local-keyservice=false --keyservice {uri}");
    let rows = |rows: &[&str]| -> Vec<String> {
        let with = |row: &&str| row.replace("SERVICE", &service).replace("URI", uri);
        rows.iter().map(with).collect()
    };
    let same = |table: &[&str], vars: &[(&str, &str)]| {
        let table = rows(table);
        let table: Vec<&str> = table.iter().map(String::as_str).collect();
        crate::as_sops::same_with(&table, vars);
    };
    let encrypt = format!("encrypt SERVICE --age {A} p.yaml");
    let old = format!("-e SERVICE --age {A} -i p.yaml");
    let rotate = format!("rotate SERVICE -i --add-age {B} e.yaml");
    let groups = format!("groups add SERVICE -i -f e.yaml --age {B}");
    same(
        &[
            &encrypt,
            &old,
            "--config rules.yaml encrypt SERVICE two.yaml",
            "decrypt SERVICE e.yaml",
            "decrypt e.yaml SERVICE",
            "decrypt --keyservice URI e.json",
            "decrypt --keyservice=URI --keyservice=URI e.json",
            "decrypt --keyservice bogus --keyservice URI e.env",
            "SERVICE decrypt e.yaml",
            "-d SERVICE e.yaml",
            "-d SERVICE --extract [\"a\"] --output-type json e.yaml",
            "rotate SERVICE e.yaml",
            &rotate,
            "-r SERVICE -i e.env",
            "set SERVICE e.yaml [\"a\"] 1",
            "unset SERVICE e.yaml [\"a\"]",
            "SERVICE --set [\"a\"]~1 e.yaml",
            "--config rules.yaml updatekeys SERVICE -y e.yaml",
            "--config rules.yaml updatekeys -y SERVICE e.yaml e.json",
            &groups,
            "exec-env SERVICE e.env true",
            "exec-file SERVICE e.yaml cat~{}",
        ],
        &[("SOPS_AGE_KEY_FILE", "/nonexistent")],
    );
    let none = [
        "decrypt e.yaml",
        "rotate -i e.yaml",
        "set e.yaml [\"a\"] 1",
        "--config rules.yaml updatekeys -y e.yaml",
        "--config rules.yaml encrypt two.yaml",
    ];
    // By variables.
    same(
        &none,
        &[
            ("SOPS_ENABLE_LOCAL_KEYSERVICE", "false"),
            ("SOPS_KEYSERVICE", uri),
        ],
    );
    // Nobody who has a key, and nobody at all.
    same(&none, &[("SOPS_ENABLE_LOCAL_KEYSERVICE", "false")]);
    let nobody = format!("tcp://{}", free_address());
    same(
        &none,
        &[
            ("SOPS_ENABLE_LOCAL_KEYSERVICE", "false"),
            ("SOPS_KEYSERVICE", &nobody),
        ],
    );
    // The own keys come first.
    same(&none, &[("SOPS_KEYSERVICE", &nobody)]);
}

#[test]
fn nothing_is_answered_that_nobody_agreed_to() {
    let mut server = ours(&["--addr", "127.0.0.1:0", "--prompt"], Stdio::piped());
    let folder = keyless();
    let run = |answer: &[u8], server: &mut Server| {
        server
            .child
            .stdin
            .as_mut()
            .unwrap()
            .write_all(answer)
            .unwrap();
        folder.run(&[
            "encrypt",
            "--enable-local-keyservice=false",
            "--keyservice",
            &server.uri,
            "--age",
            A,
            "p.yaml",
        ])
    };
    let refused = run(b"n\n", &mut server);
    assert_eq!(refused.code, 1, "{}", refused.stderr);
    assert!(refused.stderr.contains("refused"), "{}", refused.stderr);
    assert!(run(b"y\n", &mut server).ok().contains("ENC["));
    // At its end nobody agrees to anything.
    drop(server.child.stdin.take());
    let run = folder.run(&[
        "encrypt",
        "--enable-local-keyservice=false",
        "--keyservice",
        &server.uri,
        "--age",
        A,
        "p.yaml",
    ]);
    assert_eq!(run.code, 1, "{}", run.stderr);
}

#[test]
fn where_it_cannot_listen_that_is_an_error() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = listener.local_addr().unwrap().to_string();
    let folder = Folder::new();
    let run = folder.run(&["keyservice", "--addr", &taken]);
    assert_eq!(run.code, 1);
    assert!(
        run.stderr.contains("address already in use"),
        "{}",
        run.stderr
    );
    let run = folder.run(&["keyservice", "--net", "udp"]);
    assert_eq!(run.code, 1);
    folder.write("there", "");
    let run = folder.run(&["keyservice", "--net", "unix", "--addr", "there"]);
    assert_eq!(run.code, 1);
    assert_eq!(folder.read("there"), "", "it is not removed");
}

/// The preface of HTTP/2, and a frame of settings.
const HELLO: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";

#[test]
fn hostile_clients_take_nothing_down() {
    let server = ours(&["--addr", "127.0.0.1:0"], Stdio::null());
    let address = server.uri.strip_prefix("tcp://").unwrap();
    let connect = || {
        let stream = TcpStream::connect(address).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(10)))
            .unwrap();
        stream
            .set_write_timeout(Some(Duration::from_secs(10)))
            .unwrap();
        stream
    };
    let frames: &[&[u8]] = &[
        b"",
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        &[0xff; 4096],
        // A frame longer than is allowed, data without a stream, an endless
        // header.
        b"\xff\xff\xff\x00\0\0\0\0\x01",
        b"\0\0\x04\x00\x01\0\0\0\x01aaaa",
        b"\0\0\x01\x01\0\0\0\0\x01\xff",
        b"\0\0\x04\x08\0\0\0\0\0\x7f\xff\xff\xff",
    ];
    for frame in frames {
        let mut stream = connect();
        let _ = stream.write_all(HELLO);
        let _ = stream.write_all(frame);
        let _ = stream.shutdown(std::net::Shutdown::Write);
        let mut rest = Vec::new();
        // It ends, one way or the other.
        let _ = stream.take(1 << 20).read_to_end(&mut rest);
    }
    // Some that say nothing.
    let silent: Vec<_> = (0..20).map(|_| connect()).collect();
    work(&sops_rs(), &server.uri);
    drop(silent);
    work(&sops_rs(), &server.uri);
}

/// The plugin must not have a runtime in it.
#[test]
fn the_plugin_has_no_tokio() {
    let output = Command::new(env!("CARGO"))
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .args([
            "tree",
            "--offline",
            "--locked",
            "-p",
            "ksops-rs",
            "-e",
            "normal",
            "--prefix",
            "none",
        ])
        .output()
        .unwrap();
    let tree = String::from_utf8(output.stdout).unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{stderr}");
    assert!(tree.contains("sops-core"), "{tree}");
    for name in ["tokio", "h2", "mio"] {
        let has = tree
            .lines()
            .any(|line| line.split(' ').next() == Some(name));
        assert!(!has, "{name}");
    }
}
