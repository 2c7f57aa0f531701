//! Anchors, aliases, tags and directives.

use std::borrow::Cow;

use super::{Scanner, Token, TokenKind};
use crate::Result;

fn is_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-')
}

impl<'a> Scanner<'a> {
    fn take_while(&mut self, accept: impl Fn(u8) -> bool) -> &'a str {
        let rest = self.rest();
        let len = rest.bytes().position(|b| !accept(b)).unwrap_or(rest.len());
        self.advance(len);
        &rest[..len]
    }

    pub(super) fn fetch_anchor(&mut self, alias: bool) -> Result<()> {
        self.save_simple_key()?;
        self.simple_key_allowed = false;
        let start = self.pos;
        self.advance(1);
        let name = self.take_while(is_name);
        let ends = self.is_blank_or_end(0)
            || matches!(
                self.byte(0),
                b'?' | b':' | b',' | b']' | b'}' | b'%' | b'@' | b'`'
            );
        if name.is_empty() || !ends {
            return Err(self.error("did not find expected alphabetic or numeric character"));
        }
        let kind = match alias {
            true => TokenKind::Alias,
            false => TokenKind::Anchor,
        };
        self.push_token(Token {
            name,
            ..Token::new(kind, start)
        });
        Ok(())
    }

    pub(super) fn fetch_tag(&mut self) -> Result<()> {
        self.save_simple_key()?;
        self.simple_key_allowed = false;
        let start = self.pos;
        let (handle, suffix);
        if self.byte(1) == b'<' {
            self.advance(2);
            handle = "";
            suffix = self.tag_uri()?;
            if suffix.is_empty() {
                return Err(self.error("did not find expected tag URI"));
            }
            if self.byte(0) != b'>' {
                return Err(self.error("did not find the expected '>'"));
            }
            self.advance(1);
        } else {
            let name_len = self.rest()[1..].bytes().take_while(|&b| is_name(b)).count();
            if self.byte(1 + name_len) == b'!' {
                handle = &self.rest()[..name_len + 2];
                self.advance(handle.len());
                suffix = self.tag_uri()?;
                if suffix.is_empty() {
                    return Err(self.error("did not find expected tag URI"));
                }
            } else {
                let sign = &self.rest()[..1];
                self.advance(1);
                let local = self.tag_uri()?;
                // A lone `!` is a tag of its own.
                (handle, suffix) = if local.is_empty() {
                    ("", Cow::Borrowed(sign))
                } else {
                    (sign, local)
                };
            }
        }
        if !self.is_blank_or_end(0) {
            return Err(self.error("did not find expected whitespace or line break"));
        }
        self.push_token(Token {
            name: handle,
            text: suffix,
            ..Token::new(TokenKind::Tag, start)
        });
        Ok(())
    }

    /// Characters of a URI, with `%XX` decoded.
    fn tag_uri(&mut self) -> Result<Cow<'a, str>> {
        let raw = self.take_while(|b| is_name(b) || b";/?:@&=+$.,!~*'()[]%".contains(&b));
        if !raw.contains('%') {
            return Ok(Cow::Borrowed(raw));
        }
        let mut decoded = Vec::with_capacity(raw.len());
        let mut bytes = raw.bytes();
        while let Some(byte) = bytes.next() {
            if byte != b'%' {
                decoded.push(byte);
                continue;
            }
            let mut digit = || bytes.next().and_then(|b| char::from(b).to_digit(16));
            match (digit(), digit()) {
                (Some(high), Some(low)) => decoded.push((high * 16 + low) as u8),
                _ => return Err(self.error("did not find URI escaped octet")),
            }
        }
        String::from_utf8(decoded)
            .map(Cow::Owned)
            .map_err(|_| self.error("found an incorrect UTF-8 octet in a tag"))
    }

    pub(super) fn fetch_directive(&mut self) -> Result<()> {
        self.dedent_to(-1, self.pos);
        self.drop_simple_key()?;
        self.simple_key_allowed = false;
        let start = self.pos;
        self.advance(1);
        let name = self.take_while(is_name);
        self.take_while(|b| matches!(b, b' ' | b'\t'));
        let token = match name {
            "YAML" => {
                let major = self.take_while(|b| b.is_ascii_digit());
                let dot = self.take_while(|b| b == b'.');
                let minor = self.take_while(|b| b.is_ascii_digit());
                if major.is_empty() || dot != "." || minor.is_empty() {
                    return Err(self.error("did not find expected version number"));
                }
                if (major, minor) != ("1", "1") {
                    return Err(self.error("found incompatible YAML document"));
                }
                Token::new(TokenKind::VersionDirective, start)
            }
            "TAG" => {
                let handle = self.take_while(|b| is_name(b) || b == b'!');
                if !handle.starts_with('!') || (handle.len() > 1 && !handle.ends_with('!')) {
                    return Err(self.error("did not find expected tag handle"));
                }
                if self.take_while(|b| matches!(b, b' ' | b'\t')).is_empty() {
                    return Err(self.error("did not find expected whitespace"));
                }
                let prefix = self.tag_uri()?;
                if prefix.is_empty() {
                    return Err(self.error("did not find expected tag URI"));
                }
                Token {
                    name: handle,
                    text: prefix,
                    ..Token::new(TokenKind::TagDirective, start)
                }
            }
            _ => return Err(self.error("found unknown directive name")),
        };
        self.take_while(|b| matches!(b, b' ' | b'\t'));
        if self.byte(0) == b'#' {
            self.advance(self.rest_of_line().len());
        }
        if !self.is_break_or_end(0) {
            return Err(self.error("did not find expected comment or line break"));
        }
        self.advance_line();
        self.push_token(token);
        Ok(())
    }
}
