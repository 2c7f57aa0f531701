//! Work on many items at the same time.

use std::{
    sync::{
        OnceLock,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

/// Applies `work` to all items, at most `limit` at a time, and gives back the
/// results in order. No thread is started for one item, and none beyond what
/// the machine runs at the same time: the work is arithmetic.
pub(super) fn in_parallel<T: Sync, R: Send + Sync>(
    items: &[T],
    limit: usize,
    work: impl Fn(&T) -> R + Sync,
) -> Vec<R> {
    let mut threads = limit.min(items.len());
    if threads > 1 {
        threads = threads.min(thread::available_parallelism().map_or(1, usize::from));
    }
    if threads <= 1 {
        return items.iter().map(work).collect();
    }
    let slots: Vec<OnceLock<R>> = items.iter().map(|_| OnceLock::new()).collect();
    let next = AtomicUsize::new(0);
    let worker = || {
        loop {
            let n = next.fetch_add(1, Ordering::Relaxed);
            let (Some(item), Some(slot)) = (items.get(n), slots.get(n)) else {
                break;
            };
            let _ = slot.set(work(item));
        }
    };
    thread::scope(|scope| {
        for _ in 1..threads {
            // Where no thread can be had, this one does the work alone.
            let _ = thread::Builder::new().spawn_scoped(scope, worker);
        }
        worker();
    });
    slots.into_iter().filter_map(OnceLock::into_inner).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_come_in_order_whatever_the_limit() {
        let items: Vec<usize> = (0..100).collect();
        for limit in [1, 2, 3, 99, 100, usize::MAX] {
            let doubled = in_parallel(&items, limit, |n| 2 * n);
            assert!(doubled.iter().copied().eq((0..100).map(|n| 2 * n)));
        }
        assert!(in_parallel(&[0; 0], 5, |n: &i32| *n).is_empty());
    }

    #[test]
    fn no_more_than_the_limit_run_at_once() {
        let (running, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
        in_parallel(&[(); 200], 2, |()| {
            let now = running.fetch_add(1, Ordering::SeqCst) + 1;
            most.fetch_max(now, Ordering::SeqCst);
            thread::yield_now();
            running.fetch_sub(1, Ordering::SeqCst);
        });
        assert!(most.into_inner() <= 2);
    }
}
