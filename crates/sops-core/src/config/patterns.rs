//! The `path_regex` of rules, each compiled once: a configuration is asked
//! about many files.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use crate::selection::{Compiled, compile};

/// How many are remembered: a configuration may have ten thousand, and each may
/// take a mebibyte.
const MOST: usize = 32;

/// Expressions that were compiled, by their text; `None` for what is none.
#[derive(Clone, Default)]
pub(super) struct Patterns(Arc<Mutex<HashMap<String, Option<Arc<Compiled>>>>>);

impl fmt::Debug for Patterns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Patterns(…)")
    }
}

impl Patterns {
    /// The expression, if it is one.
    pub(super) fn compiled(&self, pattern: &str) -> Option<Arc<Compiled>> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(compiled) = known.get(pattern) {
            return compiled.clone();
        }
        let compiled = compile(pattern).map(Arc::new);
        if known.len() < MOST {
            known.insert(pattern.to_owned(), compiled.clone());
        }
        compiled
    }
}
