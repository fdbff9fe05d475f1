//! What the jobs of the policy do: reminders, expiry, captures of what is delivered, guards, completion.

use chrono::{DateTime, TimeDelta, Utc};

use super::{FOR_A_PERSON, POLICY, Planner, Step, not_fresh};
use crate::calendar::next_decent;
use crate::job::{JobKind, WaitingFor};
use crate::merchant::Merchant;
use crate::policy::{BeforeDeadline, Channel, Hours};
use crate::reservation::{DEADLINE_GUARD, Fact, LineAmount, Operation, Reservation, ReviewReason};
use crate::schedule::{
    OTHER_CHANNEL, UNCAPTURED_GUARD, ask_about_late, capture_send_by, may_capture, send_by,
    unsent_reminder,
};

/// The answer to a message, or its being lost, is known so soon after it was sent.
const ANSWERED_WITHIN: TimeDelta = TimeDelta::minutes(5);

/// What a job that the schedule has, and that has decided nothing yet, does now.
pub(super) fn by_policy(
    r: &Reservation,
    kind: JobKind,
    key: &str,
    merchant: &Merchant,
    planner: &Planner<'_>,
    now: DateTime<Utc>,
) -> Step {
    match kind {
        JobKind::Capture => capture_delivered(r, key, merchant, planner, now),
        JobKind::Cancel => not_fresh(r, merchant, now).unwrap_or_else(|| {
            let note = "The payment link was not paid in time.".to_owned();
            Step::Record(vec![planned(
                r,
                Operation::Cancel { note },
                Some(key),
                planner,
                now,
            )])
        }),
        JobKind::Complete => complete(r, key, merchant, planner, now),
        JobKind::Remind => remind(r, key, merchant, planner, now),
        JobKind::Guard => guard(r, key, merchant, planner, now),
        _ => Step::Done,
    }
}

fn planned(
    r: &Reservation,
    operation: Operation,
    key: Option<&str>,
    planner: &Planner<'_>,
    now: DateTime<Utc>,
) -> Fact {
    Fact::IntentPlanned {
        intent: planner.intent(r, operation, key, POLICY, now),
    }
}

/// When, from now on, the reminder with this key may go out: after the spacing, in the hours of the policy.
pub(super) fn reminder_time(
    r: &Reservation,
    key: &str,
    merchant: &Merchant,
    now: DateTime<Utc>,
) -> DateTime<Utc> {
    let policy = &r.policy.reminders;
    let last = r
        .reminders
        .last_at
        .filter(|last| !is_made_good(r, key, *last));
    let spaced = last.map_or(now, |last| now.max(last + policy.min_spacing.delta()));
    match policy.hours {
        Hours::Any => spaced,
        Hours::Decent => next_decent(merchant.zone, spaced),
    }
}

/// The slot of a reminder's key, and whether it goes out once more, by another channel.
fn slot_of(key: &str) -> Option<(u32, bool)> {
    let slot = key.strip_prefix("remind:")?;
    let other = slot.strip_suffix(OTHER_CHANNEL);
    Some((other.unwrap_or(slot).parse().ok()?, other.is_some()))
}

/// Was the last message the one that this reminder makes good, since it did not go out? It needs no distance from it.
fn is_made_good(r: &Reservation, key: &str, last: DateTime<Utc>) -> bool {
    let Some((slot, true)) = slot_of(key) else {
        return false;
    };
    let doubted_at = unsent_reminder(r, slot).and_then(|intent| intent.doubted_at);
    doubted_at.is_some_and(|at| last <= at + ANSWERED_WITHIN)
}

/// One capture of what is delivered; when it is too late for that, a person hears of it once.
fn capture_delivered(
    r: &Reservation,
    key: &str,
    merchant: &Merchant,
    planner: &Planner<'_>,
    now: DateTime<Utc>,
) -> Step {
    let operation = Operation::Capture {
        lines: r.delivered_uncaptured(),
        note: None,
    };
    if now < send_by(r, &operation, merchant) {
        return Step::Record(vec![planned(r, operation, Some(key), planner, now)]);
    }
    Step::Record(vec![
        Fact::GuardActed {
            key: key.to_owned(),
            at: now,
        },
        Fact::DeskRaised {
            reason: ReviewReason::DeadlinePassed,
            freezes: false,
            at: now,
        },
    ])
}

/// The books are closed on what details have shown, not on the provider's word alone.
fn complete(
    r: &Reservation,
    key: &str,
    merchant: &Merchant,
    planner: &Planner<'_>,
    now: DateTime<Utc>,
) -> Step {
    let unshown = r
        .ledger
        .iter()
        .filter(|row| !row.confirmed)
        .map(|row| row.at)
        .max();
    if let Some(last) = unshown {
        let horizon = last + merchant.settle.absent_after.charge.delta();
        // Beyond it nothing but a person, or a read that finds the row after all, goes on.
        let until = if now < horizon {
            horizon
        } else {
            now + FOR_A_PERSON
        };
        let wait = Step::Wait {
            until,
            waiting_for: Some(WaitingFor::Resolve),
        };
        return not_fresh(r, merchant, now).unwrap_or(wait);
    }
    let note = "All money is settled.".to_owned();
    Step::Record(vec![planned(
        r,
        Operation::Complete { note },
        Some(key),
        planner,
        now,
    )])
}

fn remind(
    r: &Reservation,
    key: &str,
    merchant: &Merchant,
    planner: &Planner<'_>,
    now: DateTime<Utc>,
) -> Step {
    let Some((slot, other)) = slot_of(key) else {
        return Step::Done;
    };
    let at = reminder_time(r, key, merchant, now);
    if at >= r.payment_link_due {
        let used = Fact::ReminderUsed {
            slot,
            sent: false,
            at: now,
        };
        return Step::Record(vec![if other {
            Fact::GuardActed {
                key: key.to_owned(),
                at: now,
            }
        } else {
            used
        }]);
    }
    if at > now {
        return Step::Wait {
            until: at,
            waiting_for: Some(WaitingFor::Hours),
        };
    }
    if let Some(read) = not_fresh(r, merchant, now) {
        return read;
    }
    let by = channel(r, slot, other).into_iter().collect();
    let operation = Operation::Resend {
        by,
        elsewhere: false,
        slot: Some(slot),
    };
    Step::Record(vec![planned(r, operation, Some(key), planner, now)])
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

fn guard(
    r: &Reservation,
    key: &str,
    merchant: &Merchant,
    planner: &Planner<'_>,
    now: DateTime<Utc>,
) -> Step {
    let mut facts = vec![Fact::GuardActed {
        key: key.to_owned(),
        at: now,
    }];
    if key.starts_with(DEADLINE_GUARD) {
        facts.extend(act_before_deadline(r, merchant, planner, now));
    }
    if key.starts_with(UNCAPTURED_GUARD) {
        facts.extend(ask_about_uncaptured(r, merchant, now));
    }
    Step::Record(facts)
}

/// It can still be captured, or can no longer.
fn ask_about_uncaptured(r: &Reservation, merchant: &Merchant, now: DateTime<Utc>) -> Option<Fact> {
    if may_capture(r, merchant) && now < capture_send_by(r, merchant) {
        return Some(closing(now));
    }
    ask_about_late(r, now)
}

const fn closing(at: DateTime<Utc>) -> Fact {
    Fact::DeskRaised {
        reason: ReviewReason::WindowClosing,
        freezes: false,
        at,
    }
}

fn act_before_deadline(
    r: &Reservation,
    merchant: &Merchant,
    planner: &Planner<'_>,
    now: DateTime<Utc>,
) -> Option<Fact> {
    let ask = closing(now);
    // What is decided about the hold will be sent in time; a second decision beside it would be a guess.
    let about_hold =
        |op: &Operation| matches!(op, Operation::Capture { .. } | Operation::Cancel { .. });
    if r.open_intents().any(|intent| about_hold(&intent.operation)) {
        return (!r.delivered_uncaptured().is_empty()).then_some(ask);
    }
    let capture = |lines: Vec<LineAmount>| {
        let possible = may_capture(r, merchant) && !lines.is_empty();
        possible.then(|| {
            planned(
                r,
                Operation::Capture { lines, note: None },
                Some("capture:guard"),
                planner,
                now,
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
            planned(
                r,
                Operation::Cancel { note },
                Some("cancel:guard"),
                planner,
                now,
            )
        }
        BeforeDeadline::Cancel => return None,
    })
}
