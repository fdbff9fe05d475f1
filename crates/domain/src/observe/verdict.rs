//! What the absence of a trace settles: sent again, pressed by a deadline, or a person's.

use chrono::{DateTime, TimeDelta, Utc};

use super::refunds::is_half_refunded;
use crate::decide::has_proven_guard;
use crate::merchant::Merchant;
use crate::reservation::{Doubt, Fact, Intent, IntentState, Operation, Reservation};
use crate::schedule::{hinted, send_by};
use crate::witness::Witnesses;

/// A provider that failed within this time may show too little.
const CALM: TimeDelta = TimeDelta::minutes(15);
/// What could not be settled so long after it should have been is a person's.
const UNSETTLED: TimeDelta = TimeDelta::hours(24);

/// What the absence of a trace, this look included, settles about an intent; `None` while it settles nothing.
#[must_use]
pub fn verdict(
    r: &Reservation,
    intent: &Intent,
    clean: bool,
    witnesses: &Witnesses,
    merchant: &Merchant,
    now: DateTime<Utc>,
) -> Option<Fact> {
    let horizon = merchant.settle.absent_after.of(&intent.operation);
    match &intent.progress {
        IntentState::Unknown(doubt) => {
            let clean_reads = if clean { doubt.clean_reads + 1 } else { 0 };
            Look {
                r,
                intent,
                doubt,
                clean_reads,
                horizon,
                witnesses,
                merchant,
                now,
            }
            .verdict()
        }
        // What was accepted and does not show in time is in doubt after all.
        IntentState::Accepted { sent, .. } => {
            let reason = "accepted, but not shown since".to_owned();
            let overdue = now >= sent.at + horizon;
            overdue.then(|| Fact::AttemptUnknown {
                intent: intent.id.clone(),
                reason,
            })
        }
        _ => None,
    }
}

/// How often an operation is sent at most, each time after its absence was proven. A charge, and a refund that could
/// go through twice, are sent again by nobody but a person.
const fn most_attempts(operation: &Operation, guarded: bool) -> u32 {
    match operation {
        Operation::Capture { .. }
        | Operation::Cancel { .. }
        | Operation::Complete { .. }
        | Operation::Submit => 3,
        Operation::Refund { .. } if guarded => 2,
        Operation::Refund { .. } | Operation::Charge { .. } | Operation::Resend { .. } => 1,
    }
}

/// An unresolved intent after a look that showed no trace of its effect.
struct Look<'a> {
    r: &'a Reservation,
    intent: &'a Intent,
    doubt: &'a Doubt,
    /// Coherent looks without a trace, this one included.
    clean_reads: u32,
    /// How long silence has to last.
    horizon: TimeDelta,
    witnesses: &'a Witnesses,
    merchant: &'a Merchant,
    now: DateTime<Utc>,
}

impl Look<'_> {
    fn verdict(&self) -> Option<Fact> {
        let (operation, intent) = (&self.intent.operation, self.intent.id.clone());
        let guarded = has_proven_guard(self.r, operation, self.merchant);
        let by = send_by(self.r, operation, self.merchant);
        let harmless = guarded || operation.amount() <= self.merchant.settle.weak_limit;
        let may_send = self.now < by && self.intent.attempts < most_attempts(operation, guarded);
        let absent = self.is_absent();
        let asked = match operation {
            Operation::Resend { .. } => return None,
            Operation::Charge { .. } => self.is_silent_for(self.horizon),
            _ if absent && (guarded || self.is_proven_otherwise()) => {
                if may_send && harmless {
                    return Some(Fact::IntentAbsent {
                        intent,
                        at: self.now,
                    });
                }
                true
            }
            // Details stay silent, and something else does not. A row of the history may still turn out another's.
            _ if self.has_other_sign() && self.is_silent_enough() => {
                !self.may_be_anothers() || self.is_silent_for(self.unproven_after())
            }
            // Nothing can prove it before its time is over: one that the provider refuses a second time goes out.
            _ if self.earliest_proof() >= by && guarded && may_send => {
                if self.clean_reads > 0 && !self.has_other_sign() {
                    return Some(Fact::IntentPressed {
                        intent,
                        at: self.now,
                    });
                }
                false
            }
            _ if self.earliest_proof() >= by => true,
            // Only the proof is missing that the view is not frozen, and may be for ever.
            Operation::Capture { .. } => absent && self.is_silent_for(self.unproven_after()),
            Operation::Refund { .. } => {
                is_half_refunded(self.r, self.intent) && self.is_silent_for(self.horizon)
            }
            Operation::Submit | Operation::Cancel { .. } | Operation::Complete { .. } => false,
        };
        let asked = asked || self.is_silent_for(self.horizon + UNSETTLED);
        asked.then(|| Fact::IntentToDesk {
            intent,
            reason: operation.doubt_reason(),
            at: self.now,
        })
    }

    fn is_silent_for(&self, span: TimeDelta) -> bool {
        self.now >= self.doubt.sent.at + span
    }

    const fn unproven_after(&self) -> TimeDelta {
        self.merchant.settle.unproven_after.delta()
    }

    /// Do callbacks or the history speak for an effect that details do not show?
    fn has_other_sign(&self) -> bool {
        self.doubt.history_row.is_some() || hinted(self.r, self.intent)
    }

    /// Is all that speaks for the effect a row of the history that does not carry our marker?
    fn may_be_anothers(&self) -> bool {
        let marked = |note: &String| crate::marker::is_in(note, &self.intent.marker);
        let row = self.doubt.history_row.as_ref();
        self.intent.operation.has_marker()
            && row.is_some_and(|row| !row.note.as_ref().is_some_and(marked))
            && !hinted(self.r, self.intent)
    }

    /// Have details been silent often and long enough?
    fn is_silent_enough(&self) -> bool {
        self.clean_reads >= self.merchant.settle.absent_reads && self.is_silent_for(self.horizon)
    }

    /// The standard of absence, but for the proof that the view is not frozen.
    fn is_absent(&self) -> bool {
        let over = self.doubt.sent.at + self.horizon;
        // The search for a submit is a read of the history.
        let history = self.intent.operation == Operation::Submit
            || self.doubt.history_silent_at.is_some_and(|at| at >= over);
        let calm = self
            .witnesses
            .faulted_at
            .is_none_or(|at| self.now >= at + CALM);
        self.is_silent_enough() && !self.has_other_sign() && history && calm
    }

    /// Has the merchant's view shown something newer, or is a mistake one that moves no money by itself?
    fn is_proven_otherwise(&self) -> bool {
        let shown = self
            .witnesses
            .shown_until
            .is_some_and(|at| at > self.doubt.sent.at);
        let link_only = self.intent.operation == Operation::Submit;
        shown || (link_only && self.is_silent_for(self.unproven_after()))
    }

    /// The earliest of the looks to come after which absence can be proven.
    fn earliest_proof(&self) -> DateTime<Utc> {
        let (settle, sent_at) = (&self.merchant.settle, self.doubt.sent.at);
        let (mut taken, mut clean, mut last) = (self.doubt.reads + 1, self.clean_reads, self.now);
        loop {
            last = settle.next_read(sent_at, taken, Some(last));
            (taken, clean) = (taken + 1, clean + 1);
            if clean >= settle.absent_reads && last >= sent_at + self.horizon {
                return last;
            }
        }
    }
}
