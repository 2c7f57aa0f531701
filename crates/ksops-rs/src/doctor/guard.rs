//! The guard in front of kustomize: whether it is there and can work, and what
//! it keeps from a build.

use super::{Host, Report, Status, shown};
use crate::{
    Settings,
    error::quoted,
    guard::{
        self, is_kept,
        kernel::{Kernel, PORTS},
    },
    keys,
    settings::{Confine, GUARD_PORTS},
};

/// What is said of it; whether kustomize is guarded.
pub(super) fn check(host: &Host<'_>, settings: &Settings, report: &mut Report) -> bool {
    let in_argo_cd = Settings {
        argo_cd: true,
        ..settings.clone()
    };
    let by_project = keys::by_project(&in_argo_cd);
    let guard = host
        .which("kustomize")
        .filter(|path| guard::is_this(path, &host.program));
    let Some(guard) = guard else {
        if by_project {
            report.bad(
                Status::Warning,
                "guard",
                "keys are kept by project, and kustomize is not guarded: a repository may make it run a program that reads them all",
                "put the guard in front of kustomize with `ksops install --guard DIR`, or give each tenant a repo-server of its own",
            );
        }
        return false;
    };
    let failed = |error: &crate::Error, report: &mut Report| {
        let text = error.to_string();
        let text = text.strip_prefix("guard: ").unwrap_or(&text);
        let (detail, fix) = text.split_once('\n').unwrap_or((text, ""));
        report.bad(Status::Failure, "guard", detail, fix);
    };
    let real = guard::kustomize(host.var, &guard, false);
    let options = match guard::Options::from_vars(host.var) {
        Ok(options) => options,
        Err(error) => {
            failed(&error, report);
            return true;
        }
    };
    match (real, host.kernel.judge(options.best_effort)) {
        (Err(error), _) | (_, Err(error)) => failed(&error, report),
        (Ok(real), Ok(warning)) => {
            let works = format!(
                "{} guards {}, with {}",
                shown(&guard),
                shown(&real),
                host.kernel
            );
            match warning {
                None => report.ok("guard", works),
                Some(warning) => report.bad(
                    Status::Warning,
                    "guard",
                    format!("{works}: {}", warning.trim_start_matches("guard: ")),
                    "use nodes with Linux 6.2 or newer",
                ),
            }
        }
    }
    environment(host, &in_argo_cd, &options, report);
    network(host, &in_argo_cd, &options, report);
    keys_for_all(host, &in_argo_cd, &options, report);
    if in_argo_cd.confine == Confine::Off {
        report.bad(
            Status::Warning,
            "guard",
            "KSOPS_CONFINE is off, and files outside of the checkout stay closed all the same",
            "name what builds may read in KSOPS_GUARD_READ",
        );
    }
    true
}

/// The variables that a build gets, as texts.
fn variables(
    host: &Host<'_>,
    settings: &Settings,
    options: &guard::Options,
) -> Vec<(String, String)> {
    let credentials = guard::credentials(settings);
    let kept = host
        .names
        .iter()
        .filter(|name| is_kept(name, credentials, &options.env));
    kept.filter_map(|name| Some((name.clone(), (host.var)(name)?.into_string().ok()?)))
        .collect()
}

/// Where the repo-server itself could be asked.
fn network(host: &Host<'_>, settings: &Settings, options: &guard::Options, report: &mut Report) {
    const OPEN: &str = "a program of a repository can connect to anything, the repo-server's own port 8081 among them, which renders with any project's keys";
    let ports = options.ports.open(&variables(host, settings, options));
    match (ports, &host.kernel) {
        (Some(_), Kernel::Landlock(version)) if *version < PORTS => report.bad(
            Status::Warning,
            "guard, network",
            format!("{}: {OPEN}", host.kernel),
            "use nodes with Linux 6.7 or newer, or have the repo-server ask for certificates of its clients (mTLS)",
        ),
        (Some(ports), Kernel::Landlock(_)) => {
            let ports: Vec<_> = ports.iter().map(u16::to_string).collect();
            let detail = format!("a build connects to the TCP ports {}", ports.join(", "));
            report.ok("guard, network", detail);
        }
        (None, Kernel::Landlock(_)) => report.bad(
            Status::Warning,
            "guard, network",
            format!("{GUARD_PORTS} is any: {OPEN}"),
            format!("name the ports that builds need in {GUARD_PORTS}"),
        ),
        // There is none; that was said.
        _ => {}
    }
}

/// Whether what every build may read holds the keys of all projects.
fn keys_for_all(
    host: &Host<'_>,
    settings: &Settings,
    options: &guard::Options,
    report: &mut Report,
) {
    let Some(dir) = settings
        .key_dir
        .as_ref()
        .filter(|_| keys::by_project(settings))
    else {
        return;
    };
    let layout = guard::Layout {
        more: options.read.clone(),
        ..guard::Layout::default()
    };
    let rules = guard::rules(&variables(host, settings, options), &layout);
    if let Some(rule) = guard::around(&rules, &dir.path) {
        report.bad(
            Status::Failure,
            "guard, keys",
            format!(
                "every build may read {}, and the keys of all projects are in it: {}",
                shown(&rule.path),
                shown(&dir.path)
            ),
            format!("mount the keys elsewhere, such as /home/argocd/sops-age-projects, and name that in {}", dir.variable),
        );
    }
}

/// Names of variables, never their values.
fn environment(
    host: &Host<'_>,
    settings: &Settings,
    options: &guard::Options,
    report: &mut Report,
) {
    let credentials = guard::credentials(settings);
    let is_cut = |name: &&String| !is_kept(name, credentials, &options.env);
    let mut cut: Vec<_> = host
        .names
        .iter()
        .filter(is_cut)
        .map(|name| plain(name))
        .collect();
    cut.sort();
    cut.dedup();
    let detail = match cut.as_slice() {
        [] => "a build gets every variable that is set here".into(),
        cut => format!("a build does not get {}", cut.join(", ")),
    };
    report.ok("guard, environment", detail);
}

fn plain(name: &str) -> String {
    let is_plain = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    if name.bytes().all(is_plain) {
        name.to_owned()
    } else {
        quoted(name)
    }
}
