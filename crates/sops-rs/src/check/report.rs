//! What was found, as text, JSON or SARIF.

use std::fmt::Write;

use serde_json::{Value, json};

use super::finding::{Finding, Kind};
use crate::{Error, error::path_name};

/// How a report is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    Text,
    Json,
    Sarif,
}

impl Form {
    pub(crate) fn named(name: &str) -> Option<Self> {
        Some(match name {
            "text" => Form::Text,
            "json" => Form::Json,
            "sarif" => Form::Sarif,
            _ => return None,
        })
    }
}

/// What came of all files.
#[derive(Default)]
pub(crate) struct Report {
    pub(crate) files: usize,
    pub(crate) encrypted: usize,
    /// By file, as it is named.
    pub(crate) findings: Vec<(String, Finding)>,
    /// What could not be judged, and why.
    pub(crate) failed: Vec<Error>,
}

/// What no report can tell, since it takes a key.
pub(crate) const NO_MAC: &str = "MACs were not checked: that takes a key";

impl Report {
    /// How many findings there are that somebody has to act on.
    pub(crate) fn errors(&self) -> usize {
        let findings = self.findings.iter();
        findings
            .filter(|(_, finding)| !finding.kind.is_note())
            .count()
    }

    /// How many of the files these are in.
    pub(crate) fn files_with_errors(&self) -> usize {
        let findings = self.findings.iter();
        let mut files: Vec<_> = findings
            .filter(|(_, finding)| !finding.kind.is_note())
            .map(|(file, _)| file)
            .collect();
        files.sort_unstable();
        files.dedup();
        files.len()
    }

    /// The kinds that were found and somebody has to act on.
    pub(crate) fn kinds(&self) -> impl Iterator<Item = Kind> {
        Kind::ALL.into_iter().filter(|kind| {
            let mut findings = self.findings.iter();
            !kind.is_note() && findings.any(|(_, finding)| finding.kind == *kind)
        })
    }

    pub(crate) fn write(&self, form: Form) -> String {
        match form {
            Form::Text => self.text(),
            Form::Json => pretty(&self.json()),
            Form::Sarif => pretty(&self.sarif()),
        }
    }

    /// One line for each finding, as compilers write them.
    fn text(&self) -> String {
        let mut text = String::new();
        for (file, finding) in &self.findings {
            let Finding {
                kind,
                key_path,
                line,
                message,
            } = finding;
            // A line that begins so is a command to some CI.
            if file.starts_with("::") || file.starts_with("##") {
                text.push_str("./");
            }
            text.push_str(&path_name(file.as_ref()));
            if let Some(line) = line {
                let _ = write!(text, ":{line}");
            }
            let _ = write!(text, ": {}: ", kind.level());
            if let Some(key_path) = key_path {
                let _ = write!(text, "{key_path}: ");
            }
            let _ = writeln!(text, "{message} [{}]", kind.id());
        }
        text
    }

    fn json(&self) -> Value {
        let findings = self.findings.iter().map(|(file, finding)| {
            json!({
                "kind": finding.kind.id(),
                "level": finding.kind.level(),
                "file": file,
                "line": finding.line,
                "key_path": finding.key_path,
                "message": finding.message,
                "advice": finding.kind.advice(),
            })
        });
        json!({
            "files": self.files,
            "encrypted": self.encrypted,
            "mac_checked": false,
            "findings": findings.collect::<Vec<_>>(),
            "failed": self.failed.iter().map(Error::to_json).collect::<Vec<_>>(),
        })
    }

    /// SARIF 2.1.0, as code hosts show it beside the lines of a change.
    fn sarif(&self) -> Value {
        let rules = Kind::ALL.into_iter().map(|kind| {
            json!({
                "id": kind.id(),
                "shortDescription": { "text": kind.summary() },
                "help": { "text": kind.advice() },
                "defaultConfiguration": { "level": kind.level() },
            })
        });
        let results = self.findings.iter().map(|(file, finding)| {
            let at = Kind::ALL.iter().position(|kind| *kind == finding.kind);
            let mut location = json!({
                "physicalLocation": {
                    "artifactLocation": { "uri": uri(file) },
                    "region": { "startLine": finding.line.unwrap_or(1) },
                },
            });
            let mut text = finding.message.clone();
            if let Some(key_path) = &finding.key_path {
                location["logicalLocations"] = json!([{ "fullyQualifiedName": key_path }]);
                text = format!("{key_path}: {text}");
            }
            json!({
                "ruleId": finding.kind.id(),
                "ruleIndex": at,
                "level": finding.kind.level(),
                "message": { "text": text },
                "locations": [location],
            })
        });
        let notifications = self.failed.iter().map(|error| {
            let data = error.to_json();
            let mut notification = json!({
                "level": "error",
                "message": { "text": data["message"] },
            });
            if let Some(file) = data["file"].as_str() {
                notification["locations"] = json!([{
                    "physicalLocation": { "artifactLocation": { "uri": uri(file) } },
                }]);
            }
            notification
        });
        json!({
            "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
            "version": "2.1.0",
            "runs": [{
                "tool": { "driver": {
                    "name": "sops-rs",
                    "version": env!("CARGO_PKG_VERSION"),
                    "rules": rules.collect::<Vec<_>>(),
                } },
                "invocations": [{
                    "executionSuccessful": self.failed.is_empty(),
                    "toolExecutionNotifications": notifications.collect::<Vec<_>>(),
                }],
                "results": results.collect::<Vec<_>>(),
                "properties": { "macChecked": false },
            }],
        })
    }
}

fn pretty(value: &Value) -> String {
    format!("{value:#}\n")
}

/// A path as the reference that SARIF wants: relative as it was typed.
fn uri(path: &str) -> String {
    let mut uri = String::new();
    if path.starts_with('/') {
        uri.push_str("file://");
    }
    for byte in path.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => {
                uri.push(char::from(byte));
            }
            _ => {
                let _ = write!(uri, "%{byte:02X}");
            }
        }
    }
    uri
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_become_references() {
        assert_eq!(uri("a b/ü.yaml"), "a%20b/%C3%BC.yaml");
        assert_eq!(uri("/r/x:y"), "file:///r/x%3Ay");
    }
}
