//! What a read does not show: silence is counted, and settles what it settles.

use chrono::{DateTime, Utc};

use super::{Observer, SeenStatus};
use crate::decide::is_guarded;
use crate::merchant::Merchant;
use crate::reservation::{DeskReason, Fact, Intent, IntentState, Operation, Reservation, RowKind};
use crate::schedule::send_by;
use crate::witness::Witnesses;

/// An operation that stayed absent is sent at most so many times in all.
const MAX_ATTEMPTS: u32 = 3;

impl Observer<'_> {
    /// Counts the read for every unresolved intent that it showed no trace of, and settles what silence settles.
    pub(super) fn silence(&mut self, coherent: bool) {
        let waiting: Vec<_> = self.r.intents.iter().filter(|intent| self.is_silent(intent)).collect();
        for intent in waiting {
            let id = intent.id.clone();
            self.facts.push(Fact::TraceMissing { intent: id, clean: coherent, at: self.now });
            if coherent && self.is_too_late_for(intent) {
                let reason = "the reservation was over before it took effect".to_owned();
                let intent = intent.id.clone();
                self.facts.push(Fact::IntentWithdrawn { intent, reason });
            } else if let Some(verdict) =
                verdict(self.r, intent, coherent, self.witnesses, self.merchant, self.now)
            {
                self.facts.push(verdict);
            }
        }
    }

    /// A reservation that is over and shows no capture took none, and takes none any more.
    fn is_too_late_for(&self, intent: &Intent) -> bool {
        let over =
            matches!(self.seen.status, SeenStatus::Cancelled | SeenStatus::Expired | SeenStatus::Completed);
        let unknown_capture = matches!(intent.progress, IntentState::Unknown(_))
            && matches!(intent.operation, Operation::Capture { .. });
        over && unknown_capture && self.seen.captures.is_empty()
    }

    /// What the provider's word alone stands for has to show itself in the end.
    pub(super) fn unshown(&mut self) {
        let absent_after = &self.merchant.settle.absent_after;
        let mut missing = Vec::new();
        for row in self.r.ledger.iter().filter(|row| !row.confirmed) {
            let (horizon, reason) = match row.kind {
                RowKind::Capture => (absent_after.capture, DeskReason::CaptureUnknown),
                RowKind::Charge => (absent_after.charge, DeskReason::ChargeUnknown),
                RowKind::Refund => (absent_after.refund, DeskReason::RefundUnknown),
            };
            let told = |fact: &Fact| match fact {
                Fact::RowConfirmed { reference, intent, .. } => {
                    row.reference.as_ref() == Some(reference) || (intent.is_some() && *intent == row.intent)
                }
                _ => false,
            };
            if self.now >= row.at + horizon.delta() && !self.facts.iter().any(told) {
                missing.push(reason);
            }
        }
        for reason in missing {
            self.ask(reason, false);
        }
    }

    fn is_silent(&self, intent: &Intent) -> bool {
        let waits = matches!(
            intent.progress,
            IntentState::Accepted { .. } | IntentState::Unknown(_) | IntentState::Desk(_)
        );
        let told = self.facts.iter().any(|fact| {
            matches!(fact, Fact::IntentConfirmed { intent: id, .. } | Fact::IntentToDesk { intent: id, .. } if *id == intent.id)
        });
        waits && !told && intent.operation != Operation::Submit
    }
}

/// What the absence of a trace, this read included, settles about an intent; `None` while it settles nothing.
#[must_use]
pub fn verdict(
    r: &Reservation,
    intent: &Intent,
    clean: bool,
    _witnesses: &Witnesses,
    merchant: &Merchant,
    now: DateTime<Utc>,
) -> Option<Fact> {
    let id = intent.id.clone();
    let horizon = &merchant.settle.absent_after;
    let doubt = match &intent.progress {
        IntentState::Unknown(doubt) => doubt,
        // A refund that stays pending beyond its horizon, or an accepted row that never shows.
        IntentState::Accepted { sent, .. } => {
            let late = now >= sent.at + horizon.refund.delta();
            let reason = "accepted, but not shown since".to_owned();
            return late.then_some(Fact::AttemptUnknown { intent: id, reason });
        }
        _ => return None,
    };
    let clean_reads = if clean { doubt.clean_reads + 1 } else { 0 };
    let silent_since = |span: crate::span::Span| now >= doubt.sent.at + span.delta();
    let absent = |span| clean_reads >= merchant.settle.absent_reads && silent_since(span);
    let ask = |reason| Some(Fact::IntentToDesk { intent: id.clone(), reason, at: now });
    let again = || Some(Fact::IntentAbsent { intent: id.clone(), at: now });
    let again_or_ask = || {
        if intent.attempts < MAX_ATTEMPTS { again() } else { ask(DeskReason::OutcomeUnknown) }
    };
    match &intent.operation {
        Operation::Capture { .. } => {
            let in_time = now < send_by(r, &intent.operation, merchant);
            match (absent(horizon.capture), in_time && intent.attempts < MAX_ATTEMPTS) {
                (true, true) => again(),
                (true, false) => ask(DeskReason::CaptureUnknown),
                // A duplicate could go through: a person decides while there is time. One that the provider
                // refuses can wait for the proof of absence.
                (false, _) if !in_time && !is_guarded(r, &intent.operation) => {
                    ask(DeskReason::CaptureUnknown)
                }
                (false, _) => None,
            }
        }
        Operation::Charge { .. } if silent_since(horizon.charge) => ask(DeskReason::ChargeUnknown),
        Operation::Refund { .. } if absent(horizon.refund) => ask(DeskReason::RefundUnknown),
        Operation::Cancel { .. } if absent(horizon.cancel) => again_or_ask(),
        Operation::Complete { .. } if absent(horizon.complete) => again_or_ask(),
        Operation::Submit if absent(horizon.submit) => again_or_ask(),
        _ => None,
    }
}
