//! The wall itself: Landlock, a part of Linux that lets a process give up
//! rights, for itself and all that it starts, without any privilege.

use std::fmt;

use crate::{Error, Result};

/// What the kernel offers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kernel {
    /// Landlock of this version.
    Landlock(i32),
    /// Linux without Landlock, or with one that is not switched on.
    Off(&'static str),
    /// Another system.
    NotLinux,
}

/// The oldest version that is enough: before it a file that can be opened for
/// reading only could still be truncated.
pub const ENOUGH: i32 = 3;

/// The first version that has rules about TCP ports.
pub const PORTS: i32 = 4;

/// The first version that keeps signals inside.
pub const SIGNALS: i32 = 6;

impl fmt::Display for Kernel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Kernel::Landlock(version) => write!(f, "Landlock {version}"),
            Kernel::Off(why) => write!(f, "no Landlock ({why})"),
            Kernel::NotLinux => f.write_str("no Landlock (not Linux)"),
        }
    }
}

impl Kernel {
    /// Whether a build may be run here: at once, or with a warning where the
    /// administrator asked for as much as can be had.
    ///
    /// # Errors
    ///
    /// Where it may not.
    pub fn judge(&self, best_effort: bool) -> Result<Option<String>> {
        let lacks = match self {
            Kernel::Landlock(version) if *version >= ENOUGH => return Ok(None),
            Kernel::Landlock(version) => format!(
                "the kernel has Landlock {version}, which does not keep files from being truncated"
            ),
            Kernel::Off(why) => format!("the kernel has no Landlock ({why})"),
            Kernel::NotLinux => "this system has no Landlock, which is a part of Linux".into(),
        };
        match self {
            Kernel::NotLinux => Err(Error::new(format!("guard: {lacks}")).advise(
                "run kustomize without the guard here; Argo CD's repo-server runs on Linux",
            )),
            _ if best_effort => Ok(Some(format!(
                "guard: {lacks}: tenants are kept apart by that much less"
            ))),
            _ => Err(Error::new(format!("guard: {lacks}")).advise(format!(
                "use nodes with Linux 6.2 or newer (Landlock {ENOUGH}) and landlock among their security modules; or set KSOPS_GUARD_BEST_EFFORT=true to do with what is there"
            ))),
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod system {
    use std::collections::BTreeSet;

    use super::Kernel;
    use crate::{Result, guard::plan::Rule};

    /// What this system offers.
    pub fn current() -> Kernel {
        Kernel::NotLinux
    }

    pub(in crate::guard) fn restrict(
        _: &[Rule],
        _: Option<&BTreeSet<u16>>,
        _: bool,
    ) -> Result<Option<String>> {
        Kernel::NotLinux.judge(false)
    }
}

#[cfg(target_os = "linux")]
mod system {
    use std::{collections::BTreeSet, fs, thread};

    use landlock::{
        ABI, Access as _, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible, LandlockStatus,
        NetPort, PathBeneath, PathFd, RestrictionStatus, Ruleset, RulesetAttr, RulesetCreated,
        RulesetCreatedAttr, RulesetError, RulesetStatus, Scope,
    };

    use super::Kernel;
    use crate::{
        Error, Result,
        guard::{
            filter,
            plan::{Access, Rule},
        },
    };

    /// The rights that are taken away: those up to this version. Later ones
    /// were not tried.
    const TRIED: ABI = ABI::V7;

    /// What the kernel offers. Asked in a thread of its own, as the answer
    /// comes with giving something up.
    pub fn current() -> Kernel {
        let asked = thread::spawn(|| {
            let rules = Ruleset::default().handle_access(AccessFs::Refer)?;
            rules.create()?.restrict_self()
        });
        match asked.join() {
            Ok(Ok(status)) => of(status.landlock),
            _ => Kernel::Off("it does not answer"),
        }
    }

    fn of(status: LandlockStatus) -> Kernel {
        match status {
            LandlockStatus::NotEnabled => Kernel::Off("it is switched off"),
            LandlockStatus::NotImplemented => {
                Kernel::Off("it is older than 5.13, or built without it")
            }
            LandlockStatus::Available {
                effective_abi,
                kernel_abi,
            } => Kernel::Landlock(kernel_abi.unwrap_or(effective_abi as i32)),
        }
    }

    /// Gives up, for this thread and all that it starts, every access to the
    /// disk that no rule allows, to TCP ports but these (`None`: but any), signals
    /// and abstract sockets to processes outside, what [`filter`] names, and new
    /// privileges. Gives back a warning where that is less
    /// than it should be.
    ///
    /// # Errors
    ///
    /// Where the kernel offers too little, or refuses.
    pub(in crate::guard) fn restrict(
        rules: &[Rule],
        ports: Option<&BTreeSet<u16>>,
        best_effort: bool,
    ) -> Result<Option<String>> {
        let refused = |error: RulesetError| {
            Error::new(format!(
                "guard: the kernel does not set the limits up: {error}"
            ))
            .advise("a seccomp profile may forbid it: RuntimeDefault allows it")
        };
        let status = apply(TRIED, rules, ports).map_err(refused)?;
        let is_set = status.ruleset != RulesetStatus::NotEnforced && status.no_new_privs;
        let filtered = filter::restrict().map_err(|error| {
            Error::new(format!(
                "guard: the kernel does not filter system calls: {error}"
            ))
            .advise("a seccomp profile may forbid it: RuntimeDefault allows it")
        });
        if !best_effort {
            filtered?;
        }
        match of(status.landlock) {
            Kernel::Landlock(_) if !is_set => {
                Err(Error::new("guard: the kernel did not set the limits up")
                    .advise("please report this, with the kernel's version"))
            }
            kernel => kernel.judge(best_effort),
        }
    }

    fn apply(
        abi: ABI,
        rules: &[Rule],
        ports: Option<&BTreeSet<u16>>,
    ) -> std::result::Result<RestrictionStatus, RulesetError> {
        let mut set = Ruleset::default()
            .set_compatibility(CompatLevel::BestEffort)
            .handle_access(AccessFs::from_all(abi))?;
        // A set of nothing is an error.
        let (scopes, net) = (Scope::from_all(abi), AccessNet::from_all(abi));
        if !scopes.is_empty() {
            set = set.scope(scopes)?;
        }
        if ports.is_some() && !net.is_empty() {
            set = set.handle_access(net)?;
        }
        let mut set = set.create()?;
        for port in ports.into_iter().flatten().filter(|_| !net.is_empty()) {
            set = set.add_rule(NetPort::new(*port, AccessNet::ConnectTcp))?;
        }
        for rule in rules {
            set = add(abi, set, rule)?;
        }
        set.restrict_self()
    }

    /// What cannot be opened is not there for this user: nothing is to be
    /// allowed.
    fn add(
        abi: ABI,
        set: RulesetCreated,
        rule: &Rule,
    ) -> std::result::Result<RulesetCreated, RulesetError> {
        let Ok(metadata) = fs::metadata(&rule.path) else {
            return Ok(set);
        };
        let Ok(path) = PathFd::new(&rule.path) else {
            return Ok(set);
        };
        let read = AccessFs::ReadFile | AccessFs::ReadDir;
        let access = match rule.access {
            Access::Read => read,
            Access::Run => read | AccessFs::Execute,
            Access::Device => AccessFs::ReadFile | AccessFs::WriteFile | AccessFs::IoctlDev,
            Access::Write => write(),
        };
        let access = if metadata.is_dir() {
            access & AccessFs::from_all(abi)
        } else {
            access & AccessFs::from_file(abi)
        };
        set.add_rule(PathBeneath::new(path, access))
    }

    /// All but devices, pipes and sockets, and running what was written.
    fn write() -> BitFlags<AccessFs> {
        AccessFs::ReadFile
            | AccessFs::ReadDir
            | AccessFs::WriteFile
            | AccessFs::Truncate
            | AccessFs::MakeReg
            | AccessFs::MakeDir
            | AccessFs::MakeSym
            | AccessFs::RemoveFile
            | AccessFs::RemoveDir
            | AccessFs::Refer
    }

    #[cfg(test)]
    mod tests;
}

pub use system::current;
pub(super) use system::restrict;

#[cfg(test)]
mod tests;
