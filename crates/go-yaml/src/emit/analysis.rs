//! What a text contains, and so which styles can carry it
//! (sops-yaml-emitter §3.1).

use crate::ScalarStyle;

/// Which styles can carry a text.
#[derive(Clone, Copy)]
pub(super) struct Analysis {
    pub(super) empty: bool,
    /// Holds `\n`, the break that makes go-yaml prefer a literal.
    pub(super) line_feed: bool,
    /// Holds any break.
    pub(super) multiline: bool,
    starts_with_tab: bool,
    flow_plain: bool,
    block_plain: bool,
    single_quoted: bool,
    block: bool,
}

/// What is notable about a byte.
#[derive(Clone, Copy, PartialEq)]
enum Class {
    Ordinary,
    Space,
    Tab,
    LineFeed,
    CarriageReturn,
    Control,
    Colon,
    Hash,
    /// `, ? [ ] { }`: matters inside flow collections only.
    Flow,
    NonAscii,
}

const CLASSES: [Class; 256] = {
    let mut classes = [Class::Ordinary; 256];
    let mut byte = 0;
    while byte < 256 {
        classes[byte] = match byte as u8 {
            b' ' => Class::Space,
            b'\t' => Class::Tab,
            b'\n' => Class::LineFeed,
            b'\r' => Class::CarriageReturn,
            b':' => Class::Colon,
            b'#' => Class::Hash,
            b',' | b'?' | b'[' | b']' | b'{' | b'}' => Class::Flow,
            0..=0x1f | 0x7f => Class::Control,
            0x80.. => Class::NonAscii,
            _ => Class::Ordinary,
        };
        byte += 1;
    }
    classes
};

const NOTABLE: [bool; 256] = {
    let mut notable = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        notable[byte] = !matches!(CLASSES[byte], Class::Ordinary);
        byte += 1;
    }
    notable
};

/// The next byte that is not ordinary, and its place.
fn next_notable(bytes: &[u8], from: usize) -> Option<(usize, u8)> {
    let rest = bytes.get(from..)?;
    let at = rest.iter().position(|byte| NOTABLE[usize::from(*byte)])?;
    Some((from + at, *rest.get(at)?))
}

impl Analysis {
    pub(super) fn of(text: &str, escape_tabs: bool) -> Self {
        let bytes = text.as_bytes();
        let (Some(&first), Some(&last)) = (bytes.first(), bytes.last()) else {
            return Analysis {
                empty: true,
                line_feed: false,
                multiline: false,
                starts_with_tab: false,
                flow_plain: false,
                block_plain: true,
                single_quoted: true,
                block: false,
            };
        };
        let (mut flow_indicator, mut block_indicator) = leading_indicators(bytes, first);
        let mut line_feed = false;
        let mut line_break = false;
        let mut tab = false;
        let mut special = false;
        let mut space_then_break = false;
        let mut break_then_space = false;

        let mut next = 0;
        while let Some((i, byte)) = next_notable(bytes, next) {
            next = i + 1;
            let class = CLASSES[usize::from(byte)];
            let before = bytes.get(..i).unwrap_or_default();
            let after = bytes.get(i..).unwrap_or_default();
            let mut is_break = false;
            match class {
                Class::Ordinary => {}
                Class::Space => break_then_space |= ends_with_break(before),
                Class::Tab => tab = true,
                Class::LineFeed => {
                    is_break = true;
                    line_feed = true;
                }
                Class::CarriageReturn => {
                    is_break = true;
                    special = true;
                }
                Class::Control => special = true,
                Class::Flow => flow_indicator = true,
                Class::Colon => {
                    flow_indicator = true;
                    block_indicator |= matches!(after, [_] | [_, b' ' | b'\t', ..]);
                }
                Class::Hash => {
                    if matches!(before, [] | [.., b' ' | b'\t' | 0]) || ends_with_break(before) {
                        flow_indicator = true;
                        block_indicator = true;
                    }
                }
                Class::NonAscii => {
                    is_break = break_len(after) > 0;
                    special |= is_special_sequence(after);
                }
            }
            if is_break {
                line_break = true;
                space_then_break |= before.last() == Some(&b' ');
            }
        }

        special |= tab && escape_tabs;
        let padded =
            first == b' ' || last == b' ' || break_len(bytes) > 0 || ends_with_break(bytes);
        let quotable = !(space_then_break || tab || special || break_then_space);
        let plain = quotable && !padded && !line_break;
        Analysis {
            empty: false,
            line_feed,
            multiline: line_break,
            starts_with_tab: first == b'\t',
            flow_plain: plain && !flow_indicator,
            block_plain: plain && !block_indicator,
            single_quoted: quotable,
            block: last != b' ' && !space_then_break && !special,
        }
    }

    /// The wanted style, or the nearest that can carry the text as a key on
    /// one line, in a flow collection, or where no block scalar can stand.
    pub(super) fn choose(
        &self,
        wanted: ScalarStyle,
        simple_key: bool,
        flow: bool,
        no_block: bool,
    ) -> ScalarStyle {
        let mut style = wanted;
        if simple_key && self.multiline {
            style = ScalarStyle::DoubleQuoted;
        }
        if style == ScalarStyle::Plain {
            let allowed = if flow {
                self.flow_plain
            } else {
                self.block_plain && !(self.empty && simple_key)
            };
            if !allowed {
                style = ScalarStyle::SingleQuoted;
            }
        }
        match style {
            ScalarStyle::SingleQuoted if !self.single_quoted => ScalarStyle::DoubleQuoted,
            // go-yaml writes block scalars that start with a tab, and reads
            // them back as null (sops-yaml-emitter §3.4).
            ScalarStyle::Literal | ScalarStyle::Folded
                if !self.block || flow || simple_key || no_block || self.starts_with_tab =>
            {
                ScalarStyle::DoubleQuoted
            }
            style => style,
        }
    }
}

/// Whether the start of a text forbids plain style: in flow, in block.
fn leading_indicators(bytes: &[u8], first: u8) -> (bool, bool) {
    let blank_follows = matches!(bytes, [_] | [_, b' ' | b'\t', ..]);
    let start = match first {
        b'#' | b',' | b'[' | b']' | b'{' | b'}' | b'&' | b'*' | b'!' | b'|' | b'>' | b'\''
        | b'"' | b'%' | b'@' | b'`' => (true, true),
        b'?' | b':' => (true, blank_follows),
        b'-' => (blank_follows, blank_follows),
        _ => (false, false),
    };
    let document_mark = bytes.starts_with(b"---") || bytes.starts_with(b"...");
    (start.0 || document_mark, start.1 || document_mark)
}

/// LF, CR, U+0085, U+2028 and U+2029.
pub(super) fn is_break(c: char) -> bool {
    matches!(c, '\n' | '\r' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

/// How many bytes the break at the start of a text has; 0 where there is
/// none.
pub(super) fn break_len(bytes: &[u8]) -> usize {
    match bytes {
        [b'\n' | b'\r', ..] => 1,
        [0xc2, 0x85, ..] => 2,
        [0xe2, 0x80, 0xa8 | 0xa9, ..] => 3,
        _ => 0,
    }
}

pub(super) fn ends_with_break(bytes: &[u8]) -> bool {
    matches!(
        bytes,
        [.., b'\n' | b'\r'] | [.., 0xc2, 0x85] | [.., 0xe2, 0x80, 0xa8 | 0xa9]
    )
}

/// Whether the first character, which is not ASCII, is not printable to
/// go-yaml: U+0080 to U+009F, the byte order mark, U+FFFE, U+FFFF and all
/// above. False in the middle of a character.
pub(super) fn is_special_sequence(bytes: &[u8]) -> bool {
    matches!(
        bytes,
        [0xc2, 0x80..=0x9f, ..]
            | [0xef, 0xbb, 0xbf, ..]
            | [0xef, 0xbf, 0xbe | 0xbf, ..]
            | [0xf0..=0xff, ..]
    )
}
