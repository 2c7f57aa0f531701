//! What stands around a node: dashes, colons, brackets, properties,
//! comments, and the column of it all (sops-yaml-emitter §2, §4, §6).

use std::{fmt, mem};

use super::frame::{Frame, Kind, Next, Shape};
use super::{Emitter, Pending, wait};
use crate::Comments;

impl<W: fmt::Write> Emitter<W> {
    /// Keeps the comments of the node that comes next. The foot of a key
    /// waits until the value is written, or rather until the next key is.
    pub(super) fn await_comments(&mut self, comments: &Comments<'_>) -> fmt::Result {
        self.place_comments_before()?;
        wait(&mut self.head, &comments.head);
        wait(&mut self.line, &comments.line);
        match self.frames.last_mut() {
            Some(frame) if frame.is_at_key() => {
                if !frame.key_foot.is_empty() {
                    self.tail = mem::take(&mut frame.key_foot);
                }
                wait(&mut frame.key_foot, &comments.foot);
            }
            _ => wait(&mut self.foot, &comments.foot),
        }
        Ok(())
    }

    /// Writes the line comment of the key, and comments that wait since the
    /// end of a collection before, now that the collection just started is
    /// known to be a block that is not empty. go-yaml writes them before `[]`
    /// and `{}` as well, which then cannot be read; here they come after.
    fn place_comments_before(&mut self) -> fmt::Result {
        let [.., parent, frame] = self.frames.as_slice() else {
            return Ok(());
        };
        if frame.next != Next::First || frame.is_flow() || matches!(parent.next, Next::Value { .. })
        {
            return Ok(());
        }
        let indent = self.indent.unwrap_or(0);
        if parent.kind == (Kind::Mapping { flow: false }) {
            mem::swap(&mut self.line, &mut self.key_line);
            self.write_line(indent)?;
            mem::swap(&mut self.line, &mut self.key_line);
        }
        self.write_line(indent)?;
        self.write_foot()
    }

    /// Keeps the comments at the end of a collection.
    pub(super) fn await_end_comments(&mut self, ended: &Frame, comments: &Comments<'_>) {
        wait(&mut self.line, &comments.line);
        let parent = self.frames.last_mut();
        if let Some(parent) = parent.filter(|parent| matches!(parent.next, Next::Value { .. })) {
            // The collection was a key.
            return wait(&mut parent.key_foot, &comments.foot);
        }
        if ended.next == Next::First && !ended.is_flow() {
            self.take_key_line();
        }
        if self.foot.is_empty() || comments.foot.is_empty() {
            wait(&mut self.foot, &comments.foot);
        } else {
            self.foot = Pending::new([self.foot.as_str(), &comments.foot].join("\n"));
        }
    }

    /// Writes what comes before a node. Whether the node is a key that goes
    /// on one line with its value.
    pub(super) fn begin(&mut self, shape: Shape) -> Result<bool, fmt::Error> {
        let frame = self.frames.last().ok_or(fmt::Error)?;
        let (kind, next) = (frame.kind, frame.next);
        let outside = self.frames.len() - 1;
        let mut simple_key = false;
        let next = match (kind, next) {
            (_, Next::End) => return Err(fmt::Error),
            (Kind::Document, _) => {
                self.write_head()?;
                Next::End
            }
            (
                Kind::Sequence {
                    flow: false,
                    in_mapping,
                },
                _,
            ) => {
                if next == Next::First {
                    let used = self.writer.column == 0 || !self.writer.indention;
                    let compact = in_mapping && used && self.profile.compact_sequences;
                    let indent = self.deeper(outside, false);
                    self.indent = Some(if compact {
                        indent.saturating_sub(2)
                    } else {
                        indent
                    });
                }
                self.write_head()?;
                self.new_line()?;
                self.writer.block_indicator("-")?;
                Next::Item
            }
            (Kind::Mapping { flow: false }, Next::Value { simple_key }) => {
                if simple_key {
                    self.writer.indicator(":")?;
                } else {
                    self.new_line()?;
                    self.writer.block_indicator(":")?;
                }
                if shape.scalar {
                    self.take_key_line();
                }
                Next::Item
            }
            (Kind::Mapping { flow: false }, _) => {
                if next == Next::First {
                    self.indent = Some(self.deeper(outside, false));
                }
                self.write_head()?;
                self.new_line()?;
                if !self.line.is_empty() {
                    self.key_line = mem::take(&mut self.line);
                }
                simple_key = shape.is_simple_key();
                if !simple_key {
                    self.writer.block_indicator("?")?;
                }
                Next::Value { simple_key }
            }
            (Kind::Sequence { flow: true, .. }, _) => {
                self.begin_flow_entry("[", next, outside)?;
                self.after_flow_entry()
            }
            (Kind::Mapping { flow: true }, Next::Value { simple_key }) => {
                if !simple_key {
                    self.fold_flow()?;
                    self.writer.separate()?;
                }
                self.writer.indicator(":")?;
                self.after_flow_entry()
            }
            (Kind::Mapping { flow: true }, _) => {
                self.begin_flow_entry("{", next, outside)?;
                simple_key = shape.is_simple_key();
                if !simple_key {
                    self.writer.separate()?;
                    self.writer.indicator("?")?;
                }
                Next::Value { simple_key }
            }
        };
        if let Some(frame) = self.frames.last_mut() {
            frame.next = next;
        }
        Ok(simple_key)
    }

    /// Writes what comes right after a scalar or alias.
    pub(super) fn finish(&mut self) -> fmt::Result {
        match self.frames.last().map(|frame| frame.next) {
            Some(Next::Value { .. }) => return Ok(()),
            Some(Next::AfterComma) => self.writer.indicator(",")?,
            _ => {}
        }
        self.write_line(self.indent.unwrap_or(0))?;
        self.write_foot()
    }

    fn begin_flow_entry(&mut self, bracket: &str, next: Next, outside: usize) -> fmt::Result {
        match next {
            Next::First => self.open_flow(bracket, outside)?,
            Next::AfterComma => {}
            _ => self.writer.indicator(",")?,
        }
        self.write_head()?;
        if self.writer.column == 0 {
            self.new_line()?;
        }
        self.fold_flow()
    }

    /// Comments behind an entry come after its comma.
    fn after_flow_entry(&self) -> Next {
        if self.line.is_empty() && self.foot.is_empty() && self.tail.is_empty() {
            Next::Item
        } else {
            Next::AfterComma
        }
    }

    fn fold_flow(&mut self) -> fmt::Result {
        match self.profile.width {
            Some(width) if self.writer.column > width => self.new_line(),
            _ => Ok(()),
        }
    }

    /// Writes the bracket of a flow collection whose parent is the frame
    /// before `depth`.
    pub(super) fn open_flow(&mut self, bracket: &str, depth: usize) -> fmt::Result {
        self.writer.separate()?;
        self.writer.indicator(bracket)?;
        self.writer.whitespace = true;
        self.indent = Some(self.deeper(depth, true));
        self.flow_level += 1;
        Ok(())
    }

    pub(super) fn close_flow(&mut self, bracket: &str, outer: Option<usize>) -> fmt::Result {
        self.flow_level -= 1;
        self.indent = outer;
        self.writer.indicator(bracket)?;
        // A comment that asked for an early comma may have been written inside
        // the brackets; the comma is due all the same.
        if self.frames.last().map(|frame| frame.next) == Some(Next::AfterComma) {
            self.writer.indicator(",")?;
        }
        self.write_line(self.indent.unwrap_or(0))?;
        self.write_foot()
    }

    /// The indentation one level deeper, for a child of the frame before
    /// `depth`; around the root it depends on whether that is in flow style.
    pub(super) fn deeper(&self, depth: usize, flow: bool) -> usize {
        let unit = self.profile.indent;
        let parent = depth.checked_sub(1).and_then(|at| self.frames.get(at));
        match (self.indent, parent.map(|frame| frame.kind)) {
            (None, _) if flow => unit,
            (None, _) => 0,
            // As much as `- ` takes.
            (Some(indent), Some(Kind::Sequence { flow: false, .. })) => indent + 2,
            (Some(indent), _) => (indent + unit) / unit * unit,
        }
    }

    /// The anchor and the tag of a node.
    pub(super) fn properties(&mut self, anchor: Option<&str>, tag: Option<&str>) -> fmt::Result {
        if let Some(anchor) = anchor {
            self.writer.separate()?;
            self.writer.indicator("&")?;
            self.writer.indicator(anchor)?;
        }
        let Some(tag) = tag else { return Ok(()) };
        let (open, name, close) = match tag.strip_prefix("!!") {
            Some(name) => ("!!", name, ""),
            None => match tag.strip_prefix('!') {
                Some(name) => ("!", name, ""),
                None => ("!<", tag, ">"),
            },
        };
        self.writer.separate()?;
        self.writer.indicator(open)?;
        self.tag_name(name)?;
        self.writer.indicator(close)
    }

    fn tag_name(&mut self, name: &str) -> fmt::Result {
        use fmt::Write as _;
        for c in name.chars() {
            let mut utf8 = [0; 4];
            let text = c.encode_utf8(&mut utf8);
            if c.is_ascii_alphanumeric() || "-;/?:@&=+$,_.~*'()[]".contains(c) {
                self.writer.run(text)?;
                continue;
            }
            for byte in text.bytes() {
                write!(self.writer, "%{byte:02X}")?;
            }
        }
        Ok(())
    }

    fn new_line(&mut self) -> fmt::Result {
        self.writer.indent_to(self.indent.unwrap_or(0))
    }

    /// The line comment of a key goes behind a scalar that has none of its
    /// own. Before a block collection it is written when that has a child.
    /// Before anything else it waits for the next value, as in go-yaml.
    fn take_key_line(&mut self) {
        if self.line.is_empty() {
            self.line = mem::take(&mut self.key_line);
        }
    }

    pub(super) fn write_head(&mut self) -> fmt::Result {
        let indent = self.indent.unwrap_or(0);
        if !self.tail.is_empty() {
            let tail = mem::take(&mut self.tail);
            self.new_line()?;
            self.writer.comment(&tail, indent)?;
            self.writer.foot_indent = Some(indent);
        }
        if !self.head.is_empty() {
            let head = mem::take(&mut self.head);
            self.new_line()?;
            self.writer.comment(&head, indent)?;
        }
        Ok(())
    }

    pub(super) fn write_line(&mut self, indent: usize) -> fmt::Result {
        if !self.line.is_empty() {
            let line = mem::take(&mut self.line);
            self.writer.separate()?;
            self.writer.comment(&line, indent)?;
        }
        Ok(())
    }

    pub(super) fn write_foot(&mut self) -> fmt::Result {
        if !self.foot.is_empty() {
            let foot = mem::take(&mut self.foot);
            let indent = self.indent.unwrap_or(0);
            self.new_line()?;
            self.writer.comment(&foot, indent)?;
            self.writer.foot_indent = Some(indent);
        }
        Ok(())
    }
}
