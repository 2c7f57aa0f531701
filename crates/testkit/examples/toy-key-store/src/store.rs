//! The store itself. Nothing of SOPS is in here.

use std::{
    collections::HashMap,
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

/// A store of secrets: in drawers that belong to users, each secret known by
/// its ticket.
pub struct Store {
    address: String,
    drawers: HashMap<String, Drawer>,
    closed: AtomicBool,
    asked: AtomicUsize,
}

struct Drawer {
    users: Vec<String>,
    secrets: Mutex<Vec<Vec<u8>>>,
}

/// Why the store does not do what it is asked to.
#[derive(Debug, PartialEq, Eq)]
pub enum Denied {
    /// There is no such drawer.
    NoSuchDrawer,
    /// The drawer is not this user's.
    NotYours,
    /// The drawer has no secret of this ticket.
    NoSuchTicket,
    /// The store is closed for the moment.
    Closed,
}

impl Store {
    /// A store with these drawers and the users of each.
    pub fn new(address: &str, drawers: &[(&str, &[&str])]) -> Self {
        let drawers = drawers.iter().map(|(name, users)| {
            let drawer = Drawer {
                users: users.iter().map(|user| (*user).into()).collect(),
                secrets: Mutex::default(),
            };
            ((*name).into(), drawer)
        });
        Store {
            address: address.into(),
            drawers: drawers.collect(),
            closed: AtomicBool::new(false),
            asked: AtomicUsize::new(0),
        }
    }

    /// Where it is.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Closes it, or opens it again.
    pub fn close(&self, closed: bool) {
        self.closed.store(closed, Ordering::Relaxed);
    }

    /// How often it was asked for something.
    pub fn asked(&self) -> usize {
        self.asked.load(Ordering::Relaxed)
    }

    fn drawer(&self, user: &str, name: &str) -> Result<&Drawer, Denied> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        if self.closed.load(Ordering::Relaxed) {
            return Err(Denied::Closed);
        }
        let drawer = self.drawers.get(name).ok_or(Denied::NoSuchDrawer)?;
        if drawer.users.iter().any(|u| u == user) {
            Ok(drawer)
        } else {
            Err(Denied::NotYours)
        }
    }

    /// Keeps a secret, and gives the ticket for it.
    pub fn put(&self, user: &str, drawer: &str, secret: &[u8]) -> Result<String, Denied> {
        let mut secrets = self.drawer(user, drawer)?.secrets.lock().expect("no panic");
        secrets.push(secret.to_vec());
        Ok(format!("toy:v1:{}", secrets.len() - 1))
    }

    /// The secret of a ticket.
    pub fn take(&self, user: &str, drawer: &str, ticket: &str) -> Result<Vec<u8>, Denied> {
        let secrets = self.drawer(user, drawer)?.secrets.lock().expect("no panic");
        ticket
            .strip_prefix("toy:v1:")
            .and_then(|number| number.parse::<usize>().ok())
            .and_then(|number| secrets.get(number).cloned())
            .ok_or(Denied::NoSuchTicket)
    }
}
