//! Which characters a text may hold at all.

use crate::{Error, Result};

/// YAML allows printable characters only (YAML 1.1, §5.1).
pub(super) fn check(text: &str) -> Result<()> {
    // Plain ASCII, which is nearly everything, goes by in blocks.
    const BLOCK: usize = 64;
    let is_odd = |b: u8| !(matches!(b, 0x20..0x7F) | matches!(b, b'\n' | b'\t' | b'\r'));
    let mut next = 0;
    for (number, block) in text.as_bytes().chunks(BLOCK).enumerate() {
        if !block.iter().fold(false, |odd, &b| odd | is_odd(b)) {
            continue;
        }
        let block_start = number * BLOCK;
        let mut at = block_start.max(next);
        while at < block_start + block.len() {
            let Some(c) = text[at..].chars().next() else {
                break;
            };
            let is_printable = matches!(c, '\n' | '\t' | '\r' | '\u{20}'..'\u{7F}' | '\u{85}'
                | '\u{A0}'..='\u{D7FF}' | '\u{E000}'..='\u{FFFD}' | '\u{10000}'..);
            if !is_printable {
                return Err(control_character(text, at));
            }
            at += c.len_utf8();
        }
        next = at;
    }
    Ok(())
}

fn control_character(text: &str, at: usize) -> Error {
    let before = &text[..at];
    let line_start = before.rfind('\n').map_or(0, |n| n + 1);
    Error {
        line: before.matches('\n').count() as u32 + 1,
        column: before[line_start..].chars().count() as u32 + 1,
        message: "control characters are not allowed".into(),
        is_limit: false,
    }
}
