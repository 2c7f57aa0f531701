//! How many attempts one file may cost.

use crate::{
    keys::{Effort, KeyError, Reason},
    limits,
};

/// The attempts of one effort that are left for a file.
pub(super) struct Budget {
    effort: Effort,
    left: usize,
}

impl Budget {
    /// What [`limits`] allow.
    pub(super) fn of(effort: Effort) -> Self {
        let left = most(effort);
        Budget { effort, left }
    }

    /// For a caller that counts by itself.
    pub(super) fn unlimited(effort: Effort) -> Self {
        let left = usize::MAX;
        Budget { effort, left }
    }

    /// Takes one attempt, or what it costs.
    ///
    /// # Errors
    ///
    /// [`Reason::Refused`] where none is left.
    pub(super) fn spend(&mut self, cost: usize) -> Result<(), KeyError> {
        self.left = self
            .left
            .checked_sub(cost)
            .ok_or_else(|| too_many(self.effort))?;
        Ok(())
    }
}

fn most(effort: Effort) -> usize {
    match effort {
        Effort::AtHand => limits::OPERATIONS,
        Effort::Command => limits::COMMAND_RUNS,
        Effort::Network => limits::REMOTE_CALLS,
        Effort::Person => limits::QUESTIONS,
    }
}

fn too_many(effort: Effort) -> KeyError {
    let what = match effort {
        Effort::AtHand => "operations with private keys",
        Effort::Command => "programs to run",
        Effort::Network => "remote calls",
        Effort::Person => "questions",
    };
    let most = most(effort);
    KeyError::new(
        Reason::Refused,
        format!("more than {most} {what} for one file"),
    )
    .advise("encrypt to fewer recipients: people and clusters can share a key")
}
