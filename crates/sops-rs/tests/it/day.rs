//! The day of `docs/sops.md`: each command of the page, run in its order, and
//! what it prints.

use std::{
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    process::Command,
};

use crate::common::{key, sops_rs};

/// A block of commands, and what the page says that it prints.
struct Block {
    line: usize,
    commands: String,
    expected: Option<String>,
}

fn blocks(page: &str) -> Vec<Block> {
    let mut blocks: Vec<Block> = Vec::new();
    let mut lines = page.lines().enumerate();
    while let Some((n, line)) = lines.next() {
        let Some(kind) = line.strip_prefix("```").filter(|kind| !kind.is_empty()) else {
            continue;
        };
        let mut text = String::new();
        for (_, line) in lines.by_ref().take_while(|(_, line)| *line != "```") {
            text.push_str(line);
            text.push('\n');
        }
        match kind {
            "sh" => blocks.push(Block {
                line: n + 1,
                commands: text,
                expected: None,
            }),
            "text" => blocks.last_mut().expect("commands come first").expected = Some(text),
            other => panic!("line {}: what is {other}?", n + 1),
        }
    }
    blocks
}

/// Whether a text is as the page has it, where `…` stands for anything.
fn fits(expected: &str, text: &str) -> bool {
    let (mut expected, mut text) = (expected.trim_end().lines(), text.trim_end().lines());
    loop {
        match (expected.next(), text.next()) {
            (None, None) => return true,
            (Some(expected), Some(text)) => match expected.split_once('…') {
                None if expected == text => {}
                Some((start, end)) if text.starts_with(start) && text.ends_with(end) => {}
                _ => return false,
            },
            _ => return false,
        }
    }
}

#[test]
fn each_command_of_the_page_does_what_it_says() {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/sops.md");
    let blocks = blocks(&fs::read_to_string(page).unwrap());
    assert!(blocks.len() > 10, "the page has commands");
    let home = tempfile::tempdir().unwrap();
    let bin = home.path().join("bin");
    fs::create_dir(&bin).unwrap();
    symlink(sops_rs(), bin.join("sops-rs")).unwrap();
    let path = std::env::var("PATH").unwrap();
    let has_age = std::env::split_paths(&path).any(|dir| dir.join("age-keygen").is_file());
    if !has_age {
        println!("age-keygen is not there: keys of the corpus stand in for new ones");
        let script = format!(
            "#!/bin/sh\n\
             if [ \"$1\" = -y ]; then grep -o 'age1[0-9a-z]*' \"$2\" | head -1; exit; fi\n\
             if [ -e ~/made ]; then cp '{}' \"$2\"; else cp '{}' \"$2\"; touch ~/made; fi\n",
            key("age-b.txt").display(),
            key("age-a.txt").display()
        );
        let file = bin.join("age-keygen");
        fs::write(&file, script).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
    }
    let mut script = String::from("set -eu -o pipefail\n");
    for (n, block) in blocks.iter().enumerate() {
        script.push_str(&format!("printf '\\n@@@ %s\\n' {n}\n{}", block.commands));
    }
    fs::write(home.path().join("script"), script).unwrap();
    let who = |name: &str, value: &str| {
        ["AUTHOR", "COMMITTER"].map(|who| (format!("GIT_{who}_{name}"), value.to_owned()))
    };
    let output = Command::new("bash")
        .arg("script")
        .current_dir(home.path())
        .env_clear()
        .env("HOME", home.path())
        .env("PATH", format!("{}:{path}", bin.display()))
        .envs(who("NAME", "a"))
        .envs(who("EMAIL", "a@example.org"))
        .output()
        .expect("bash is there");
    let stdout = String::from_utf8(output.stdout).unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    let printed: Vec<&str> = stdout.split("\n@@@ ").skip(1).collect();
    for (n, block) in blocks.iter().enumerate() {
        let place = format!("docs/sops.md, line {}", block.line);
        let text = printed.get(n).copied();
        let text = text.unwrap_or_else(|| panic!("{place}: not reached\n{stderr}"));
        let (_, text) = text.split_once('\n').unwrap();
        if let Some(expected) = &block.expected {
            assert!(fits(expected, text), "{place} prints\n{text}\n{stderr}");
        }
    }
    assert!(output.status.success(), "{stderr}");
}
