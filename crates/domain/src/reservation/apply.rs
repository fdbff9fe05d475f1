//! Folding facts into the reservation. Every pair of state and fact that is not listed is refused by name.

use chrono::{DateTime, Utc};

use super::{
    Closing, Closure, DeskItem, DeskReason, Doubt, Fact, Hold, Intent, IntentState, LedgerRow, Link,
    Operation, Reservation, RowKind, Sent,
};
use crate::id::IntentId;
use crate::money::Money;

/// A fact that cannot follow what is known.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the fact \"{fact}\" cannot follow the state \"{state}\"")]
pub struct IllegalFact {
    /// The fact's name.
    pub fact: &'static str,
    /// The state it met.
    pub state: String,
}

impl Reservation {
    /// Folds one fact in.
    ///
    /// # Errors
    /// The fact cannot follow the state; the reservation is unchanged.
    pub fn apply(&mut self, fact: &Fact) -> Result<(), IllegalFact> {
        let illegal = |state: &dyn std::fmt::Display| IllegalFact {
            fact: fact.name(),
            state: state.to_string(),
        };
        match fact {
            Fact::Created => {}
            Fact::IntentPlanned { intent } => {
                if self.intent(&intent.id).is_some() {
                    return Err(illegal(&"already planned"));
                }
                self.intents.push(intent.clone());
            }
            Fact::AttemptWritten { intent, .. }
            | Fact::AttemptSending { intent, .. }
            | Fact::AttemptUnsent { intent, .. }
            | Fact::AttemptAccepted { intent, .. }
            | Fact::AttemptRejected { intent, .. }
            | Fact::AttemptUnknown { intent, .. }
            | Fact::TraceMissing { intent, .. }
            | Fact::IntentConfirmed { intent, .. }
            | Fact::IntentAbsent { intent, .. }
            | Fact::IntentToDesk { intent, .. }
            | Fact::IntentWithdrawn { intent, .. }
            | Fact::LinkCreated { intent, .. }
            | Fact::LateEffect { intent, .. } => self.apply_to_intent(intent, fact)?,
            Fact::DetailsRead { .. } | Fact::ReadWanted | Fact::LinesSeen { .. } => self.apply_read(fact),
            Fact::UuidHinted { uuid } => self.provider.hinted_uuid = Some(uuid.clone()),
            Fact::Held { at, amount } => match self.hold {
                Hold::None | Hold::Reserved { .. } => {
                    self.hold = Hold::Reserved {
                        at: *at,
                        amount: *amount,
                    }
                }
                Hold::Expired { .. } => return Err(illegal(&"hold expired")),
            },
            Fact::HoldExpired { .. } => match self.hold {
                Hold::Reserved { at, amount } => self.hold = Hold::Expired { at, amount },
                Hold::None | Hold::Expired { .. } => return Err(illegal(&"nothing held")),
            },
            Fact::LinkExpired { at } => self.link = Link::Expired { at: *at },
            Fact::CaptureClosed { at } => self.provider.capture_closed_at = Some(*at),
            Fact::ForeignRow { row } => self.book(row.clone()),
            Fact::RowConfirmed { reference } => {
                for row in self
                    .ledger
                    .iter_mut()
                    .filter(|row| row.reference.as_deref() == Some(reference))
                {
                    row.confirmed = true;
                }
            }
            Fact::RefundSeen { reference, refunded } => self.see_refund(reference, *refunded),
            Fact::Delivered {
                event_id,
                at,
                lines,
                complete,
            } => {
                let delivery = &mut self.delivery;
                delivery.events.insert(event_id.clone());
                for part in lines {
                    *delivery.lines.entry(part.line).or_default() += part.amount;
                }
                delivery.last_at = Some(delivery.last_at.map_or(*at, |last| last.max(*at)));
                self.delivery.complete = *complete || self.is_all_delivered();
            }
            Fact::Closed { how, at, .. } => {
                self.closure = match how {
                    Closing::Completed => Closure::Completed { at: *at },
                    Closing::Cancelled => Closure::Cancelled { at: *at },
                };
            }
            Fact::ReminderUsed { slot, sent, at } => {
                self.reminders.slots = self.reminders.slots.max(slot + 1);
                if *sent {
                    self.reminders.sent += 1;
                    self.reminders.last_at = Some(*at);
                }
            }
            Fact::GuardActed { key, .. } => {
                self.guards_done.insert(key.clone());
            }
            Fact::DeskRaised { reason, freezes, at } => self.raise(*reason, *freezes, *at),
            Fact::DeskCleared { reason } => self.control.desk.retain(|item| item.reason != *reason),
            Fact::Paused => self.control.paused = true,
            Fact::Resumed => self.control.paused = false,
            Fact::JobStopped { key } => {
                self.stopped.insert(key.clone());
            }
            Fact::JobResumed { key } => {
                self.stopped.remove(key);
            }
        }
        self.version += 1;
        Ok(())
    }

    /// Folds several facts in, in order.
    ///
    /// # Errors
    /// The first that cannot follow; those before it have been folded in.
    pub fn apply_all<'a>(&mut self, facts: impl IntoIterator<Item = &'a Fact>) -> Result<(), IllegalFact> {
        facts.into_iter().try_for_each(|fact| self.apply(fact))
    }

    fn is_all_delivered(&self) -> bool {
        self.lines
            .iter()
            .all(|line| self.delivered_on(line.line) == line.amount)
    }

    fn apply_read(&mut self, fact: &Fact) {
        match fact {
            Fact::ReadWanted => self.provider.read_wanted = true,
            Fact::DetailsRead { at, status, coherent } => {
                self.provider.reads += 1;
                self.provider.status.clone_from(status);
                self.provider.tried_at = Some(*at);
                if *coherent {
                    self.provider.read_at = Some(*at);
                    self.provider.read_wanted = false;
                    self.control.incoherent_reads = 0;
                } else {
                    self.control.incoherent_reads += 1;
                }
            }
            Fact::LinesSeen { lines, extra } => {
                for seen in lines {
                    if let Some(line) = self.lines.iter_mut().find(|line| line.line == seen.line) {
                        line.provider_id = Some(seen.provider_id);
                        line.captured_seen = seen.captured;
                    }
                }
                self.provider.extra_products.clone_from(extra);
            }
            _ => {}
        }
    }

    fn see_refund(&mut self, reference: &str, refunded: Money) {
        let mine =
            |row: &LedgerRow| row.kind != RowKind::Refund && row.reference.as_deref() == Some(reference);
        if let Some(row) = self.ledger.iter_mut().find(|row| mine(row)) {
            row.refunded_seen = refunded;
        }
    }

    fn raise(&mut self, reason: DeskReason, freezes: bool, at: DateTime<Utc>) {
        match self.control.desk.iter_mut().find(|item| item.reason == reason) {
            Some(item) => item.freezes |= freezes,
            None => self.control.desk.push(DeskItem { reason, at, freezes }),
        }
    }

    /// Adds a row unless one of the same kind and reference stands there already (a refund's reference names
    /// the row it gives back from, so refunds may share one).
    fn book(&mut self, row: LedgerRow) {
        let known = row.kind != RowKind::Refund && row.reference.is_some();
        if known
            && self
                .ledger
                .iter()
                .any(|other| other.kind == row.kind && other.reference == row.reference)
        {
            return;
        }
        self.ledger.push(row);
    }

    fn apply_to_intent(&mut self, id: &IntentId, fact: &Fact) -> Result<(), IllegalFact> {
        let index = self.intents.iter().position(|intent| intent.id == *id);
        let Some(index) = index else {
            return Err(IllegalFact {
                fact: fact.name(),
                state: "no such intent".to_owned(),
            });
        };
        let before = &self.intents[index];
        let Some(progress) = next(&before.progress, fact, &before.operation) else {
            return Err(IllegalFact {
                fact: fact.name(),
                state: before.progress.name().to_owned(),
            });
        };
        let attempts = match fact {
            Fact::AttemptWritten { attempt, .. } => *attempt,
            Fact::AttemptUnsent { .. } => before.attempts.saturating_sub(1),
            _ => before.attempts,
        };
        let was = before.clone();
        self.intents[index].progress = progress;
        self.intents[index].attempts = attempts;
        self.effects(&was, fact);
        Ok(())
    }

    /// What a fact about an intent means for the rest of the reservation.
    fn effects(&mut self, intent: &Intent, fact: &Fact) {
        match fact {
            Fact::AttemptAccepted { reference, at, .. } => self.accepted(intent, reference.as_ref(), *at),
            Fact::IntentConfirmed {
                reference,
                amount,
                at,
                ..
            } => {
                if let Some(row) = row_of(intent, reference.as_ref(), *amount, *at, true) {
                    self.book(row);
                }
                self.close_by(&intent.operation, *at);
            }
            Fact::LinkCreated {
                reservation_uuid,
                customer_uuid,
                url,
                at,
                ..
            } => {
                self.provider.reservation_uuid = Some(reservation_uuid.clone());
                self.provider.customer_uuid.clone_from(customer_uuid);
                self.link = Link::Sent {
                    url: url.clone(),
                    at: *at,
                };
            }
            Fact::AttemptRejected { key, .. } if intent.operation == Operation::Submit => {
                self.link = Link::Failed { reason: key.clone() };
            }
            Fact::IntentWithdrawn { reason, .. } if intent.operation == Operation::Submit => {
                self.link = Link::Failed {
                    reason: reason.clone(),
                };
            }
            Fact::IntentToDesk { reason, at, .. } => self.raise(*reason, false, *at),
            Fact::LateEffect { row, .. } => {
                self.book(row.clone());
                self.raise(DeskReason::LateEffect, true, row.at);
            }
            _ => {}
        }
    }

    fn accepted(&mut self, intent: &Intent, reference: Option<&String>, at: DateTime<Utc>) {
        // Refunds are accepted as pending, and a row without a reference could not be told apart from
        // another one: both are booked when details show them.
        let known = !matches!(intent.operation, Operation::Refund { .. }) && reference.is_some();
        let amount = intent.operation.amount();
        if let Some(row) = row_of(intent, reference, amount, at, false).filter(|_| known) {
            self.book(row);
        }
        self.close_by(&intent.operation, at);
        if let Operation::Resend { slot, .. } = &intent.operation {
            self.reminders.last_at = Some(at);
            if let Some(slot) = slot {
                self.reminders.slots = self.reminders.slots.max(slot + 1);
                self.reminders.sent += 1;
            }
        }
    }

    fn close_by(&mut self, operation: &Operation, at: DateTime<Utc>) {
        match operation {
            Operation::Cancel { .. } => self.closure = Closure::Cancelled { at },
            Operation::Complete { .. } => self.closure = Closure::Completed { at },
            _ => {}
        }
    }
}

/// The ledger row an intent's effect makes.
fn row_of(
    intent: &Intent,
    reference: Option<&String>,
    amount: Money,
    at: DateTime<Utc>,
    confirmed: bool,
) -> Option<LedgerRow> {
    let (lines, reference) = match &intent.operation {
        Operation::Capture { lines, .. } => (lines.clone(), reference.cloned()),
        Operation::Refund { lines, reference, .. } => (lines.clone(), Some(reference.clone())),
        _ => (Vec::new(), reference.cloned()),
    };
    Some(LedgerRow {
        kind: intent.operation.row_kind()?,
        amount,
        lines,
        reference,
        at,
        intent: Some(intent.id.clone()),
        foreign: false,
        confirmed,
        refunded_seen: Money::ZERO,
    })
}

/// The state that follows, or `None` when the fact cannot follow the state. Allowed pairs only.
fn next(state: &IntentState, fact: &Fact, operation: &Operation) -> Option<IntentState> {
    use IntentState as S;
    let doubt = |sent: Sent, reason: &str| Doubt {
        sent,
        reason: reason.to_owned(),
        reads: 0,
        clean_reads: 0,
        last_read_at: None,
    };
    Some(match (state, fact) {
        (S::Planned | S::Written(_), Fact::AttemptWritten { attempt, at, .. }) => S::Written(Sent {
            attempt: *attempt,
            at: *at,
        }),
        (S::Written(_), Fact::AttemptSending { attempt, at, .. }) => S::Sending(Sent {
            attempt: *attempt,
            at: *at,
        }),
        (S::Written(_) | S::Sending(_), Fact::AttemptUnsent { .. }) => S::Planned,
        (S::Sending(sent), Fact::AttemptAccepted { reference, .. }) => {
            accepted(*sent, reference.as_ref(), operation)
        }
        (S::Sending(_), Fact::AttemptRejected { key, .. }) => S::Rejected { key: key.clone() },
        (S::Sending(sent), Fact::AttemptUnknown { reason, .. }) => S::Unknown(doubt(*sent, reason)),
        (S::Accepted { sent, .. }, Fact::AttemptUnknown { reason, .. }) => S::Unknown(doubt(*sent, reason)),
        (S::Sending(_) | S::Unknown(_) | S::Desk(_), Fact::LinkCreated { .. }) => S::Done { reference: None },
        (
            S::Accepted {
                sent,
                reference,
                reads,
            },
            Fact::TraceMissing { .. },
        ) => S::Accepted {
            sent: *sent,
            reference: reference.clone(),
            reads: reads + 1,
        },
        (S::Unknown(doubt), Fact::TraceMissing { clean, at, .. }) => S::Unknown(missed(doubt, *clean, *at)),
        (S::Desk(doubt), Fact::TraceMissing { clean, at, .. }) => S::Desk(missed(doubt, *clean, *at)),
        // Also before another attempt: an effect taken for absent may still show itself.
        (
            S::Planned | S::Written(_) | S::Sending(_) | S::Accepted { .. } | S::Unknown(_) | S::Desk(_),
            Fact::IntentConfirmed { reference, .. },
        ) => S::Done {
            reference: reference.clone(),
        },
        (S::Unknown(_) | S::Desk(_), Fact::IntentAbsent { .. }) => S::Planned,
        (S::Unknown(doubt) | S::Desk(doubt), Fact::IntentToDesk { .. }) => S::Desk(doubt.clone()),
        (S::Planned | S::Written(_) | S::Unknown(_) | S::Desk(_), Fact::IntentWithdrawn { reason, .. }) => {
            S::Withdrawn {
                reason: reason.clone(),
            }
        }
        (S::Rejected { .. } | S::Withdrawn { .. }, Fact::LateEffect { .. }) => state.clone(),
        _ => return None,
    })
}

/// An accepted refund is pending, and an accepted capture or charge without a reference cannot be told
/// apart from another one: details have to show both. All else is done.
fn accepted(sent: Sent, reference: Option<&String>, operation: &Operation) -> IntentState {
    let to_be_shown = match operation {
        Operation::Refund { .. } => true,
        Operation::Capture { .. } | Operation::Charge { .. } => reference.is_none(),
        _ => false,
    };
    if to_be_shown {
        IntentState::Accepted {
            sent,
            reference: reference.cloned(),
            reads: 0,
        }
    } else {
        IntentState::Done {
            reference: reference.cloned(),
        }
    }
}

fn missed(doubt: &Doubt, clean: bool, at: DateTime<Utc>) -> Doubt {
    Doubt {
        reads: doubt.reads + 1,
        clean_reads: if clean { doubt.clean_reads + 1 } else { 0 },
        last_read_at: Some(at),
        ..doubt.clone()
    }
}
