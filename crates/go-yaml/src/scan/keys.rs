//! Keys without `?`: known to be keys only when their `:` is found.

use super::{Pos, Scanner};
use crate::Result;

/// A place where a key without `?` may have begun: known to be one only when
/// its `:` is found.
#[derive(Clone, Copy)]
pub(super) struct SimpleKey {
    pub(super) possible: bool,
    /// In block context at the indentation of the mapping nothing but a key
    /// can stand, so that a missing `:` is an error.
    pub(super) required: bool,
    pub(super) token_number: usize,
    pub(super) pos: Pos,
}

impl SimpleKey {
    pub(super) const NONE: SimpleKey = SimpleKey {
        possible: false,
        required: false,
        token_number: 0,
        pos: Pos {
            index: 0,
            line: 0,
            column: 0,
        },
    };
}

/// A key without `?` is at most this long, in characters (YAML 1.1, §7.3).
const SIMPLE_KEY_MAX: usize = 1024;

impl Scanner<'_> {
    pub(super) fn simple_key_holds(&mut self, at: usize) -> Result<bool> {
        let key = self.simple_keys[at];
        if !key.possible {
            return Ok(false);
        }
        let start = key.pos.index as usize;
        let too_far = key.pos.line < self.pos.line
            || (self.offset() - start > SIMPLE_KEY_MAX
                && self.text[start..self.offset()].chars().count() > SIMPLE_KEY_MAX);
        if !too_far {
            return Ok(true);
        }
        if key.required {
            return Err(self.error("could not find expected ':'"));
        }
        self.simple_keys[at].possible = false;
        Ok(false)
    }

    pub(super) fn save_simple_key(&mut self) -> Result<()> {
        if self.simple_key_allowed {
            self.drop_simple_key()?;
            if let Some(last) = self.simple_keys.last_mut() {
                *last = SimpleKey {
                    possible: true,
                    required: self.flow_level == 0 && self.indent == self.pos.column,
                    token_number: self.taken + self.tokens.len(),
                    pos: self.pos,
                };
            }
        }
        Ok(())
    }

    pub(super) fn drop_simple_key(&mut self) -> Result<()> {
        let Some(last) = self.simple_keys.last_mut() else {
            return Ok(());
        };
        if last.possible && last.required {
            return Err(self.error("could not find expected ':'"));
        }
        last.possible = false;
        Ok(())
    }
}
