//! How much a stranger's messages may cost.
//!
//! A message is for keys that it names, or for nobody in particular; one that
//! lies about either costs an operation with a private key and gives nothing.
//! Those that give something are free: a repository may have any number of
//! honest files.

use std::{
    sync::{Mutex, PoisonError},
    time::Instant,
};

use crate::limits;

/// What is left for operations that give nothing.
pub(crate) struct Work(Mutex<(f64, Instant)>);

impl Work {
    /// Takes the cost of one operation; `false` where nothing is left.
    pub(crate) fn spend(&self) -> bool {
        let mut left = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        let since = now.duration_since(left.1).as_secs_f64();
        let full = f64::from(limits::FRUITLESS);
        let grown = full.min(left.0 + since * f64::from(limits::FRUITLESS_PER_SECOND));
        let enough = grown >= 1.0;
        *left = (if enough { grown - 1.0 } else { grown }, now);
        enough
    }

    /// Gives back the cost of one operation, which gave something.
    pub(crate) fn refund(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).0 += 1.0;
    }
}

impl Default for Work {
    fn default() -> Self {
        Work(Mutex::new((limits::FRUITLESS.into(), Instant::now())))
    }
}

#[cfg(test)]
mod tests {
    use super::Work;
    use crate::limits;

    #[test]
    fn what_gives_nothing_comes_to_an_end() {
        let work = Work::default();
        for _ in 0..limits::FRUITLESS * 3 {
            assert!(work.spend());
            work.refund();
        }
        let done = (0..limits::FRUITLESS * 3).filter(|_| work.spend()).count();
        assert!(done < limits::FRUITLESS as usize * 2, "{done}");
    }
}
