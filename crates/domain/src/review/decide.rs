//! A person's decision about a review, checked against what is known, and the facts that it makes.

use chrono::{DateTime, Utc};
use serde::Deserialize;

use super::Subject;
use crate::case::Case;
use crate::clock::SeededEntropy;
use crate::customer::is_text;
use crate::decide::{Planner, Step, decide as decide_job};
use crate::error::FieldError;
use crate::id::IntentId;
use crate::merchant::Merchant;
use crate::money::Money;
use crate::reference::ProviderReference;
use crate::reservation::{
    ControlFact, Decision, DecisionRecord, Fact, Intent, IntentFact, IntentState, LedgerRow,
    Operation, ProviderFact, Reservation, ReviewFact, ReviewReason, WRONG_REFERENCE,
};
use crate::schedule::schedule;

/// The longest note of a decision, in characters.
const MAX_NOTE: usize = 500;
/// The longest reference that is looked for, in characters.
const MAX_REFERENCE: usize = 64;

/// A decision as a person asks for it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DecisionRequest {
    /// One of [`Decision::WORDS`].
    pub decision: String,
    /// The provider's name of the effect, of a `confirm`: 1 to 64 characters.
    #[serde(default)]
    pub reference: Option<String>,
    /// Why: 1 to 500 characters.
    pub note: String,
    /// The version of the evidence that the person has read; the decision is refused unless it is the one in force.
    pub evidence_version: i64,
}

/// Why a decision is not taken. Nothing has been recorded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecisionError {
    /// Something has happened since the person read the evidence.
    #[error(
        "the evidence has changed: the decision rests on version {given}, and {current} is in force"
    )]
    EvidenceChanged {
        /// The version that the decision names.
        given: i64,
        /// The version in force.
        current: i64,
    },
    /// Details do not show what the decision names.
    #[error("details show no {kind} {reference} that can be the effect")]
    NotShown {
        /// The reference that the decision names.
        reference: ProviderReference,
        /// What the named row would have to be: `capture`, `charge`, `refund of`.
        kind: &'static str,
    },
    /// The named row is the effect of another operation.
    #[error("{reference} is the effect of another operation")]
    OfAnother {
        /// The reference that the decision names.
        reference: ProviderReference,
        /// The operation that the row belongs to.
        intent: IntentId,
    },
    /// The operation cannot be sent any more, so it cannot be retried.
    #[error("it cannot be sent any more: {reason}")]
    NotSendable {
        /// What speaks against sending, as the engine would say it.
        reason: String,
    },
    /// A field does not fit.
    #[error(transparent)]
    Field(FieldError),
}

fn field(field: &str, message: impl Into<String>) -> DecisionError {
    DecisionError::Field(FieldError::new(field, message))
}

/// The facts that a decision about an open review makes: the decision, what follows from it, and the end of the review.
///
/// # Errors
/// See [`DecisionError`].
pub fn decide(
    case: Case<'_>,
    about: &Subject<'_>,
    request: &DecisionRequest,
) -> Result<Vec<Fact>, DecisionError> {
    let r = case.reservation;
    let decision = check(r, request)?;
    let (follows, closed) = match about.intent {
        Some(intent) => (about_request(case, intent, &decision)?, is_last(r, intent)),
        None if decision == Decision::Dismiss => (dismissed(r, about.reason), true),
        None => {
            let message = "asks for nothing here: no request has an unknown outcome, so the review is dismissed or left";
            return Err(field("decision", message));
        }
    };
    let reason = about.reason;
    let decided = Fact::Review(ReviewFact::Decided {
        intent: about.intent.map(|intent| intent.id.clone()),
        reason,
        decision: DecisionRecord {
            decision,
            note: request.note.clone(),
            evidence_version: r.evidence_version,
        },
    });
    let closed = closed.then_some(Fact::Review(ReviewFact::Closed { reason }));
    Ok(std::iter::once(decided)
        .chain(follows)
        .chain(closed)
        .collect())
}

/// What every decision has to fulfil.
fn check(r: &Reservation, request: &DecisionRequest) -> Result<Decision, DecisionError> {
    let decision = Decision::parse(&request.decision, request.reference.clone())
        .map_err(DecisionError::Field)?;
    if !is_text(&request.note, MAX_NOTE) {
        return Err(field(
            "note",
            "is empty, longer than 500 characters, or holds control characters",
        ));
    }
    if decision
        .reference()
        .is_some_and(|name| !is_text(name.as_str(), MAX_REFERENCE))
    {
        return Err(field("reference", WRONG_REFERENCE));
    }
    if request.evidence_version == r.evidence_version {
        return Ok(decision);
    }
    Err(DecisionError::EvidenceChanged {
        given: request.evidence_version,
        current: r.evidence_version,
    })
}

/// What follows from a decision about a request whose outcome is unknown.
fn about_request(
    case: Case<'_>,
    intent: &Intent,
    decision: &Decision,
) -> Result<Vec<Fact>, DecisionError> {
    let r = case.reservation;
    match decision {
        Decision::Confirm { reference } => confirmed(r, intent, reference.as_ref(), case.now),
        Decision::Reject => Ok(withdrawn(
            r,
            intent,
            "a person found that it had no effect",
            case.merchant,
        )),
        Decision::Retry => match not_sendable(case, intent) {
            Some(reason) => Err(DecisionError::NotSendable { reason }),
            None => Ok(vec![Fact::Intent(
                intent.id.clone(),
                IntentFact::EffectRuledOut { at: case.now },
            )]),
        },
        Decision::Dismiss => Err(field(
            "decision",
            "cannot be \"dismiss\" while the outcome of a request is unknown: say confirm, reject or retry",
        )),
    }
}

/// Is this the only request in doubt behind its reason, so that the reason goes with it?
fn is_last(r: &Reservation, intent: &Intent) -> bool {
    let reason = intent.operation.review_reason();
    !r.intents.iter().any(|other| {
        other.id != intent.id
            && matches!(other.progress, IntentState::NeedsReview(_))
            && other.operation.review_reason() == reason
    })
}

/// What follows when a person says that the request took effect.
fn confirmed(
    r: &Reservation,
    intent: &Intent,
    reference: Option<&ProviderReference>,
    now: DateTime<Utc>,
) -> Result<Vec<Fact>, DecisionError> {
    let confirmed = |reference: Option<&ProviderReference>, amount: Money, at| {
        intent.fact(IntentFact::Confirmed {
            reference: reference.cloned(),
            amount,
            at,
        })
    };
    let operation = &intent.operation;
    Ok(match (operation, reference) {
        // The id is verified before it is taken on: the hint puts the submit in doubt again, and the search that follows
        // reads the reservation and compares our reference with its own.
        (Operation::Submit, Some(uuid)) => vec![
            intent.fact(IntentFact::EffectRuledOut { at: now }),
            intent.fact(IntentFact::ProviderIdSuggested {
                uuid: uuid.clone().into(),
            }),
        ],
        (Operation::Submit, None) => {
            return Err(field(
                "reference",
                "is required: the provider's id of the reservation, RES…",
            ));
        }
        (Operation::Capture { .. } | Operation::Charge { .. }, Some(name)) => {
            let row = shown_row(r, intent, name)?;
            vec![confirmed(Some(name), row.amount, row.at)]
        }
        (Operation::Refund { .. }, Some(name)) => {
            shown_refund(r, operation, name)?;
            vec![confirmed(Some(name), operation.amount(), now)]
        }
        // Booked on a person's word, the effect has to show itself, and is looked for at once.
        (Operation::Capture { .. } | Operation::Charge { .. } | Operation::Refund { .. }, None) => {
            vec![
                confirmed(None, operation.amount(), now),
                Fact::Provider(ProviderFact::RefreshRequested),
            ]
        }
        (
            Operation::Cancel { .. } | Operation::Complete { .. } | Operation::Resend { .. },
            Some(_),
        ) => {
            let message = format!("is not known of a {}: leave it out", operation.job_kind());
            return Err(field("reference", message));
        }
        (
            Operation::Cancel { .. } | Operation::Complete { .. } | Operation::Resend { .. },
            None,
        ) => vec![confirmed(None, Money::ZERO, now)],
    })
}

/// The row that a person takes for the effect: shown by details, of the right kind, and no other operation's.
fn shown_row<'r>(
    r: &'r Reservation,
    intent: &Intent,
    reference: &ProviderReference,
) -> Result<&'r LedgerRow, DecisionError> {
    let kind = if matches!(intent.operation, Operation::Charge { .. }) {
        "charge"
    } else {
        "capture"
    };
    let not_shown = || DecisionError::NotShown {
        reference: reference.clone(),
        kind,
    };
    let row = r.money_row(reference).ok_or_else(not_shown)?;
    match &row.intent {
        Some(other) if *other != intent.id => Err(DecisionError::OfAnother {
            reference: reference.clone(),
            intent: other.clone(),
        }),
        _ if row.confirmed && intent.operation.row_kind() == Some(row.kind) => Ok(row),
        _ => Err(not_shown()),
    }
}

/// Do details show as much given back of the row, beyond what is booked, as the refund asked for?
fn shown_refund(
    r: &Reservation,
    operation: &Operation,
    reference: &ProviderReference,
) -> Result<(), DecisionError> {
    let is_source =
        matches!(operation, Operation::Refund { reference: source, .. } if source == reference);
    if is_source && r.unbooked_refund(reference) >= operation.amount() {
        return Ok(());
    }
    Err(DecisionError::NotShown {
        reference: reference.clone(),
        kind: "refund of",
    })
}

/// What follows when a person does not want an operation: the policy does not decide the same anew.
#[must_use]
pub fn withdrawn(r: &Reservation, intent: &Intent, reason: &str, merchant: &Merchant) -> Vec<Fact> {
    let withdrawn = Fact::Intent(
        intent.id.clone(),
        IntentFact::Withdrawn {
            reason: reason.to_owned(),
        },
    );
    let mut after = r.clone();
    let kind = intent.operation.job_kind();
    let stopped: Vec<Fact> = match after.apply(&withdrawn) {
        Ok(()) => schedule(&after, merchant)
            .into_iter()
            .filter(|job| job.kind == kind && job.intent.is_none())
            .map(|job| Fact::Control(ControlFact::JobCancelled { key: job.key }))
            .collect(),
        Err(_) => Vec::new(),
    };
    std::iter::once(withdrawn).chain(stopped).collect()
}

/// Why a request could not be sent once more now, as the engine decides about every request; `None` when it could.
pub(super) fn not_sendable(case: Case<'_>, intent: &Intent) -> Option<String> {
    let mut after = case.reservation.clone();
    if let Err(illegal) = after.apply(&Fact::Intent(
        intent.id.clone(),
        IntentFact::EffectRuledOut { at: case.now },
    )) {
        return Some(illegal.to_string());
    }
    // An intent that is decided needs neither ids nor markers.
    let planner = Planner {
        entropy: &SeededEntropy::new(0),
        marker_key: &[],
    };
    let Step::Record(facts) = decide_job(
        Case::new(&after, case.merchant, case.now),
        &intent.key,
        &planner,
    ) else {
        return None;
    };
    facts.into_iter().find_map(|fact| match fact {
        Fact::Intent(id, IntentFact::Withdrawn { reason }) if id == intent.id => Some(reason),
        _ => None,
    })
}

/// What follows when a person has dealt with a review that no request in doubt stands behind.
fn dismissed(r: &Reservation, reason: ReviewReason) -> Vec<Fact> {
    // Whether the provider shows the reservation again is found out before anything relies on it.
    let in_doubt = matches!(
        reason,
        ReviewReason::MissingAtProvider | ReviewReason::Incoherent
    );
    let read = in_doubt && r.provider.reservation_uuid.is_some();
    Vec::from_iter(read.then_some(Fact::Provider(ProviderFact::RefreshRequested)))
}
