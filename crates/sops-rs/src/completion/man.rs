//! The manual page, in the language of roff.

use std::fmt::Write;

use super::{Command, Opt, Program};

pub(super) fn page(program: &Program) -> String {
    let name = program.name();
    let mut page = format!(
        ".TH {} 1\n.SH NAME\n{} \\- {}\n.SH SYNOPSIS\n",
        name.to_uppercase(),
        escaped(name),
        escaped(&program.root.summary)
    );
    let lines = program.synopsis.iter();
    let lines = lines.map(|line| format!(".B {name}\n{}\n", escaped(line)));
    page.push_str(&lines.collect::<Vec<_>>().join(".br\n"));
    if !program.description.is_empty() {
        page.push_str(".SH DESCRIPTION\n.nf\n");
        for line in program.description.lines() {
            let _ = writeln!(page, "{}", escaped(line));
        }
        page.push_str(".fi\n");
    }
    page.push_str(".SH COMMANDS\n");
    for command in &program.root.commands {
        section(&mut page, "", command);
    }
    if !program.root.options.is_empty() {
        page.push_str(".SH OPTIONS\nIn front of a file or a command:\n");
        options(&mut page, &program.root.options);
    }
    page
}

fn section(page: &mut String, above: &str, command: &Command) {
    let name = format!("{above}{}", command.name);
    if command.commands.is_empty() {
        let usage = format!("{name} {}", command.arguments);
        let _ = writeln!(
            page,
            ".SS \"{}\"\n{}.",
            escaped(usage.trim_end()),
            escaped(&command.summary)
        );
        options(page, &command.options);
    }
    for below in &command.commands {
        section(page, &format!("{name} "), below);
    }
}

fn options(page: &mut String, options: &[Opt]) {
    for option in options {
        let mut head = option.forms().collect::<Vec<_>>().join(", ");
        if let Some(value) = &option.value {
            head = format!("{head} {value}");
        }
        let _ = writeln!(
            page,
            ".TP\n.BR \"{}\"\n{}",
            escaped(&head),
            escaped(&option.help)
        );
        if let Some(name) = &option.variable {
            let _ = writeln!(page, "Its default is\n.BR {name} .");
        }
    }
}

/// A text on one line that is no request of roff, whatever it begins with.
fn escaped(text: &str) -> String {
    let text = text
        .replace('\\', "\\e")
        .replace('-', "\\-")
        .replace('"', "\\(dq");
    match text.strip_prefix(['.', '\'']) {
        Some(_) => format!("\\&{text}"),
        None => text,
    }
}
