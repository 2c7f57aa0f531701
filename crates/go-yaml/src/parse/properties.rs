//! What stands before the content of a node: its tag and its anchor.

use std::borrow::Cow;

use super::Parser;
use crate::scan::{Pos, Token, TokenKind};
use crate::{Properties, Result};

/// The tag and the anchor in front of a node, as far as there are any.
#[derive(Default)]
pub(super) struct Found<'a> {
    pub(super) tag: Option<Cow<'a, str>>,
    pub(super) anchor: Option<&'a str>,
}

impl<'a> Found<'a> {
    pub(super) fn boxed(self) -> Option<Box<Properties<'a>>> {
        if self.tag.is_none() && self.anchor.is_none() {
            return None;
        }
        Some(Box::new(Properties {
            tag: self.tag,
            anchor: self.anchor.map(Cow::Borrowed),
        }))
    }

    /// As [`boxed`](Self::boxed); a lone `!` says no more of a scalar than its
    /// style does.
    pub(super) fn of_scalar(mut self) -> Option<Box<Properties<'a>>> {
        self.tag = self.tag.filter(|tag| tag != "!");
        self.boxed()
    }
}

impl<'a> Parser<'a> {
    /// A tag and an anchor, in either order.
    pub(super) fn properties(&mut self, start: Pos) -> Result<Found<'a>> {
        let mut properties = Found::default();
        loop {
            let (next, at) = self.peek()?;
            match next {
                TokenKind::Anchor if properties.anchor.is_none() => {
                    properties.anchor = self.take().map(|token| token.name);
                }
                TokenKind::Tag if properties.tag.is_none() => {
                    if let Some(Token { name, text, .. }) = self.take() {
                        properties.tag = Some(self.resolve_tag(name, text, start)?);
                    }
                }
                TokenKind::Anchor | TokenKind::Tag => {
                    return Err(self.error(at, "did not find expected node content"));
                }
                _ => return Ok(properties),
            }
        }
    }

    pub(super) fn resolve_tag(
        &self,
        handle: &'a str,
        suffix: Cow<'a, str>,
        start: Pos,
    ) -> Result<Cow<'a, str>> {
        const CORE: &str = "tag:yaml.org,2002:";
        let known = self.tag_handles.get(handle);
        let prefix: &str = match (known, handle) {
            (Some(prefix), _) => prefix,
            (None, "") => "",
            (None, "!") => "!",
            (None, "!!") => return Ok(Cow::Owned(format!("!!{suffix}"))),
            _ => return Err(self.error(start, "found undefined tag handle")),
        };
        let tag = if prefix.is_empty() {
            suffix
        } else {
            Cow::Owned(format!("{prefix}{suffix}"))
        };
        Ok(match tag.strip_prefix(CORE) {
            Some(short) => Cow::Owned(format!("!!{short}")),
            None => tag,
        })
    }
}
