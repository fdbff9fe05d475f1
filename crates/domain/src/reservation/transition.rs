//! The states of an intent, and which fact leads from one to another. Every pair that is not listed is refused.

use chrono::{DateTime, Utc};

use super::{
    EventType, Hold, Intent, IntentFact, IntentState, Operation, Sent, StateName, UnknownOutcome,
};
use crate::history::HistoryRow;
use crate::reference::ProviderReference;

/// A fact that cannot follow what is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{fact} cannot follow {state}")]
pub struct IllegalTransition {
    /// What the fact met.
    pub state: Met,
    /// The fact, by the type of its event.
    pub fact: EventType,
}

/// What a fact met that it cannot follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Met {
    /// The reservation has no intent with this id.
    NoIntent,
    /// The reservation has an intent with this id already.
    AnIntent,
    /// An intent in this state.
    Intent(StateName),
    /// The hold as it stands.
    Hold(Hold),
}

impl std::fmt::Display for Met {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NoIntent => f.write_str("an intent that was never planned"),
            Self::AnIntent => f.write_str("an intent that is planned already"),
            Self::Intent(state) => write!(f, "the intent's state {state}"),
            Self::Hold(Hold::None) => f.write_str("a reservation without a hold"),
            Self::Hold(Hold::Reserved { .. }) => f.write_str("a hold that stands"),
            Self::Hold(Hold::Expired { .. }) => f.write_str("a hold that has lapsed"),
        }
    }
}

/// The state of an intent after `fact`.
///
/// # Errors
/// The fact cannot follow the state.
pub(super) fn next(intent: &Intent, fact: &IntentFact) -> Result<IntentState, IllegalTransition> {
    use IntentFact as F;
    let (state, operation) = (&intent.progress, &intent.operation);
    let next = match fact {
        F::AttemptWritten { .. }
        | F::AttemptSent { .. }
        | F::AttemptUnsent { .. }
        | F::AttemptAccepted { .. }
        | F::AttemptRejected { .. }
        | F::OutcomeUnknown { .. } => after_attempt(state, fact, operation),
        F::LinkCreated { .. } | F::ProviderIdSuggested { .. } => after_submit(intent, fact),
        F::EffectNotSeen { .. } | F::HistoryRead { .. } | F::MarkerChecked { .. } => {
            after_look(state, fact)
        }
        F::Confirmed { .. }
        | F::EffectRuledOut { .. }
        | F::RetryForced { .. }
        | F::Escalated { .. }
        | F::Withdrawn { .. }
        | F::LateEffectSeen { .. } => after_conclusion(state, fact),
    };
    next.ok_or(IllegalTransition {
        state: Met::Intent(state.kind()),
        fact: fact.event_type(),
    })
}

/// What the sending of a request, and its answer, lead to.
fn after_attempt(
    state: &IntentState,
    fact: &IntentFact,
    operation: &Operation,
) -> Option<IntentState> {
    use {IntentFact as F, IntentState as S};
    Some(match (state, fact) {
        (
            S::Planned { in_doubt, .. } | S::Written { in_doubt, .. },
            F::AttemptWritten { attempt, at },
        ) => S::Written {
            sent: Sent {
                attempt: *attempt,
                at: *at,
            },
            in_doubt: *in_doubt,
        },
        (S::Written { in_doubt, .. }, F::AttemptSent { attempt, at }) => S::Sending {
            sent: Sent {
                attempt: *attempt,
                at: *at,
            },
            in_doubt: *in_doubt,
        },
        (
            S::Written { sent, in_doubt } | S::Sending { sent, in_doubt },
            F::AttemptUnsent { .. },
        ) => S::Planned {
            attempts: sent.attempt.saturating_sub(1),
            in_doubt: *in_doubt,
        },
        // Without the provider's id a submit has nothing to hold on to: its link is what makes it done.
        (S::Sending { sent, .. }, F::AttemptAccepted { reference, .. })
            if *operation != Operation::Submit =>
        {
            accepted(*sent, reference.as_ref(), operation)
        }
        (S::Sending { sent, .. }, F::AttemptRejected { key }) => S::Rejected {
            attempts: sent.attempt,
            key: key.clone(),
        },
        // The request that another one was to follow at once: that one is not sent after all.
        (
            S::Planned {
                in_doubt: Some(sent),
                ..
            }
            | S::Written {
                in_doubt: Some(sent),
                ..
            }
            | S::Sending { sent, .. }
            | S::Accepted { sent, .. },
            F::OutcomeUnknown { reason },
        ) => S::Unknown(UnknownOutcome::new(*sent, reason)),
        _ => return None,
    })
}

/// An accepted refund is pending, an accepted cancel shows in the status, and an accepted capture or charge without a
/// reference cannot be distinguished from another one: details have to show all three. The rest is done.
fn accepted(
    sent: Sent,
    reference: Option<&ProviderReference>,
    operation: &Operation,
) -> IntentState {
    let has_to_show = match operation {
        // An answer out of a cache looks the same as the provider's, and the payer's money would stay held.
        Operation::Refund { .. } | Operation::Cancel { .. } => true,
        Operation::Capture { .. } | Operation::Charge { .. } => reference.is_none(),
        Operation::Submit | Operation::Complete { .. } | Operation::Resend { .. } => false,
    };
    let reference = reference.cloned();
    if has_to_show {
        IntentState::Accepted {
            sent,
            reference,
            reads: 0,
        }
    } else {
        IntentState::Done {
            attempts: sent.attempt,
            reference,
        }
    }
}

/// What leads a submit on whose reservation was found at the provider, or named.
fn after_submit(intent: &Intent, fact: &IntentFact) -> Option<IntentState> {
    use {IntentFact as F, IntentState as S};
    if intent.operation != Operation::Submit {
        return None;
    }
    let state = &intent.progress;
    Some(match (state, fact) {
        // Also before another attempt: an effect taken for absent may still show itself.
        (
            S::Planned { .. }
            | S::Written { .. }
            | S::Sending { .. }
            | S::Unknown(_)
            | S::NeedsReview(_),
            F::LinkCreated { .. },
        ) => S::Done {
            attempts: state.attempts(),
            reference: None,
        },
        // One that was given up, and had its effect all the same: the reservation there is known from now on.
        (S::Rejected { .. } | S::Withdrawn { .. }, F::LinkCreated { .. }) => state.clone(),
        // It is looked for anew, at the id that was named first.
        (S::Unknown(unknown), F::ProviderIdSuggested { .. }) => {
            S::Unknown(UnknownOutcome::new(unknown.sent, &unknown.reason))
        }
        // It was about to be sent again, and may have had its effect: it is in doubt again.
        (S::Planned { .. } | S::Written { .. }, F::ProviderIdSuggested { .. })
            if intent.was_sent() =>
        {
            let sent = Sent {
                attempt: state.attempts(),
                at: intent.created_at,
            };
            S::Unknown(UnknownOutcome::new(
                sent,
                "a callback names the reservation",
            ))
        }
        (
            S::Planned { .. }
            | S::Written { .. }
            | S::Sending { .. }
            | S::Accepted { .. }
            | S::NeedsReview(_)
            | S::Done { .. }
            | S::Rejected { .. }
            | S::Withdrawn { .. },
            F::ProviderIdSuggested { .. },
        ) => state.clone(),
        _ => return None,
    })
}

/// What a look at details or the history leads to that resolves nothing.
fn after_look(state: &IntentState, fact: &IntentFact) -> Option<IntentState> {
    use {IntentFact as F, IntentState as S};
    Some(match (state, fact) {
        (
            S::Accepted {
                sent,
                reference,
                reads,
            },
            F::EffectNotSeen { .. },
        ) => S::Accepted {
            sent: *sent,
            reference: reference.clone(),
            reads: reads + 1,
        },
        (S::Unknown(unknown), F::EffectNotSeen { clean, at }) => {
            S::Unknown(not_seen(unknown, *clean, *at))
        }
        (S::NeedsReview(unknown), F::EffectNotSeen { clean, at }) => {
            S::NeedsReview(not_seen(unknown, *clean, *at))
        }
        (S::Accepted { .. }, F::HistoryRead { .. }) => state.clone(),
        (S::Unknown(unknown), F::HistoryRead { row, at }) => {
            S::Unknown(searched(unknown, row.as_ref(), *at))
        }
        (S::NeedsReview(unknown), F::HistoryRead { row, at }) => {
            S::NeedsReview(searched(unknown, row.as_ref(), *at))
        }
        // What a row shows of the marker says nothing about the intent's outcome.
        (
            S::Planned { .. }
            | S::Written { .. }
            | S::Sending { .. }
            | S::Accepted { .. }
            | S::Unknown(_)
            | S::NeedsReview(_)
            | S::Done { .. }
            | S::Rejected { .. }
            | S::Withdrawn { .. },
            F::MarkerChecked { .. },
        ) => state.clone(),
        _ => return None,
    })
}

fn not_seen(unknown: &UnknownOutcome, clean: bool, at: DateTime<Utc>) -> UnknownOutcome {
    UnknownOutcome {
        reads: unknown.reads + 1,
        clean_reads: if clean { unknown.clean_reads + 1 } else { 0 },
        last_read_at: Some(at),
        ..unknown.clone()
    }
}

/// A row that could have been the effect's, and is not found any more, has turned out to be another's.
fn searched(
    unknown: &UnknownOutcome,
    row: Option<&HistoryRow>,
    at: DateTime<Utc>,
) -> UnknownOutcome {
    let silent_at = if row.is_none() {
        Some(at)
    } else {
        unknown.history_silent_at
    };
    UnknownOutcome {
        history_row: row.cloned(),
        history_read_at: Some(at),
        history_silent_at: silent_at,
        ..unknown.clone()
    }
}

/// What resolves an outcome, or hands it to a person.
fn after_conclusion(state: &IntentState, fact: &IntentFact) -> Option<IntentState> {
    use {IntentFact as F, IntentState as S};
    Some(match (state, fact) {
        (
            S::Planned { .. }
            | S::Written { .. }
            | S::Sending { .. }
            | S::Accepted { .. }
            | S::Unknown(_)
            | S::NeedsReview(_),
            F::Confirmed { reference, .. },
        ) => S::Done {
            attempts: state.attempts(),
            reference: reference.clone(),
        },
        (S::Unknown(unknown) | S::NeedsReview(unknown), F::EffectRuledOut { .. }) => S::Planned {
            attempts: unknown.sent.attempt,
            in_doubt: None,
        },
        (S::Unknown(unknown), F::RetryForced { .. }) => S::Planned {
            attempts: unknown.sent.attempt,
            in_doubt: Some(unknown.sent),
        },
        (S::Unknown(unknown) | S::NeedsReview(unknown), F::Escalated { .. }) => {
            S::NeedsReview(unknown.clone())
        }
        // While a request before is in doubt, what is not sent again is unknown, and not over.
        (S::Planned { in_doubt: None, .. }, F::Withdrawn { reason }) => withdrawn(state, reason),
        (
            S::Written {
                sent,
                in_doubt: None,
            },
            F::Withdrawn { reason },
        ) => S::Withdrawn {
            attempts: sent.attempt.saturating_sub(1),
            reason: reason.clone(),
        },
        (S::Unknown(_) | S::NeedsReview(_), F::Withdrawn { reason }) => withdrawn(state, reason),
        (S::Rejected { .. } | S::Withdrawn { .. }, F::LateEffectSeen { .. }) => state.clone(),
        _ => return None,
    })
}

fn withdrawn(state: &IntentState, reason: &str) -> IntentState {
    IntentState::Withdrawn {
        attempts: state.attempts(),
        reason: reason.to_owned(),
    }
}
