//! `ksops guard` on real kernels: what a render needs works behind it, and what
//! a tenant's programs try fails there, and only there.
//!
//! Everything runs as a user without capabilities, as in a pod; where the test
//! itself is not root, as its own user.

pub(crate) mod hostile;
mod manifests;
mod processes;
mod renders;
pub(crate) mod server;

use std::{env, fs};

use ksops_rs::guard::kernel::{self, Kernel};

/// Says that something was not run; with CI=true that is a failure.
pub(crate) fn skip(line: &str) {
    let line = format!("SKIPPED: {line}");
    assert!(
        env::var("CI").as_deref() != Ok("true"),
        "{line}, and CI=true"
    );
    eprintln!("{line}");
}

/// Whether the kernel has the guard's wall; `None`, with a line on stderr,
/// where it has not. With CI=true that is only right where the kernel itself
/// is without it.
pub(crate) fn landlock() -> Option<i32> {
    match kernel::current() {
        Kernel::Landlock(version) if version >= kernel::ENOUGH => Some(version),
        other => {
            let modules = fs::read_to_string("/sys/kernel/security/lsm").unwrap_or_default();
            let line = format!("SKIPPED: {other}");
            let should = modules.split(',').any(|module| module.trim() == "landlock");
            assert!(
                env::var("CI").as_deref() != Ok("true") || !should,
                "{line}, and CI=true, and the kernel names landlock among its modules"
            );
            eprintln!("{line}");
            None
        }
    }
}
