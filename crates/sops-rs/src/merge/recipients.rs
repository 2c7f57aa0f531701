//! Three versions of who can open a file made into one.

use sops_core::keys::Recipient;

/// Key groups, one after the other.
pub(crate) type Groups = Vec<Vec<Recipient>>;

/// Merges the recipients of each key group as sets: who was removed by one
/// side is gone, who was added by one is there. `None` where the sides have
/// another number of groups: nothing says which is which.
pub(crate) fn merge(base: Option<&Groups>, ours: &Groups, theirs: &Groups) -> Option<Groups> {
    if ours.len() != theirs.len() {
        return None;
    }
    let none = Vec::new();
    let groups = ours.iter().zip(theirs).enumerate();
    let merged = groups.map(|(i, (ours, theirs))| {
        let base = base.and_then(|base| base.get(i)).unwrap_or(&none);
        group(base, ours, theirs)
    });
    Some(merged.collect())
}

fn group(base: &[Recipient], ours: &[Recipient], theirs: &[Recipient]) -> Vec<Recipient> {
    // As sops tells them apart.
    let has = |group: &[Recipient], who: &Recipient| {
        group
            .iter()
            .any(|r| r.kind() == who.kind() && r.to_string() == who.to_string())
    };
    let kept = ours
        .iter()
        .filter(|who| has(theirs, who) || !has(base, who));
    let added = theirs
        .iter()
        .filter(|who| !has(ours, who) && !has(base, who));
    kept.chain(added).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn groups(names: &[&[&str]]) -> Groups {
        let group = |names: &&[&str]| names.iter().map(|name| Recipient::pgp(*name)).collect();
        names.iter().map(group).collect()
    }

    #[test]
    fn removal_wins_over_what_is_unchanged() {
        let merged = merge(
            Some(&groups(&[&["A", "B", "C"]])),
            &groups(&[&["A", "C", "D"]]),
            &groups(&[&["A", "B", "E"]]),
        );
        assert_eq!(merged, Some(groups(&[&["A", "D", "E"]])));
    }

    #[test]
    fn without_a_base_all_are_kept() {
        let merged = merge(None, &groups(&[&["A", "B"]]), &groups(&[&["B", "C"]]));
        assert_eq!(merged, Some(groups(&[&["A", "B", "C"]])));
    }

    #[test]
    fn another_number_of_groups_cannot_be_merged() {
        assert_eq!(
            merge(None, &groups(&[&["A"]]), &groups(&[&["A"], &["B"]])),
            None
        );
    }
}
