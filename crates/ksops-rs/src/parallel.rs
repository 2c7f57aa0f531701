//! Work on many items at the same time.

use std::{
    cell::RefCell,
    sync::{
        Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

thread_local! {
    /// The team that this thread works in.
    static TEAM: RefCell<Option<Arc<Team>>> = const { RefCell::new(None) };
}

/// Threads that work on the same items.
#[derive(Default)]
struct Team {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// Threads that work.
    working: usize,
    /// One of them is about to wait for somebody else.
    waits: bool,
}

impl Team {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A thread of a team, until it is dropped: also by a panic.
struct Member<'a>(&'a Arc<Team>);

impl<'a> Member<'a> {
    fn of(team: &'a Arc<Team>) -> Self {
        TEAM.set(Some(Arc::clone(team)));
        Member(team)
    }
}

impl Drop for Member<'_> {
    fn drop(&mut self) {
        TEAM.set(None);
        self.0.state().working -= 1;
        self.0.changed.notify_all();
    }
}

/// Says that this thread is about to wait for somebody else, such as a server:
/// from now on more items are worked on at the same time than the machine has
/// cores.
#[cfg_attr(
    not(any(test, feature = "clouds")),
    expect(dead_code, reason = "only clouds are waited for")
)]
pub(crate) fn may_wait() {
    TEAM.with_borrow(|team| {
        if let Some(team) = team {
            let mut state = team.state();
            if !state.waits {
                state.waits = true;
                team.changed.notify_all();
            }
        }
    });
}

/// Applies `work` to all items, at most `limit` at a time, and gives back the
/// results in order. No thread is started for one item, and none beyond what
/// the machine runs at the same time while the work is arithmetic: only where
/// it [waits](may_wait) for others there are as many as `limit` says.
pub(crate) fn in_parallel<T: Sync, R: Send + Sync>(
    items: &[T],
    limit: usize,
    work: impl Fn(&T) -> R + Sync,
) -> Vec<R> {
    let most = limit.min(items.len());
    if most <= 1 {
        return items.iter().map(work).collect();
    }
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let slots: Vec<OnceLock<R>> = items.iter().map(|_| OnceLock::new()).collect();
    let next = AtomicUsize::new(0);
    let team = Arc::new(Team::default());
    let worker = || {
        let _member = Member::of(&team);
        loop {
            let n = next.fetch_add(1, Ordering::Relaxed);
            let (Some(item), Some(slot)) = (items.get(n), slots.get(n)) else {
                break;
            };
            let _ = slot.set(work(item));
        }
    };
    thread::scope(|scope| {
        let start = |count: usize| {
            for _ in 0..count {
                if next.load(Ordering::Relaxed) >= items.len() {
                    break;
                }
                team.state().working += 1;
                if thread::Builder::new().spawn_scoped(scope, worker).is_err() {
                    team.state().working -= 1;
                    break;
                }
            }
        };
        let few = most.min(cores);
        start(few);
        let mut grown = false;
        let mut state = team.state();
        while state.working > 0 {
            if state.waits && !grown {
                grown = true;
                drop(state);
                start(most - few);
                state = team.state();
                continue;
            }
            state = team
                .changed
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
        drop(state);
        // Where no thread could be had, this one does the work alone.
        team.state().working += 1;
        worker();
    });
    slots.into_iter().filter_map(OnceLock::into_inner).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;

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

    #[test]
    fn who_waits_for_others_makes_room() {
        let (running, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let all_here = Barrier::new(20);
        // Not one of them ends before twenty have begun.
        in_parallel(&[(); 40], 20, |()| {
            may_wait();
            let now = running.fetch_add(1, Ordering::SeqCst) + 1;
            most.fetch_max(now, Ordering::SeqCst);
            all_here.wait();
            running.fetch_sub(1, Ordering::SeqCst);
        });
        assert_eq!(most.into_inner(), 20);
        // Outside of such work nobody minds.
        may_wait();
    }

    #[test]
    fn a_panic_is_passed_on() {
        let panicked = std::panic::catch_unwind(|| {
            in_parallel(&[1, 2, 3], 3, |n| assert!(*n < 3));
        });
        assert!(panicked.is_err());
    }
}
