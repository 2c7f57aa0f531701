//! Compares whole processes, in turns:
//!
//! ```sh
//! compare DIR KSOPS_RS [OTHER…]
//! ```
//!
//! `DIR` is what `make-corpus` wrote; `OTHER` is the path of any ksops binary,
//! or of sops if that is its name. `COMPARE_RUNS` is the number of turns, 21
//! unless set. All programs run once in every turn; ratios are medians over
//! turns, so that what else the machine does falls on all alike.

use std::{
    env,
    error::Error,
    fmt,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use wait4::Wait4;

type Result<T = ()> = std::result::Result<T, Box<dyn Error>>;

/// One program on one case.
struct Subject {
    name: String,
    program: PathBuf,
    args: Vec<PathBuf>,
    /// The working directory: relative paths of a generator start there.
    dir: PathBuf,
    /// `KSOPS_CONCURRENCY_LIMIT`.
    limit: Option<&'static str>,
}

/// What one run took.
#[derive(Clone, Copy)]
struct Run {
    wall: Duration,
    /// Peak resident memory in KiB.
    memory: u64,
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
    one.insert(
        0,
        Subject {
            name: "an empty program".into(),
            program: empty,
            args: Vec::new(),
            dir: dir.join("one"),
            limit: None,
        },
    );
    report("one Secret", turns * 5, &one)?;

    let mut many = with("files200", ours_on("files200"));
    many.insert(0, {
        let mut one = ours_on("one");
        one.name += ", one Secret";
        one
    });
    report("200 files, 20 data keys", turns, &many)?;

    let big = with("values20000", ours_on("values20000"));
    report("20,000 values", turns, &big)?;

    let mut distinct = with("keys1000", ours_on("keys1000"));
    let mut alone = ours_on("keys1000");
    alone.limit = Some("1");
    alone.name += ", KSOPS_CONCURRENCY_LIMIT=1";
    distinct.insert(0, alone);
    report("1,000 files, 1,000 data keys", turns, &distinct)
}

fn plugin(program: &Path, case: &Path) -> Subject {
    Subject {
        name: label(program),
        program: program.into(),
        args: vec!["generator.yaml".into()],
        dir: case.into(),
        limit: None,
    }
}

/// Another program, if it can do the case: sops decrypts one file.
fn subject(program: &Path, case: &Path) -> Option<Subject> {
    if program.file_name()? != "sops" {
        return Some(plugin(program, case));
    }
    if case.join("0001.enc.yaml").exists() {
        return None;
    }
    Some(Subject {
        name: label(program),
        program: program.into(),
        args: vec!["decrypt".into(), "0000.enc.yaml".into()],
        dir: case.into(),
        limit: None,
    })
}

fn label(program: &Path) -> String {
    let name = program.file_name().unwrap_or_default();
    name.to_string_lossy().into_owned()
}

impl Subject {
    fn run(&self) -> Result<Run> {
        let mut command = Command::new(&self.program);
        command
            .args(&self.args)
            .current_dir(&self.dir)
            .env_clear()
            .env("SOPS_AGE_KEY_FILE", self.dir.join("../keys.txt"))
            .stdin(Stdio::null())
            .stdout(Stdio::null());
        if let Some(limit) = self.limit {
            command.env("KSOPS_CONCURRENCY_LIMIT", limit);
        }
        let start = Instant::now();
        let ended = command.spawn()?.wait4()?;
        let wall = start.elapsed();
        if !ended.status.success() {
            return Err(format!("{} failed", self.name).into());
        }
        Ok(Run {
            wall,
            // In bytes, whatever the system counts in.
            memory: ended.rusage.maxrss / 1024,
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
        let memory = median(own.iter().map(|run| run.memory as f64 / 1024.0));
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
        write!(f, "{wall:>9.3} {memory:>9.2} {ratio:>7.3}")
    }
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_unstable_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
