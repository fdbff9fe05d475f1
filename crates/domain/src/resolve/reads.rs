//! When details or the history are read next to find out what became of a request.

use chrono::{DateTime, TimeDelta, Utc};

use super::absence::absent_after;
use super::evidence::has_suggested_id;
use super::unmarked::{is_half_refunded, unmarked_match};
use crate::case::Case;
use crate::deadlines::send_by;
use crate::merchant::Merchant;
use crate::reservation::{Intent, IntentState, Operation, Reservation, UnknownOutcome};

/// Details that do not add up are read again after this long.
pub(crate) const AFTER_INCOHERENT: TimeDelta = TimeDelta::seconds(60);

/// Details that do not add up this many times in a row reach a person.
pub(crate) const INCOHERENT_READS: u32 = 3;

/// When details, or the history, are read next to find out what became of this intent's request; `None` unless its
/// outcome is accepted and not shown yet, or unknown.
#[must_use]
pub fn next_read(r: &Reservation, intent: &Intent, merchant: &Merchant) -> Option<DateTime<Utc>> {
    let resolution = &merchant.resolution;
    // Something is there to be read at once: the reservation that a callback has named, or the history of what details
    // show in part.
    let at_once = |reads: u32| match &intent.operation {
        Operation::Submit => has_suggested_id(r, intent) && reads == 0,
        _ => wants_corroboration(r, intent, reads),
    };
    match &intent.progress {
        IntentState::Accepted { sent, reads, .. }
        | IntentState::Unknown(UnknownOutcome { sent, reads, .. })
            if at_once(*reads) =>
        {
            Some(sent.at)
        }
        IntentState::Accepted { sent, reads, .. } => {
            Some(resolution.next_read(sent.at, *reads, r.provider.tried_at))
        }
        IntentState::Unknown(unknown) => {
            let planned =
                resolution.next_read(unknown.sent.at, unknown.reads, unknown.last_read_at);
            Some(history_due(r, intent, merchant).map_or(planned, |due| due.min(planned)))
        }
        _ => None,
    }
}

/// Is the history, rather than details, what is read next for this intent?
pub(crate) fn reads_history_next(case: Case<'_>, intent: &Intent) -> bool {
    let Case {
        reservation: r,
        merchant,
        now,
    } = case;
    let resolution = &merchant.resolution;
    match (&intent.operation, &intent.progress) {
        // Details show neither a reservation whose id is lost nor a message.
        (Operation::Submit | Operation::Resend { .. }, _) => true,
        (_, IntentState::Accepted { reads, .. }) => wants_corroboration(r, intent, *reads),
        (_, IntentState::Unknown(unknown)) if wants_corroboration(r, intent, unknown.reads) => true,
        (operation, IntentState::Unknown(unknown)) => {
            let due = history_due(r, intent, merchant).is_some_and(|due| now >= due);
            // A read of details that may be the last in time comes before the history.
            let planned =
                resolution.next_read(unknown.sent.at, unknown.reads, unknown.last_read_at);
            let next = resolution.next_read(unknown.sent.at, unknown.reads + 1, Some(now));
            due && (now < planned || next < send_by(r, operation, merchant))
        }
        _ => false,
    }
}

/// Do details show a trace of the effect that needs the history to corroborate it? A refund that one place in details
/// shows is looked for in the history on every second read, because a second place in details may show it as well.
fn wants_corroboration(r: &Reservation, intent: &Intent, reads: u32) -> bool {
    unmarked_match(r, intent).is_some() || (is_half_refunded(r, intent) && reads % 2 == 1)
}

/// From when on the history is all that lacks, but for one more read, before absence can be concluded. `None` where
/// details have to be read first, or where there is no time for both.
fn history_due(r: &Reservation, intent: &Intent, merchant: &Merchant) -> Option<DateTime<Utc>> {
    let IntentState::Unknown(unknown) = &intent.progress else {
        return None;
    };
    if matches!(
        intent.operation,
        Operation::Submit | Operation::Resend { .. }
    ) {
        return None;
    }
    let resolution = &merchant.resolution;
    let horizon = unknown.sent.at + absent_after(merchant, &intent.operation);
    let due = unknown
        .last_read_at
        .map_or(horizon, |last| horizon.max(last));
    let planned = resolution.next_read(unknown.sent.at, unknown.reads, unknown.last_read_at);
    let has_answered = match &unknown.history_row {
        // A row without our marker may be known for another reservation's by the next look.
        Some(_) => unknown.history_read_at >= unknown.last_read_at,
        None => unknown.history_silent_at.is_some_and(|at| at >= horizon),
    };
    let lacks = unknown.clean_reads + 1 >= resolution.absent_reads && !has_answered;
    (lacks && planned.max(due) < send_by(r, &intent.operation, merchant)).then_some(due)
}
