//! Tree to JSON text.

use std::fmt::Write;

use crate::{
    Error, Result,
    format::{Style, emit_error, first_document, number},
    limits,
    secret::SecretBuf,
    shown::push_printable,
    tree::{List, Mapping, Text, Value},
};

/// Writes the first document, with a newline at the end.
///
/// # Errors
///
/// [`ErrorKind::Emit`](crate::ErrorKind::Emit) for numbers that JSON cannot
/// hold.
pub(crate) fn write(tree: &[Mapping], style: &Style, out: &mut SecretBuf) -> Result<()> {
    let mut writer = Writer {
        out,
        indent: style.json_indent,
        depth: 0,
    };
    writer.mapping(first_document(tree)?)?;
    out.push(b"\n");
    Ok(())
}

/// Writes one value, without a newline at the end.
///
/// # Errors
///
/// As [`write()`].
pub(crate) fn write_value(value: &Value, style: &Style, out: &mut SecretBuf) -> Result<()> {
    let mut writer = Writer {
        out,
        indent: style.json_indent,
        depth: 0,
    };
    writer.value(value)
}

struct Writer<'a> {
    out: &'a mut SecretBuf,
    indent: Option<usize>,
    depth: usize,
}

impl Writer<'_> {
    fn line(&mut self) {
        self.out.push(b"\n");
        let (blank, mut width) = match self.indent {
            None => (b'\t', self.depth),
            Some(spaces) => (b' ', spaces.saturating_mul(self.depth)),
        };
        let run = [blank; 1024];
        while width > 0 && !self.out.is_full() {
            let len = width.min(run.len());
            self.out.push(&run[..len]);
            width -= len;
        }
    }

    fn enter(&mut self, open: &[u8]) -> Result<()> {
        if self.depth > limits::DEPTH {
            return Err(Error::too_deep());
        }
        self.out.push(open);
        self.depth += 1;
        Ok(())
    }

    fn leave(&mut self, empty: bool, close: &[u8]) {
        self.depth -= 1;
        if !empty {
            self.line();
        }
        self.out.push(close);
    }

    fn mapping(&mut self, mapping: &Mapping) -> Result<()> {
        self.enter(b"{")?;
        let mut first = true;
        for (key, value) in mapping.entries() {
            if !first {
                self.out.push(b",");
            }
            first = false;
            self.line();
            self.string(key);
            self.out.push(b": ");
            self.value(value).map_err(|e| {
                let mut path = String::new();
                push_printable(&mut path, key);
                e.below(path)
            })?;
        }
        self.leave(first, b"}");
        Ok(())
    }

    fn list(&mut self, list: &List) -> Result<()> {
        self.enter(b"[")?;
        let mut first = true;
        for value in list.values() {
            if !first {
                self.out.push(b",");
            }
            first = false;
            self.line();
            self.value(value)?;
        }
        self.leave(first, b"]");
        Ok(())
    }

    fn value(&mut self, value: &Value) -> Result<()> {
        let written = match value {
            Value::Null => self.out.write_str("null"),
            Value::Bool(bool) => write!(self.out, "{bool}"),
            Value::Int(int) => write!(self.out, "{int}"),
            Value::Float(float) => match number::json(*float) {
                Some(text) => write!(self.out, "{text}"),
                None => {
                    return Err(emit_error("JSON has no NaN and no infinity")
                        .advise("write the file as YAML, or the value as a string"));
                }
            },
            Value::Time(time) => write!(self.out, "\"{time}\""),
            Value::String(text) => {
                self.string(text);
                Ok(())
            }
            Value::Mapping(mapping) => return self.mapping(mapping),
            Value::List(list) => return self.list(list),
        };
        // That the buffer is full is said at the end.
        let _ = written;
        Ok(())
    }

    /// A string with the escapes of Go's encoder, which also hides what HTML
    /// and JavaScript would stumble over.
    fn string(&mut self, text: &Text) {
        self.out.push(b"\"");
        self.characters(&text.to_string_lossy());
        self.out.push(b"\"");
    }

    fn characters(&mut self, text: &str) {
        let mut start = 0;
        for (at, c) in text.char_indices() {
            let escape: &[u8] = match c {
                '"' => br#"\""#,
                '\\' => br"\\",
                '\n' => br"\n",
                '\r' => br"\r",
                '\t' => br"\t",
                '\x08' => br"\b",
                '\x0C' => br"\f",
                '\0'..='\x1F' | '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => b"",
                _ => continue,
            };
            self.out
                .push(text.get(start..at).unwrap_or_default().as_bytes());
            if escape.is_empty() {
                let _ = write!(self.out, "\\u{:04x}", u32::from(c));
            } else {
                self.out.push(escape);
            }
            start = at + c.len_utf8();
        }
        self.out
            .push(text.get(start..).unwrap_or_default().as_bytes());
    }
}
