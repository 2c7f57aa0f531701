//! The dotenv dialect of `envs`, which is that of godotenv 1.5.1, the parser
//! behind KSOPS (ksops-behaviour §7), with all of its surprises: `:` may stand
//! for `=`, text behind a closing quote is the next statement, and `$NAME` is
//! replaced by the value of an earlier variable of the same file.

use std::{
    collections::{BTreeMap, HashSet},
    fmt,
};

use zeroize::Zeroizing;

/// The variables of one env file.
#[derive(Default)]
pub struct EnvFile {
    /// Values by name; the last one of a name wins.
    pub variables: BTreeMap<String, Zeroizing<String>>,
    /// The names of the variables whose value `$NAME` expansion changed, in
    /// the order of the file.
    pub expanded: Vec<String>,
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
/// assert_eq!(env.expanded, ["URL"]);
/// # Ok::<(), ksops_rs::env_file::EnvFileError>(())
/// ```
pub fn parse(text: &str) -> Result<EnvFile, EnvFileError> {
    let text = Zeroizing::new(text.replace("\r\n", "\n"));
    let mut file = EnvFile::default();
    let mut rest = text.as_str();
    let mut budget = MAX_EXPANSION;
    let mut expanded = HashSet::new();
    while let Some(statement) = next_statement(rest) {
        let error = |problem, at: &str| EnvFileError {
            line: line_of(&text, at),
            problem,
        };
        let (name, value) = split_name(statement).map_err(|(p, at)| error(p, at))?;
        let value = read_value(value, &file.variables, &mut budget).map_err(|p| error(p, value))?;
        if value.expanded && expanded.insert(name) {
            file.expanded.push(name.to_owned());
        }
        file.variables.insert(name.to_owned(), value.text);
        rest = value.rest;
    }
    Ok(file)
}

/// The line in which `at`, a tail of `text`, starts.
fn line_of(text: &str, at: &str) -> usize {
    let before = text.len().saturating_sub(at.len());
    let newlines = text.bytes().take(before).filter(|&b| b == b'\n').count();
    newlines + 1
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

/// Splits a statement into a name and the text behind the delimiter. Without
/// a delimiter before the end of the text the name is empty and all of it the
/// value.
fn split_name(statement: &str) -> Result<(&str, &str), (Problem, &str)> {
    let mut statement = statement.trim_start_matches(is_blank);
    if let Some(behind) = statement.strip_prefix("export") {
        let trimmed = behind.trim_start_matches(is_blank);
        if trimmed.len() < behind.len() {
            statement = trimmed;
        }
    }
    if statement.is_empty() {
        return Err((Problem::NoName, statement));
    }
    for (at, byte) in statement.bytes().enumerate() {
        match byte {
            b'=' | b':' => {
                // The delimiter is ASCII, so both cuts are between characters.
                let name = statement.get(..at).unwrap_or_default();
                let value = statement.get(at + 1..).unwrap_or_default();
                return Ok((name.trim_end(), value.trim_start_matches(is_blank)));
            }
            b'\n' => return Err((Problem::NoDelimiter, statement)),
            _ if is_name_byte(byte) => {}
            _ => return Err((Problem::NameCharacter, statement)),
        }
    }
    Ok(("", statement))
}

struct Value<'a> {
    text: Zeroizing<String>,
    expanded: bool,
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
    let (text, expanded) = if quote == b'"' {
        expand(&unescape(content), variables, budget)?
    } else {
        (Zeroizing::new(content.to_owned()), false)
    };
    Ok(Value {
        text,
        expanded,
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
    let (text, expanded) = expand(value, variables, budget)?;
    Ok(Value {
        text,
        expanded,
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
/// `$`. So `\\n` becomes the two characters `\n`.
fn unescape(text: &str) -> Zeroizing<String> {
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
    let mut chars = first.chars().peekable();
    while let Some(c) = chars.next() {
        if c == '\\'
            && let Some(escaped) = chars.next_if(|&next| next != '$')
        {
            second.push(escaped);
        } else {
            second.push(c);
        }
    }
    second
}

/// Replaces `$NAME`, `${NAME}` and what godotenv takes for them by the value
/// of an earlier variable, and says whether it replaced any. `\$` keeps its
/// dollar and loses its backslash.
fn expand(
    text: &str,
    variables: &Variables,
    budget: &mut usize,
) -> Result<(Zeroizing<String>, bool), Problem> {
    let mut out = Zeroizing::new(String::with_capacity(text.len()));
    let mut expanded = false;
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        let (before, from_dollar) = rest.split_at(at);
        let reference = Reference::at_dollar(from_dollar);
        if let Some(before) = before.strip_suffix('\\') {
            out.push_str(before);
            out.push_str(reference.whole);
        } else {
            out.push_str(before);
            if reference.name.is_empty() {
                out.push_str(reference.whole);
            } else {
                expanded = true;
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
    Ok((out, expanded))
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
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn reads_what_godotenv_reads() {
        let vectors = include_str!("../../../testdata/vectors/godotenv.jsonl");
        let mut count = 0;
        for line in vectors.lines() {
            let vector: serde_json::Value = serde_json::from_str(line).unwrap();
            let text = vector["in"].as_str().unwrap();
            match (parse(text), vector["out"].as_object()) {
                (Ok(file), Some(expected)) => {
                    let got: serde_json::Map<_, _> = file
                        .variables
                        .iter()
                        .map(|(k, v)| (k.clone(), v.as_str().into()))
                        .collect();
                    assert_eq!(&got, expected, "{line}");
                }
                (Err(error), None) => {
                    let theirs = vector["err"].as_str().unwrap();
                    let is_quote = error.problem == Problem::OpenQuote;
                    assert_eq!(theirs.starts_with("unterminated"), is_quote, "{line}");
                }
                (ours, _) => panic!("{line}: {:?}", ours.err()),
            }
            count += 1;
        }
        assert_eq!(count, 113);
    }

    fn problem(text: &str) -> (usize, Problem) {
        let error = parse(text).err().unwrap();
        (error.line, error.problem)
    }

    #[test]
    fn errors_name_the_line() {
        assert_eq!(problem("# c\n\nA=1\nB\nC=3"), (4, Problem::NoDelimiter));
        assert_eq!(problem("A=1\r\nB-C=2"), (2, Problem::NameCharacter));
        assert_eq!(problem("A=\"x\ny\"\nB='z"), (3, Problem::OpenQuote));
        assert_eq!(problem("A=1\nexport "), (2, Problem::NoName));
    }

    #[test]
    fn errors_hold_no_text_of_the_file() {
        for text in ["hunter2", "A='hunter2", "hunter-2=hunter2", "A=''hunter2''"] {
            for text in [format!("{text}\nB=1"), format!("{text}\n")] {
                if let Err(error) = parse(&text) {
                    let shown = format!("{error} {error:?} {}", error.problem.advice());
                    assert!(!shown.contains("hunter"), "{shown}");
                }
            }
        }
    }

    #[test]
    fn expansion_is_noted_by_name() {
        let file = parse("A=pa$W0RD\nB=a\\$B\nC='$A'\nD=\"${A}\"\nE=$lower\nA=$X").unwrap();
        assert_eq!(file.expanded, ["A", "D"]);
    }

    #[test]
    fn expansion_cannot_double_forever() {
        let mut text = format!("A0={}\n", "x".repeat(1024));
        for n in 0..40 {
            text += &format!("A{}=$A{n}$A{n}\n", n + 1);
        }
        assert_eq!(problem(&text), (15, Problem::TooMuchExpansion));
    }

    #[test]
    fn blanks_beyond_ascii_count_as_godotenv_counts_them() {
        let file = parse("\u{3000}A\u{a0}=\u{a0}x\u{85}").unwrap();
        assert_eq!(*file.variables["A"], "x");
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "([A-Z$(){}\\\\'\"=:# \n\ré\u{a0}]|export ){0,40}") {
            let _ = parse(&text);
        }

        #[test]
        fn single_quotes_keep_everything(value in "[^'\\\\\r]*") {
            let file = parse(&format!("A='{value}'\n")).unwrap();
            prop_assert_eq!(file.variables["A"].as_str(), value);
            prop_assert!(file.expanded.is_empty());
        }
    }
}
