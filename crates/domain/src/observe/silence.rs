//! What a read does not show: silence is counted, and enough of it proves that there was no effect.

use super::{Observer, SeenStatus};
use crate::job::JobKey;
use crate::policy::POLICY;
use crate::reservation::{
    Fact, Intent, IntentFact, IntentState, Operation, ProviderFact, ReviewReason, RowKind,
};
use crate::resolve::absence_outcome;

impl Observer<'_> {
    /// Counts the read for every unresolved intent that it showed no trace of, and resolves those that enough silence proves absent.
    pub(super) fn silence(&mut self, coherent: bool) {
        let waiting: Vec<_> = self
            .r
            .intents
            .iter()
            .filter(|intent| self.is_silent(intent))
            .collect();
        // A callback that came during the read may tell of what it could not show yet: the next one is about that.
        let overtaken = self
            .r
            .provider
            .refresh_requested
            .is_some_and(|wanted| wanted > self.since);
        for intent in waiting {
            let id = intent.id.clone();
            let clean = coherent && !self.traced.contains(&id) && self.could_show(intent);
            self.facts.push(Fact::Intent(
                id.clone(),
                IntentFact::EffectNotSeen {
                    clean,
                    at: self.now,
                },
            ));
            let over = self.is_over_for(intent).filter(|_| coherent);
            if let Some(reason) = over {
                self.facts.push(Fact::Intent(
                    id,
                    IntentFact::Withdrawn {
                        reason: reason.to_owned(),
                    },
                ));
                self.lost_race(intent);
            } else if !overtaken {
                let outcome = absence_outcome(self.case(), intent, clean, self.evidence);
                self.facts.extend(outcome);
            }
        }
    }

    /// Could this read show the intent's effect? A cancel and a complete show in the status alone, which an
    /// undocumented word does not tell.
    fn could_show(&self, intent: &Intent) -> bool {
        let in_status = matches!(
            intent.operation,
            Operation::Cancel { .. } | Operation::Complete { .. }
        );
        !(in_status && matches!(self.seen.status, SeenStatus::Other(_)))
    }

    /// Why an operation that shows no trace cannot take effect any more.
    fn is_over_for(&self, intent: &Intent) -> Option<&'static str> {
        if !matches!(
            intent.progress,
            IntentState::Unknown(_) | IntentState::NeedsReview(_)
        ) {
            return None;
        }
        let is = |status: SeenStatus| self.seen.status == status;
        let over =
            is(SeenStatus::Cancelled) || is(SeenStatus::Expired) || is(SeenStatus::Completed);
        match &intent.operation {
            Operation::Capture { .. } => (over && !self.has_new_captures(intent))
                .then_some("the reservation was over before it took effect"),
            Operation::Cancel { .. } if is(SeenStatus::Expired) => {
                Some("the reservation has expired by itself")
            }
            Operation::Cancel { .. } => (is(SeenStatus::Completed)
                || !self.seen.captures.is_empty())
            .then_some("money was taken first, so it cannot be cancelled; a refund can"),
            Operation::Complete { .. } => (is(SeenStatus::Cancelled) || is(SeenStatus::Expired))
                .then_some("the reservation was over before it took effect"),
            _ => None,
        }
    }

    /// Do details show a capture that was not there when the request was put on record?
    fn has_new_captures(&self, intent: &Intent) -> bool {
        self.seen.captures.iter().any(|row| {
            let reference = row.reference.as_ref();
            let known = reference.and_then(|reference| self.r.money_row(reference));
            let others = known.is_some_and(|known| {
                known.intent.is_some() && known.intent.as_ref() != Some(&intent.id)
            });
            !others && !intent.knew(reference)
        })
    }

    /// A release that somebody asked for, and may have promised, was overtaken by a capture.
    fn lost_race(&mut self, intent: &Intent) {
        let promised = intent.created_by != POLICY && intent.key != JobKey::CancelExpired;
        let taken = !self.seen.captures.is_empty() || self.seen.status == SeenStatus::Completed;
        if matches!(intent.operation, Operation::Cancel { .. }) && taken && promised {
            self.ask(ReviewReason::ExternalChange, false);
        }
    }

    /// What the provider's word alone stands for has to show itself in the end.
    pub(super) fn unshown(&mut self) {
        let absent_after = &self.merchant.resolution.absent_after;
        let mut missing = Vec::new();
        for row in self.r.ledger.iter().filter(|row| !row.confirmed) {
            let (horizon, reason) = match row.kind {
                RowKind::Capture => (absent_after.capture, ReviewReason::CaptureUnknown),
                RowKind::Charge => (absent_after.charge, ReviewReason::ChargeUnknown),
                RowKind::Refund => (absent_after.refund, ReviewReason::RefundUnknown),
            };
            let shown = |fact: &Fact| match fact {
                Fact::Provider(ProviderFact::RowConfirmed {
                    reference, intent, ..
                }) => {
                    row.reference.as_ref() == Some(reference)
                        || (intent.is_some() && *intent == row.intent)
                }
                _ => false,
            };
            if self.now >= row.at + horizon.delta() && !self.facts.iter().any(shown) {
                missing.push(reason);
            }
        }
        for reason in missing {
            self.ask(reason, false);
        }
    }

    /// Does this read tell nothing of what became of the intent's request, and could it have?
    fn is_silent(&self, intent: &Intent) -> bool {
        let waits = matches!(
            intent.progress,
            IntentState::Accepted { .. } | IntentState::Unknown(_) | IntentState::NeedsReview(_)
        );
        let shown = self.facts.iter().any(|fact| {
            matches!(fact, Fact::Intent(id, IntentFact::Confirmed { .. }) | Fact::Intent(id, IntentFact::Escalated { .. }) if *id == intent.id)
        });
        // Details show neither a reservation whose id is lost nor a message.
        waits
            && !shown
            && !matches!(
                intent.operation,
                Operation::Submit | Operation::Resend { .. }
            )
    }
}
