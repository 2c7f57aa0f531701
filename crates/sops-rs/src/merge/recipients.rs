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

/// Whether a side has a recipient in one of its groups.
pub(crate) fn has(side: &Groups, group: usize, who: &Recipient) -> bool {
    side.get(group).is_some_and(|group| is_in(group, who))
}

/// As sops tells recipients apart.
fn is_in(group: &[Recipient], who: &Recipient) -> bool {
    group
        .iter()
        .any(|r| r.kind() == who.kind() && r.to_string() == who.to_string())
}

fn group(base: &[Recipient], ours: &[Recipient], theirs: &[Recipient]) -> Vec<Recipient> {
    let kept = ours
        .iter()
        .filter(|who| is_in(theirs, who) || !is_in(base, who));
    let added = theirs
        .iter()
        .filter(|who| !is_in(ours, who) && !is_in(base, who));
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

    /// Who was moved from one group to another has left the one.
    #[test]
    fn each_group_is_a_set_of_its_own() {
        let merged = merge(
            Some(&groups(&[&["A", "B"], &["C"]])),
            &groups(&[&["A"], &["C", "B"]]),
            &groups(&[&["A", "B", "D"], &["C"]]),
        );
        assert_eq!(merged, Some(groups(&[&["A", "D"], &["C", "B"]])));
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
