//! What can be decided about a review: what each option does, what it costs at worst, and which one is recommended.

use chrono::{DateTime, Utc};

use super::Subject;
use super::decide::not_sendable;
use super::recommendation::{self, Recommendation};
use super::worst_case::{self, WorstCase};
use crate::case::Case;
use crate::reservation::{Decision, Operation};

/// One thing that a person can do about a review.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReviewOption {
    /// What to decide; of a recommended `confirm` with the reference to name. `None` is waiting, which records nothing.
    pub decision: Option<Decision>,
    /// What follows, as a sentence.
    pub does: &'static str,
    /// What it costs if it is wrong.
    pub worst_case: WorstCase,
    /// Why it would be refused now; `None` when it would be taken.
    pub refused: Option<String>,
    /// Is it the one that is recommended? Exactly one option of a review is.
    pub recommended: bool,
    /// Why it is recommended; `None` of the others.
    pub why: Option<String>,
    /// Until when to wait, of a recommended wait that has an end.
    pub until: Option<DateTime<Utc>>,
}

impl ReviewOption {
    /// The word of the decision, or `wait`.
    #[must_use]
    pub fn word(&self) -> &'static str {
        word(self.decision.as_ref())
    }
}

fn word(decision: Option<&Decision>) -> &'static str {
    decision.map_or("wait", Decision::word)
}

/// What can be decided about a review. Exactly one option is recommended.
#[must_use]
pub fn options(case: Case<'_>, about: &Subject<'_>) -> Vec<ReviewOption> {
    let confirm = Decision::Confirm { reference: None };
    let (decisions, best): (&[Decision], Recommendation) = match about.intent {
        Some(intent) => (
            &[confirm, Decision::Reject, Decision::Retry],
            recommendation::of_request(case, intent),
        ),
        None => (
            &[Decision::Dismiss],
            recommendation::of_item(case.reservation, about),
        ),
    };
    let option = |decision: Option<&Decision>| {
        let recommended = word(decision) == word(best.decision.as_ref());
        let retried = about.intent.filter(|_| decision == Some(&Decision::Retry));
        ReviewOption {
            decision: if recommended {
                best.decision.clone()
            } else {
                decision.cloned()
            },
            does: does(about, decision),
            worst_case: worst_case::of(case.reservation, about, decision, case.merchant),
            refused: retried.and_then(|intent| not_sendable(case, intent)),
            recommended,
            why: recommended.then(|| best.why.clone()),
            until: best.until.filter(|_| recommended),
        }
    };
    std::iter::once(None)
        .chain(decisions.iter().map(Some))
        .map(option)
        .collect()
}

fn does(about: &Subject<'_>, decision: Option<&Decision>) -> &'static str {
    match (about.intent, decision) {
        (Some(_), None) => {
            "nothing is sent; details go on being read, and an effect that shows itself answers the review"
        }
        (Some(intent), Some(decision)) => does_to_request(&intent.operation, decision),
        (None, None) if about.freezes => {
            "nothing is sent for the reservation; it goes on being read"
        }
        (None, None) => "the reservation goes on beside the review",
        (None, Some(_)) if about.freezes => {
            "the review is closed, and the reservation goes on, with whatever waits for the review"
        }
        (None, Some(_)) => "the review is closed; nothing else changes",
    }
}

const fn does_to_request(operation: &Operation, decision: &Decision) -> &'static str {
    match (decision, operation) {
        (Decision::Confirm { .. }, Operation::Submit) => {
            "the reservation that the reference names is read, and taken on if it carries our reference"
        }
        (Decision::Confirm { .. }, Operation::Cancel { .. } | Operation::Complete { .. }) => {
            "the books are closed"
        }
        (Decision::Confirm { .. }, _) => {
            "it is booked: as the named row shows it, or, without a reference, on your word, and then it has to show itself"
        }
        (Decision::Reject, _) => {
            "it is given up and not tried again; the watch for it goes on, and what shows later raises a new review"
        }
        (Decision::Retry | Decision::Dismiss, _) => {
            "it is sent once more, at once, under the same marker"
        }
    }
}
