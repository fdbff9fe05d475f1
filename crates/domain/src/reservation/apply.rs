//! Folding facts into the reservation: each subject in its own function, every fact by name.

use chrono::{DateTime, Utc};

use super::transition::next;
use super::{
    Closure, ControlFact, DeliveryFact, Fact, IllegalTransition, Intent, IntentFact, IntentState,
    Link, Met, Operation, Reservation, ReviewFact, ReviewItem, ReviewReason,
};
use crate::id::IntentId;
use crate::job::JobKey;
use crate::reference::ProviderReference;

impl Reservation {
    /// Folds one fact in.
    ///
    /// # Errors
    /// The fact cannot follow the state; the reservation is unchanged.
    pub fn apply(&mut self, fact: &Fact) -> Result<(), IllegalTransition> {
        match fact {
            Fact::Created => {}
            Fact::Planned(intent) => {
                if self.intent(&intent.id).is_some() {
                    return Err(IllegalTransition {
                        state: Met::AnIntent,
                        fact: fact.event_type(),
                    });
                }
                self.intents.push(Intent::clone(intent));
            }
            Fact::Intent(id, fact) => self.apply_intent(id, fact)?,
            Fact::Provider(fact) => self.apply_provider(fact)?,
            Fact::Delivery(fact) => self.apply_delivery(fact),
            Fact::Review(fact) => self.apply_review(fact),
            Fact::Control(fact) => self.apply_control(fact),
        }
        self.version += 1;
        if fact.is_evidence() {
            self.evidence_version = self.version;
        }
        Ok(())
    }

    /// Folds several facts in, in order.
    ///
    /// # Errors
    /// The first that cannot follow; those before it have been folded in.
    pub fn apply_all<'a>(
        &mut self,
        facts: impl IntoIterator<Item = &'a Fact>,
    ) -> Result<(), IllegalTransition> {
        facts.into_iter().try_for_each(|fact| self.apply(fact))
    }

    fn apply_intent(&mut self, id: &IntentId, fact: &IntentFact) -> Result<(), IllegalTransition> {
        let Some(index) = self.intents.iter().position(|intent| intent.id == *id) else {
            return Err(IllegalTransition {
                state: Met::NoIntent,
                fact: fact.event_type(),
            });
        };
        let progress = next(&self.intents[index], fact)?;
        let baseline =
            matches!(fact, IntentFact::AttemptWritten { .. }).then(|| self.ledger_totals());
        let intent = &mut self.intents[index];
        let was = intent.clone();
        if let (IntentFact::OutcomeUnknown { .. }, IntentState::Unknown(unknown)) =
            (fact, &progress)
        {
            intent.last_unknown_at = Some(unknown.sent.at);
        }
        intent.baseline = baseline.or_else(|| intent.baseline.take());
        intent.progress = progress;
        self.follow(&was, fact);
        self.close_review_of(&was);
        Ok(())
    }

    /// What a fact about an intent means for the rest of the reservation. `intent` is as it was before the fact.
    fn follow(&mut self, intent: &Intent, fact: &IntentFact) {
        let operation = &intent.operation;
        match fact {
            IntentFact::AttemptAccepted { reference, at } => {
                self.accepted(intent, reference.as_ref(), *at);
            }
            IntentFact::Confirmed {
                reference,
                amount,
                at,
            } => {
                self.post_effect(intent, reference.as_ref(), *amount, *at);
                self.close_by(operation, *at);
            }
            IntentFact::LinkCreated {
                reservation_uuid,
                customer_uuid,
                url,
                at,
            } => {
                self.provider.customer_uuid.clone_from(customer_uuid);
                self.link = Link::Sent {
                    url: url.clone(),
                    at: *at,
                };
                self.named(reservation_uuid, *at);
            }
            IntentFact::ProviderIdSuggested { uuid } => {
                self.provider.suggested_uuid = Some(uuid.clone());
            }
            IntentFact::AttemptRejected { key: reason } | IntentFact::Withdrawn { reason } => {
                if *operation == Operation::Submit {
                    self.link = Link::Failed {
                        reason: reason.clone(),
                    };
                }
            }
            // A message may have gone out: the next one keeps its distance.
            IntentFact::OutcomeUnknown { .. } => {
                if let (Operation::Resend { .. }, Some(sent)) = (operation, intent.sent()) {
                    self.reminders.last_at = self.reminders.last_at.max(Some(sent.at));
                }
            }
            IntentFact::Escalated { reason, at } => self.raise(*reason, false, *at),
            IntentFact::LateEffectSeen { row } => {
                self.post_row(row.clone());
                self.raise(ReviewReason::LateEffect, true, row.at);
            }
            IntentFact::AttemptWritten { .. }
            | IntentFact::AttemptSent { .. }
            | IntentFact::AttemptUnsent { .. }
            | IntentFact::EffectNotSeen { .. }
            | IntentFact::HistoryRead { .. }
            | IntentFact::MarkerChecked { .. }
            | IntentFact::EffectRuledOut { .. }
            | IntentFact::RetryForced { .. } => {}
        }
    }

    fn accepted(
        &mut self,
        intent: &Intent,
        reference: Option<&ProviderReference>,
        at: DateTime<Utc>,
    ) {
        match &intent.operation {
            // One without a reference could not be distinguished from another: it is posted when details show it.
            Operation::Capture { .. } | Operation::Charge { .. } => {
                if reference.is_some() {
                    self.post_accepted(intent, reference, at);
                }
            }
            Operation::Complete { .. } => self.closure = Closure::Completed { at },
            Operation::Resend { slot, .. } => {
                self.reminders.last_at = Some(at);
                if let Some(slot) = slot {
                    self.reminders.slots = self.reminders.slots.max(slot + 1);
                    self.reminders.sent += 1;
                }
            }
            // Pending until details show it, or, of a submit, done by its link.
            Operation::Refund { .. } | Operation::Cancel { .. } | Operation::Submit => {}
        }
    }

    fn close_by(&mut self, operation: &Operation, at: DateTime<Utc>) {
        match operation {
            Operation::Cancel { .. } => self.closure = Closure::Cancelled { at },
            Operation::Complete { .. } => self.closure = Closure::Completed { at },
            Operation::Submit
            | Operation::Capture { .. }
            | Operation::Charge { .. }
            | Operation::Refund { .. }
            | Operation::Resend { .. } => {}
        }
    }

    /// Closes the review of an intent that needs no person any more, unless another one's outcome is asked about for the
    /// same reason.
    fn close_review_of(&mut self, was: &Intent) {
        let reason = was.operation.review_reason();
        let waits = |intent: &Intent| {
            matches!(intent.progress, IntentState::NeedsReview(_))
                && intent.operation.review_reason() == reason
        };
        if waits(was) && !self.intents.iter().any(waits) {
            self.close_review(reason);
        }
    }

    fn apply_delivery(&mut self, fact: &DeliveryFact) {
        let DeliveryFact::Reported {
            event_id,
            at,
            lines,
            complete,
        } = fact;
        let delivery = &mut self.delivery;
        delivery.events.insert(event_id.clone());
        for part in lines {
            *delivery.lines.entry(part.line).or_default() += part.amount;
        }
        delivery.last_at = delivery.last_at.max(Some(*at));
        // Reports may arrive out of order: once everything is said to be delivered, an earlier part changes nothing.
        self.delivery.complete |= *complete || self.is_all_delivered();
    }

    fn is_all_delivered(&self) -> bool {
        self.lines
            .iter()
            .all(|line| self.delivered_on(line.line) == line.amount)
    }

    fn apply_review(&mut self, fact: &ReviewFact) {
        match fact {
            ReviewFact::Raised {
                reason,
                freezes,
                at,
            } => self.raise(*reason, *freezes, *at),
            ReviewFact::Closed { reason } => self.close_review(*reason),
            // What follows from it are facts of their own.
            ReviewFact::Decided { .. } => {}
        }
    }

    pub(super) fn raise(&mut self, reason: ReviewReason, freezes: bool, at: DateTime<Utc>) {
        if reason.is_about_capturing() {
            self.delivery.asked_of = self.delivery.events.len();
        }
        let mut open = self.control.reviews.iter_mut();
        match open.find(|item| item.reason == reason) {
            Some(item) => item.freezes |= freezes,
            None => self.control.reviews.push(ReviewItem {
                reason,
                at,
                freezes,
            }),
        }
    }

    fn close_review(&mut self, reason: ReviewReason) {
        self.control.reviews.retain(|item| item.reason != reason);
    }

    fn apply_control(&mut self, fact: &ControlFact) {
        match fact {
            ControlFact::ReminderUsed { slot, sent, at } => {
                self.reminders.slots = self.reminders.slots.max(slot + 1);
                if *sent {
                    self.reminders.sent += 1;
                    self.reminders.last_at = Some(*at);
                }
            }
            ControlFact::DeadlineHandled { key, .. } => {
                // It has looked at all that is delivered by now.
                if *key == JobKey::DeadlineAct {
                    self.jobs_over.insert(self.next_look());
                }
                self.jobs_over.insert(key.clone());
            }
            ControlFact::JobSkipped { key, .. } => {
                self.jobs_over.insert(key.clone());
            }
            ControlFact::Paused => self.control.paused = true,
            ControlFact::Resumed => self.control.paused = false,
            ControlFact::JobCancelled { key } => {
                self.stopped.insert(key.clone());
            }
            ControlFact::JobRestored { key } => {
                self.stopped.remove(key);
            }
        }
    }
}
