//! Reviews: what a person must decide, the evidence for it, and what follows from the decision.
//!
//! The facts say which reviews are open; the database keeps a row for each, which follows the facts.

mod concerned;
mod decide;
mod evidence;
mod exposure;
mod options;
mod recommendation;
mod remedies;
mod signs;
mod worst_case;

use chrono::{DateTime, Utc};
use serde::Serialize;

pub use decide::{DecisionError, DecisionRequest, decide, withdrawn};
pub use evidence::{Change, Difference, Evidence, OperationSeen, evidence};
pub use exposure::{Countdown, Exposure, HeadRoom, RefundRoom};
pub use options::{ReviewOption, options};
pub use remedies::{Remedy, RemedyAct, remedies};
pub use signs::{Sign, SignKind, Speaks};
pub use worst_case::{Risk, WorstCase};

use crate::id::IntentId;
use crate::job::words;
use crate::merchant::Merchant;
use crate::money::Money;
use crate::reservation::{DecisionRecord, Intent, IntentState, Reservation, ReviewReason};

words! {
    /// Does a review still wait?
    ReviewStatus {
        /// A person must decide, unless what happens answers the review before.
        Open = "open",
        /// A person has decided, or what happened has answered the review.
        Decided = "decided",
    }
}

/// What one review is about.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'r> {
    /// Why a person must decide.
    pub reason: ReviewReason,
    /// Since when the review is open.
    pub since: DateTime<Utc>,
    /// Is nothing sent for the reservation until it is decided?
    pub freezes: bool,
    /// The intent whose request has an unknown outcome; `None` when no such request stands behind the review.
    pub intent: Option<&'r Intent>,
}

/// A review as the facts have it open: what its row in the database follows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenReview {
    /// Why a person must decide.
    pub reason: ReviewReason,
    /// The intent whose request has an unknown outcome. It and the reason tell the open reviews of a reservation apart.
    pub intent: Option<IntentId>,
    /// The intent whose job the review names: the one in doubt, else the newest that the review can have come from.
    pub about: Option<IntentId>,
    /// The money that goes wrong at worst while nobody decides.
    pub amount: Money,
    /// Since when the review is open.
    pub raised_at: DateTime<Utc>,
    /// From this instant on it is too late to act; `None` where nothing runs out.
    pub act_before: Option<DateTime<Utc>>,
    /// Is nothing sent for the reservation until it is decided?
    pub freezes: bool,
}

/// A decision as the journal has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PastDecision {
    /// The number of its event.
    pub seq: i64,
    /// When it was made.
    pub at: DateTime<Utc>,
    /// Who made it: the key of the API.
    pub actor: String,
    /// The intent whose outcome it resolved; `None` when no request in doubt stood behind the review.
    pub intent: Option<IntentId>,
    /// The reason of the review.
    pub reason: ReviewReason,
    /// What was decided, and why.
    #[serde(flatten)]
    pub record: DecisionRecord,
}

/// What the open reviews of a reservation are about, the oldest first: each request in doubt that a person has to
/// decide about, and each reason that no such request stands behind.
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
        .reviews
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

/// The review that asks what became of an intent's request; `None` when no person has to say.
#[must_use]
pub fn in_doubt<'r>(r: &'r Reservation, intent: &'r Intent) -> Option<Subject<'r>> {
    let IntentState::NeedsReview(unknown) = &intent.progress else {
        return None;
    };
    let reason = intent.operation.review_reason();
    let item = r.control.reviews.iter().find(|item| item.reason == reason);
    Some(Subject {
        reason,
        since: item.map_or(unknown.sent.at, |item| item.at),
        freezes: item.is_some_and(|item| item.freezes),
        intent: Some(intent),
    })
}

/// The open reviews of a reservation, the oldest first.
#[must_use]
pub fn open_reviews(r: &Reservation, merchant: &Merchant) -> Vec<OpenReview> {
    let open = |about: &Subject<'_>| OpenReview {
        reason: about.reason,
        intent: about.intent.map(|intent| intent.id.clone()),
        about: concerned::intent(r, about).map(|intent| intent.id.clone()),
        amount: worst_case::of(r, about, None, merchant).amount,
        raised_at: about.since,
        act_before: exposure::deadline(r, about, merchant).map(|(until, _)| until),
        freezes: about.freezes,
    };
    subjects(r).iter().map(open).collect()
}

/// What a person has to find out or decide, as a sentence.
#[must_use]
pub const fn message(reason: ReviewReason) -> &'static str {
    match reason {
        ReviewReason::ChargeUnknown => {
            "the outcome of a charge is unknown; it is not sent again until somebody has found out"
        }
        ReviewReason::RefundUnknown => {
            "the outcome of a refund is unknown; it is not sent again until somebody has found out"
        }
        ReviewReason::CaptureUnknown => {
            "the outcome of a capture is unknown; a second one could go through as well"
        }
        ReviewReason::OutcomeUnknown => "the outcome of a request is unknown; look at the provider",
        ReviewReason::EffectDiffers => {
            "the provider shows an effect twice, or with another amount than was asked for"
        }
        ReviewReason::ExternalChange => {
            "somebody acted in the provider's portal in a way that breaks the plan"
        }
        ReviewReason::LateEffect => "an effect appeared after it had been taken for absent",
        ReviewReason::MissingAtProvider => "the provider does not know this reservation any more",
        ReviewReason::WindowClosing => {
            "the capture window is about to close: capture, cancel, or let it lapse"
        }
        ReviewReason::LateDelivery => {
            "something was delivered that can no longer be captured: charge it, or not"
        }
        ReviewReason::Incoherent => {
            "the provider's details do not add up, or hold an unknown status word"
        }
        ReviewReason::ProviderRefused => "the provider refused an operation; its job says why",
        ReviewReason::MarkerBroken => {
            "captures and charges no longer come back with the text they were sent with, so that they are harder to tell apart"
        }
        ReviewReason::DeadlinePassed => "an operation could not be sent before its deadline",
    }
}
