//! Whose habits to follow.

/// Whose output to reproduce: a version of go-yaml, or a library that drives
/// one.
///
/// ```
/// use go_yaml::{Comments, emit::{Emitter, Profile}};
/// let mut yaml = Emitter::new(String::new(), Profile::v3(4));
/// yaml.document_start("")?;
/// yaml.mapping_start(Default::default())?;
/// yaml.string("answer", Comments::NONE)?;
/// yaml.string("42", Comments::NONE)?;
/// yaml.mapping_end(Comments::NONE)?;
/// yaml.document_end("")?;
/// assert_eq!(yaml.into_inner(), "answer: \"42\"\n");
/// # Ok::<(), std::fmt::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Profile {
    /// Columns per level, 2 to 9.
    pub(super) indent: usize,
    /// Whether the dash of a sequence in a mapping stands below its key.
    pub(super) compact_sequences: bool,
    /// The column after which scalars are folded.
    pub(super) width: Option<usize>,
    /// Whether a tab needs an escape, as any other control character.
    pub(super) escape_tabs: bool,
    /// Whether a string `<<` is written `!!merge <<`.
    pub(super) tag_merge: bool,
}

impl Profile {
    /// go-yaml v3 as it stands: nothing is folded, sequences are indented. As
    /// for its `SetIndent`, an indentation of 0 columns means 4, and one that
    /// go-yaml cannot do means 2.
    ///
    /// ```
    /// use go_yaml::{Comments, emit::{Emitter, Profile, Start}};
    ///
    /// let write = |profile| {
    ///     let mut yaml = Emitter::new(String::new(), profile);
    ///     yaml.document_start("")?;
    ///     yaml.mapping_start(Start::default())?;
    ///     yaml.string("a", Comments::NONE)?;
    ///     yaml.sequence_start(Start::default())?;
    ///     yaml.string("b", Comments::NONE)?;
    ///     yaml.sequence_end(Comments::NONE)?;
    ///     yaml.mapping_end(Comments::NONE)?;
    ///     yaml.document_end("")?;
    ///     Ok::<_, std::fmt::Error>(yaml.into_inner())
    /// };
    /// assert_eq!(write(Profile::v3(4))?, "a:\n    - b\n");
    /// assert_eq!(write(Profile::v2())?, "a:\n- b\n");
    /// assert_eq!(write(Profile::kyaml())?, "a:\n- b\n");
    /// # Ok::<(), std::fmt::Error>(())
    /// ```
    #[must_use]
    pub fn v3(indent: usize) -> Self {
        Profile {
            indent: match indent {
                0 => 4,
                2..=9 => indent,
                _ => 2,
            },
            compact_sequences: false,
            width: None,
            escape_tabs: false,
            tag_merge: true,
        }
    }

    /// go-yaml v2: two columns, dashes below their key, folded beyond column
    /// 80.
    ///
    /// What comes after it often reads the text once more as JSON would be
    /// read: ask [`first_forbidden_char`] before writing.
    #[must_use]
    pub fn v2() -> Self {
        Profile {
            indent: 2,
            compact_sequences: true,
            width: Some(80),
            escape_tabs: true,
            tag_merge: false,
        }
    }

    /// go-yaml v3 as kyaml, the library under kustomize, drives it: two
    /// columns, dashes below their key, nothing folded.
    #[must_use]
    pub fn kyaml() -> Self {
        Profile {
            indent: 2,
            compact_sequences: true,
            width: None,
            escape_tabs: false,
            tag_merge: false,
        }
    }
}

/// The first character of a text that no scalar of go-yaml v2 carries as it
/// is (ksops-behaviour §6.1): its reader refuses DEL, most of U+0080 to U+009F
/// and U+FFFE/U+FFFF, and turns U+0085 into a space.
///
/// ```
/// use go_yaml::emit::first_forbidden_char;
/// assert_eq!(first_forbidden_char("a\u{85}b"), Some('\u{85}'));
/// assert_eq!(first_forbidden_char("tab\tand é"), None);
/// ```
#[must_use]
pub fn first_forbidden_char(text: &str) -> Option<char> {
    text.chars()
        .find(|c| matches!(c, '\u{7f}'..='\u{9f}' | '\u{fffe}' | '\u{ffff}'))
}
