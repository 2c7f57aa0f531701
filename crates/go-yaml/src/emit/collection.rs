//! Mappings and sequences as events.

use std::fmt;

use super::frame::{Frame, Kind, Next, Shape};
use super::{Emitter, Pending, Start};
use crate::Comments;

impl<W: fmt::Write> Emitter<W> {
    /// Starts a mapping; its keys and values follow in turn.
    ///
    /// # Errors
    ///
    /// As for [`Emitter`].
    pub fn mapping_start(&mut self, start: Start<'_>) -> fmt::Result {
        let flow = start.flow || self.flow_level > 0;
        self.collection_start(start, Kind::Mapping { flow })
    }

    /// Starts a sequence; its items follow.
    ///
    /// # Errors
    ///
    /// As for [`Emitter`].
    pub fn sequence_start(&mut self, start: Start<'_>) -> fmt::Result {
        let flow = start.flow || self.flow_level > 0;
        let parent = self.frames.last();
        let in_mapping = parent.is_some_and(|frame| matches!(frame.kind, Kind::Mapping { .. }));
        self.collection_start(start, Kind::Sequence { flow, in_mapping })
    }

    /// Ends a mapping, with the comments on and below its end.
    ///
    /// # Errors
    ///
    /// As for [`Emitter`].
    pub fn mapping_end(&mut self, comments: &Comments<'_>) -> fmt::Result {
        let frame = self.collection_end(comments)?;
        let Kind::Mapping { flow } = frame.kind else {
            return Err(fmt::Error);
        };
        if !frame.key_foot.is_empty() {
            self.tail = frame.key_foot;
        }
        let empty = frame.next == Next::First;
        if !flow && !empty {
            self.write_head()?;
            self.indent = frame.outer;
            return Ok(());
        }
        if empty {
            self.open_flow("{", self.frames.len())?;
        }
        let more = !self.head.is_empty() || !self.foot.is_empty() || !self.tail.is_empty();
        if more && frame.next == Next::Item {
            self.writer.indicator(",")?;
        }
        self.write_head()?;
        self.close_flow("}", frame.outer)
    }

    /// Ends a sequence, with the comments on and below its end.
    ///
    /// # Errors
    ///
    /// As for [`Emitter`].
    pub fn sequence_end(&mut self, comments: &Comments<'_>) -> fmt::Result {
        let frame = self.collection_end(comments)?;
        let Kind::Sequence { flow, .. } = frame.kind else {
            return Err(fmt::Error);
        };
        let empty = frame.next == Next::First;
        if !flow && !empty {
            self.indent = frame.outer;
            return Ok(());
        }
        if empty {
            self.open_flow("[", self.frames.len())?;
        }
        if self.writer.column == 0 {
            self.writer.indent_to(frame.outer.unwrap_or(0))?;
        }
        self.close_flow("]", frame.outer)
    }

    fn collection_start(&mut self, start: Start<'_>, kind: Kind) -> fmt::Result {
        self.await_comments(&Comments::borrowed(start.head, "", ""))?;
        self.begin(Shape {
            key_len: None,
            scalar: false,
        })?;
        self.properties(start.anchor, start.tag)?;
        self.open(kind);
        Ok(())
    }

    /// Takes the innermost collection and the comments at its end.
    fn collection_end(&mut self, comments: &Comments<'_>) -> Result<Frame, fmt::Error> {
        let frame = self.frames.pop().ok_or(fmt::Error)?;
        let complete = matches!(frame.next, Next::First | Next::Item | Next::AfterComma);
        if !complete {
            return Err(fmt::Error);
        }
        self.await_end_comments(&frame, comments);
        Ok(frame)
    }

    pub(super) fn open(&mut self, kind: Kind) {
        self.frames.push(Frame {
            kind,
            next: Next::First,
            outer: self.indent,
            key_foot: Pending::default(),
        });
    }
}
