//! kustomize: whether it is there, and whether it runs exec plugins.

use std::path::PathBuf;

use super::{Host, Report, Status, Styles, shown};

/// What kustomize is called with.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Flags {
    /// `--enable-alpha-plugins`: generators are run at all.
    pub alpha_plugins: bool,
    /// `--enable-exec`: KRM functions are programs.
    pub exec: bool,
    /// `--load-restrictor LoadRestrictionsNone`: files outside of the folder of
    /// a kustomization are read.
    pub any_file: bool,
    /// The names of all options, as in `--enable-helm`.
    pub names: Vec<String>,
}

impl Flags {
    /// Reads options as `kustomize.buildOptions` in argocd-cm holds them.
    ///
    /// ```
    /// use ksops_rs::doctor::Flags;
    /// let flags = Flags::parse("--enable-alpha-plugins --enable-exec=false");
    /// assert!(flags.alpha_plugins && !flags.exec);
    /// ```
    pub fn parse(options: &str) -> Self {
        let words: Vec<_> = options.split_whitespace().collect();
        let is_on = |flag: &str| {
            let mut values = words
                .iter()
                .filter_map(|option| match option.strip_prefix(flag)? {
                    "" => Some(true),
                    value => Some(matches!(
                        value.strip_prefix('=')?,
                        "1" | "t" | "T" | "true" | "TRUE" | "True"
                    )),
                });
            values.next_back().unwrap_or(false)
        };
        let name = |word: &&str| word.split('=').next().unwrap_or_default().to_owned();
        let names = words.iter().filter(|word| word.starts_with("--"));
        let options = words.join(" ").replace('=', " ");
        Flags {
            alpha_plugins: is_on("--enable-alpha-plugins") || is_on("--enable_alpha_plugins"),
            exec: is_on("--enable-exec"),
            any_file: options.contains("--load-restrictor LoadRestrictionsNone"),
            names: names.map(name).collect(),
        }
    }
}

/// kustomize, alone or as a part of kubectl.
struct Tool {
    name: &'static str,
    path: PathBuf,
    version: String,
    knows: Flags,
    /// What it says of its options.
    help: String,
}

impl Tool {
    fn find(host: &Host<'_>, name: &'static str) -> Option<Self> {
        let path = host.which(name)?;
        let run = |args: &[&str]| (host.run)(&path, args).unwrap_or_default();
        let (version, help) = if name == "kubectl" {
            let text = run(&["version", "--client"]);
            let line = text
                .lines()
                .find_map(|l| l.strip_prefix("Kustomize Version:"));
            (
                line.unwrap_or_default().trim().to_owned(),
                run(&["kustomize", "--help"]),
            )
        } else {
            let text = run(&["version"]);
            (
                text.lines().next().unwrap_or_default().trim().to_owned(),
                run(&["build", "--help"]),
            )
        };
        let knows = Flags {
            alpha_plugins: help.contains("--enable-alpha-plugins"),
            exec: help.contains("--enable-exec"),
            ..Flags::default()
        };
        Some(Tool {
            name,
            path,
            version,
            knows,
            help,
        })
    }

    /// Whether an option is among those that it says it has.
    fn has(&self, option: &str) -> bool {
        let mut words = self
            .help
            .split(|c: char| c.is_whitespace() || matches!(c, ',' | '=' | ':'));
        words.any(|word| word == option)
    }

    fn describe(&self) -> String {
        let version = match self.version.as_str() {
            "" => "of unknown version",
            version => version,
        };
        let exec = if self.knows.exec {
            ""
        } else {
            ", for legacy style only (no --enable-exec)"
        };
        let name = match self.name {
            "kubectl" => "kustomize in kubectl",
            name => name,
        };
        format!("{name} {version} ({}){exec}", shown(&self.path))
    }
}

pub(super) fn check(host: &Host<'_>, styles: Styles, flags: Option<&Flags>, report: &mut Report) {
    let tools = ["kustomize", "kubectl"].into_iter();
    let tools: Vec<_> = tools.filter_map(|name| Tool::find(host, name)).collect();
    let all: Vec<_> = tools.iter().map(Tool::describe).collect();
    let all = all.join("; ");
    if tools.is_empty() {
        report.bad(
            Status::Failure,
            "kustomize",
            "neither kustomize nor kubectl is on PATH",
            "run doctor where the build runs: Argo CD's own image has kustomize in /usr/local/bin",
        );
    } else if !tools.iter().any(|tool| tool.knows.alpha_plugins) {
        report.bad(
            Status::Failure,
            "kustomize",
            format!("{all}: does not know --enable-alpha-plugins"),
            "use kustomize 5, or kubectl 1.27 or newer",
        );
    } else if styles.krm && !tools.iter().any(|tool| tool.knows.exec) {
        report.bad(
            Status::Failure,
            "kustomize",
            format!("{all}: a generator in KRM style renders nothing there, with exit code 0"),
            "use kustomize 5 itself, or the legacy form of the generator",
        );
    } else {
        report.ok("kustomize", all);
    }
    if let Some(flags) = flags {
        let kustomize = tools.iter().find(|tool| tool.name == "kustomize");
        check_flags(styles, flags, kustomize, report);
    }
}

fn check_flags(styles: Styles, flags: &Flags, kustomize: Option<&Tool>, report: &mut Report) {
    // One that does not say what it has is judged above.
    if let Some(tool) = kustomize.filter(|tool| tool.knows.alpha_plugins) {
        let unknown = flags.names.iter().filter(|name| !tool.has(name));
        let unknown: Vec<_> = unknown.map(String::as_str).collect();
        if !unknown.is_empty() {
            report.bad(
                Status::Failure,
                "build options",
                format!(
                    "kustomize {} does not have {}, and so builds nothing (unknown flag)",
                    tool.version,
                    unknown.join(", ")
                ),
                "see `kustomize build --help`, and mend kustomize.buildOptions in argocd-cm",
            );
        }
    }
    if !flags.alpha_plugins {
        let more = if styles.krm { " --enable-exec" } else { "" };
        report.bad(
            Status::Failure,
            "build options",
            "--enable-alpha-plugins is missing, so kustomize runs no plugin (external plugins disabled)",
            format!("in argocd-cm: kustomize.buildOptions: --enable-alpha-plugins{more}"),
        );
    } else if flags.exec {
        report.ok("build options", "--enable-alpha-plugins --enable-exec");
    } else {
        report.ok(
            "build options",
            "--enable-alpha-plugins, so legacy style only",
        );
    }
}
