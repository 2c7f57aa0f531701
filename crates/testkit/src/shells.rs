//! Completions in the shells that they are made for.

use std::{
    io::Write,
    process::{Command, Stdio},
    sync::atomic::{AtomicUsize, Ordering},
};

use crate::servers::tool;

/// Has a shell source the completions of a program, and tells what it makes of
/// a command line when the Tab key is pressed; `None` where the shell is not
/// installed, see [`tool`].
///
/// `typed` stands behind the program's name and can be completed in one way
/// only. bash and fish tell that candidate; zsh runs in a terminal of its own,
/// with keys that are pressed.
///
/// # Panics
///
/// Where the shell cannot be run, or says anything on stderr.
#[must_use]
pub fn completed(shell: &str, script: &str, program: &str, typed: &str) -> Option<String> {
    let path = tool(shell)?;
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    let dir = std::env::temp_dir().join(format!(
        "completion-{}-{}",
        std::process::id(),
        COUNT.fetch_add(1, Ordering::Relaxed)
    ));
    std::fs::create_dir_all(&dir).expect("a folder");
    let file = dir.join("script");
    std::fs::write(&file, script).expect("a file");
    let file = file.to_str().expect("UTF-8");
    let (args, text) = match shell {
        "bash" => (&["--norc", "--noprofile"][..], bash(file, program, typed)),
        "fish" => (
            &["--no-config"][..],
            format!("source {file}\ncomplete -C '{program} {typed}'\n"),
        ),
        "zsh" => (&["-f"][..], zsh(file, program, typed)),
        other => panic!("{other} is no shell that is known here"),
    };
    let mut child = Command::new(path)
        .args(args)
        .current_dir(&dir)
        .env("HOME", &dir)
        .env("TERM", "dumb")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("a shell");
    let mut stdin = child.stdin.take().expect("stdin");
    stdin.write_all(text.as_bytes()).expect("it listens");
    drop(stdin);
    let output = child.wait_with_output().expect("it ends");
    let _ = std::fs::remove_dir_all(&dir);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(stderr.is_empty(), "{shell}: {stderr}");
    let text = String::from_utf8_lossy(&output.stdout);
    let words = text.lines().map(|line| match line.split_once('\t') {
        Some((word, _)) => word.to_owned(),
        None => line.trim().to_owned(),
    });
    Some(words.collect::<Vec<_>>().join(" "))
}

fn bash(file: &str, program: &str, typed: &str) -> String {
    format!(
        "source {file}\n\
         COMP_WORDS=({program} {typed})\n\
         COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))\n\
         function=$(complete -p {program})\n\
         function=${{function##*-F }}\n\
         ${{function%% *}}\n\
         printf '%s\\n' \"${{COMPREPLY[@]}}\"\n"
    )
}

/// The program is a function that shows its arguments.
fn zsh(file: &str, program: &str, typed: &str) -> String {
    format!(
        "zmodload zsh/zpty\n\
         zpty z zsh -f -i\n\
         zpty -w z 'PROMPT=; autoload -Uz compinit; compinit -u -D; source {file}'\n\
         zpty -w z '{program}() {{ print -r -- \"<<$*>>\" }}; print -r -- \"now it\" is'\n\
         zpty -r z out '*now it is*' || exit\n\
         zpty -w -n z $'{program} {typed}\\t\\n'\n\
         zpty -r z out '*<<*>>*' || exit\n\
         out=${{out##*<<}}\n\
         print -r -- ${{out%%>>*}}\n\
         zpty -d z\n"
    )
}
