//! Go's regular expressions, spelled for the `regex` crate.
//!
//! Both descend from RE2, but a pattern can mean one thing to one and another,
//! or nothing, to the other: `\d` (ASCII in Go), `\Q…\E`, `[a[b]`, `a{,2}`,
//! `\<`. So a pattern is read as Go reads it and written with nothing but
//! what both understand in the same way. Where Go calls a pattern invalid,
//! there is no translation.

use std::{fmt::Write, iter::Peekable, str::Chars};

/// Go's bound on `{n}`.
const MAX_REPEAT: u32 = 1000;

/// The same pattern in the syntax of the `regex` crate's byte expressions;
/// `None` where Go would refuse it (or the `regex` crate surely will).
pub(crate) fn translate(pattern: &str) -> Option<String> {
    let mut reader = Reader {
        chars: pattern.chars().peekable(),
        out: String::with_capacity(pattern.len() + 16),
    };
    reader.pattern()?;
    Some(reader.out)
}

struct Reader<'a> {
    chars: Peekable<Chars<'a>>,
    out: String,
}

impl Reader<'_> {
    fn pattern(&mut self) -> Option<()> {
        // Go refuses `a**`; the regex crate takes it.
        let mut after_repeat = false;
        while let Some(c) = self.chars.next() {
            let repeat = match c {
                '*' | '+' | '?' => {
                    self.out.push(c);
                    true
                }
                '{' => match self.counted_repeat() {
                    Some(text) => {
                        let text = text?;
                        self.out.push_str(&text);
                        true
                    }
                    None => {
                        self.literal('{');
                        false
                    }
                },
                _ => {
                    self.element(c)?;
                    false
                }
            };
            if repeat {
                if after_repeat {
                    return None;
                }
                if self.chars.next_if_eq(&'?').is_some() {
                    self.out.push('?');
                }
            }
            after_repeat = repeat;
        }
        Some(())
    }

    fn element(&mut self, c: char) -> Option<()> {
        match c {
            '.' | '^' | '$' | '|' | ')' => self.out.push(c),
            '(' => self.group()?,
            '[' => self.class()?,
            '\\' => self.escape()?,
            _ => self.literal(c),
        }
        Some(())
    }

    /// What stands behind `(`.
    fn group(&mut self) -> Option<()> {
        self.out.push('(');
        if self.chars.next_if_eq(&'?').is_none() {
            return Some(());
        }
        self.out.push('?');
        if self.chars.next_if_eq(&'P').is_some() {
            self.chars.next_if_eq(&'<')?;
            return self.group_name();
        }
        if self.chars.next_if_eq(&'<').is_some() {
            return self.group_name();
        }
        let mut negated = false;
        loop {
            let c = self.chars.next()?;
            match c {
                'i' | 'm' | 's' | 'U' => {}
                '-' if !negated => negated = true,
                ':' | ')' => {
                    self.out.push(c);
                    return Some(());
                }
                _ => return None,
            }
            self.out.push(c);
        }
    }

    /// The name of a group, which nobody asks for: the group is written
    /// without.
    fn group_name(&mut self) -> Option<()> {
        let mut empty = true;
        loop {
            match self.chars.next()? {
                '>' if !empty => break,
                c if c == '_' || c.is_ascii_alphanumeric() => empty = false,
                _ => return None,
            }
        }
        self.out.push(':');
        Some(())
    }

    /// What stands behind `{`, if it is a count; `Some(None)` for a count
    /// that Go refuses.
    fn counted_repeat(&mut self) -> Option<Option<String>> {
        let mut ahead = self.chars.clone();
        let min = number(&mut ahead)?;
        let mut max = Some(min);
        if ahead.next_if_eq(&',').is_some() {
            max = match ahead.peek()? {
                '}' => None,
                _ => Some(number(&mut ahead)?),
            };
        }
        ahead.next_if_eq(&'}')?;
        self.chars = ahead;
        if min > MAX_REPEAT || max.is_some_and(|max| max > MAX_REPEAT || max < min) {
            return Some(None);
        }
        Some(Some(match max {
            Some(max) => format!("{{{min},{max}}}"),
            None => format!("{{{min},}}"),
        }))
    }

    /// What stands behind `\`, outside of a class.
    fn escape(&mut self) -> Option<()> {
        match *self.chars.peek()? {
            c @ ('A' | 'z') => {
                self.out.push('\\');
                self.out.push(c);
            }
            'b' => self.out.push_str(r"(?-u:\b)"),
            'B' => self.out.push_str(r"(?-u:\B)"),
            'Q' => {
                self.chars.next();
                while let Some(c) = self.chars.next() {
                    if c == '\\' && self.chars.next_if_eq(&'E').is_some() {
                        break;
                    }
                    self.literal(c);
                }
                return Some(());
            }
            'd' | 'D' | 's' | 'S' | 'w' | 'W' | 'p' | 'P' => return self.named_class(),
            _ => {
                let c = self.character_escape()?;
                self.literal(c);
                return Some(());
            }
        }
        self.chars.next();
        Some(())
    }

    /// `\d` and its like, and `\p{…}`: the same inside and outside of a
    /// class.
    fn named_class(&mut self) -> Option<()> {
        let c = self.chars.next()?;
        self.out.push_str(match c {
            'd' => "[0-9]",
            'D' => "[^0-9]",
            's' => r"[\t\n\f\r ]",
            'S' => r"[^\t\n\f\r ]",
            'w' => "[0-9A-Za-z_]",
            'W' => "[^0-9A-Za-z_]",
            _ => return self.unicode_class(c == 'P'),
        });
        Some(())
    }

    fn unicode_class(&mut self, mut negated: bool) -> Option<()> {
        let mut name = String::new();
        match self.chars.next()? {
            '{' => loop {
                match self.chars.next()? {
                    '}' => break,
                    '^' if name.is_empty() => negated = !negated,
                    c if c == '_' || c.is_ascii_alphanumeric() => name.push(c),
                    _ => return None,
                }
            },
            c if c.is_ascii_alphabetic() => name.push(c),
            _ => return None,
        }
        let sign = if negated { 'P' } else { 'p' };
        write!(self.out, r"\{sign}{{{name}}}").ok()
    }

    /// A class: what stands behind `[`. Each character is written by its
    /// number, because the regex crate gives `[`, `&&`, `--` and `~~` a
    /// meaning of their own there.
    fn class(&mut self) -> Option<()> {
        self.out.push('[');
        if self.chars.next_if_eq(&'^').is_some() {
            self.out.push('^');
        }
        let mut first = true;
        loop {
            let c = *self.chars.peek()?;
            match c {
                ']' if !first => {
                    self.chars.next();
                    self.out.push(']');
                    return Some(());
                }
                '[' if self.posix_class() => {}
                '\\' if self.class_escape() => {
                    self.chars.next();
                    self.named_class()?;
                }
                _ => self.range()?,
            }
            first = false;
        }
    }

    /// Whether a backslash is followed by a class such as `\d`.
    fn class_escape(&self) -> bool {
        let mut ahead = self.chars.clone();
        ahead.next();
        matches!(
            ahead.next(),
            Some('d' | 'D' | 's' | 'S' | 'w' | 'W' | 'p' | 'P')
        )
    }

    /// `[:alpha:]`, copied if it stands here.
    fn posix_class(&mut self) -> bool {
        const NAMES: [&str; 14] = [
            "alnum", "alpha", "ascii", "blank", "cntrl", "digit", "graph", "lower", "print",
            "punct", "space", "upper", "word", "xdigit",
        ];
        let rest: String = self.chars.clone().take(12).collect();
        let Some((name, _)) = rest.strip_prefix("[:").and_then(|r| r.split_once(":]")) else {
            return false;
        };
        if !NAMES.contains(&name.strip_prefix('^').unwrap_or(name)) {
            return false;
        }
        for c in self.chars.by_ref().take(name.len() + 4) {
            self.out.push(c);
        }
        true
    }

    fn range(&mut self) -> Option<()> {
        let low = self.class_character()?;
        let mut high = low;
        let mut ahead = self.chars.clone();
        if ahead.next() == Some('-') && ahead.peek().is_some_and(|c| *c != ']') {
            self.chars = ahead;
            high = self.class_character()?;
        }
        if high < low {
            return None;
        }
        write!(
            self.out,
            r"\x{{{:X}}}-\x{{{:X}}}",
            u32::from(low),
            u32::from(high)
        )
        .ok()
    }

    fn class_character(&mut self) -> Option<char> {
        match self.chars.next()? {
            '\\' => self.character_escape(),
            c => Some(c),
        }
    }

    /// An escape that stands for one character: what stands behind `\`.
    fn character_escape(&mut self) -> Option<char> {
        let c = self.chars.next()?;
        Some(match c {
            'a' => '\x07',
            'f' => '\x0C',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'v' => '\x0B',
            'x' => return self.hexadecimal(),
            // A single digit other than 0 would be a back-reference.
            '1'..='7' if !self.chars.peek().is_some_and(|c| ('0'..='7').contains(c)) => {
                return None;
            }
            '0'..='7' => {
                let mut code = c.to_digit(8)?;
                for _ in 0..2 {
                    let Some(digit) = self.chars.peek().and_then(|c| c.to_digit(8)) else {
                        break;
                    };
                    code = code * 8 + digit;
                    self.chars.next();
                }
                char::from_u32(code)?
            }
            c if c.is_ascii_punctuation() || c == ' ' || (c.is_ascii_control()) => c,
            _ => return None,
        })
    }

    fn hexadecimal(&mut self) -> Option<char> {
        let mut code = 0u32;
        if self.chars.next_if_eq(&'{').is_some() {
            let mut digits = 0;
            while self.chars.next_if_eq(&'}').is_none() {
                code = code
                    .checked_mul(16)?
                    .checked_add(self.chars.next()?.to_digit(16)?)?;
                digits += 1;
            }
            if digits == 0 {
                return None;
            }
        } else {
            for _ in 0..2 {
                code = code * 16 + self.chars.next()?.to_digit(16)?;
            }
        }
        char::from_u32(code)
    }

    /// A character that means itself.
    fn literal(&mut self, c: char) {
        if c.is_ascii_punctuation() && c != '_' {
            let _ = write!(self.out, r"\x{{{:X}}}", u32::from(c));
        } else {
            self.out.push(c);
        }
    }
}

/// A decimal number without superfluous zeros; `None` if there is none here.
fn number(chars: &mut Peekable<Chars<'_>>) -> Option<u32> {
    let mut digits = String::new();
    while let Some(c) = chars.next_if(char::is_ascii_digit) {
        digits.push(c);
    }
    if digits.is_empty() || (digits.len() > 1 && digits.starts_with('0')) {
        return None;
    }
    Some(digits.parse().unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests;
