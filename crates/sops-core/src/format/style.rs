//! How a file is written.

use super::Format;

/// How a file is written. The default is what `sops decrypt` 3.13 uses where
/// no `.sops.yaml` says otherwise.
///
/// ```
/// use sops_core::Style;
/// let style = Style::default().with_yaml_indent(2).with_json_indent(Some(2));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Style {
    /// Spaces per level of YAML (sops-yaml-emitter §2); 4 unless a
    /// `.sops.yaml` says otherwise.
    pub yaml_indent: usize,
    /// Spaces per level of JSON; `None` is one tab, the default.
    pub json_indent: Option<usize>,
    /// Whether YAML comments that stood behind a value stay there, as sops
    /// 3.13 keeps them, or move to the line above, as sops 3.12 (and so
    /// KSOPS 4.5.1) does.
    pub inline_comments: bool,
}

impl Style {
    /// What `sops decrypt` 3.13 uses where no `.sops.yaml` says otherwise, as
    /// a constant.
    pub const DEFAULT: Style = Style {
        yaml_indent: 4,
        json_indent: None,
        inline_comments: true,
    };

    /// Spaces per level of YAML.
    #[must_use]
    pub const fn with_yaml_indent(mut self, spaces: usize) -> Self {
        self.yaml_indent = spaces;
        self
    }

    /// Spaces per level of JSON; `None` is one tab.
    #[must_use]
    pub const fn with_json_indent(mut self, spaces: Option<usize>) -> Self {
        self.json_indent = spaces;
        self
    }

    /// Whether YAML comments behind a value stay there.
    #[must_use]
    pub const fn with_inline_comments(mut self, stay: bool) -> Self {
        self.inline_comments = stay;
        self
    }
}

impl Default for Style {
    fn default() -> Self {
        Style::DEFAULT
    }
}

/// How an encrypted file was written, as far as a look at its text tells: the
/// indentation of the `sops` block in YAML, of the first line in JSON.
pub(crate) fn style_of(bytes: &[u8], format: Format) -> Style {
    let spaces = |line: &[u8]| line.iter().take_while(|b| **b == b' ').count();
    let style = Style::default();
    match format {
        Format::Yaml => {
            // The block is the last entry.
            let mut below: &[u8] = b"";
            for line in bytes.rsplit(|b| *b == b'\n') {
                if line.starts_with(b"sops:") {
                    break;
                }
                if spaces(line) < line.trim_ascii_end().len() {
                    below = line;
                }
            }
            match spaces(below) {
                indent @ 2..=9 => style.with_yaml_indent(indent),
                _ => style,
            }
        }
        Format::Json | Format::Binary => {
            let mut lines = bytes.split(|b| *b == b'\n');
            let first = lines.next().unwrap_or_default();
            match lines.next().map(spaces) {
                Some(indent @ 1..) if first.trim_ascii() == b"{" => {
                    style.with_json_indent(Some(indent))
                }
                _ => style,
            }
        }
        Format::Dotenv | Format::Ini => style,
    }
}
