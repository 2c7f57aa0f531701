//! What a YAML text holds: a graph of nodes in an arena.
//!
//! Nodes live in one vector per document and name each other by [`NodeId`],
//! so that an alias can point at its anchor and a deep document is dropped
//! without recursion.

use std::borrow::Cow;

/// A place in the text: line and column, both counted from 1; the column in
/// characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Mark {
    /// The line, counted from 1.
    pub line: u32,
    /// The column in characters, counted from 1.
    pub column: u32,
}

/// The name of a node inside its [`Document`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NodeId(pub(crate) u32);

/// How a scalar was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ScalarStyle {
    /// Without any quotes.
    #[default]
    Plain,
    /// `'…'`
    SingleQuoted,
    /// `"…"`
    DoubleQuoted,
    /// `|`
    Literal,
    /// `>`
    Folded,
}

/// The comments that go-yaml attaches to one node. Each text keeps its `#`
/// signs; several lines are joined with `\n`, and a blank line between two
/// comments is an empty line in the text.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Comments<'a> {
    /// On the lines above the node.
    pub head: Cow<'a, str>,
    /// On the line of the node, after it.
    pub line: Cow<'a, str>,
    /// On the lines below the node.
    pub foot: Cow<'a, str>,
}

impl<'a> Comments<'a> {
    /// No comment at all.
    pub const NONE: &'static Comments<'static> = &Comments {
        head: Cow::Borrowed(""),
        line: Cow::Borrowed(""),
        foot: Cow::Borrowed(""),
    };

    /// Comments in borrowed texts.
    #[must_use]
    pub fn borrowed(head: &'a str, line: &'a str, foot: &'a str) -> Self {
        Comments {
            head: Cow::Borrowed(head),
            line: Cow::Borrowed(line),
            foot: Cow::Borrowed(foot),
        }
    }

    /// Whether there is no comment at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.head.is_empty() && self.line.is_empty() && self.foot.is_empty()
    }
}

/// What a node is.
#[derive(Clone, PartialEq)]
pub enum Kind<'a> {
    /// A scalar: its text after unescaping and unfolding.
    Scalar {
        /// The text.
        value: Cow<'a, str>,
        /// How it was written.
        style: ScalarStyle,
    },
    /// A sequence.
    Sequence {
        /// The items, in order.
        items: Vec<NodeId>,
        /// Whether it was written `[…]`.
        flow: bool,
    },
    /// A mapping.
    Mapping {
        /// Keys with their values, in order, duplicates included.
        entries: Vec<(NodeId, NodeId)>,
        /// Whether it was written `{…}`.
        flow: bool,
    },
    /// `*name`: another mention of an anchored node of the same document.
    Alias(NodeId),
}

/// What may stand before the content of a node. Rare, so nodes keep it apart.
#[derive(Clone, PartialEq, Default)]
pub struct Properties<'a> {
    /// The tag that was written, in short form (`!!str`, `!local`), or `None`.
    /// A lone `!` is kept as `!`.
    pub tag: Option<Cow<'a, str>>,
    /// The anchor (`&name`) without its sign; for an alias, the name it uses.
    pub anchor: Option<Cow<'a, str>>,
}

/// One node of a [`Document`].
#[derive(Clone, PartialEq)]
pub struct Node<'a> {
    /// What it is.
    pub kind: Kind<'a>,
    /// Its tag and its anchor; `None` where there is neither.
    pub properties: Option<Box<Properties<'a>>>,
    /// Its comments; `None` where there is none.
    pub comments: Option<Box<Comments<'a>>>,
    /// Where it starts.
    pub mark: Mark,
}

impl<'a> Node<'a> {
    /// A node of this kind without tag, anchor, comments or place.
    #[must_use]
    pub fn new(kind: Kind<'a>) -> Self {
        Node {
            kind,
            properties: None,
            comments: None,
            mark: Mark::default(),
        }
    }

    /// A plain scalar.
    pub fn scalar(value: impl Into<Cow<'a, str>>) -> Self {
        Node::new(Kind::Scalar {
            value: value.into(),
            style: ScalarStyle::Plain,
        })
    }

    /// The tag that was written, in short form (`!!str`, `!local`), or `None`.
    /// A lone `!` is kept as `!`.
    #[must_use]
    pub fn tag(&self) -> Option<&str> {
        self.properties.as_ref().and_then(|p| p.tag.as_deref())
    }

    /// The anchor (`&name`) without its sign; for an alias, the name it uses.
    #[must_use]
    pub fn anchor(&self) -> Option<&str> {
        self.properties.as_ref().and_then(|p| p.anchor.as_deref())
    }

    /// The comments, created on first use.
    pub fn comments_mut(&mut self) -> &mut Comments<'a> {
        self.comments.get_or_insert_default()
    }

    /// The comment above, or `""`.
    #[must_use]
    pub fn head(&self) -> &str {
        self.comments.as_ref().map_or("", |c| &c.head)
    }

    /// The comment on the same line, or `""`.
    #[must_use]
    pub fn line(&self) -> &str {
        self.comments.as_ref().map_or("", |c| &c.line)
    }

    /// The comment below, or `""`.
    #[must_use]
    pub fn foot(&self) -> &str {
        self.comments.as_ref().map_or("", |c| &c.foot)
    }
}

/// One document of a YAML stream.
#[derive(Clone, PartialEq, Default)]
pub struct Document<'a> {
    nodes: Vec<Node<'a>>,
    root: Option<NodeId>,
    /// Comments of the document itself: above its first node (`head`) and
    /// after its last (`foot`).
    pub comments: Comments<'a>,
}

impl<'a> Document<'a> {
    /// A document without nodes, to build one by hand.
    #[must_use]
    pub fn new() -> Self {
        Document::default()
    }

    /// How many nodes there are.
    pub(crate) fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Makes room for so many more nodes.
    pub(crate) fn reserve(&mut self, nodes: usize) {
        self.nodes.reserve(nodes);
    }

    /// Adds a node and names it.
    ///
    /// ```
    /// use go_yaml::{Document, Kind, Node, emit::{Emitter, Profile}};
    ///
    /// let mut document = Document::new();
    /// let item = document.add(Node::scalar("one"));
    /// let list = Node::new(Kind::Sequence { items: vec![item], flow: false });
    /// let root = document.add(list);
    /// document.set_root(root);
    /// let mut yaml = Emitter::new(String::new(), Profile::v3(2));
    /// yaml.document(&document)?;
    /// assert_eq!(yaml.into_inner(), "- one\n");
    /// # Ok::<(), std::fmt::Error>(())
    /// ```
    ///
    /// # Panics
    ///
    /// When the document holds 2³² nodes already.
    pub fn add(&mut self, node: Node<'a>) -> NodeId {
        let id = u32::try_from(self.nodes.len()).expect("fewer than 2^32 nodes");
        self.nodes.push(node);
        NodeId(id)
    }

    /// Makes a node the root.
    pub fn set_root(&mut self, root: NodeId) {
        self.root = Some(root);
    }

    /// The root node. A document read by [`parse`](crate::parse()) always has
    /// one: a null scalar where nothing was written.
    #[must_use]
    pub fn root(&self) -> Option<NodeId> {
        self.root
    }

    /// The names of all nodes, in the order in which they were added.
    pub fn ids(&self) -> impl Iterator<Item = NodeId> + use<> {
        (0..self.nodes.len() as u32).map(NodeId)
    }

    /// The node of that name, which this document gave out.
    ///
    /// # Panics
    ///
    /// When the name is one of another document, and this one has fewer nodes.
    /// Ask [`get`](Self::get) where that is not known.
    #[must_use]
    pub fn node(&self, id: NodeId) -> &Node<'a> {
        &self.nodes[id.0 as usize]
    }

    /// The node of that name, `None` where there is none.
    #[must_use]
    pub fn get(&self, id: NodeId) -> Option<&Node<'a>> {
        self.nodes.get(id.0 as usize)
    }

    /// The node of that name, to change it.
    ///
    /// ```
    /// use go_yaml::{Kind, Limits, emit::{Emitter, Profile}, parse};
    ///
    /// let mut document = parse("a: b # c\n", &Limits::default())?.remove(0);
    /// for id in document.ids() {
    ///     let node = document.node_mut(id);
    ///     if let Kind::Scalar { value, .. } = &mut node.kind && value == "b" {
    ///         *value = "x".into();
    ///     }
    /// }
    /// let mut yaml = Emitter::new(String::new(), Profile::v3(2));
    /// yaml.document(&document)?;
    /// assert_eq!(yaml.into_inner(), "a: x # c\n");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Panics
    ///
    /// As for [`node`](Self::node).
    pub fn node_mut(&mut self, id: NodeId) -> &mut Node<'a> {
        &mut self.nodes[id.0 as usize]
    }

    /// The node itself, or what it is an alias of. (Of aliases of one another
    /// in a circle, which no text gives, any.)
    ///
    /// ```
    /// use go_yaml::{Document, Kind, Limits, parse};
    ///
    /// let documents = parse("a: &x 1\nb: *x\n", &Limits::default())?;
    /// let document = &documents[0];
    /// let Kind::Mapping { entries, .. } = &document.node(document.root().unwrap()).kind else {
    ///     panic!("not a mapping")
    /// };
    /// assert_eq!(document.follow(entries[1].1), entries[0].1);
    /// # Ok::<(), go_yaml::Error>(())
    /// ```
    #[must_use]
    pub fn follow(&self, mut id: NodeId) -> NodeId {
        for _ in &self.nodes {
            match self.get(id).map(|node| &node.kind) {
                Some(Kind::Alias(target)) => id = *target,
                _ => break,
            }
        }
        id
    }
}
