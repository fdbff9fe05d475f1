//! A person's decision, checked against what lies on the desk, and the facts that it makes.

use chrono::{DateTime, Utc};
use serde::Deserialize;

use super::{concerned, subjects};
use crate::case::Case;
use crate::clock::SeededEntropy;
use crate::customer::is_text;
use crate::decide::{Planner, Step, decide};
use crate::error::FieldError;
use crate::id::IntentId;
use crate::job::words;
use crate::merchant::Merchant;
use crate::money::Money;
use crate::reservation::{
    Decision, Fact, Intent, IntentState, LedgerRow, Operation, Reservation, ReviewReason, Verdict,
};
use crate::schedule::schedule;

/// The longest note of a decision, in characters.
const MAX_NOTE: usize = 500;
/// The longest reference that is looked for, in characters.
const MAX_REFERENCE: usize = 64;

words! {
    /// What a person says became of a request in doubt.
    Ruling {
        /// The effect took place.
        Applied = "applied",
        /// It did not, and is not to be tried again.
        NotApplied = "not_applied",
        /// It did not, and is to be sent once more.
        Resend = "resend",
    }
}

impl Ruling {
    const fn verdict(self) -> Verdict {
        match self {
            Self::Applied => Verdict::Applied,
            Self::NotApplied => Verdict::NotApplied,
            Self::Resend => Verdict::Resend,
        }
    }
}

/// A decision about a request in doubt, as a person asks for it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Resolution {
    /// What became of it.
    pub outcome: Ruling,
    /// The provider's reference of the effect, of an `applied`.
    #[serde(default)]
    pub reference: Option<String>,
    /// Why: 1 to 500 characters.
    pub note: String,
    /// The version of the evidence that it was decided on; the one in force when left out.
    #[serde(default)]
    pub evidence_version: Option<i64>,
}

/// A decision about an item that belongs to no request in doubt.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Clearing {
    /// Which item.
    pub reason: ReviewReason,
    /// What was done about it: 1 to 500 characters.
    pub note: String,
    /// The version of the evidence that it was decided on; the one in force when left out.
    #[serde(default)]
    pub evidence_version: Option<i64>,
}

/// Why a decision is not taken. Nothing has been recorded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecisionError {
    /// There is nothing to decide about this intent.
    #[error("there is nothing to decide: its request is {state}, not at the desk")]
    NotAtDesk {
        /// The state of the intent.
        state: &'static str,
    },
    /// Nothing lies on the desk for this reason.
    #[error("nothing lies on the desk as {reason}; {}", there(lies))]
    NothingThere {
        /// The reason that was named.
        reason: ReviewReason,
        /// What lies there.
        lies: Vec<ReviewReason>,
    },
    /// A request in doubt is not cleared away.
    #[error("a request in doubt is behind {reason}; it is resolved through its job, not cleared")]
    InDoubt {
        /// The reason that was named.
        reason: ReviewReason,
        /// The intent of the request.
        intent: IntentId,
    },
    /// Something has happened since the evidence was looked at.
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
    #[error("details show no {kind} {reference} that can be it")]
    NotShown {
        /// The reference.
        reference: String,
        /// What it would have to be.
        kind: &'static str,
    },
    /// The row is the effect of another operation.
    #[error("{reference} is the effect of another operation")]
    OfAnother {
        /// The reference.
        reference: String,
        /// That operation.
        intent: IntentId,
    },
    /// It cannot be sent any more.
    #[error("it cannot be sent any more: {reason}")]
    NotSendable {
        /// Why.
        reason: String,
    },
    /// A field does not fit.
    #[error(transparent)]
    Field(FieldError),
}

fn there(lies: &[ReviewReason]) -> String {
    if lies.is_empty() {
        return "it is empty".to_owned();
    }
    let words: Vec<&str> = lies.iter().map(|reason| reason.as_str()).collect();
    format!("there is {}", words.join(", "))
}

fn field(field: &str, message: impl Into<String>) -> DecisionError {
    DecisionError::Field(FieldError::new(field, message))
}

/// What both kinds of decision have to fulfil.
fn check(r: &Reservation, note: &str, evidence_version: Option<i64>) -> Result<(), DecisionError> {
    if !is_text(note, MAX_NOTE) {
        return Err(field(
            "note",
            "is empty, longer than 500 characters, or holds control characters",
        ));
    }
    match evidence_version {
        Some(given) if given != r.evidence_version => Err(DecisionError::EvidenceChanged {
            given,
            current: r.evidence_version,
        }),
        _ => Ok(()),
    }
}

/// The facts that a decision about a request in doubt makes: the decision, what follows, what leaves the desk.
///
/// # Errors
/// See [`DecisionError`].
pub fn resolve(
    r: &Reservation,
    intent: &IntentId,
    resolution: &Resolution,
    merchant: &Merchant,
    now: DateTime<Utc>,
) -> Result<Vec<Fact>, DecisionError> {
    let intent = r
        .intent(intent)
        .ok_or(DecisionError::NotAtDesk { state: "gone" })?;
    let IntentState::Desk(_) = &intent.progress else {
        return Err(DecisionError::NotAtDesk {
            state: intent.progress.name(),
        });
    };
    check(r, &resolution.note, resolution.evidence_version)?;
    let reference = resolution.reference.as_deref();
    if reference.is_some() && resolution.outcome != Ruling::Applied {
        return Err(field("reference", "belongs to \"applied\" alone"));
    }
    let follows = match resolution.outcome {
        Ruling::Applied => applied(r, intent, reference, now)?,
        Ruling::NotApplied => not_applied(r, intent, merchant),
        Ruling::Resend => match not_sendable(r, intent, merchant, now) {
            Some(reason) => return Err(DecisionError::NotSendable { reason }),
            None => vec![Fact::IntentAbsent {
                intent: intent.id.clone(),
                at: now,
            }],
        },
    };
    let reason = intent.operation.doubt_reason();
    let decided = Fact::Decided {
        intent: Some(intent.id.clone()),
        reason,
        decision: Decision {
            verdict: resolution.outcome.verdict(),
            reference: resolution.reference.clone(),
            note: resolution.note.clone(),
            evidence_version: r.evidence_version,
        },
    };
    let waits = |other: &Intent| {
        matches!(other.progress, IntentState::Desk(_)) && other.operation.doubt_reason() == reason
    };
    let last = !r
        .intents
        .iter()
        .any(|other| other.id != intent.id && waits(other));
    let cleared = last.then_some(Fact::DeskCleared { reason });
    Ok(std::iter::once(decided)
        .chain(follows)
        .chain(cleared)
        .collect())
}

/// What follows when the effect took place.
fn applied(
    r: &Reservation,
    intent: &Intent,
    reference: Option<&str>,
    now: DateTime<Utc>,
) -> Result<Vec<Fact>, DecisionError> {
    if let Some(name) = reference
        && !is_text(name, MAX_REFERENCE)
    {
        return Err(field(
            "reference",
            "is empty, longer than 64 characters, or holds control characters",
        ));
    }
    let id = intent.id.clone();
    let confirmed = |reference: Option<&str>, amount: Money, at| Fact::IntentConfirmed {
        intent: id.clone(),
        reference: reference.map(str::to_owned),
        amount,
        at,
    };
    Ok(match (&intent.operation, reference) {
        // The id is verified before it is taken on: the hint puts the submit in doubt again, and the search that follows
        // reads the reservation and compares our reference with its own.
        (Operation::Submit, Some(uuid)) => vec![
            Fact::IntentAbsent {
                intent: id.clone(),
                at: now,
            },
            Fact::UuidHinted {
                uuid: uuid.to_owned(),
            },
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
        (
            Operation::Refund {
                reference: source, ..
            },
            Some(name),
        ) => {
            let amount = intent.operation.amount();
            let shown = concerned::unaccounted_refund(r, &intent.operation);
            if name != source || shown.is_none_or(|shown| shown < amount) {
                return Err(DecisionError::NotShown {
                    reference: name.to_owned(),
                    kind: "refund of",
                });
            }
            vec![confirmed(Some(name), amount, now)]
        }
        (Operation::Capture { .. } | Operation::Charge { .. } | Operation::Refund { .. }, None) => {
            // Booked on a person's word, it has to show itself, and is looked for at once.
            vec![
                confirmed(None, intent.operation.amount(), now),
                Fact::ReadWanted,
            ]
        }
        (
            Operation::Cancel { .. } | Operation::Complete { .. } | Operation::Resend { .. },
            Some(_),
        ) => {
            let message = format!(
                "is not known of a {}: leave it out",
                intent.operation.job_kind()
            );
            return Err(field("reference", message));
        }
        (
            Operation::Cancel { .. } | Operation::Complete { .. } | Operation::Resend { .. },
            None,
        ) => {
            vec![confirmed(None, Money::ZERO, now)]
        }
    })
}

/// The row that a person takes for the effect: shown by details, of the right kind, and nobody else's.
fn shown_row<'r>(
    r: &'r Reservation,
    intent: &Intent,
    reference: &str,
) -> Result<&'r LedgerRow, DecisionError> {
    let kind = if matches!(intent.operation, Operation::Charge { .. }) {
        "charge"
    } else {
        "capture"
    };
    let not_shown = || DecisionError::NotShown {
        reference: reference.to_owned(),
        kind,
    };
    let row = r.money_row(reference).ok_or_else(not_shown)?;
    match &row.intent {
        Some(other) if *other != intent.id => Err(DecisionError::OfAnother {
            reference: reference.to_owned(),
            intent: other.clone(),
        }),
        _ if row.confirmed && intent.operation.row_kind() == Some(row.kind) => Ok(row),
        _ => Err(not_shown()),
    }
}

/// What follows when the effect did not take place, and is not to be tried again: by the policy neither.
fn not_applied(r: &Reservation, intent: &Intent, merchant: &Merchant) -> Vec<Fact> {
    withdrawn(r, intent, "a person found that it had no effect", merchant)
}

/// What follows when a person does not want an operation: the policy does not decide the same anew.
#[must_use]
pub fn withdrawn(r: &Reservation, intent: &Intent, reason: &str, merchant: &Merchant) -> Vec<Fact> {
    let withdrawn = Fact::IntentWithdrawn {
        intent: intent.id.clone(),
        reason: reason.to_owned(),
    };
    let mut after = r.clone();
    let kind = intent.operation.job_kind();
    let stopped: Vec<Fact> = match after.apply(&withdrawn) {
        Ok(()) => schedule(&after, merchant)
            .into_iter()
            .filter(|job| job.kind == kind && job.intent.is_none())
            .map(|job| Fact::JobStopped { key: job.key })
            .collect(),
        Err(_) => Vec::new(),
    };
    std::iter::once(withdrawn).chain(stopped).collect()
}

/// Why a request could not be sent once more now; `None` when it could. What says so is what decides about every request.
pub(super) fn not_sendable(
    r: &Reservation,
    intent: &Intent,
    merchant: &Merchant,
    now: DateTime<Utc>,
) -> Option<String> {
    let mut after = r.clone();
    if let Err(illegal) = after.apply(&Fact::IntentAbsent {
        intent: intent.id.clone(),
        at: now,
    }) {
        return Some(illegal.to_string());
    }
    // An intent that is decided needs neither ids nor markers.
    let planner = Planner {
        entropy: &SeededEntropy::new(0),
        marker_key: &[],
    };
    let Step::Record(facts) = decide(
        Case::new(&after, merchant, now),
        intent.operation.job_kind(),
        &intent.key,
        &planner,
    ) else {
        return None;
    };
    facts.into_iter().find_map(|fact| match fact {
        Fact::IntentWithdrawn { intent: id, reason } if id == intent.id => Some(reason),
        _ => None,
    })
}

/// The facts of a person having dealt with an item that belongs to no request in doubt. What it had frozen goes on.
///
/// # Errors
/// See [`DecisionError`].
pub fn clear(r: &Reservation, clearing: &Clearing) -> Result<Vec<Fact>, DecisionError> {
    let reason = clearing.reason;
    let all = subjects(r);
    let Some(subject) = all.iter().find(|subject| subject.reason == reason) else {
        let lies = all.iter().map(|subject| subject.reason).collect();
        return Err(DecisionError::NothingThere { reason, lies });
    };
    if let Some(intent) = subject.intent {
        return Err(DecisionError::InDoubt {
            reason,
            intent: intent.id.clone(),
        });
    }
    check(r, &clearing.note, clearing.evidence_version)?;
    let decision = Decision {
        verdict: Verdict::Cleared,
        reference: None,
        note: clearing.note.clone(),
        evidence_version: r.evidence_version,
    };
    // Whether the provider shows the reservation again is found out before anything relies on it.
    let doubtful = matches!(reason, ReviewReason::NotFound | ReviewReason::Incoherent);
    let read = (doubtful && r.provider.reservation_uuid.is_some()).then_some(Fact::ReadWanted);
    let decided = Fact::Decided {
        intent: None,
        reason,
        decision,
    };
    Ok([decided, Fact::DeskCleared { reason }]
        .into_iter()
        .chain(read)
        .collect())
}
