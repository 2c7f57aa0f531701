//! Whose recipients a file has, and whose the configuration wants: what
//! `updatekeys` changes, and what `check` tells.

use sops_core::{
    Document, Encrypted,
    config::CreationRule,
    keys::{Recipient, WrappedKey},
};

/// What is to change, by key group.
pub(crate) struct Diff {
    groups: Vec<Group>,
    /// How many groups must be opened: before, and after.
    threshold: (usize, usize),
}

struct Group {
    common: Vec<String>,
    added: Vec<String>,
    removed: Vec<String>,
}

impl Diff {
    pub(crate) fn new(document: &Document<Encrypted>, rule: &CreationRule) -> Self {
        let metadata = document.metadata();
        let names = |recipients: &mut dyn Iterator<Item = &Recipient>| {
            let mut names: Vec<String> = Vec::new();
            for recipient in recipients {
                let name = recipient.to_string();
                if !names.contains(&name) {
                    names.push(name);
                }
            }
            names
        };
        let (ours, theirs) = (&metadata.key_groups, rule.key_groups());
        let groups = (0..ours.len().max(theirs.len())).map(|at| {
            let before = ours
                .get(at)
                .map(|group| names(&mut group.keys.iter().map(WrappedKey::recipient)));
            let after = theirs.get(at).map(|group| names(&mut group.iter()));
            let (before, after) = (before.unwrap_or_default(), after.unwrap_or_default());
            let without = |all: &[String], others: &[String]| {
                all.iter()
                    .filter(|name| !others.contains(name))
                    .cloned()
                    .collect()
            };
            Group {
                added: without(&after, &before),
                removed: without(&before, &after),
                common: before
                    .iter()
                    .filter(|name| after.contains(name))
                    .cloned()
                    .collect(),
            }
        });
        let before = metadata.shamir_threshold;
        let after = before.min(theirs.len());
        Diff {
            groups: groups.collect(),
            threshold: (before, after),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        let same = |group: &Group| group.added.is_empty() && group.removed.is_empty();
        self.threshold.0 == self.threshold.1 && self.groups.iter().all(same)
    }

    /// On one line, for reports; `None` where nothing is to change.
    pub(crate) fn in_words(&self) -> Option<String> {
        let mut parts = Vec::new();
        let many = self.groups.len() > 1;
        for (n, group) in self.groups.iter().enumerate() {
            let place = if many {
                format!(" in key group {}", n + 1)
            } else {
                String::new()
            };
            for (names, what) in [(&group.added, "missing"), (&group.removed, "too many")] {
                if !names.is_empty() {
                    let names: Vec<_> = names.iter().map(|name| one_line(name)).collect();
                    parts.push(format!("{what}{place}: {}", names.join(", ")));
                }
            }
        }
        let (before, after) = self.threshold;
        if before != after {
            parts.push(format!("the threshold is {before}, and is to be {after}"));
        }
        (!parts.is_empty()).then(|| format!("other recipients; {}", parts.join("; ")))
    }

    /// As sops prints it.
    pub(crate) fn text(&self, colours: bool) -> String {
        let paint = |code: &str, line: String| {
            if colours {
                format!("\u{1b}[{code}m{line}\n\u{1b}[0m")
            } else {
                format!("{line}\n")
            }
        };
        let mut text = String::from("The following changes will be made to the file's groups:\n");
        match self.threshold {
            (0, 0) => {}
            (before, after) if before == after => {
                text.push_str(&format!("shamir_threshold: {after}\n"));
            }
            (before, after) => {
                text.push_str(&paint("32", format!("+++ shamir_threshold: {after}")));
                text.push_str(&paint("31", format!("--- shamir_threshold: {before}")));
            }
        }
        for (n, group) in self.groups.iter().enumerate() {
            text.push_str(&paint("4", format!("Group {}", n + 1)));
            for name in &group.common {
                text.push_str(&format!("    {}\n", one_line(name)));
            }
            for name in &group.added {
                text.push_str(&paint("32", format!("+++ {}", one_line(name))));
            }
            for name in &group.removed {
                text.push_str(&paint("31", format!("--- {}", one_line(name))));
            }
        }
        text
    }
}

/// A name from a file must not write to the terminal what it likes.
fn one_line(name: &str) -> String {
    name.chars()
        .map(|c| if c.is_control() { '?' } else { c })
        .collect()
}
