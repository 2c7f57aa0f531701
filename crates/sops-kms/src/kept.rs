//! What is fetched once and kept: credentials, tokens, versions of keys.

use std::{
    collections::HashMap,
    fmt,
    hash::Hash,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, SystemTime},
};

/// Values are renewed this long before they end: a request that is signed now
/// must still be good when it arrives.
pub const EARLY: Duration = Duration::from_secs(60);

/// A value, and when it ends if it does.
#[derive(Clone)]
pub struct Fresh<V> {
    /// The value.
    pub value: V,
    /// When it ends.
    pub until: Option<SystemTime>,
}

type Slot<V, E> = Arc<Mutex<Option<Result<Fresh<V>, E>>>>;

/// Values by key, each fetched by one thread while others wait for it.
/// Failures are kept too: what failed for one file is not tried again for the
/// next two hundred.
///
/// ```
/// use sops_kms::kept::{Fresh, Kept};
///
/// let kept: Kept<&str, u32, String> = Kept::default();
/// let value = kept.get(&"key", || Ok(Fresh { value: 7, until: None }))?;
/// let again = kept.get(&"key", || unreachable!("it is kept"))?;
/// assert_eq!((value, again), (7, 7));
/// # Ok::<(), String>(())
/// ```
pub struct Kept<K, V, E> {
    slots: Mutex<HashMap<K, Slot<V, E>>>,
}

impl<K, V, E> Default for Kept<K, V, E> {
    fn default() -> Self {
        Kept {
            slots: Mutex::default(),
        }
    }
}

impl<K: Eq + Hash + Clone, V: Clone, E: Clone> Kept<K, V, E> {
    /// The value that is kept, or the one that `fetch` gives.
    ///
    /// # Errors
    ///
    /// What `fetch` said, now or before.
    pub fn get(&self, key: &K, fetch: impl FnOnce() -> Result<Fresh<V>, E>) -> Result<V, E> {
        let slot = self.slot(key);
        let mut slot = slot.lock().unwrap_or_else(PoisonError::into_inner);
        let good = match &*slot {
            Some(Ok(fresh)) => fresh
                .until
                .is_none_or(|until| SystemTime::now() + EARLY < until),
            Some(Err(_)) => true,
            None => false,
        };
        if !good {
            *slot = Some(fetch());
        }
        match &*slot {
            Some(Ok(fresh)) => Ok(fresh.value.clone()),
            Some(Err(error)) => Err(error.clone()),
            None => unreachable!("it was filled"),
        }
    }

    /// Forgets a value that turned out to be stale, unless another thread has
    /// already put a new one in its place: `stale` says which it is.
    pub fn forget(&self, key: &K, stale: impl FnOnce(&V) -> bool) {
        let slot = self.slot(key);
        let mut slot = slot.lock().unwrap_or_else(PoisonError::into_inner);
        if matches!(&*slot, Some(Ok(fresh)) if stale(&fresh.value)) {
            *slot = None;
        }
    }

    /// Forgets failures, so that they are tried again.
    pub fn forget_failures(&self) {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        slots.retain(|_, slot| match slot.try_lock() {
            Ok(slot) => !matches!(&*slot, Some(Err(_))),
            // Being fetched right now.
            Err(_) => true,
        });
    }

    fn slot(&self, key: &K) -> Slot<V, E> {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        slots.entry(key.clone()).or_default().clone()
    }
}

/// Shows nothing of the values.
impl<K, V, E> fmt::Debug for Kept<K, V, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Kept(…)")
    }
}
