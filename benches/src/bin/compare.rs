//! Compares whole processes, in turns:
//!
//! ```sh
//! compare DIR KSOPS_RS [OTHER…]
//! ```
//!
//! `DIR` is what `make-corpus` wrote; `OTHER` is the path of any ksops binary,
//! or of sops if that is its name. `COMPARE_RUNS` is the number of turns, 21
//! unless set. All programs run once in every turn; ratios are medians over
//! turns, so that what else the machine does falls on all alike. The yardstick
//! of the big file, granit-parser going through all its events, takes its turn
//! too, inside this process.

use std::{
    env,
    error::Error,
    ffi::OsString,
    fmt, fs,
    hint::black_box,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use granit_parser::Parser;
use wait4::Wait4;

type Result<T = ()> = std::result::Result<T, Box<dyn Error>>;

/// What is measured: it has a name, and takes its turns.
struct Subject {
    name: String,
    work: Work,
}

enum Work {
    Program(Program),
    /// granit-parser drains a file.
    Drain(PathBuf),
}

/// One program on one case.
struct Program {
    path: PathBuf,
    args: Vec<PathBuf>,
    /// The working directory: relative paths of a generator start there.
    dir: PathBuf,
    vars: Vec<(&'static str, OsString)>,
}

/// What one run took.
#[derive(Clone, Copy)]
struct Run {
    wall: Duration,
    /// Peak resident memory in KiB, where it is a process of its own.
    memory: Option<u64>,
}

fn main() -> Result {
    let mut args = env::args_os().skip(1).map(PathBuf::from);
    let usage = "usage: compare DIR KSOPS_RS [OTHER…]";
    let dir = args.next().ok_or(usage)?.canonicalize()?;
    let ours = args.next().ok_or(usage)?.canonicalize()?;
    let others: Vec<_> = args
        .map(|path| path.canonicalize())
        .collect::<std::io::Result<_>>()?;
    let empty = env::current_exe()?.with_file_name("empty");
    let turns = env::var("COMPARE_RUNS").map_or(Ok(21), |runs| runs.parse())?;

    let with = |case: &str, first: Subject| {
        let mut subjects = vec![first];
        for other in &others {
            subjects.extend(subject(other, &dir.join(case)));
        }
        subjects
    };
    let ours_on = |case: &str| plugin(&ours, &dir.join(case));

    let mut one = with("one", ours_on("one"));
    let nothing = Program {
        path: empty,
        args: Vec::new(),
        dir: dir.join("one"),
        vars: Vec::new(),
    };
    one.insert(0, Subject::new("an empty program", Work::Program(nothing)));
    report("one Secret", turns * 5, &one)?;
    pgp(&dir, &ours, &others, turns)?;

    let mut many = with("files200", ours_on("files200"));
    many.insert(0, ours_on("one").on("one Secret"));
    report("200 files, 20 data keys", turns, &many)?;

    let mut big = with("values20000", ours_on("values20000"));
    let file = dir.join("values20000/0000.enc.yaml");
    big.insert(
        0,
        Subject::new("granit-parser drains it", Work::Drain(file)),
    );
    report("20,000 values", turns, &big)?;

    let mut distinct = with("keys1000", ours_on("keys1000"));
    let limit = ("KSOPS_CONCURRENCY_LIMIT", "1".into());
    let alone = plugin(&ours, &dir.join("keys1000")).with([limit]);
    distinct.insert(0, alone.on("KSOPS_CONCURRENCY_LIMIT=1"));
    report("1,000 files, 1,000 data keys", turns, &distinct)
}

/// One Secret for a key of RSA-2048: ours has the key's file, sops a home of
/// GnuPG, and gpg. Another plugin is not asked: it would need both.
fn pgp(dir: &Path, ours: &Path, others: &[PathBuf], turns: usize) -> Result {
    let case = dir.join("pgp");
    if !case.join("generator.yaml").exists() {
        println!("one Secret, RSA-2048: left out, as make-corpus had no gpg\n");
        return Ok(());
    }
    let key = ("KSOPS_PGP_KEY_FILE", case.join("key.asc").into());
    let mut subjects = vec![
        plugin(ours, &case).with([key]),
        plugin(ours, &dir.join("one")).on("with age"),
    ];
    let home = case.join("home");
    for path in others.iter().filter(|path| path.ends_with("sops")) {
        let path_of_gpg = ("PATH", env::var_os("PATH").unwrap_or_default());
        let vars = [("GNUPGHOME", home.clone().into()), path_of_gpg];
        subjects.extend(subject(path, &case).map(|subject| subject.with(vars)));
    }
    let reported = report("one Secret, RSA-2048", turns * 5, &subjects);
    // gpg leaves it behind.
    let mut command = Command::new("gpgconf");
    let _ = command
        .arg("--homedir")
        .arg(&home)
        .args(["--kill", "gpg-agent"])
        .status();
    reported
}

fn plugin(path: &Path, case: &Path) -> Subject {
    let program = Program {
        path: path.into(),
        args: vec!["generator.yaml".into()],
        dir: case.into(),
        vars: Vec::new(),
    };
    Subject::new(label(path), Work::Program(program))
}

/// Another program, if it can do the case: sops decrypts one file.
fn subject(path: &Path, case: &Path) -> Option<Subject> {
    if path.file_name()? != "sops" {
        return Some(plugin(path, case));
    }
    if case.join("0001.enc.yaml").exists() {
        return None;
    }
    let program = Program {
        path: path.into(),
        args: vec!["decrypt".into(), "0000.enc.yaml".into()],
        dir: case.into(),
        vars: Vec::new(),
    };
    Some(Subject::new(label(path), Work::Program(program)))
}

fn label(program: &Path) -> String {
    let name = program.file_name().unwrap_or_default();
    name.to_string_lossy().into_owned()
}

impl Subject {
    fn new(name: impl Into<String>, work: Work) -> Self {
        Subject {
            name: name.into(),
            work,
        }
    }

    /// With a word on what is special here.
    fn on(mut self, what: &str) -> Self {
        self.name = format!("{}, {what}", self.name);
        self
    }

    /// With these variables, too.
    fn with(mut self, vars: impl IntoIterator<Item = (&'static str, OsString)>) -> Self {
        if let Work::Program(program) = &mut self.work {
            program.vars.extend(vars);
        }
        self
    }

    fn run(&self) -> Result<Run> {
        match &self.work {
            Work::Program(program) => program
                .run()
                .map_err(|error| format!("{}: {error}", self.name).into()),
            Work::Drain(file) => {
                let text = fs::read_to_string(file)?;
                let start = Instant::now();
                drain(&text)?;
                Ok(Run {
                    wall: start.elapsed(),
                    memory: None,
                })
            }
        }
    }
}

/// Goes through all events of a YAML text.
fn drain(text: &str) -> Result {
    for event in Parser::new_from_str(text) {
        black_box(event?);
    }
    Ok(())
}

impl Program {
    fn run(&self) -> Result<Run> {
        let mut command = Command::new(&self.path);
        command
            .args(&self.args)
            .current_dir(&self.dir)
            .env_clear()
            .env("SOPS_AGE_KEY_FILE", self.dir.join("../keys.txt"))
            .envs(self.vars.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::null());
        let start = Instant::now();
        let ended = command.spawn()?.wait4()?;
        let wall = start.elapsed();
        if !ended.status.success() {
            return Err("it failed".into());
        }
        Ok(Run {
            wall,
            // In bytes, whatever the system counts in.
            memory: Some(ended.rusage.maxrss / 1024),
        })
    }
}

/// Runs all subjects in turns and prints a table; ratios are to the first.
fn report(case: &str, turns: usize, subjects: &[Subject]) -> Result {
    let mut runs: Vec<Vec<Run>> = vec![Vec::new(); subjects.len()];
    for turn in 0..=turns {
        for (subject, runs) in subjects.iter().zip(&mut runs) {
            let run = subject.run()?;
            // The first turn fills the caches.
            if turn > 0 {
                runs.push(run);
            }
        }
    }
    println!("{case} ({turns} turns)");
    println!("  {:>9} {:>9} {:>7}", "wall ms", "peak MiB", "ratio");
    for (subject, own) in subjects.iter().zip(&runs) {
        let ratios = own.iter().zip(runs.first().into_iter().flatten());
        let ratios = ratios.map(|(own, first)| own.wall.as_secs_f64() / first.wall.as_secs_f64());
        let wall = median(own.iter().map(|run| run.wall.as_secs_f64() * 1e3));
        let memory = median(
            own.iter()
                .filter_map(|run| run.memory)
                .map(|kib| kib as f64 / 1024.0),
        );
        let line = Line {
            wall,
            memory,
            ratio: median(ratios),
        };
        println!("  {line} {}", subject.name);
    }
    println!();
    Ok(())
}

struct Line {
    wall: f64,
    memory: f64,
    ratio: f64,
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Line {
            wall,
            memory,
            ratio,
        } = self;
        write!(f, "{wall:>9.3} ")?;
        match memory.is_nan() {
            true => write!(f, "{:>9}", "")?,
            false => write!(f, "{memory:>9.2}")?,
        }
        write!(f, " {ratio:>7.3}")
    }
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_unstable_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
