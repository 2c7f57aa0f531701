//! What comments cite of `docs/spec`: `sops-format §2.4`.

/// A place of a document that a text refers to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Citation {
    /// The document: `sops-format`.
    pub document: String,
    /// The section: `2.4`.
    pub section: String,
    /// The line of the text, counted from 1.
    pub line: usize,
}

/// Every citation of a document that is named by words with hyphens. More
/// sections of it may follow: `sops-format §3, §6`, `§2 to §7`.
#[must_use]
pub fn citations(text: &str) -> Vec<Citation> {
    let mut found = Vec::new();
    let mut document = None;
    let mut before = "";
    for (number, line) in text.lines().enumerate() {
        let line = line.trim_start().trim_start_matches(['/', '!', '#', '*']);
        for word in line.split_whitespace() {
            if let Some((_, section)) = word.split_once('§') {
                let name = before.trim_matches(|c: char| !c.is_ascii_alphanumeric());
                let goes_on = before.contains('§') || ["and", "to", "or"].contains(&before);
                if !goes_on {
                    let small = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
                    let is_name = name.contains('-') && name.chars().all(small);
                    document = is_name.then(|| name.to_owned());
                }
                let end = section.find(|c: char| !c.is_ascii_digit() && c != '.');
                let section = section[..end.unwrap_or(section.len())].trim_end_matches('.');
                if let Some(document) = &document {
                    found.push(Citation {
                        document: document.clone(),
                        section: section.to_owned(),
                        line: number + 1,
                    });
                }
            }
            before = word;
        }
    }
    found
}

/// The numbers of a document's headings: `## 2. Metadata`, `### 2.1 Fields`.
#[must_use]
pub fn sections(markdown: &str) -> Vec<String> {
    let headings = markdown.lines().filter(|line| line.starts_with("##"));
    headings
        .filter_map(|line| line.trim_start_matches('#').split_whitespace().next())
        .map(|number| number.trim_end_matches('.').to_owned())
        .filter(|number| number.starts_with(|c: char| c.is_ascii_digit()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_go_before_their_sections() {
        let text = "//! Nodes (sops-yaml-emitter\n//! §2, §4).\n/// As in RFC 9180 §4, and\n\
                    /// age-identities §1 to §3; NIST SP 800-38D §7.2 says.\n";
        let found: Vec<String> = citations(text)
            .iter()
            .map(|c| format!("{} {} {}", c.document, c.section, c.line))
            .collect();
        assert_eq!(
            found,
            [
                "sops-yaml-emitter 2 2",
                "sops-yaml-emitter 4 2",
                "age-identities 1 4",
                "age-identities 3 4",
            ]
        );
    }

    #[test]
    fn headings_have_numbers() {
        let text =
            "# Title\n## 2. Two\n### 2.1 One of it\n## Another\n# 9. No heading of a section\n";
        assert_eq!(sections(text), ["2", "2.1"]);
    }
}
