//! Block collections open and close by the column of what stands in them.

use super::{Pos, Scanner, TokenKind};
use crate::Result;

impl Scanner<'_> {
    /// Opens a block collection at `column`, if that is deeper.
    pub(super) fn indent_to(
        &mut self,
        column: i32,
        number: Option<usize>,
        kind: TokenKind,
        at: Pos,
    ) -> Result<()> {
        if self.flow_level > 0 || self.indent >= column {
            return Ok(());
        }
        self.check_depth()?;
        self.indents.push(self.indent);
        self.indent = column;
        match number {
            Some(number) => self.insert(number, kind, at),
            None => self.push(kind, at),
        }
        Ok(())
    }

    /// Closes the block collections that are deeper than `column`. `skipped`
    /// is where the blanks and comments began that lead to here.
    pub(super) fn dedent_to(&mut self, column: i32, skipped: Pos) {
        if self.flow_level > 0 {
            return;
        }
        let mut end = Pos {
            index: skipped.index - 1,
            ..skipped
        };
        if self.indent <= column {
            return;
        }
        let comments = self.comments_before(end);
        while self.indent > column {
            // In front of the comments that stand at the block's own column,
            // so that they become part of it.
            let column = self.indent + 1;
            let first = comments.iter().find(|(at, _)| *at == column);
            end = first.map_or(end, |(_, start)| *start);
            self.push(TokenKind::BlockEnd, end);
            self.indent = self.indents.pop().unwrap_or(-1);
        }
    }

    pub(super) fn check_depth(&self) -> Result<()> {
        if self.indents.len() + self.flow_level >= self.max_depth {
            return Err(self.limit("nested too deeply"));
        }
        Ok(())
    }
}
