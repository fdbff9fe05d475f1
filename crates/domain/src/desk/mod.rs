//! The desk: what a person must decide, the evidence for it, and what follows from the decision.

mod concerned;
mod evidence;
mod exposure;
mod options;
mod remedies;
mod resolve;
mod signs;

use chrono::{DateTime, Utc};
use serde::Serialize;

pub use evidence::{Change, Difference, Evidence, OperationSeen, evidence};
pub use exposure::{Countdown, Exposure, HeadRoom, RefundRoom};
pub use options::{Choice, Move, Risk, Worst};
pub use remedies::{Call, Remedy};
pub use resolve::{Clearing, DecisionError, Resolution, Ruling, clear, resolve, withdrawn};
pub use signs::{Sign, SignKind, Speaks};

use crate::id::IntentId;
use crate::reservation::{Decision, DeskReason, Intent, IntentState, Reservation};

/// One thing that lies on the desk.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'r> {
    /// Why.
    pub reason: DeskReason,
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
    pub reason: DeskReason,
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
    let owned: Vec<DeskReason> = subjects.iter().map(|subject| subject.reason).collect();
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
pub const fn question(reason: DeskReason) -> &'static str {
    match reason {
        DeskReason::ChargeUnknown => {
            "nobody knows whether a charge went through; it is not sent again until somebody has found out"
        }
        DeskReason::RefundUnknown => {
            "nobody knows whether a refund went through; it is not sent again until somebody has found out"
        }
        DeskReason::CaptureUnknown => {
            "nobody knows whether a capture went through; a second one could go through as well"
        }
        DeskReason::OutcomeUnknown => "nobody knows what became of a request; look at the provider",
        DeskReason::EffectDiffers => {
            "the provider shows an effect twice, or with another amount than was asked for"
        }
        DeskReason::ForeignAct => {
            "somebody acted in the provider's portal in a way that breaks the plan"
        }
        DeskReason::LateEffect => "an effect appeared after it had been settled as absent",
        DeskReason::NotFound => "the provider does not know this reservation any more",
        DeskReason::WindowClosing => {
            "the capture window is about to close: capture, cancel, or let it lapse"
        }
        DeskReason::LateDelivery => {
            "something was delivered that can no longer be captured: charge it, or not"
        }
        DeskReason::Incoherent => {
            "the provider's details do not add up, or hold a word that nobody knows"
        }
        DeskReason::Refused => "the provider refused an operation; its job says why",
        DeskReason::MarkerBroken => {
            "captures and charges no longer come back with the text they were sent with, so that they are harder to tell apart"
        }
        DeskReason::DeadlinePassed => "an operation could not be sent before its deadline",
    }
}
