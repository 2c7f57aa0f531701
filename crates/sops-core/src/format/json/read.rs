//! JSON text to tree.

use go_yaml::number;

use crate::{
    Error, Result,
    format::syntax_error,
    limits,
    secret::SecretBuf,
    tree::{List, ListItem, Mapping, MappingItem, Text, Value},
};

/// Reads a JSON object. Text behind it is ignored, as in sops 3.13.
///
/// # Errors
///
/// [`ErrorKind::Syntax`](crate::ErrorKind::Syntax) with the line, where the
/// text is not JSON or not an object;
/// [`ErrorKind::Limit`](crate::ErrorKind::Limit).
pub(crate) fn read(text: &[u8]) -> Result<Vec<Mapping>> {
    let mut reader = Reader {
        text,
        at: 0,
        depth: 0,
        nodes: 0,
    };
    match reader.token() {
        Some(b'{') => Ok(vec![reader.object()?]),
        Some(b'[') => Err(reader
            .error("the file is a list, and sops needs an object")
            .advise(r#"wrap the list in an object: {"data": […]}"#)),
        Some(_) => Err(reader.error("a JSON file must start with {")),
        None => Err(reader
            .error("the file is empty")
            .advise("write an empty object, {}, at least")),
    }
}

/// Reads one value of any kind, with nothing but blanks around it.
///
/// # Errors
///
/// As [`read`].
pub(crate) fn read_value(text: &[u8]) -> Result<Value> {
    let mut reader = Reader {
        text,
        at: 0,
        depth: 0,
        nodes: 0,
    };
    let value = reader.value()?;
    match reader.token() {
        None => Ok(value),
        Some(_) => Err(reader.error("there is more behind the value")),
    }
}

struct Reader<'a> {
    text: &'a [u8],
    at: usize,
    depth: usize,
    nodes: usize,
}

impl Reader<'_> {
    fn error(&self, message: &str) -> Error {
        syntax_error(self.text, self.at, message).advise("check the file with a JSON parser")
    }

    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    /// The first byte of the next token.
    fn token(&mut self) -> Option<u8> {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.peek() {
            self.at += 1;
        }
        self.peek()
    }

    fn expect(&mut self, byte: u8, message: &str) -> Result<()> {
        if self.token() != Some(byte) {
            return Err(self.error(message));
        }
        self.at += 1;
        Ok(())
    }

    fn enter(&mut self) -> Result<()> {
        if self.depth == limits::DEPTH {
            return Err(Error::too_deep());
        }
        self.depth += 1;
        self.at += 1;
        Ok(())
    }

    /// After an item: whether another follows. `at` stands behind the comma
    /// or the closing sign.
    fn more(&mut self, close: u8, message: &str) -> Result<bool> {
        let more = match self.token() {
            Some(b',') => true,
            Some(c) if c == close => false,
            _ => return Err(self.error(message)),
        };
        self.at += 1;
        Ok(more)
    }

    fn object(&mut self) -> Result<Mapping> {
        self.enter()?;
        let mut mapping = Mapping::default();
        if self.token() == Some(b'}') {
            self.at += 1;
        } else {
            loop {
                if self.token() != Some(b'"') {
                    return Err(self.error("a key in double quotes is missing"));
                }
                let key = self.string()?;
                self.expect(b':', "a colon is missing behind a key")?;
                let value = self.value()?;
                mapping.items.push(MappingItem::Entry { key, value });
                if !self.more(b'}', "a comma or } is missing behind a value")? {
                    break;
                }
            }
        }
        self.depth -= 1;
        Ok(mapping)
    }

    fn list(&mut self) -> Result<List> {
        self.enter()?;
        let mut list = List::default();
        if self.token() == Some(b']') {
            self.at += 1;
        } else {
            loop {
                list.items.push(ListItem::Value(self.value()?));
                if !self.more(b']', "a comma or ] is missing behind a value")? {
                    break;
                }
            }
        }
        self.depth -= 1;
        Ok(list)
    }

    fn value(&mut self) -> Result<Value> {
        if self.nodes == limits::NODES {
            return Err(Error::too_many());
        }
        self.nodes += 1;
        match self.token() {
            Some(b'{') => self.object().map(Value::Mapping),
            Some(b'[') => self.list().map(Value::List),
            Some(b'"') => self.string().map(Value::String),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(b't') => self.word("true", Value::Bool(true)),
            Some(b'f') => self.word("false", Value::Bool(false)),
            Some(b'n') => self.word("null", Value::Null),
            Some(_) => Err(self.error("a value is missing")),
            None => Err(self.error("the file ends too early")),
        }
    }

    fn word(&mut self, word: &str, value: Value) -> Result<Value> {
        let end = self.at + word.len();
        if self.text.get(self.at..end) != Some(word.as_bytes()) {
            return Err(self.error("neither true, false nor null"));
        }
        self.at = end;
        Ok(value)
    }

    fn digits(&mut self) -> Result<()> {
        let start = self.at;
        while self.peek().is_some_and(|b| b.is_ascii_digit()) {
            self.at += 1;
        }
        if self.at == start {
            return Err(self.error("a digit is missing in a number"));
        }
        Ok(())
    }

    fn number(&mut self) -> Result<Value> {
        let start = self.at;
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        match self.peek() {
            Some(b'0') => self.at += 1,
            _ => self.digits()?,
        }
        let mut integer = true;
        if self.peek() == Some(b'.') {
            integer = false;
            self.at += 1;
            self.digits()?;
        }
        if let Some(b'e' | b'E') = self.peek() {
            integer = false;
            self.at += 1;
            if let Some(b'+' | b'-') = self.peek() {
                self.at += 1;
            }
            self.digits()?;
        }
        let text = self.text.get(start..self.at).unwrap_or_default();
        let text = std::str::from_utf8(text).unwrap_or_default();
        if integer && let Ok(int) = text.parse() {
            return Ok(Value::Int(int));
        }
        number::parse_float(text).map(Value::Float).map_err(|_| {
            self.error("a number is too large")
                .advise("write it as a string")
        })
    }

    /// A string in quotes. What is not Unicode becomes U+FFFD, as in Go.
    fn string(&mut self) -> Result<Text> {
        self.at += 1;
        let mut out = SecretBuf::default();
        loop {
            let rest = self.text.get(self.at..).unwrap_or_default();
            let plain = rest
                .iter()
                .position(|b| matches!(b, b'"' | b'\\' | 0..=0x1F | 0x80..))
                .unwrap_or(rest.len());
            let (run, rest) = rest.split_at(plain);
            out.push(run);
            self.at += plain;
            match rest.first() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(out.into_vec().into());
                }
                Some(b'\\') => {
                    self.at += 1;
                    let c = self.escape()?;
                    out.push_char(c);
                }
                Some(0x80..) => {
                    // A character has at most four bytes.
                    let head = rest.get(..4).unwrap_or(rest);
                    let good = match std::str::from_utf8(head) {
                        Ok(text) => text,
                        Err(e) => std::str::from_utf8(head.get(..e.valid_up_to()).unwrap_or(b""))
                            .unwrap_or_default(),
                    };
                    let c = good.chars().next();
                    out.push_char(c.unwrap_or('\u{FFFD}'));
                    self.at += c.map_or(1, char::len_utf8);
                }
                Some(_) => {
                    return Err(self
                        .error("a control character in a string")
                        .advise(r"write it as an escape, such as \n"));
                }
                None => return Err(self.error("a string without closing quote")),
            }
        }
    }

    /// What stands behind a backslash.
    fn escape(&mut self) -> Result<char> {
        let c = match self.peek() {
            Some(c @ (b'"' | b'\\' | b'/')) => char::from(c),
            Some(b'b') => '\x08',
            Some(b'f') => '\x0C',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => {
                let first = self.hex()?;
                if let Some(c) = char::from_u32(first) {
                    return Ok(c);
                }
                // A surrogate: with its other half a character, else U+FFFD.
                let before = self.at;
                if (0xD800..0xDC00).contains(&first)
                    && self.text.get(self.at..self.at + 2) == Some(b"\\u")
                {
                    self.at += 1;
                    let second = self.hex()?;
                    if (0xDC00..0xE000).contains(&second) {
                        let code = 0x10000 + ((first - 0xD800) << 10) + (second - 0xDC00);
                        return Ok(char::from_u32(code).unwrap_or('\u{FFFD}'));
                    }
                    self.at = before;
                }
                return Ok('\u{FFFD}');
            }
            _ => return Err(self.error("an unknown escape in a string")),
        };
        self.at += 1;
        Ok(c)
    }

    /// The four digits behind `\u`; `at` stands on the `u`.
    fn hex(&mut self) -> Result<u32> {
        let digits = self.text.get(self.at + 1..self.at + 5);
        let code = digits
            .and_then(|d| {
                d.iter()
                    .try_fold(0, |n, b| Some(n * 16 + char::from(*b).to_digit(16)?))
            })
            .ok_or_else(|| self.error(r"four hexadecimal digits are missing behind \u"))?;
        self.at += 5;
        Ok(code)
    }
}
