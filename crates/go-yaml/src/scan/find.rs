//! Where lines and runs of ordinary characters end, eight bytes at a time.

/// The bytes at which a plain scalar may end, or where a character begins that
/// ends it.
static MAY_END_PLAIN: [bool; 256] = table(b" \t\n\r:\xC2\xE2");
pub(super) static MAY_END_PLAIN_IN_FLOW: [bool; 256] = table(b" \t\n\r:\xC2\xE2,?[]{}");
/// The bytes at which a line may end.
static MAY_END_LINE: [bool; 256] = table(b"\n\r\xC2\xE2");

const fn table(bytes: &[u8]) -> [bool; 256] {
    let mut table = [false; 256];
    let mut at = 0;
    while at < bytes.len() {
        table[bytes[at] as usize] = true;
        at += 1;
    }
    table
}

const ONES: u64 = u64::from_ne_bytes([1; 8]);
const TOPS: u64 = u64::from_ne_bytes([0x80; 8]);

/// Where the first byte of a table stands. Eight bytes are looked at as one
/// number, of which `marks` sets the top bit of every byte that the table may
/// hold: of more than it holds, and never of less.
fn find(bytes: &[u8], table: &[bool; 256], marks: impl Fn(u64) -> u64) -> Option<usize> {
    let is_wanted = |b: &u8| table[usize::from(*b)];
    let (blocks, rest) = bytes.as_chunks();
    for (number, block) in blocks.iter().enumerate() {
        if marks(u64::from_le_bytes(*block)) & TOPS != 0
            && let Some(found) = block.iter().position(is_wanted)
        {
            return Some(8 * number + found);
        }
    }
    let found = rest.iter().position(is_wanted)?;
    Some(8 * blocks.len() + found)
}

/// Where the first byte of the table [`MAY_END_PLAIN`] stands.
pub(super) fn end_of_plain(bytes: &[u8]) -> Option<usize> {
    find(bytes, &MAY_END_PLAIN, |word| {
        let colons = word ^ (ONES * u64::from(b':'));
        let is_colon = colons.wrapping_sub(ONES) & !colons;
        let is_blank_or_control = word.wrapping_sub(ONES * u64::from(b'!')) & !word;
        is_colon | is_blank_or_control | word
    })
}

/// Length in bytes of the first line, without its break.
pub(super) fn line_len(bytes: &[u8]) -> usize {
    let mut len = 0;
    let is_control = |word: u64| word.wrapping_sub(ONES * u64::from(b' ')) & !word | word;
    while let Some(more) = find(&bytes[len..], &MAY_END_LINE, is_control) {
        len += more;
        if break_len(bytes, len) > 0 {
            return len;
        }
        len += 1;
    }
    bytes.len()
}

/// Length in bytes of the line break at `at`: CR LF, CR, LF, NEL, LS or PS; 0
/// if there is none.
pub(crate) fn break_len(bytes: &[u8], at: usize) -> usize {
    match bytes.get(at) {
        Some(b'\n') => 1,
        Some(b'\r') if bytes.get(at + 1) == Some(&b'\n') => 2,
        Some(b'\r') => 1,
        Some(0xC2) if bytes.get(at + 1) == Some(&0x85) => 2,
        Some(0xE2)
            if bytes.get(at + 1) == Some(&0x80)
                && matches!(bytes.get(at + 2), Some(0xA8 | 0xA9)) =>
        {
            3
        }
        _ => 0,
    }
}
