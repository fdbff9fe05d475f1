//! What the absence of a trace means: send again, send before absence is proven because a deadline is near, or ask a
//! person.

use chrono::{DateTime, TimeDelta, Utc};

use super::duplicate::is_duplicate_refused;
use super::evidence::{Evidence, has_suggested_id};
use super::unmarked::is_half_refunded;
use crate::case::Case;
use crate::deadlines::send_by;
use crate::merchant::Merchant;
use crate::reservation::{Fact, Intent, IntentFact, IntentState, Operation, UnknownOutcome};

/// A provider that failed within this time may show too little.
const CALM: TimeDelta = TimeDelta::minutes(15);
/// An outcome that is still unknown so long after it should have been resolved is a person's.
const UNSETTLED: TimeDelta = TimeDelta::hours(24);

/// How long no trace may be seen before an effect of this operation counts as absent. A message is looked for as long as
/// a submit, which also sends one.
pub(crate) const fn absent_after(merchant: &Merchant, operation: &Operation) -> TimeDelta {
    let after = &merchant.resolution.absent_after;
    match operation {
        Operation::Capture { .. } => after.capture,
        Operation::Cancel { .. } => after.cancel,
        Operation::Complete { .. } => after.complete,
        Operation::Submit | Operation::Resend { .. } => after.submit,
        Operation::Charge { .. } => after.charge,
        Operation::Refund { .. } => after.refund,
    }
    .delta()
}

/// What a look that showed no trace means for an intent, that look included; `None` while the outcome stays open.
///
/// `clean` says whether the look could have shown the effect: it was coherent and met no sign of it.
#[must_use]
pub fn absence_outcome(
    case: Case<'_>,
    intent: &Intent,
    clean: bool,
    evidence: &Evidence,
) -> Option<Fact> {
    let horizon = absent_after(case.merchant, &intent.operation);
    match &intent.progress {
        IntentState::Unknown(unknown) => {
            let clean_reads = if clean { unknown.clean_reads + 1 } else { 0 };
            Look {
                case,
                intent,
                unknown,
                clean_reads,
                horizon,
                evidence,
            }
            .outcome()
        }
        // What was accepted and does not show in time is in doubt after all.
        IntentState::Accepted { sent, .. } => {
            let reason = "accepted, but not shown since".to_owned();
            let overdue = case.now >= sent.at + horizon;
            overdue.then(|| Fact::Intent(intent.id.clone(), IntentFact::OutcomeUnknown { reason }))
        }
        _ => None,
    }
}

/// How often an operation is sent at most, each time after its absence was proven. A charge, and a refund that could
/// go through twice, are sent again by nobody but a person.
const fn most_attempts(operation: &Operation, refused_twice: bool) -> u32 {
    match operation {
        Operation::Capture { .. }
        | Operation::Cancel { .. }
        | Operation::Complete { .. }
        | Operation::Submit => 3,
        Operation::Refund { .. } if refused_twice => 2,
        Operation::Refund { .. } | Operation::Charge { .. } | Operation::Resend { .. } => 1,
    }
}

/// An intent of unknown outcome after a look that showed no trace of its effect.
struct Look<'a> {
    case: Case<'a>,
    intent: &'a Intent,
    unknown: &'a UnknownOutcome,
    /// Coherent looks without a trace, this one included.
    clean_reads: u32,
    /// How long silence has to last.
    horizon: TimeDelta,
    evidence: &'a Evidence,
}

impl Look<'_> {
    fn outcome(&self) -> Option<Fact> {
        let (operation, intent) = (&self.intent.operation, self.intent.id.clone());
        let refused_twice =
            is_duplicate_refused(self.case.reservation, operation, self.case.merchant);
        let by = send_by(self.case.reservation, operation, self.case.merchant);
        let harmless = refused_twice
            || operation.amount() <= self.case.merchant.resolution.unmarked_match_limit;
        let may_send =
            self.case.now < by && self.intent.attempts() < most_attempts(operation, refused_twice);
        let absent = self.is_absent();
        let asked = match operation {
            Operation::Resend { .. } => return None,
            Operation::Charge { .. } => self.is_silent_for(self.horizon),
            _ if absent && (refused_twice || self.is_proven_otherwise()) => {
                if may_send && harmless {
                    return Some(Fact::Intent(
                        intent,
                        IntentFact::EffectRuledOut { at: self.case.now },
                    ));
                }
                true
            }
            // Details stay silent, and something else does not. A row of the history may still turn out another's.
            _ if self.has_other_sign() && self.is_silent_enough() => {
                !self.may_be_anothers() || self.is_silent_for(self.stale_view_timeout())
            }
            // Nothing can prove it before its time is over: one that the provider refuses a second time goes out.
            _ if self.earliest_proof() >= by && refused_twice && may_send => {
                if self.clean_reads > 0 && !self.has_other_sign() {
                    return Some(Fact::Intent(
                        intent,
                        IntentFact::RetryForced { at: self.case.now },
                    ));
                }
                false
            }
            _ if self.earliest_proof() >= by => true,
            // Only the proof is missing that the view is not frozen, and may be for ever.
            Operation::Capture { .. } => absent && self.is_silent_for(self.stale_view_timeout()),
            Operation::Refund { .. } => {
                is_half_refunded(self.case.reservation, self.intent)
                    && self.is_silent_for(self.horizon)
            }
            Operation::Submit | Operation::Cancel { .. } | Operation::Complete { .. } => false,
        };
        let asked = asked || self.is_silent_for(self.horizon + UNSETTLED);
        asked.then(|| {
            Fact::Intent(
                intent,
                IntentFact::Escalated {
                    reason: operation.review_reason(),
                    at: self.case.now,
                },
            )
        })
    }

    fn is_silent_for(&self, span: TimeDelta) -> bool {
        self.case.now >= self.unknown.sent.at + span
    }

    const fn stale_view_timeout(&self) -> TimeDelta {
        self.case.merchant.resolution.stale_view_timeout.delta()
    }

    /// Do callbacks or the history speak for an effect that details do not show?
    fn has_other_sign(&self) -> bool {
        self.unknown.history_row.is_some() || has_suggested_id(self.case.reservation, self.intent)
    }

    /// Is all that speaks for the effect a row of the history that does not carry our marker?
    fn may_be_anothers(&self) -> bool {
        let marked = |note: &String| self.intent.marker.is_in(note);
        let row = self.unknown.history_row.as_ref();
        self.intent.operation.has_marker()
            && row.is_some_and(|row| !row.note.as_ref().is_some_and(marked))
            && !has_suggested_id(self.case.reservation, self.intent)
    }

    /// Have details been silent often and long enough?
    fn is_silent_enough(&self) -> bool {
        self.clean_reads >= self.case.merchant.resolution.absent_reads
            && self.is_silent_for(self.horizon)
    }

    /// The standard of absence, but for the proof that the view is not frozen.
    fn is_absent(&self) -> bool {
        let over = self.unknown.sent.at + self.horizon;
        // The search for a submit is a read of the history.
        let history = self.intent.operation == Operation::Submit
            || self.unknown.history_silent_at.is_some_and(|at| at >= over);
        let calm = self
            .evidence
            .faulted_at
            .is_none_or(|at| self.case.now >= at + CALM);
        self.is_silent_enough() && !self.has_other_sign() && history && calm
    }

    /// Has the merchant's view shown something newer, or is a mistake one that moves no money by itself?
    fn is_proven_otherwise(&self) -> bool {
        let shown = self
            .evidence
            .shown_until
            .is_some_and(|at| at > self.unknown.sent.at);
        let link_only = self.intent.operation == Operation::Submit;
        shown || (link_only && self.is_silent_for(self.stale_view_timeout()))
    }

    /// The earliest of the looks to come after which absence can be proven.
    fn earliest_proof(&self) -> DateTime<Utc> {
        let (resolution, sent_at) = (&self.case.merchant.resolution, self.unknown.sent.at);
        let (mut taken, mut clean, mut last) =
            (self.unknown.reads + 1, self.clean_reads, self.case.now);
        loop {
            last = resolution.next_read(sent_at, taken, Some(last));
            (taken, clean) = (taken + 1, clean + 1);
            if clean >= resolution.absent_reads && last >= sent_at + self.horizon {
                return last;
            }
        }
    }
}
