//! The states of an intent and what leads from one to another. Every pair that is not listed is refused.

use chrono::{DateTime, Utc};

use super::{Doubt, Fact, IntentState, Operation, Sent};
use crate::history::HistoryRow;

/// The state that follows, or `None` when the fact cannot follow the state. Allowed pairs only.
pub(super) fn next(state: &IntentState, fact: &Fact, operation: &Operation) -> Option<IntentState> {
    use IntentState as S;
    Some(match (state, fact) {
        (S::Planned | S::Written(_), Fact::AttemptWritten { attempt, at, .. }) => {
            S::Written(Sent {
                attempt: *attempt,
                at: *at,
            })
        }
        (S::Written(_), Fact::AttemptSending { attempt, at, .. }) => S::Sending(Sent {
            attempt: *attempt,
            at: *at,
        }),
        (S::Written(_) | S::Sending(_), Fact::AttemptUnsent { .. }) => S::Planned,
        // Without the provider's id a submit has nothing to hold on to: its link is what makes it done.
        (S::Sending(sent), Fact::AttemptAccepted { reference, .. })
            if *operation != Operation::Submit =>
        {
            accepted(*sent, reference.as_ref(), operation)
        }
        (S::Sending(_), Fact::AttemptRejected { key, .. }) => S::Rejected { key: key.clone() },
        (S::Sending(sent), Fact::AttemptUnknown { reason, .. }) => {
            S::Unknown(Doubt::new(*sent, reason))
        }
        (S::Accepted { sent, .. }, Fact::AttemptUnknown { reason, .. }) => {
            S::Unknown(Doubt::new(*sent, reason))
        }
        // Also before another attempt: an effect taken for absent may still show itself.
        (
            S::Planned | S::Written(_) | S::Sending(_) | S::Unknown(_) | S::Desk(_),
            Fact::LinkCreated { .. },
        ) if *operation == Operation::Submit => S::Done { reference: None },
        // One that was given up, and had its effect all the same: the reservation there is in the books from now on.
        (S::Rejected { .. } | S::Withdrawn { .. }, Fact::LinkCreated { .. })
            if *operation == Operation::Submit =>
        {
            state.clone()
        }
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
        (S::Unknown(doubt), Fact::TraceMissing { clean, at, .. }) => {
            S::Unknown(missed(doubt, *clean, *at))
        }
        (S::Desk(doubt), Fact::TraceMissing { clean, at, .. }) => {
            S::Desk(missed(doubt, *clean, *at))
        }
        (
            S::Planned
            | S::Written(_)
            | S::Sending(_)
            | S::Accepted { .. }
            | S::Unknown(_)
            | S::Desk(_),
            Fact::IntentConfirmed { reference, .. },
        ) => S::Done {
            reference: reference.clone(),
        },
        (S::Unknown(_) | S::Desk(_), Fact::IntentAbsent { .. }) => S::Planned,
        (S::Unknown(_), Fact::IntentPressed { .. }) => S::Planned,
        (S::Accepted { .. }, Fact::HistoryRead { .. }) => state.clone(),
        (S::Unknown(doubt), Fact::HistoryRead { row, at, .. }) => {
            S::Unknown(searched(doubt, row, *at))
        }
        (S::Desk(doubt), Fact::HistoryRead { row, at, .. }) => S::Desk(searched(doubt, row, *at)),
        // Of a row in details, whatever has become of the intent.
        (_, Fact::MarkerEchoed { .. }) => state.clone(),
        (S::Unknown(doubt) | S::Desk(doubt), Fact::IntentToDesk { .. }) => S::Desk(doubt.clone()),
        (
            S::Planned | S::Written(_) | S::Unknown(_) | S::Desk(_),
            Fact::IntentWithdrawn { reason, .. },
        ) => S::Withdrawn {
            reason: reason.clone(),
        },
        (S::Rejected { .. } | S::Withdrawn { .. }, Fact::LateEffect { .. }) => state.clone(),
        _ => return None,
    })
}

/// An accepted refund is pending, an accepted cancel shows in the status, and an accepted capture or charge without a reference cannot be told
/// apart from another one: details have to show both. All else is done.
fn accepted(sent: Sent, reference: Option<&String>, operation: &Operation) -> IntentState {
    let to_be_shown = match operation {
        // An answer out of a cache looks the same as the provider's, and the payer's money would stay held.
        Operation::Refund { .. } | Operation::Cancel { .. } => true,
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

fn searched(doubt: &Doubt, row: &Option<HistoryRow>, at: DateTime<Utc>) -> Doubt {
    match row {
        Some(row) => Doubt {
            history_row: Some(row.clone()),
            history_read_at: Some(at),
            ..doubt.clone()
        },
        // A row that could have been this one's has turned out to be another's.
        None => Doubt {
            history_row: None,
            history_read_at: Some(at),
            history_silent_at: Some(at),
            ..doubt.clone()
        },
    }
}
