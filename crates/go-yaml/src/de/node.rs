//! One node as what is asked for.

use std::borrow::Cow;

use base64::Engine as _;
use serde::de::Visitor;

use super::collections::{Items, Pairs};
use super::enums::Choice;
use super::here::Here;
use super::{DEPTH, Error};
use crate::resolve::{Resolved, resolve_tagged, yaml11_boolean};
use crate::{Kind, NodeId};

/// What stands at a place once aliases are followed.
pub(super) struct What<'s, 'de> {
    here: Here<'s, 'de>,
    kind: WhatKind<'de>,
}

#[derive(Clone, Copy)]
enum WhatKind<'de> {
    Null,
    Scalar {
        resolved: Resolved,
        text: &'de str,
        binary: bool,
    },
    List(&'de [NodeId]),
    Mapping(&'de [(NodeId, NodeId)]),
}

impl<'s, 'de> Here<'s, 'de> {
    /// Does something with what stands here; an error gets the line.
    pub(super) fn read<R>(
        self,
        read: impl FnOnce(What<'s, 'de>) -> Result<R, Error>,
    ) -> Result<R, Error> {
        let what = |kind| What { here: self, kind };
        let Some(node) = self.id.and_then(|id| self.all.node(id)) else {
            return read(what(WhatKind::Null));
        };
        self.all.visit(node)?;
        if self.depth > DEPTH {
            return Err(Error::limit("nested too deeply").at(node));
        }
        let result = match &node.kind {
            Kind::Alias(target) => self.all.through_alias(node, *target, || {
                let target = self.below(*target);
                target.read(read)
            }),
            Kind::Sequence { items, .. } => read(what(WhatKind::List(items))),
            Kind::Mapping { entries, .. } => read(what(WhatKind::Mapping(entries))),
            Kind::Scalar { value, style } => match resolve_tagged(node.tag(), *style, value) {
                Ok(Resolved::Null) => read(what(WhatKind::Null)),
                Ok(resolved) => read(what(WhatKind::Scalar {
                    resolved,
                    text: value,
                    binary: node.tag() == Some("!!binary"),
                })),
                Err(error) => Err(Error::new(error.to_string())),
            },
        };
        result.map_err(|error| error.at(node))
    }
}

impl<'s, 'de> What<'s, 'de> {
    fn instead_of<T>(&self, expected: &str) -> Result<T, Error> {
        let found = match self.kind {
            WhatKind::Null => "null",
            WhatKind::Scalar { resolved, .. } => match resolved {
                Resolved::Null => "null",
                Resolved::Bool(_) => "a boolean",
                Resolved::Int(_) | Resolved::Uint(_) => "an integer",
                Resolved::Float(_) => "a number",
                Resolved::Timestamp(_) => "a timestamp",
                Resolved::Merge | Resolved::Str => "text",
            },
            WhatKind::List(_) => "a list",
            WhatKind::Mapping(_) => "a mapping",
        };
        Err(Error::new(format!("expected {expected}, found {found}")))
    }

    fn resolved(&self) -> Option<Resolved> {
        match self.kind {
            WhatKind::Null => Some(Resolved::Null),
            WhatKind::Scalar { resolved, .. } => Some(resolved),
            WhatKind::List(_) | WhatKind::Mapping(_) => None,
        }
    }

    pub(super) fn integer<V: Visitor<'de>>(&self, visitor: V) -> Result<V::Value, Error> {
        match self.resolved() {
            Some(Resolved::Null) => visitor.visit_u64(0),
            Some(Resolved::Int(value)) => visitor.visit_i64(value),
            Some(Resolved::Uint(value)) => visitor.visit_u64(value),
            // Towards zero, as Go converts.
            Some(Resolved::Float(value)) if value < i64::MAX as f64 => {
                visitor.visit_i64(value as i64)
            }
            _ => self.instead_of("an integer"),
        }
    }

    pub(super) fn float<V: Visitor<'de>>(&self, visitor: V) -> Result<V::Value, Error> {
        match self.resolved() {
            Some(Resolved::Null) => visitor.visit_f64(0.0),
            Some(Resolved::Int(value)) => visitor.visit_f64(value as f64),
            Some(Resolved::Uint(value)) => visitor.visit_f64(value as f64),
            Some(Resolved::Float(value)) => visitor.visit_f64(value),
            _ => self.instead_of("a number"),
        }
    }

    pub(super) fn boolean<V: Visitor<'de>>(&self, visitor: V) -> Result<V::Value, Error> {
        let value = match self.kind {
            WhatKind::Null => Some(false),
            WhatKind::Scalar { resolved, text, .. } => match resolved {
                Resolved::Bool(value) => Some(value),
                Resolved::Str => yaml11_boolean(text),
                _ => None,
            },
            WhatKind::List(_) | WhatKind::Mapping(_) => None,
        };
        match value {
            Some(value) => visitor.visit_bool(value),
            None => self.instead_of("a boolean"),
        }
    }

    /// A scalar by its source text, `!!binary` by what it encodes.
    fn bytes_or_text(&self) -> Result<Cow<'de, [u8]>, Error> {
        match self.kind {
            WhatKind::Null => Ok(Cow::Borrowed(b"")),
            WhatKind::Scalar {
                text,
                binary: false,
                ..
            } => Ok(Cow::Borrowed(text.as_bytes())),
            WhatKind::Scalar {
                text, binary: true, ..
            } => {
                // Go's decoder passes over line breaks.
                let compact: String = text.chars().filter(|c| !matches!(c, '\r' | '\n')).collect();
                let engine = base64::engine::general_purpose::STANDARD;
                let bytes = engine.decode(compact);
                bytes
                    .map(Cow::Owned)
                    .map_err(|_| Error::new("a !!binary value is not valid base64"))
            }
            WhatKind::List(_) | WhatKind::Mapping(_) => self.instead_of("text"),
        }
    }

    pub(super) fn text<V: Visitor<'de>>(&self, visitor: V) -> Result<V::Value, Error> {
        match self.bytes_or_text()? {
            Cow::Borrowed(bytes) => match std::str::from_utf8(bytes) {
                Ok(text) => visitor.visit_borrowed_str(text),
                Err(_) => self.instead_of("text"),
            },
            Cow::Owned(bytes) => match String::from_utf8(bytes) {
                Ok(text) => visitor.visit_string(text),
                Err(_) => Err(Error::new(
                    "expected text, found !!binary that is not UTF-8",
                )),
            },
        }
    }

    pub(super) fn bytes<V: Visitor<'de>>(&self, visitor: V) -> Result<V::Value, Error> {
        match self.bytes_or_text()? {
            Cow::Borrowed(bytes) => visitor.visit_borrowed_bytes(bytes),
            Cow::Owned(bytes) => visitor.visit_byte_buf(bytes),
        }
    }

    pub(super) fn any<V: Visitor<'de>>(&self, visitor: V) -> Result<V::Value, Error> {
        match self.kind {
            WhatKind::List(_) => self.list(visitor),
            WhatKind::Mapping(_) => self.mapping(visitor),
            WhatKind::Null => visitor.visit_unit(),
            WhatKind::Scalar { resolved, .. } => match resolved {
                Resolved::Null => visitor.visit_unit(),
                Resolved::Bool(value) => visitor.visit_bool(value),
                Resolved::Int(value) => visitor.visit_i64(value),
                Resolved::Uint(value) => visitor.visit_u64(value),
                Resolved::Float(value) => visitor.visit_f64(value),
                Resolved::Timestamp(_) | Resolved::Merge | Resolved::Str => self.text(visitor),
            },
        }
    }

    pub(super) fn unit<V: Visitor<'de>>(&self, visitor: V) -> Result<V::Value, Error> {
        match self.kind {
            WhatKind::Null => visitor.visit_unit(),
            _ => self.instead_of("null"),
        }
    }

    pub(super) fn list<V: Visitor<'de>>(&self, visitor: V) -> Result<V::Value, Error> {
        match self.kind {
            WhatKind::Null => visitor.visit_seq(Items::new(self.here, &[])),
            WhatKind::List(items) => visitor.visit_seq(Items::new(self.here, items)),
            _ => self.instead_of("a list"),
        }
    }

    /// A mapping with all of its entries.
    pub(super) fn mapping<V: Visitor<'de>>(&self, visitor: V) -> Result<V::Value, Error> {
        match self.kind {
            WhatKind::Null => visitor.visit_map(Pairs::new(self.here, Vec::new())),
            WhatKind::Mapping(written) => {
                let entries = self.here.all.entries(written)?;
                visitor.visit_map(Pairs::new(self.here, entries))
            }
            _ => self.instead_of("a mapping"),
        }
    }

    /// A mapping without the fields that are null.
    pub(super) fn fields<V: Visitor<'de>>(&self, visitor: V) -> Result<V::Value, Error> {
        match self.kind {
            WhatKind::Null => visitor.visit_map(Pairs::new(self.here, Vec::new())),
            WhatKind::Mapping(written) => {
                let mut entries = self.here.all.entries(written)?;
                entries.retain(|(_, value)| !self.here.below(*value).is_null());
                visitor.visit_map(Pairs::new(self.here, entries))
            }
            _ => self.instead_of("a mapping"),
        }
    }

    pub(super) fn choice<V: Visitor<'de>>(&self, visitor: V) -> Result<V::Value, Error> {
        match self.kind {
            WhatKind::Scalar { text, .. } => visitor.visit_enum(Choice::named(text)),
            WhatKind::Mapping(written) => match *self.here.all.entries(written)? {
                [(name, content)] => {
                    let name = self.here.below(name).key_text();
                    let content = self.here.below(content);
                    visitor
                        .visit_enum(Choice::with(name, content))
                        .map_err(|error| error.inside_key(name))
                }
                _ => Err(Error::new("expected a mapping of one entry")),
            },
            _ => self.instead_of("text or a mapping of one entry"),
        }
    }
}
