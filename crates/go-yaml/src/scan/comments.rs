//! Which token a comment belongs to (sops-yaml-emitter §7).
//!
//! go-yaml decides it while scanning, from columns, blank lines and the token
//! before. The decision shows in files (a comment above a key is encrypted
//! under another path than one below it), so it is followed to the column.

use super::{Pos, Scanner, TokenKind};

/// go-yaml looks only so many bytes ahead from the end of a comment line for
/// what follows it.
const LOOK_AHEAD: usize = 512;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum CommentKind {
    Head,
    Line,
    Foot,
}

/// A comment, queued until the parser comes to its token.
#[derive(Debug)]
pub(crate) struct CommentRecord {
    pub(super) kind: CommentKind,
    /// Its lines from the `#` on, joined with `\n`.
    pub(super) text: String,
    /// Byte index of the token that it belongs to.
    pub(super) token: i64,
    /// Byte index where the blanks and comments began that it is one of.
    skipped: i64,
    start_line: u32,
    /// Column of the first `#`, counted from 1.
    start_column: i32,
    start: Pos,
    end: i64,
}

impl Scanner<'_> {
    /// A comment on the same line, behind the token that was just fetched.
    pub(super) fn scan_line_comment(&mut self, of_token: Pos) {
        if self.newlines > 0 {
            return;
        }
        let mut ahead = 0;
        while ahead < LOOK_AHEAD && self.is_blank(ahead) {
            ahead += 1;
        }
        if ahead == LOOK_AHEAD || self.byte(ahead) != b'#' {
            return;
        }
        self.advance(ahead);
        let start = self.pos;
        let text = self.rest_of_line().to_owned();
        self.advance(text.len());
        self.comments.push_back(CommentRecord {
            kind: CommentKind::Line,
            text,
            token: of_token.index,
            skipped: 0,
            start_line: start.line,
            start_column: start.column,
            start,
            end: 0,
        });
    }

    /// A comment behind the first `-` of a sequence is not about that sign:
    /// it becomes the head of what follows.
    pub(super) fn head_comment_of_first_item(&mut self) {
        let first_item = matches!(
            (self.before_last, self.last),
            (
                Some((TokenKind::BlockSequenceStart, _)),
                Some((TokenKind::BlockEntry, _))
            )
        );
        if !first_item || self.break_len(0) > 0 {
            return;
        }
        let here = self.pos;
        if let Some(comment) = self.comments.back_mut()
            && comment.kind == CommentKind::Line
        {
            comment.kind = CommentKind::Head;
            if comment.start_line + 1 == here.line {
                comment.token = here.index;
            }
        }
    }

    /// A run of comment lines in front of the next token. It is cut into feet
    /// of the content before and a head of the content after.
    pub(super) fn scan_own_line_comments(&mut self, skipped: Pos) {
        let before = match (self.last, self.before_last) {
            (Some((TokenKind::FlowEntry, _)), Some(before)) => Some(before),
            (last, _) => last,
        };
        let after_colon = matches!(before, Some((TokenKind::Value, _)));
        let mut run = Run {
            token: before.map_or(0, |(_, start)| start.index),
            skipped: skipped.index,
            text: String::new(),
            start: self.pos,
            start_line: 0,
            start_column: 0,
        };
        // Only a comment on the line right below content can be its foot.
        let foot_line = (skipped.line > 0).then(|| {
            let unfinished = self.newlines == 0 && self.pos.column > 1;
            i64::from(self.pos.line) - i64::from(self.newlines) + 1 + i64::from(unfinished)
        });
        let mut next_indent = self.indent.max(0);
        let mut no_blank_line_yet = self.newlines <= 1;
        let mut after_blank_line = false;
        let mut line = self.pos.line;
        let mut column = self.pos.column;
        let mut ahead = 0;
        while ahead < LOOK_AHEAD {
            column += 1;
            if self.is_blank(ahead) {
                ahead += 1;
                continue;
            }
            let closes_flow = self.flow_level > 0 && matches!(self.byte(ahead), b']' | b'}');
            if closes_flow || self.is_break_or_end(ahead) {
                if closes_flow || !after_blank_line {
                    let dedented = run.start_column - 1 < next_indent;
                    let below_content =
                        foot_line == Some(i64::from(run.start_line)) && !after_colon;
                    if closes_flow || (no_blank_line_yet && (below_content || dedented)) {
                        if !run.text.is_empty() {
                            if dedented {
                                run.token = run.start.index;
                            }
                            self.cut_foot(&mut run, ahead);
                        }
                    } else if !run.text.is_empty() && !self.is_end(ahead) {
                        run.text.push('\n');
                    }
                }
                if self.break_len(ahead) == 0 {
                    break;
                }
                no_blank_line_yet = false;
                after_blank_line = true;
                column = 0;
                line += 1;
                ahead += 1;
                continue;
            }
            if !run.text.is_empty() && column - 1 < next_indent && column != run.start_column {
                self.cut_foot(&mut run, ahead);
            }
            if self.byte(ahead) != b'#' {
                break;
            }
            if run.text.is_empty() {
                run.start = Pos {
                    index: self.pos.index + ahead as i64,
                    line,
                    column,
                };
                run.start_line = line;
                run.start_column = column;
            } else {
                run.text.push('\n');
            }
            after_blank_line = false;
            self.advance_to(self.offset() + ahead);
            let comment = self.rest_of_line();
            run.text.push_str(comment);
            self.advance(comment.len());
            // The break itself is passed over unseen: what comes next is the
            // beginning of the next line.
            ahead = 1;
            column = 0;
            line = self.pos.line;
            next_indent = self.indent.max(0);
        }
        if !run.text.is_empty() {
            let end = self.pos.index + ahead as i64 - 1;
            let token = run.start.index;
            self.queue(run, CommentKind::Head, token, end);
        }
    }

    /// Queues what was gathered as a foot, and starts anew from here.
    fn cut_foot(&mut self, run: &mut Run, ahead: usize) {
        let here = self.pos.index + ahead as i64;
        let next = Run {
            token: here,
            skipped: here,
            text: String::new(),
            start: run.start,
            start_line: run.start_line,
            start_column: run.start_column,
        };
        let cut = std::mem::replace(run, next);
        let token = cut.token;
        self.queue(cut, CommentKind::Foot, token, here);
    }

    fn queue(&mut self, run: Run, kind: CommentKind, token: i64, end: i64) {
        self.comments.push_back(CommentRecord {
            kind,
            text: run.text,
            token,
            skipped: run.skipped,
            start_line: run.start_line,
            start_column: run.start_column,
            start: run.start,
            end,
        });
    }

    /// Moves over blanks, line breaks and nothing else.
    fn advance_to(&mut self, offset: usize) {
        while self.offset() < offset {
            if self.break_len(0) > 0 {
                self.advance_line();
            } else {
                self.advance(1);
            }
        }
    }

    /// The comments that lead up to a place without a gap, first to last: the
    /// column and the place of each.
    pub(super) fn comments_before(&self, end: Pos) -> Vec<(i32, Pos)> {
        let mut comments = Vec::new();
        let mut reach = end.index;
        for comment in self.comments.iter().rev() {
            if comment.end < reach {
                break;
            }
            comments.push((comment.start_column, comment.start));
            reach = comment.skipped;
        }
        comments.reverse();
        comments
    }
}

/// Comment lines gathered so far.
struct Run {
    token: i64,
    skipped: i64,
    text: String,
    start: Pos,
    start_line: u32,
    start_column: i32,
}
