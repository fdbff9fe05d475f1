//! What the jobs of the policy do: reminders, expiry, captures of what is delivered, deadlines, completion.

use chrono::{DateTime, TimeDelta, Utc};

use super::{FOR_A_PERSON, Planner, Step, not_fresh};
use crate::calendar::next_contact_time;
use crate::case::Case;
use crate::deadlines::{capture_send_by, send_by};
use crate::job::{JobKey, WaitingFor};
use crate::late_delivery::ask_about_late;
use crate::policy::{BeforeDeadline, Channel, ContactHours, POLICY};
use crate::reservation::{
    ControlFact, Fact, LineAmount, Operation, Reservation, ReviewFact, ReviewReason,
};
use crate::schedule::{may_capture, unsent_reminder};

/// The answer to a message, or its being lost, is known so soon after it was sent.
const ANSWERED_WITHIN: TimeDelta = TimeDelta::minutes(5);

/// What a job that the schedule has, and that has decided nothing yet, does now.
pub(super) fn by_policy(case: Case<'_>, key: &JobKey, planner: &Planner<'_>) -> Step {
    let job = Acting { case, key, planner };
    match *key {
        JobKey::CaptureDelivered(_) => job.capture_delivered(),
        JobKey::CancelExpired => not_fresh(case).unwrap_or_else(|| {
            let note = "The payment link was not paid in time.".to_owned();
            Step::Record(vec![job.planned(Operation::Cancel { note })])
        }),
        JobKey::Complete => job.complete(),
        JobKey::Remind(slot) => job.remind(slot, false),
        JobKey::RemindOther(slot) => job.remind(slot, true),
        JobKey::DeadlineAct | JobKey::DeadlineActAgain(_) => {
            job.handled_with(job.act_before_deadline())
        }
        JobKey::DeadlineUncaptured(_) => job.handled_with(job.ask_about_uncaptured()),
        JobKey::DeadlineWarn(_) => job.handled_with(None),
        // These carry an intent from the start, read, or belong to no reservation.
        JobKey::Submit
        | JobKey::CaptureAtDeadline
        | JobKey::CancelAtDeadline
        | JobKey::Intent(_)
        | JobKey::RefreshNow(_)
        | JobKey::RefreshOpen(_)
        | JobKey::RefreshDuplicates
        | JobKey::Sweep
        | JobKey::PaymentLink(_) => Step::Done,
    }
}

/// When, from now on, the reminder with this key may go out: after the spacing, in the contact hours of the policy.
pub(super) fn reminder_time(case: Case<'_>, key: &JobKey) -> DateTime<Utc> {
    let r = case.reservation;
    let policy = &r.policy.reminders;
    let last = r
        .reminders
        .last_at
        .filter(|last| !is_made_good(r, key, *last));
    let spaced = last.map_or(case.now, |last| {
        case.now.max(last + policy.min_spacing.delta())
    });
    match policy.contact_hours {
        ContactHours::Any => spaced,
        ContactHours::Business => next_contact_time(case.merchant.zone, spaced),
    }
}

/// Was the last message the one that this reminder makes good, since it did not go out? It needs no distance from it.
fn is_made_good(r: &Reservation, key: &JobKey, last: DateTime<Utc>) -> bool {
    let JobKey::RemindOther(slot) = key else {
        return false;
    };
    let last_unknown_at = unsent_reminder(r, *slot).and_then(|intent| intent.last_unknown_at);
    last_unknown_at.is_some_and(|at| last <= at + ANSWERED_WITHIN)
}

/// The channels take turns, the preferred one first; what did not go out by one goes out by another.
fn channel(r: &Reservation, slot: u32, other: bool) -> Option<Channel> {
    let channels = &r.policy.reminders.channels;
    let turn = r.reminders.sent as usize % channels.len().max(1);
    let tried = unsent_reminder(r, slot)
        .filter(|_| other)
        .map(|intent| &intent.operation);
    match tried {
        Some(Operation::Resend { by, .. }) => channels
            .iter()
            .find(|channel| !by.contains(channel))
            .copied(),
        _ => channels.get(turn).copied(),
    }
}

const fn closing(at: DateTime<Utc>) -> Fact {
    Fact::Review(ReviewFact::Raised {
        reason: ReviewReason::WindowClosing,
        freezes: false,
        at,
    })
}

/// A job of the policy at work.
#[derive(Clone, Copy)]
struct Acting<'a> {
    case: Case<'a>,
    key: &'a JobKey,
    planner: &'a Planner<'a>,
}

impl Acting<'_> {
    /// The intent that this job carries on.
    fn planned(&self, operation: Operation) -> Fact {
        self.planned_as(self.key.clone(), operation)
    }

    fn planned_as(&self, key: JobKey, operation: Operation) -> Fact {
        let intent = self.planner.intent(self.case, operation, Some(key), POLICY);
        Fact::Planned(Box::new(intent))
    }

    /// This job has done its work without an intent, so that the schedule no longer wants it.
    fn acted(&self) -> Fact {
        Fact::Control(ControlFact::DeadlineHandled {
            key: self.key.clone(),
            at: self.case.now,
        })
    }

    /// One capture of what is delivered; when it is too late for that, a person hears of it once.
    fn capture_delivered(&self) -> Step {
        let Case {
            reservation: r,
            merchant,
            now,
        } = self.case;
        let operation = Operation::Capture {
            lines: r.delivered_uncaptured(),
            note: None,
        };
        if now < send_by(r, &operation, merchant) {
            return Step::Record(vec![self.planned(operation)]);
        }
        let ask = Fact::Review(ReviewFact::Raised {
            reason: ReviewReason::DeadlinePassed,
            freezes: false,
            at: now,
        });
        Step::Record(vec![self.acted(), ask])
    }

    /// The books are closed on what details have shown, not on the provider's word alone.
    fn complete(&self) -> Step {
        let Case {
            reservation: r,
            merchant,
            now,
        } = self.case;
        let unshown = r.ledger.iter().filter(|row| !row.confirmed);
        if let Some(last) = unshown.map(|row| row.at).max() {
            let horizon = last + merchant.resolution.absent_after.charge.delta();
            // Beyond the horizon only a person, or a read that finds the row after all, lets the completion go on.
            let until = if now < horizon {
                horizon
            } else {
                now + FOR_A_PERSON
            };
            let wait = Step::Wait {
                until,
                waiting_for: Some(WaitingFor::Resolution),
            };
            return not_fresh(self.case).unwrap_or(wait);
        }
        let note = "The booking is over.".to_owned();
        Step::Record(vec![self.planned(Operation::Complete { note })])
    }

    /// The reminder of this slot, or, when it did not go out, the `other` try by another channel.
    fn remind(&self, slot: u32, other: bool) -> Step {
        let (r, now) = (self.case.reservation, self.case.now);
        let at = reminder_time(self.case, self.key);
        if at >= r.payment_link_due {
            let used = Fact::Control(ControlFact::ReminderUsed {
                slot,
                sent: false,
                at: now,
            });
            return Step::Record(vec![if other { self.acted() } else { used }]);
        }
        if at > now {
            return Step::Wait {
                until: at,
                waiting_for: Some(WaitingFor::ContactHours),
            };
        }
        if let Some(read) = not_fresh(self.case) {
            return read;
        }
        let by = channel(r, slot, other).into_iter().collect();
        Step::Record(vec![self.planned(Operation::Resend {
            by,
            other_recipient: false,
            slot: Some(slot),
        })])
    }

    /// This job has done its work, which may have led to one more fact.
    fn handled_with(&self, fact: Option<Fact>) -> Step {
        Step::Record(std::iter::once(self.acted()).chain(fact).collect())
    }

    /// What is delivered and not captured can still be captured, or can no longer: a person is asked what to do.
    fn ask_about_uncaptured(&self) -> Option<Fact> {
        let Case {
            reservation: r,
            merchant,
            now,
        } = self.case;
        if may_capture(r, merchant) && now < capture_send_by(r, merchant) {
            return Some(closing(now));
        }
        ask_about_late(r, now)
    }

    fn act_before_deadline(&self) -> Option<Fact> {
        let r = self.case.reservation;
        let ask = closing(self.case.now);
        // What is decided about the hold will be sent in time; a second decision beside it would be a guess.
        let about_hold =
            |op: &Operation| matches!(op, Operation::Capture { .. } | Operation::Cancel { .. });
        if r.open_intents().any(|intent| about_hold(&intent.operation)) {
            return (!r.delivered_uncaptured().is_empty()).then_some(ask);
        }
        let capture = |lines: Vec<LineAmount>| {
            let possible = may_capture(r, self.case.merchant) && !lines.is_empty();
            possible.then(|| {
                self.planned_as(
                    JobKey::CaptureAtDeadline,
                    Operation::Capture { lines, note: None },
                )
            })
        };
        if r.open_intents()
            .any(|intent| intent.operation.is_exclusive())
        {
            return Some(ask);
        }
        Some(match r.policy.capture.before_deadline {
            BeforeDeadline::CaptureDelivered => capture(r.delivered_uncaptured()).unwrap_or(ask),
            BeforeDeadline::CaptureAll => capture(r.capturable_lines()).unwrap_or(ask),
            BeforeDeadline::Warn => ask,
            // What is delivered is not let go without a word.
            BeforeDeadline::Cancel if !r.delivered_uncaptured().is_empty() => ask,
            BeforeDeadline::Cancel if r.ledger.is_empty() => {
                let note = "The hold was released before it would have lapsed.".to_owned();
                self.planned_as(JobKey::CancelAtDeadline, Operation::Cancel { note })
            }
            BeforeDeadline::Cancel => return None,
        })
    }
}
