//! The desk: what a person must decide, the evidence for it, and what follows from the decision.

mod concerned;
mod decide;
mod evidence;
mod exposure;
mod options;
mod remedies;
mod signs;

use chrono::{DateTime, Utc};
use serde::Serialize;

pub use decide::{Clearing, DecisionError, Resolution, Ruling, clear, resolve, withdrawn};
pub use evidence::{Change, Difference, Evidence, OperationSeen, evidence};
pub use exposure::{Countdown, Exposure, HeadRoom, RefundRoom};
pub use options::{Choice, Move, Risk, Worst};
pub use remedies::{Call, Remedy};
pub use signs::{Sign, SignKind, Speaks};

use crate::id::IntentId;
use crate::reservation::{Decision, Intent, IntentState, Reservation, ReviewReason};

/// One thing that lies on the desk.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'r> {
    /// Why.
    pub reason: ReviewReason,
    /// Since when.
    pub since: DateTime<Utc>,
    /// Does nothing more happen to the reservation until it is decided?
    pub freezes: bool,
    /// The intent whose request is in doubt; `None` when the item belongs to no such intent.
    pub intent: Option<&'r Intent>,
}

/// A decision as the journal has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PastDecision {
    /// The number of its event.
    pub seq: i64,
    /// When.
    pub at: DateTime<Utc>,
    /// Who: the key of the API.
    pub by: String,
    /// About which intent; `None` when it was about an item that belongs to none.
    pub intent: Option<IntentId>,
    /// About what.
    pub reason: ReviewReason,
    /// What was decided.
    #[serde(flatten)]
    pub decision: Decision,
}

/// Everything that lies on the desk, the oldest first.
#[must_use]
pub fn subjects(r: &Reservation) -> Vec<Subject<'_>> {
    let mut subjects: Vec<Subject<'_>> = r
        .intents
        .iter()
        .filter_map(|intent| in_doubt(r, intent))
        .collect();
    let owned: Vec<ReviewReason> = subjects.iter().map(|subject| subject.reason).collect();
    let items = r
        .control
        .desk
        .iter()
        .filter(|item| !owned.contains(&item.reason));
    subjects.extend(items.map(|item| Subject {
        reason: item.reason,
        since: item.at,
        freezes: item.freezes,
        intent: None,
    }));
    subjects.sort_by_key(|subject| subject.since);
    subjects
}

/// The intent as it lies on the desk; `None` when it does not.
#[must_use]
pub fn in_doubt<'r>(r: &'r Reservation, intent: &'r Intent) -> Option<Subject<'r>> {
    let IntentState::Desk(doubt) = &intent.progress else {
        return None;
    };
    let reason = intent.operation.doubt_reason();
    let item = r.control.desk.iter().find(|item| item.reason == reason);
    Some(Subject {
        reason,
        since: item.map_or(doubt.sent.at, |item| item.at),
        freezes: item.is_some_and(|item| item.freezes),
        intent: Some(intent),
    })
}

/// What a person has to find out or decide.
#[must_use]
pub const fn question(reason: ReviewReason) -> &'static str {
    match reason {
        ReviewReason::ChargeUnknown => {
            "nobody knows whether a charge went through; it is not sent again until somebody has found out"
        }
        ReviewReason::RefundUnknown => {
            "nobody knows whether a refund went through; it is not sent again until somebody has found out"
        }
        ReviewReason::CaptureUnknown => {
            "nobody knows whether a capture went through; a second one could go through as well"
        }
        ReviewReason::OutcomeUnknown => {
            "nobody knows what became of a request; look at the provider"
        }
        ReviewReason::EffectDiffers => {
            "the provider shows an effect twice, or with another amount than was asked for"
        }
        ReviewReason::ExternalChange => {
            "somebody acted in the provider's portal in a way that breaks the plan"
        }
        ReviewReason::LateEffect => "an effect appeared after it had been settled as absent",
        ReviewReason::NotFound => "the provider does not know this reservation any more",
        ReviewReason::WindowClosing => {
            "the capture window is about to close: capture, cancel, or let it lapse"
        }
        ReviewReason::LateDelivery => {
            "something was delivered that can no longer be captured: charge it, or not"
        }
        ReviewReason::Incoherent => {
            "the provider's details do not add up, or hold a word that nobody knows"
        }
        ReviewReason::Refused => "the provider refused an operation; its job says why",
        ReviewReason::MarkerBroken => {
            "captures and charges no longer come back with the text they were sent with, so that they are harder to tell apart"
        }
        ReviewReason::DeadlinePassed => "an operation could not be sent before its deadline",
    }
}
