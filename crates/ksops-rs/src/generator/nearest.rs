//! "Did you mean …?"

/// The name among `known` that `name` was probably meant to be: the one the
/// fewest edits away, if those are few for its length.
pub(super) fn nearest<'a>(name: &str, known: &[&'a str]) -> Option<&'a str> {
    if name.chars().count() > 40 {
        return None;
    }
    known
        .iter()
        .map(|&candidate| (distance(name, candidate), candidate))
        .filter(|&(edits, candidate)| edits <= 1.max(candidate.len() / 3))
        .min_by_key(|&(edits, _)| edits)
        .map(|(_, candidate)| candidate)
}

/// How many insertions, deletions and replacements of single characters lead
/// from one name to the other, upper and lower case being equal.
fn distance(a: &str, b: &str) -> usize {
    let lower = |s: &str| {
        s.chars()
            .map(|c| c.to_ascii_lowercase())
            .collect::<Vec<_>>()
    };
    let (a, b) = (lower(a), lower(b));
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        let mut next = vec![left];
        for (y, &above) in b.iter().zip(row.iter().skip(1)) {
            left = (diagonal + usize::from(x != y))
                .min(above + 1)
                .min(left + 1);
            diagonal = above;
            next.push(left);
        }
        row = next;
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_edits() {
        for (a, b, edits) in [
            ("files", "files", 0),
            ("Files", "files", 0),
            ("file", "files", 1),
            ("", "files", 5),
            ("envs", "", 4),
            ("kitten", "sitting", 3),
            ("secretsFrom", "secretFrom", 1),
        ] {
            assert_eq!(distance(a, b), edits, "{a} {b}");
            assert_eq!(distance(b, a), edits, "{b} {a}");
        }
    }

    #[test]
    fn suggests_only_what_is_near() {
        let known = ["files", "secretFrom"];
        assert_eq!(nearest("file", &known), Some("files"));
        assert_eq!(nearest("secretFiles", &known), None);
        assert_eq!(nearest("secretForm", &known), Some("secretFrom"));
        assert_eq!(nearest("bogus", &known), None);
        assert_eq!(nearest("", &known), None);
        assert_eq!(nearest(&"x".repeat(1_000_000), &known), None);
    }
}
