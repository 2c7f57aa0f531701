//! S-expressions as libgcrypt reads and writes them: the canonical form, and
//! the advanced one of files that people may look at.

use zeroize::Zeroizing;

/// Levels of lists: 16. A protected key has 5.
const DEPTH: usize = 16;

/// One expression. Atoms are wiped when dropped.
pub(crate) enum Sexp {
    /// Bytes.
    Atom(Zeroizing<Vec<u8>>),
    /// Expressions in parentheses.
    List(Vec<Sexp>),
}

impl Sexp {
    /// Reads one expression from the front. What follows is not looked at.
    pub(crate) fn parse(text: &[u8]) -> Option<Self> {
        Reader { rest: text }.sexp(0)
    }

    /// The bytes of an atom.
    pub(crate) fn atom(&self) -> Option<&[u8]> {
        match self {
            Sexp::Atom(bytes) => Some(bytes),
            Sexp::List(_) => None,
        }
    }

    /// The members of a list.
    pub(crate) fn list(&self) -> Option<&[Sexp]> {
        match self {
            Sexp::List(members) => Some(members),
            Sexp::Atom(_) => None,
        }
    }

    /// What a list begins with, and what follows.
    pub(crate) fn named(&self) -> Option<(&[u8], &[Sexp])> {
        let (name, rest) = self.list()?.split_first()?;
        Some((name.atom()?, rest))
    }

    /// What follows the name in the list of this name among the members.
    pub(crate) fn find(&self, name: &str) -> Option<&[Sexp]> {
        find(self.list()?, name)
    }

    /// Appends the canonical form.
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        match self {
            Sexp::Atom(bytes) => {
                out.extend(bytes.len().to_string().bytes());
                out.push(b':');
                out.extend_from_slice(bytes);
            }
            Sexp::List(members) => {
                out.push(b'(');
                members.iter().for_each(|member| member.write(out));
                out.push(b')');
            }
        }
    }
}

/// What follows the name in the list of this name.
pub(crate) fn find<'s>(members: &'s [Sexp], name: &str) -> Option<&'s [Sexp]> {
    members.iter().find_map(|member| match member.named() {
        Some((head, rest)) if head == name.as_bytes() => Some(rest),
        _ => None,
    })
}

struct Reader<'t> {
    rest: &'t [u8],
}

impl Reader<'_> {
    fn sexp(&mut self, depth: usize) -> Option<Sexp> {
        self.rest = self.rest.trim_ascii_start();
        if !self.take(b"(") {
            return self.atom().map(Sexp::Atom);
        }
        if depth >= DEPTH {
            return None;
        }
        let mut members = Vec::new();
        loop {
            self.rest = self.rest.trim_ascii_start();
            if self.take(b")") {
                return Some(Sexp::List(members));
            }
            members.push(self.sexp(depth + 1)?);
        }
    }

    fn take(&mut self, what: &[u8]) -> bool {
        let stripped = self.rest.strip_prefix(what);
        self.rest = stripped.unwrap_or(self.rest);
        stripped.is_some()
    }

    fn until(&mut self, end: impl Fn(&u8) -> bool) -> Option<&[u8]> {
        let length = self.rest.iter().position(end)?;
        let (taken, rest) = self.rest.split_at(length);
        self.rest = rest;
        Some(taken)
    }

    fn atom(&mut self) -> Option<Zeroizing<Vec<u8>>> {
        match self.rest.first()? {
            b'#' => {
                self.take(b"#");
                let digits = self.until(|b| *b == b'#')?;
                let bytes = hex(digits);
                self.take(b"#");
                bytes
            }
            b'"' => {
                self.take(b"\"");
                self.quoted()
            }
            b'0'..=b'9' => {
                let digits = self.until(|b| !b.is_ascii_digit())?;
                let length: usize = std::str::from_utf8(digits).ok()?.parse().ok()?;
                // A token may be a number.
                if !self.take(b":") {
                    return None;
                }
                let (bytes, rest) = self.rest.split_at_checked(length)?;
                let bytes = Zeroizing::new(bytes.to_vec());
                self.rest = rest;
                Some(bytes)
            }
            b if is_token(b) => {
                let token = self.until(|b| !is_token(b))?;
                Some(Zeroizing::new(token.to_vec()))
            }
            _ => None,
        }
    }

    /// A string with the escapes of C.
    fn quoted(&mut self) -> Option<Zeroizing<Vec<u8>>> {
        let mut out = Zeroizing::new(Vec::with_capacity(self.rest.len()));
        loop {
            let (byte, rest) = self.rest.split_first()?;
            self.rest = rest;
            match byte {
                b'"' => return Some(out),
                b'\\' => {
                    let (escape, rest) = self.rest.split_first()?;
                    self.rest = rest;
                    out.push(match escape {
                        b'b' => 8,
                        b't' => b'\t',
                        b'v' => 11,
                        b'n' => b'\n',
                        b'f' => 12,
                        b'r' => b'\r',
                        b'x' => self.number(2, 16)?,
                        b'0'..=b'3' => {
                            let high = (escape - b'0') << 6;
                            high | self.number(2, 8)?
                        }
                        b'"' | b'\'' | b'\\' => *escape,
                        _ => return None,
                    });
                }
                byte => out.push(*byte),
            }
        }
    }

    fn number(&mut self, digits: usize, radix: u32) -> Option<u8> {
        let (text, rest) = self.rest.split_at_checked(digits)?;
        self.rest = rest;
        u8::from_str_radix(std::str::from_utf8(text).ok()?, radix).ok()
    }
}

fn is_token(byte: &u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-./_:*+=".contains(byte)
}

/// Hexadecimal digits, with white space among them or not.
pub(crate) fn hex(text: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let mut out = Zeroizing::new(Vec::with_capacity(text.len() / 2));
    let mut high = None;
    for byte in text.iter().filter(|b| !b.is_ascii_whitespace()) {
        let digit = char::from(*byte).to_digit(16)?;
        let digit = u8::try_from(digit).ok()?;
        match high.take() {
            None => high = Some(digit),
            Some(high) => out.push(high << 4 | digit),
        }
    }
    high.is_none().then_some(out)
}

#[cfg(test)]
mod tests {
    use super::Sexp;

    fn canonical(text: &str) -> Option<String> {
        let mut out = Vec::new();
        Sexp::parse(text.as_bytes())?.write(&mut out);
        String::from_utf8(out).ok()
    }

    #[test]
    fn both_forms() {
        let expected = "(11:private-key(3:rsa(1:n3:abc)(1:e1:1)))";
        for text in [
            expected,
            "(private-key\n (rsa (n #61\n 62 63#)(e \"1\")))\n",
            " ( private-key(rsa (n \"a\\x62\\143\")(e #31#) ) ) ",
        ] {
            assert_eq!(canonical(text).as_deref(), Some(expected), "{text}");
        }
        assert_eq!(
            canonical("(a \"bc\\\"\\\\\")").as_deref(),
            Some("(1:a4:bc\"\\)")
        );
    }

    #[test]
    fn broken_ones() {
        let deep = "(".repeat(100_000);
        for text in [
            "",
            "(",
            ")",
            "(a",
            "(#0#)",
            "(#0g#)",
            "(\"a)",
            "(9:a)",
            "(99999999999999999999:a)",
            "(\"\\q\")",
            "(\"\\x1",
            "(1a)",
            "(a \u{1})",
            &deep,
        ] {
            assert_eq!(canonical(text), None, "{text:.20}");
        }
    }
}
