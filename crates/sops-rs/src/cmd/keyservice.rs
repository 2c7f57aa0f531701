//! `keyservice`: the keys of this machine for programs that ask over a socket
//! (sops-encrypt-and-edit §11).

use std::{fs, path::PathBuf, sync::Arc, thread};

use signal_hook::{
    consts::{SIGHUP, SIGINT, SIGTERM},
    iterator::Signals,
    low_level,
};
use tokio::sync::mpsc;

use super::updatekeys::confirmed;
use crate::{
    Error, Opening, Result,
    args::{Given, flag},
    keyservice::{address::Address, runtime, server::Listener},
    session::Session,
};

pub(crate) fn command(session: &mut Session<'_, '_>, given: &Given) -> Result<()> {
    let network = given.str(&flag::NETWORK)?.unwrap_or("tcp");
    let place = given.str(&flag::ADDRESS)?.unwrap_or("127.0.0.1:5000");
    let address = Address::of_network(network, place).ok_or_else(|| {
        Error::new("there is no such address to listen at")
            .advise("give --net tcp --addr HOST:PORT, or --net unix --addr PATH")
            .of_kind("usage")
    })?;
    let keys = session.keys(&Opening::default())?;
    let keyring = Arc::new(keys.keyring);
    let runtime = runtime()?;
    let listener = runtime.block_on(Listener::bind(&address)).map_err(|error| {
        Error::io(format_args!("cannot listen at {address}"), &error)
            .advise("choose a place that is free: --addr, or remove the socket that a service left behind")
            .of_kind("network")
    })?;
    let socket = match &listener {
        Listener::Unix(_, path) => Some(session.process.resolve(path)),
        Listener::Tcp(_) => None,
    };
    end_by_signal(socket).map_err(|error| Error::io("cannot wait for signals", &error))?;
    if listener.is_open_to_others() {
        session.warn("other machines can reach this service: whoever does has the use of its keys, and what goes over the network is not encrypted");
    }
    session.tell(&format!("listening at {}", listener.uri()));
    if !given.switch(&flag::PROMPT) {
        runtime.block_on(listener.serve(keyring, None));
        return Ok(());
    }
    let (questions, mut asked) = mpsc::channel(1);
    runtime.spawn(listener.serve(keyring, Some(questions)));
    while let Some(question) = runtime.block_on(asked.recv()) {
        let text = format!("\nReceived {}. Respond to request? (y/n): ", question.what);
        // At the end of stdin nobody is left to agree to anything.
        question.answer(confirmed(session, &text).unwrap_or(false));
    }
    Ok(())
}

/// Signals end the service, and nothing is left of it.
fn end_by_signal(socket: Option<PathBuf>) -> std::io::Result<()> {
    let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP])?;
    let work = move || {
        if signals.forever().next().is_some() {
            if let Some(socket) = &socket {
                let _ = fs::remove_file(socket);
            }
            low_level::exit(0);
        }
    };
    thread::Builder::new().spawn(work).map(drop)
}
