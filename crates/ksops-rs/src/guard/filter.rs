//! What Landlock has no rule for: system calls that reach other processes of
//! the same user, or go around its rules. They fail with `EPERM`.

use std::collections::BTreeMap;

use seccompiler::{
    BpfProgram, Error, SeccompAction, SeccompCmpArgLen::Dword, SeccompCmpOp, SeccompCondition,
    SeccompFilter, SeccompRule, apply_filter,
};

/// Sockets of these protocols fall back to TCP, and Landlock's rules about TCP
/// do not look at them.
const IPPROTO_MPTCP: u64 = 262;
const IPPROTO_SMC: u64 = 256;
const AF_SMC: u64 = 43;

/// The call `ioprio_set` for a process.
const IOPRIO_WHO_PROCESS: u64 = 1;

/// Takes the calls away from this thread and all that it starts.
///
/// # Errors
///
/// Where the kernel has no filters, or refuses this one.
pub(super) fn restrict() -> Result<(), Error> {
    apply_filter(&program()?)
}

fn program() -> Result<BpfProgram, Error> {
    let is = |arg, value| SeccompCondition::new(arg, Dword, SeccompCmpOp::Eq, value);
    let is_not = |arg, value| SeccompCondition::new(arg, Dword, SeccompCmpOp::Ne, value);
    let mut rules = BTreeMap::new();
    let mut refuse = |call: i64, conditions: Vec<Result<SeccompCondition, _>>| {
        // Each is a reason of its own; none is one for every call.
        let reasons = conditions
            .into_iter()
            .map(|condition| SeccompRule::new(vec![condition?]))
            .collect::<Result<Vec<_>, seccompiler::BackendError>>();
        reasons.map(|reasons| rules.insert(call, reasons))
    };
    // Of a process that is named, which may be another one.
    for call in [
        libc::SYS_prlimit64,
        libc::SYS_sched_setaffinity,
        libc::SYS_sched_setattr,
        libc::SYS_sched_setparam,
        libc::SYS_sched_setscheduler,
    ] {
        refuse(call, vec![is_not(0, 0)])?;
    }
    let process = u64::from(libc::PRIO_PROCESS);
    refuse(
        libc::SYS_setpriority,
        vec![is_not(0, process), is_not(1, 0)],
    )?;
    refuse(
        libc::SYS_ioprio_set,
        vec![is_not(0, IOPRIO_WHO_PROCESS), is_not(1, 0)],
    )?;
    refuse(
        libc::SYS_socket,
        vec![is(2, IPPROTO_MPTCP), is(2, IPPROTO_SMC), is(0, AF_SMC)],
    )?;
    // It makes sockets too. And the kernel's keyrings are the user's, whatever
    // process asks.
    for call in [
        libc::SYS_io_uring_setup,
        libc::SYS_add_key,
        libc::SYS_keyctl,
        libc::SYS_request_key,
    ] {
        refuse(call, Vec::new())?;
    }
    // The same calls by the numbers of x32.
    #[cfg(target_arch = "x86_64")]
    {
        const X32: i64 = 0x4000_0000;
        let twins: Vec<_> = rules
            .iter()
            .map(|(call, reasons)| (call | X32, reasons.clone()))
            .collect();
        rules.extend(twins);
    }
    let eperm = SeccompAction::Errno(libc::EPERM.unsigned_abs());
    let arch = std::env::consts::ARCH.try_into()?;
    let filter = SeccompFilter::new(rules, SeccompAction::Allow, eperm, arch)?;
    Ok(filter.try_into()?)
}
