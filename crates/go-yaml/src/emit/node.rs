//! Parsed nodes as events, their styles kept.

use std::fmt;

use super::{Emitter, Scalar, Start};
use crate::{Comments, Document, Kind, Node, NodeId, ScalarStyle};

/// A collection that is being written.
struct Open {
    id: NodeId,
    /// How many children were written; keys and values count one each.
    done: usize,
}

impl<W: fmt::Write> Emitter<W> {
    /// A parsed document with its comments, styles, tags and anchors. An
    /// empty document is `null`.
    ///
    /// ```
    /// use go_yaml::{Limits, emit::{Emitter, Profile}, parse};
    ///
    /// let text = "# c\na: [1, 'two'] # d\n---\nb: |-\n  x\n";
    /// let mut yaml = Emitter::new(String::new(), Profile::kyaml());
    /// for document in &parse(text, &Limits::default())? {
    ///     yaml.document(document)?;
    /// }
    /// assert_eq!(yaml.into_inner(), text);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As for [`node`](Self::node).
    pub fn document(&mut self, document: &Document<'_>) -> fmt::Result {
        self.document_start(&document.comments.head)?;
        match document.root() {
            Some(root) => self.node(document, root)?,
            None => self.plain("null", Comments::NONE)?,
        }
        self.document_end(&document.comments.foot)
    }

    /// A parsed node and all below it.
    ///
    /// # Errors
    ///
    /// When the sink fails, and where a document that was built by hand names
    /// nodes that it does not have, or one that holds itself.
    pub fn node(&mut self, document: &Document<'_>, id: NodeId) -> fmt::Result {
        let mut open = Vec::new();
        let mut next = Some(id);
        loop {
            if let Some(id) = next.take() {
                let node = document.get(id).ok_or(fmt::Error)?;
                if self.enter(document, node)? {
                    if open.len() == document.len() {
                        // Deeper than there are nodes: one holds itself.
                        return Err(fmt::Error);
                    }
                    open.push(Open { id, done: 0 });
                }
            }
            let Some(innermost) = open.last_mut() else {
                return Ok(());
            };
            let node = document.node(innermost.id);
            next = match &node.kind {
                Kind::Sequence { items, .. } => items.get(innermost.done).copied(),
                Kind::Mapping { entries, .. } => {
                    let entry = entries.get(innermost.done / 2);
                    entry.map(|(key, value)| {
                        if innermost.done.is_multiple_of(2) {
                            *key
                        } else {
                            *value
                        }
                    })
                }
                Kind::Scalar { .. } | Kind::Alias(_) => None,
            };
            innermost.done += 1;
            if next.is_none() {
                let comments = node.comments.as_deref().unwrap_or(Comments::NONE);
                match node.kind {
                    Kind::Mapping { .. } => self.mapping_end(comments)?,
                    _ => self.sequence_end(comments)?,
                }
                open.pop();
            }
        }
    }

    /// Writes a scalar or alias, or the start of a collection. Whether it was
    /// a collection.
    fn enter(&mut self, document: &Document<'_>, node: &Node<'_>) -> Result<bool, fmt::Error> {
        let comments = node.comments.as_deref().unwrap_or(Comments::NONE);
        // `!` alone says what go-yaml concludes anyway.
        let tag = node.tag().filter(|tag| *tag != "!");
        let anchor = node.anchor();
        match &node.kind {
            Kind::Scalar { value, style } => {
                let style = match style {
                    // Written over several lines.
                    ScalarStyle::Plain if value.contains('\n') => ScalarStyle::Literal,
                    style => *style,
                };
                let merge = tag.is_none() && style == ScalarStyle::Plain && value == "<<";
                let scalar = Scalar {
                    text: value,
                    style,
                    tag: if merge { Some("!!merge") } else { tag },
                    anchor,
                };
                self.scalar(scalar, comments)?;
                Ok(false)
            }
            Kind::Alias(target) => {
                let name = anchor.or(document.get(*target).and_then(Node::anchor));
                self.alias(name.ok_or(fmt::Error)?, comments)?;
                Ok(false)
            }
            Kind::Sequence { flow, .. } | Kind::Mapping { flow, .. } => {
                let start = Start {
                    head: &comments.head,
                    flow: *flow,
                    tag,
                    anchor,
                };
                match node.kind {
                    Kind::Mapping { .. } => self.mapping_start(start)?,
                    _ => self.sequence_start(start)?,
                }
                Ok(true)
            }
        }
    }
}
