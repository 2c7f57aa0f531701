//! Work that is done at most once, unless it failed and that is forgotten.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::keys::Found;

/// What is had once, at the first need: kept where it was had, and tried again
/// where it was not and that was forgotten.
pub(super) struct Once<T>(Mutex<Option<Result<Arc<T>, Found>>>);

impl<T> Default for Once<T> {
    fn default() -> Self {
        Once(Mutex::new(None))
    }
}

impl<T> Once<T> {
    fn lock(&self) -> MutexGuard<'_, Option<Result<Arc<T>, Found>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn get_or(&self, make: impl FnOnce() -> Result<T, Found>) -> Result<Arc<T>, Found> {
        self.lock()
            .get_or_insert_with(|| make().map(Arc::new))
            .clone()
    }

    /// What there is so far.
    pub(super) fn get(&self) -> Option<Result<Arc<T>, Found>> {
        self.lock().clone()
    }

    pub(super) fn forget_failure(&self) {
        let mut slot = self.lock();
        if matches!(*slot, Some(Err(_))) {
            *slot = None;
        }
    }
}
