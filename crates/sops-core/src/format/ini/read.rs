//! INI text to tree: one mapping per section, a comment behind the key that
//! it stands above.

use std::collections::HashMap;

use super::{
    COMMENT, DEFAULT_SECTION, DELIMITERS, TRIPLE, find, find_any, rfind, trim, trim_start,
};
use crate::{
    Error, Result,
    format::syntax_error,
    limits,
    tree::{Comment, Mapping, MappingItem, Value},
};

/// Reads sections and keys. Blank lines, quotes and the places of comments
/// are not kept.
///
/// # Errors
///
/// [`ErrorKind::Syntax`](crate::ErrorKind::Syntax) with the line.
pub(crate) fn read(text: &[u8]) -> Result<Vec<Mapping>> {
    let mut reader = Reader::new(text);
    let mut sections = vec![Section {
        name: DEFAULT_SECTION.into(),
        comment: Vec::new(),
        keys: Vec::new(),
        places: HashMap::new(),
    }];
    let mut nodes = 0;
    while let Some(line) = reader.line() {
        if nodes == limits::NODES {
            return Err(Error::too_many());
        }
        nodes += 1;
        let line = trim_start(line);
        match line.first() {
            None => {}
            Some(b'#' | b';') => reader.comment.extend_from_slice(line),
            Some(b'[') => {
                let section = reader.section(line)?;
                sections.push(section);
            }
            Some(_) => {
                let key = reader.key(line)?;
                if let Some(section) = sections.last_mut() {
                    section.put(key);
                }
            }
        }
    }
    let mut document = Mapping::default();
    for mut section in sections {
        let name = std::mem::take(&mut section.name);
        document.push(name, Value::Mapping(section.mapping()));
    }
    Ok(vec![document])
}

struct Section {
    name: Vec<u8>,
    comment: Vec<u8>,
    keys: Vec<Key>,
    /// Where in `keys` each name is.
    places: HashMap<Vec<u8>, usize>,
}

struct Key {
    name: Vec<u8>,
    value: Vec<u8>,
    comment: Vec<u8>,
}

impl Section {
    /// Adds a key; a repeated one takes the place of the first.
    fn put(&mut self, key: Key) {
        let place = self.places.get(&key.name);
        match place.and_then(|at| self.keys.get_mut(*at)) {
            Some(earlier) => *earlier = key,
            None => {
                self.places.insert(key.name.clone(), self.keys.len());
                self.keys.push(key);
            }
        }
    }

    fn mapping(self) -> Mapping {
        let mut mapping = Mapping::default();
        let comment = |mapping: &mut Mapping, text: &[u8]| {
            let text = strip_sign(text);
            if !text.is_empty() {
                mapping.items.push(MappingItem::Comment(Comment {
                    text: text.into(),
                    inline: false,
                }));
            }
        };
        comment(&mut mapping, &self.comment);
        for key in self.keys {
            mapping.push(key.name, Value::String(key.value.into()));
            comment(&mut mapping, &key.comment);
        }
        mapping
    }
}

/// A comment without the signs that it starts with.
fn strip_sign(comment: &[u8]) -> &[u8] {
    let Some(sign @ (b'#' | b';')) = comment.first() else {
        return comment;
    };
    let rest = comment.iter().position(|b| b != sign && *b != b' ');
    comment
        .get(rest.unwrap_or(comment.len())..)
        .unwrap_or_default()
}

struct Reader<'a> {
    text: &'a [u8],
    /// Behind the line that was read last.
    at: usize,
    /// Where that line starts.
    start: usize,
    /// Comment text that waits for the next section or key.
    comment: Vec<u8>,
    /// The number of the next key named `-` in this section.
    count: usize,
}

impl<'a> Reader<'a> {
    fn new(text: &'a [u8]) -> Self {
        let text = [&b"\xEF\xBB\xBF"[..], b"\xFE\xFF", b"\xFF\xFE"]
            .iter()
            .find_map(|bom| text.strip_prefix(*bom))
            .unwrap_or(text);
        Reader {
            text,
            at: 0,
            start: 0,
            comment: Vec::new(),
            count: 1,
        }
    }

    /// The next line with its newline; `None` at the end.
    fn line(&mut self) -> Option<&'a [u8]> {
        let rest = self.text.get(self.at..).filter(|rest| !rest.is_empty())?;
        let len = rest
            .iter()
            .position(|b| *b == b'\n')
            .map_or(rest.len(), |n| n + 1);
        self.start = self.at;
        self.at += len;
        rest.get(..len)
    }

    fn error(&self, message: &str) -> Error {
        syntax_error(self.text, self.start, message)
            .advise("INI files consist of [section] headers, key = value lines and ; comments")
    }

    fn take_comment(&mut self) -> Vec<u8> {
        let comment = trim(&self.comment).to_vec();
        self.comment.clear();
        comment
    }

    fn section(&mut self, line: &[u8]) -> Result<Section> {
        let Some(close) = rfind(line, b"]") else {
            return Err(self.error("a section header without closing ]"));
        };
        let name = line.get(1..close).unwrap_or_default();
        if name.is_empty() {
            return Err(self.error("a section without a name"));
        }
        let tail = line.get(close + 1..).unwrap_or_default();
        if let Some(start) = find_any(tail, COMMENT) {
            self.comment
                .extend_from_slice(tail.get(start..).unwrap_or_default());
        }
        self.count = 1;
        Ok(Section {
            name: name.to_vec(),
            comment: self.take_comment(),
            keys: Vec::new(),
            places: HashMap::new(),
        })
    }

    fn key(&mut self, line: &[u8]) -> Result<Key> {
        let (name, value_at) = self.key_name(line)?;
        let mut name = name.to_vec();
        if name == b"-" {
            name = format!("#{}", self.count).into_bytes();
            self.count += 1;
        }
        let value = self.value(line.get(value_at..).unwrap_or_default())?;
        if name.is_empty() {
            return Err(self.error("a key without a name"));
        }
        Ok(Key {
            name,
            value,
            comment: self.take_comment(),
        })
    }

    /// The name that a line starts with, and where its value starts.
    fn key_name<'l>(&self, line: &'l [u8]) -> Result<(&'l [u8], usize)> {
        let no_delimiter = || self.error("neither a section nor key = value");
        let quote: &[u8] = match line {
            [b'"', ..] if line.starts_with(TRIPLE) && line.len() > 6 => TRIPLE,
            [b'"', ..] => b"\"",
            [b'`', ..] => b"`",
            _ => {
                let end = find_any(line, DELIMITERS).ok_or_else(no_delimiter)?;
                return Ok((trim(line.get(..end).unwrap_or_default()), end + 1));
            }
        };
        let quoted = line.get(quote.len()..).unwrap_or_default();
        let Some(end) = find(quoted, quote) else {
            return Err(self.error("a key without closing quote"));
        };
        let behind = quoted.get(end + quote.len()..).unwrap_or_default();
        let delimiter = find_any(behind, DELIMITERS).ok_or_else(no_delimiter)?;
        Ok((
            trim(quoted.get(..end).unwrap_or_default()),
            2 * quote.len() + end + delimiter + 1,
        ))
    }

    fn value(&mut self, text: &[u8]) -> Result<Vec<u8>> {
        let line = trim_start(text);
        let quote: &[u8] = match line {
            [] => return Ok(Vec::new()),
            _ if line.starts_with(TRIPLE) && line.len() > 3 => TRIPLE,
            [b'`', ..] => b"`",
            _ => return Ok(self.bare_value(trim(line))),
        };
        let quoted = line.get(quote.len()..).unwrap_or_default();
        match rfind(quoted, quote) {
            Some(end) => Ok(quoted.get(..end).unwrap_or_default().to_vec()),
            None => self.multi_line_value(quoted, quote),
        }
    }

    /// A value whose closing quote stands on a later line: one that does not
    /// end in a backslash.
    fn multi_line_value(&mut self, first: &[u8], quote: &[u8]) -> Result<Vec<u8>> {
        let start = self.start;
        let mut value = first.to_vec();
        while let Some(line) = self.line() {
            let ends = !trim(line).ends_with(br"\");
            if let Some(end) = rfind(line, quote).filter(|_| ends) {
                let (head, tail) = line.split_at(end);
                value.extend_from_slice(head);
                if let Some(at) = find_any(tail, COMMENT) {
                    self.comment
                        .extend_from_slice(trim(tail.get(at..).unwrap_or_default()));
                }
                return Ok(value);
            }
            value.extend_from_slice(line);
        }
        self.start = start;
        Err(self.error("a value without closing quote"))
    }

    fn bare_value(&mut self, line: &[u8]) -> Vec<u8> {
        if let Some(head) = line.strip_suffix(br"\") {
            return self.continued_value(head);
        }
        let mut value = line;
        if let Some(start) = find_any(line, COMMENT) {
            let (head, comment) = line.split_at(start);
            self.comment.extend_from_slice(comment);
            value = trim(head);
        }
        for quote in *b"'\"" {
            if let [first, inner @ .., last] = value
                && [*first, *last] == [quote; 2]
                && !inner.contains(&quote)
            {
                return inner.to_vec();
            }
        }
        value.to_vec()
    }

    /// A value that a backslash at the end of the line continues.
    fn continued_value(&mut self, head: &[u8]) -> Vec<u8> {
        let mut value = head.to_vec();
        while let Some(line) = self.line() {
            let line = trim(line);
            value.extend_from_slice(line);
            match line {
                [] => break,
                [.., b'\\'] => {
                    value.pop();
                }
                _ => break,
            }
        }
        value
    }
}
