//! What a person can do where a file was not opened.

use crate::keys::{Advice, KeyService, Outcome, Report};

/// What is broken comes before what is missing, and the word of whoever was
/// asked before a guess.
pub(super) fn choose(report: &Report, services: &[Box<dyn KeyService>]) -> String {
    if report.recipients().next().is_none() {
        return "restore the file from version control: its `sops` block lists no keys".into();
    }
    if report.opened() >= report.needed() {
        return "restore the file from version control: its wrapped keys are not of one \
                encryption"
            .into();
    }
    let advice: Vec<Advice> = services.iter().filter_map(|s| s.advice(report)).collect();
    let mend = advice.iter().find(|a| matches!(a, Advice::Mend(_)));
    if let Some(advice) = mend {
        return advice.text().into();
    }
    let closed = || {
        let groups = report.groups().iter().filter(|group| !group.opened);
        groups.flat_map(|group| &group.recipients)
    };
    if closed().all(|recipient| matches!(recipient.outcome, Outcome::Damaged { .. })) {
        return "restore the file from version control: as they are, nobody can open its wrapped \
                keys"
            .into();
    }
    let failure = closed().find_map(|recipient| match &recipient.outcome {
        Outcome::Failed { why } => why.advice(),
        _ => None,
    });
    match (failure, advice.first()) {
        (Some(advice), _) => advice.into(),
        (None, Some(advice)) => advice.text().into(),
        (None, None) => "have somebody who can open the file add a recipient whose key is at \
                         hand here"
            .into(),
    }
}
