//! The dotenv dialect of `envs`, which is that of godotenv 1.5.1, the parser
//! behind KSOPS (ksops-behaviour §7), with all of its surprises: `:` may stand
//! for `=`, text behind a closing quote is the next statement, and `$NAME` is
//! replaced by the value of an earlier variable of the same file.

use std::{collections::BTreeMap, fmt};

use zeroize::Zeroizing;

/// The variables of one env file.
#[derive(Default)]
pub struct EnvFile {
    /// Values by name; the last one of a name wins.
    pub variables: BTreeMap<String, Zeroizing<String>>,
    /// Every place where a variable is set, in the order of the file.
    pub statements: Vec<Statement>,
}

/// One place where a variable is set. Names may be part of a value, where
/// the text is not what its author took it for: they are not for messages.
pub struct Statement {
    /// The name; the key of one of [`EnvFile::variables`].
    pub name: Zeroizing<String>,
    /// The line on which it starts, counted from 1.
    pub line: usize,
    /// Whether its value goes on in the lines below, as a quoted one can.
    pub spans_lines: bool,
    /// How reading changed the value.
    pub changes: Changes,
}

/// How reading changed a value, in ways that its author may not know of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Changes {
    /// A `$NAME` was replaced.
    pub expanded: bool,
    /// What stood behind ` #` is gone.
    pub cut: bool,
    /// A backslash is gone that stood before neither a quote, a backslash, a
    /// `$` between double quotes, nor `n` or `r`.
    pub unescaped: bool,
}

/// Why a text is not an env file. Holds no text of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnvFileError {
    /// The line, counted from 1.
    pub line: usize,
    /// What is wrong there.
    pub problem: Problem,
}

/// What can be wrong with a line of an env file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Problem {
    /// The line ends before `=` or `:`.
    NoDelimiter,
    /// A character that names must not contain.
    NameCharacter,
    /// A quote that is opened and never closed.
    OpenQuote,
    /// `export` with nothing behind it.
    NoName,
    /// `$NAME` expansion adds too much to the file.
    TooMuchExpansion,
}

impl Problem {
    /// What a person can do about it.
    pub fn advice(self) -> &'static str {
        match self {
            Problem::NoDelimiter => {
                "write each variable as NAME=value; a value over several lines needs quotes around it"
            }
            Problem::NameCharacter => {
                "names may hold letters, digits, `_` and `.`; a value that holds its own quote character needs the other kind of quotes around it"
            }
            Problem::OpenQuote => {
                "close the quote; a quote character behind a backslash does not close it"
            }
            Problem::NoName => "write `export NAME=value`",
            Problem::TooMuchExpansion => {
                "put single quotes around values whose `$` is not meant to name a variable"
            }
        }
    }
}

impl fmt::Display for EnvFileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.problem {
            Problem::NoDelimiter => "the line has no `=`",
            Problem::NameCharacter => "a character that a variable's name cannot have",
            Problem::OpenQuote => "a quoted value that never ends",
            Problem::NoName => "`export` without a variable",
            Problem::TooMuchExpansion => "`$NAME` expansion adds more than 16 MiB",
        };
        write!(f, "line {}: {what}", self.line)
    }
}

impl std::error::Error for EnvFileError {}

/// How many bytes `$NAME` expansion may add to a file in all. A line such as
/// `B=$A$A` doubles what the line before it holds; a Kubernetes Secret holds
/// 1 MiB.
const MAX_EXPANSION: usize = 16 << 20;

/// Reads an env file.
///
/// # Errors
///
/// Where a name holds a character it may not hold, a quote is not closed, or
/// expansion makes too much of too little.
///
/// ```
/// let env = ksops_rs::env_file::parse("HOST=db\nURL=\"http://$HOST\"\n")?;
/// assert_eq!(*env.variables["URL"], "http://db");
/// assert!(env.statements[1].changes.expanded);
/// # Ok::<(), ksops_rs::env_file::EnvFileError>(())
/// ```
pub fn parse(text: &str) -> Result<EnvFile, EnvFileError> {
    let text = Zeroizing::new(text.replace("\r\n", "\n"));
    let mut file = EnvFile::default();
    let mut rest = text.as_str();
    let mut budget = MAX_EXPANSION;
    let mut lines = Lines {
        text: &text,
        seen: 0,
        line: 1,
    };
    while let Some(statement) = next_statement(rest) {
        let line = lines.line_of(statement);
        let (name, value) =
            split_name(statement).map_err(|problem| EnvFileError { line, problem })?;
        let value = read_value(value, &file.variables, &mut budget)
            .map_err(|problem| EnvFileError { line, problem })?;
        rest = value.rest;
        file.statements.push(Statement {
            name: Zeroizing::new(name.to_owned()),
            line,
            spans_lines: lines.line_of(rest) > line,
            changes: value.changes,
        });
        file.variables.insert(name.to_owned(), value.text);
    }
    Ok(file)
}

/// Counts lines on the way through a text, each once.
struct Lines<'a> {
    text: &'a str,
    /// How many bytes were looked at.
    seen: usize,
    /// The line of the byte behind them, counted from 1.
    line: usize,
}

impl Lines<'_> {
    /// The line in which `at` starts, a tail of the text that is not longer
    /// than the one before.
    fn line_of(&mut self, at: &str) -> usize {
        let end = self.text.len().saturating_sub(at.len());
        let passed = self.text.as_bytes().get(self.seen..end).unwrap_or_default();
        self.line += passed.iter().filter(|&&b| b == b'\n').count();
        self.seen = self.seen.max(end);
        self.line
    }
}

/// Skips white space and comment lines; `None` at the end of the text.
fn next_statement(mut text: &str) -> Option<&str> {
    loop {
        text = text.trim_start();
        if text.is_empty() {
            return None;
        }
        if !text.starts_with('#') {
            return Some(text);
        }
        text = text.find('\n').and_then(|end| text.get(end..))?;
    }
}

/// White space inside a line.
fn is_blank(c: char) -> bool {
    matches!(c, '\t' | '\x0b' | '\x0c' | '\r' | ' ' | '\u{85}' | '\u{a0}')
}

/// Whether a byte may be part of a name. godotenv looks at single bytes and
/// takes each for a Latin-1 character, so some letters beyond ASCII pass.
fn is_name_byte(byte: u8) -> bool {
    let c = char::from(byte);
    is_blank(c) || matches!(c, '_' | '.') || c.is_alphabetic() || c.is_numeric()
}

/// A name without `export` and the blanks around it: what [`parse`] makes of
/// the text before a delimiter.
pub(crate) fn bare_name(text: &str) -> &str {
    without_export(text.trim_start()).trim_end()
}

/// What stands behind `export`, if it is there, and behind blanks.
fn without_export(text: &str) -> &str {
    let text = text.trim_start_matches(is_blank);
    match text.strip_prefix("export") {
        Some(behind) if behind.starts_with(is_blank) => behind.trim_start_matches(is_blank),
        _ => text,
    }
}

/// Splits a statement into a name and the text behind the delimiter. Without
/// a delimiter before the end of the text the name is empty and all of it the
/// value.
fn split_name(statement: &str) -> Result<(&str, &str), Problem> {
    let statement = without_export(statement);
    if statement.is_empty() {
        return Err(Problem::NoName);
    }
    for (at, byte) in statement.bytes().enumerate() {
        match byte {
            b'=' | b':' => {
                // The delimiter is ASCII, so both cuts are between characters.
                let name = statement.get(..at).unwrap_or_default();
                let value = statement.get(at + 1..).unwrap_or_default();
                return Ok((name.trim_end(), value.trim_start_matches(is_blank)));
            }
            b'\n' => return Err(Problem::NoDelimiter),
            _ if is_name_byte(byte) => {}
            _ => return Err(Problem::NameCharacter),
        }
    }
    Ok(("", statement))
}

struct Value<'a> {
    text: Zeroizing<String>,
    changes: Changes,
    rest: &'a str,
}

type Variables = BTreeMap<String, Zeroizing<String>>;

fn read_value<'a>(
    text: &'a str,
    variables: &Variables,
    budget: &mut usize,
) -> Result<Value<'a>, Problem> {
    let quote = match text.bytes().next() {
        Some(quote @ (b'"' | b'\'')) => quote,
        _ => return read_unquoted(text, variables, budget),
    };
    let (content, rest) = split_quoted(text, quote).ok_or(Problem::OpenQuote)?;
    if quote == b'\'' {
        return Ok(Value {
            text: Zeroizing::new(content.to_owned()),
            changes: Changes::default(),
            rest,
        });
    }
    let (text, unescaped) = unescape(content);
    let (text, expansion) = expand(&text, variables, budget)?;
    Ok(Value {
        text,
        changes: Changes {
            expanded: expansion.replaced,
            cut: false,
            unescaped,
        },
        rest,
    })
}

fn read_unquoted<'a>(
    text: &'a str,
    variables: &Variables,
    budget: &mut usize,
) -> Result<Value<'a>, Problem> {
    let end = text.find(['\n', '\r']).unwrap_or(text.len());
    let (line, rest) = text.split_at(end);
    let comment = line
        .rmatch_indices('#')
        .map(|(at, _)| line.get(..at).unwrap_or_default())
        .find(|before| before.ends_with(is_blank));
    let value = comment.unwrap_or(line).trim_matches(is_blank);
    let (text, expansion) = expand(value, variables, budget)?;
    Ok(Value {
        text,
        changes: Changes {
            expanded: expansion.replaced,
            cut: comment.is_some(),
            unescaped: expansion.unescaped,
        },
        rest,
    })
}

/// The content of a quoted text and what follows its closing quote: the next
/// one that no backslash precedes. `None` where there is none.
fn split_quoted(text: &str, quote: u8) -> Option<(&str, &str)> {
    let at = text
        .as_bytes()
        .windows(2)
        .position(|pair| matches!(pair, [before, at] if *at == quote && *before != b'\\'))?;
    let (content, rest) = text.split_at_checked(at + 1)?;
    // The opening quote goes, and with it every other one at either end.
    Some((content.trim_matches(char::from(quote)), rest.get(1..)?))
}

/// Backslashes between double quotes, in two passes as godotenv makes them:
/// first `\n` and `\r`, then every other backslash goes, but for one before
/// `$`. So `\\n` becomes the two characters `\n`. Says whether one went that
/// is no usual escape.
fn unescape(text: &str) -> (Zeroizing<String>, bool) {
    let mut first = Zeroizing::new(String::with_capacity(text.len()));
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            first.push(c);
            continue;
        }
        match chars.next() {
            Some('n') => first.push('\n'),
            Some('r') => first.push('\r'),
            other => {
                first.push('\\');
                first.extend(other);
            }
        }
    }
    let mut second = Zeroizing::new(String::with_capacity(first.len()));
    let mut unescaped = false;
    let mut chars = first.chars().peekable();
    while let Some(c) = chars.next() {
        if c == '\\'
            && let Some(escaped) = chars.next_if(|&next| next != '$')
        {
            unescaped |= !matches!(escaped, '"' | '\'' | '\\');
            second.push(escaped);
        } else {
            second.push(c);
        }
    }
    (second, unescaped)
}

/// What [`expand`] did to a text.
#[derive(Default)]
struct Expansion {
    replaced: bool,
    /// A backslash before a `$` is gone.
    unescaped: bool,
}

/// Replaces `$NAME`, `${NAME}` and what godotenv takes for them by the value
/// of an earlier variable. `\$` keeps its dollar and loses its backslash.
fn expand(
    text: &str,
    variables: &Variables,
    budget: &mut usize,
) -> Result<(Zeroizing<String>, Expansion), Problem> {
    let mut out = Zeroizing::new(String::with_capacity(text.len()));
    let mut expansion = Expansion::default();
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        let (before, from_dollar) = rest.split_at(at);
        let reference = Reference::at_dollar(from_dollar);
        if let Some(before) = before.strip_suffix('\\') {
            expansion.unescaped = true;
            out.push_str(before);
            out.push_str(reference.whole);
        } else {
            out.push_str(before);
            if reference.name.is_empty() {
                out.push_str(reference.whole);
            } else {
                expansion.replaced = true;
                if let Some(value) = variables.get(reference.name) {
                    *budget = budget
                        .checked_sub(value.len())
                        .ok_or(Problem::TooMuchExpansion)?;
                    out.push_str(value);
                }
            }
        }
        rest = reference.rest;
    }
    out.push_str(rest);
    Ok((out, expansion))
}

/// `$`, maybe `(`, maybe `{`, maybe a NAME, maybe `}`.
struct Reference<'a> {
    whole: &'a str,
    name: &'a str,
    rest: &'a str,
}

impl<'a> Reference<'a> {
    /// `text` starts with the dollar.
    fn at_dollar(text: &'a str) -> Self {
        let behind = text.strip_prefix('$').unwrap_or(text);
        let behind = behind.strip_prefix('(').unwrap_or(behind);
        let behind = behind.strip_prefix('{').unwrap_or(behind);
        let is_name = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
        let end = behind.find(|c| !is_name(c)).unwrap_or(behind.len());
        let (name, behind) = behind.split_at(end);
        let rest = behind.strip_prefix('}').unwrap_or(behind);
        let (whole, rest) = text.split_at(text.len() - rest.len());
        Reference { whole, name, rest }
    }
}

#[cfg(test)]
mod tests;
