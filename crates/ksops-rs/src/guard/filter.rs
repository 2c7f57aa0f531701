//! What Landlock has no rule for: system calls that reach other processes of
//! the same user, or go around its rules. They fail with `EPERM`.

use std::collections::BTreeMap;

use seccompiler::{
    BpfProgram, Error, SeccompAction, SeccompCmpArgLen::Dword, SeccompCmpOp, SeccompCondition,
    SeccompFilter, SeccompRule, apply_filter, sock_filter,
};

/// Sockets of these protocols fall back to TCP, and Landlock's rules about TCP
/// do not look at them.
const IPPROTO_MPTCP: u64 = 262;
const IPPROTO_SMC: u64 = 256;
const AF_SMC: u64 = 43;

/// A message with this flag connects, and no rule about connecting is asked.
const MSG_FASTOPEN: u64 = 0x2000_0000;

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
    let fast_open = |arg| {
        let masked = SeccompCmpOp::MaskedEq(MSG_FASTOPEN);
        SeccompCondition::new(arg, Dword, masked, MSG_FASTOPEN)
    };
    refuse(libc::SYS_sendto, vec![fast_open(3)])?;
    refuse(libc::SYS_sendmsg, vec![fast_open(2)])?;
    refuse(libc::SYS_sendmmsg, vec![fast_open(3)])?;
    // What is opened and made in a folder whose path is known, by whomever.
    refuse(libc::SYS_inotify_add_watch, Vec::new())?;
    refuse(libc::SYS_fanotify_init, Vec::new())?;
    // Landlock knows of binding to a port, and listening takes a free one.
    refuse(libc::SYS_listen, Vec::new())?;
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
    let eperm = SeccompAction::Errno(libc::EPERM.unsigned_abs());
    let arch = std::env::consts::ARCH.try_into()?;
    let filter = SeccompFilter::new(rules, SeccompAction::Allow, eperm, arch)?;
    let filter: BpfProgram = filter.try_into()?;
    Ok(without_x32().into_iter().chain(filter).collect())
}

/// x32 has the same calls by other numbers, and nobody has use for it: all of
/// it is refused in front of the filter. In the filter each number would cost
/// time: the kernel tries all calls on it as it is set.
fn without_x32() -> Vec<sock_filter> {
    const LOAD_NUMBER: u16 = 0x20;
    const JUMP_IF_AT_LEAST: u16 = 0x35;
    const RETURN: u16 = 0x06;
    const X32: u32 = 0x4000_0000;
    const ERRNO: u32 = 0x0005_0000;
    let step = |code, jt, jf, k| sock_filter { code, jt, jf, k };
    if !cfg!(target_arch = "x86_64") {
        return Vec::new();
    }
    vec![
        step(LOAD_NUMBER, 0, 0, 0),
        step(JUMP_IF_AT_LEAST, 0, 1, X32),
        step(RETURN, 0, 0, ERRNO | libc::EPERM.unsigned_abs()),
    ]
}
