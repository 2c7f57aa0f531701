//! What was checked, as text and as JSON.

use std::fmt;

use serde::Serialize;

/// How a check came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// As it should be.
    Ok,
    /// A build works without it, or may not.
    Warning,
    /// A build would not work.
    Failure,
}

/// One thing that was looked at. Holds names, paths and recipients; never a
/// value from a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    /// How it came out.
    pub status: Status,
    /// What was looked at.
    pub name: String,
    /// What was found.
    pub detail: String,
    /// What a person can do, where there is something to mend.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fix: Option<String>,
}

/// All checks in the order of the chain.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// The checks.
    pub checks: Vec<Check>,
}

impl Report {
    /// Notes that something is as it should be.
    pub fn ok(&mut self, name: impl Into<String>, detail: impl Into<String>) {
        self.push(Status::Ok, name, detail, None);
    }

    /// Notes what keeps a build from working, or, with [`Status::Warning`],
    /// may do so.
    pub fn bad(
        &mut self,
        status: Status,
        name: impl Into<String>,
        detail: impl Into<String>,
        fix: impl Into<String>,
    ) {
        self.push(status, name, detail, Some(fix.into()));
    }

    fn push(
        &mut self,
        status: Status,
        name: impl Into<String>,
        detail: impl Into<String>,
        fix: Option<String>,
    ) {
        self.checks.push(Check {
            status,
            name: name.into(),
            detail: detail.into(),
            fix: fix.filter(|fix| !fix.is_empty()),
        });
    }

    /// Whether a build would work: nothing failed.
    pub fn is_ok(&self) -> bool {
        self.checks
            .iter()
            .all(|check| check.status != Status::Failure)
    }

    /// The report for programs.
    pub fn to_json(&self) -> String {
        #[derive(Serialize)]
        struct Json<'a> {
            version: &'a str,
            ok: bool,
            checks: &'a [Check],
        }
        let json = Json {
            version: env!("CARGO_PKG_VERSION"),
            ok: self.is_ok(),
            checks: &self.checks,
        };
        // Texts and lists of them: nothing that JSON cannot hold.
        let mut text = serde_json::to_string_pretty(&json).unwrap_or_default();
        text.push('\n');
        text
    }
}

/// One line for each check, with the fix indented below it.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for check in &self.checks {
            let sign = match check.status {
                Status::Ok => '✓',
                Status::Warning => '!',
                Status::Failure => '✗',
            };
            writeln!(f, "{sign} {}: {}", check.name, check.detail)?;
            for line in check.fix.iter().flat_map(|fix| fix.lines()) {
                writeln!(f, "    {line}")?;
            }
        }
        Ok(())
    }
}
