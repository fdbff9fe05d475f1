//! The evidence for a review: what the books said before and say now, and everything else a decision rests on.

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::exposure::{Countdown, Exposure, countdown, exposure};
use super::signs::{Sign, signs};
use super::{PastDecision, Subject, concerned};
use crate::case::Case;
use crate::id::IntentId;
use crate::marker::AttemptMarker;
use crate::money::Money;
use crate::reference::ProviderReference;
use crate::reservation::{Baseline, Intent, IntentState, Operation, Reservation};

/// Everything that a decision about one review rests on. Without personal data.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Evidence {
    /// The operation that the review is about, if it is about one.
    pub operation: Option<OperationSeen>,
    /// What the books said before the operation's latest request; `None` while none was put on record.
    pub baseline: Option<Baseline>,
    /// What the books say now.
    pub now: Baseline,
    /// What has changed in between; `None` without a baseline.
    pub difference: Option<Difference>,
    /// Every sign for and against an effect.
    pub signs: Vec<Sign>,
    /// What may still be taken and given back, and what of it is spoken for.
    pub exposure: Exposure,
    /// Until when something can be done, and what happens by itself then; `None` where nothing runs out.
    pub countdown: Option<Countdown>,
    /// What was decided about the same operation, or for the same reason, before; oldest first.
    pub decisions: Vec<PastDecision>,
}

/// The operation that a review is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct OperationSeen {
    /// Its intent.
    pub intent: IntentId,
    /// What was to be done, with its lines.
    #[serde(flatten)]
    pub operation: Operation,
    /// The money it moves.
    pub amount: Money,
    /// Where the intent is.
    pub state: &'static str,
    /// Who decided it.
    pub created_by: String,
    /// When it was decided.
    pub created_at: DateTime<Utc>,
    /// How many requests were made for it.
    pub attempts: u32,
    /// When the request was sent whose outcome is, or was, unknown.
    pub sent_at: Option<DateTime<Utc>>,
    /// Why the outcome is unknown, or why the operation was refused or given up.
    pub cause: Option<String>,
    /// The text to look for at the provider; `None` for what carries none.
    pub marker: Option<AttemptMarker>,
}

/// What has changed since a request was put on record.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// The amounts and the status word that are not what they were.
    pub changed: Vec<Change>,
    /// References of captures and charges that have appeared.
    pub appeared: Vec<ProviderReference>,
    /// Those that are gone.
    pub vanished: Vec<ProviderReference>,
}

/// One value that is not what it was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Change {
    /// Which.
    pub what: &'static str,
    /// What it was.
    pub before: String,
    /// What it is.
    pub now: String,
}

/// The evidence for one review. `decided` is what the journal has of decisions about this reservation.
#[must_use]
pub fn evidence(case: Case<'_>, about: &Subject<'_>, decided: &[PastDecision]) -> Evidence {
    let r = case.reservation;
    let intent = concerned::intent(r, about);
    let baseline = intent.and_then(|intent| intent.baseline.clone());
    let totals = r.ledger_totals();
    Evidence {
        operation: intent.map(operation),
        difference: baseline.as_ref().map(|before| difference(before, &totals)),
        baseline,
        now: totals,
        signs: signs(r, about, case.now),
        exposure: exposure(r),
        countdown: countdown(case, about),
        decisions: decisions(r, about, decided),
    }
}

fn operation(intent: &Intent) -> OperationSeen {
    let marked = !matches!(
        intent.operation,
        Operation::Submit | Operation::Refund { .. } | Operation::Resend { .. }
    );
    OperationSeen {
        intent: intent.id.clone(),
        operation: intent.operation.clone(),
        amount: intent.operation.amount(),
        state: intent.progress.name(),
        created_by: intent.created_by.clone(),
        created_at: intent.created_at,
        attempts: intent.attempts(),
        sent_at: intent.sent().map(|sent| sent.at).or(intent.last_unknown_at),
        cause: match &intent.progress {
            IntentState::Unknown(unknown) | IntentState::NeedsReview(unknown) => {
                Some(unknown.reason.clone())
            }
            IntentState::Rejected { key, .. } => Some(key.clone()),
            IntentState::Withdrawn { reason, .. } => Some(reason.clone()),
            _ => None,
        },
        marker: marked.then(|| intent.marker.of_attempt(intent.attempts().max(1))),
    }
}

fn difference(before: &Baseline, now: &Baseline) -> Difference {
    let status = |totals: &Baseline| totals.status.clone().unwrap_or_default();
    let values = [
        ("status", status(before), status(now)),
        (
            "reserved",
            before.reserved.to_string(),
            now.reserved.to_string(),
        ),
        (
            "captured",
            before.captured.to_string(),
            now.captured.to_string(),
        ),
        (
            "charged",
            before.charged.to_string(),
            now.charged.to_string(),
        ),
        (
            "refunded",
            before.refunded.to_string(),
            now.refunded.to_string(),
        ),
    ];
    let changed = values.into_iter().filter(|(_, before, now)| before != now);
    let missing = |from: &Baseline, other: &Baseline| {
        let missing = from
            .references
            .iter()
            .filter(|reference| !other.references.contains(reference));
        missing.cloned().collect()
    };
    Difference {
        changed: changed
            .map(|(what, before, now)| Change { what, before, now })
            .collect(),
        appeared: missing(now, before),
        vanished: missing(before, now),
    }
}

/// The decisions that bear on this: about the intents whose effects it is about, or for the same reason.
fn decisions(r: &Reservation, about: &Subject<'_>, decided: &[PastDecision]) -> Vec<PastDecision> {
    let mut intents: Vec<&IntentId> = concerned::intent(r, about)
        .map(|intent| &intent.id)
        .into_iter()
        .collect();
    if about.intent.is_none() {
        intents.extend(
            concerned::rows(r, about.reason)
                .into_iter()
                .filter_map(|row| row.intent.as_ref()),
        );
    }
    let bears = |past: &&PastDecision| match &past.intent {
        Some(intent) => intents.contains(&intent),
        None => past.reason == about.reason,
    };
    decided.iter().filter(bears).cloned().collect()
}
