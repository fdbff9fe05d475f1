//! What a person decides about a payment link, and what follows for the link. Pure.

use super::event::LinkEvent;
use super::state::LinkState;
use crate::FieldError;
use crate::customer::is_text;
use crate::order_id::{OrderId, OrderIdError};
use crate::reservation::Decision;
use crate::review::{DecisionError, DecisionRequest};

/// The most characters of a note.
const MAX_NOTE: usize = 500;

/// An act on a payment link's job that its state does not allow. Nothing has been changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the payment link is {state}: {why}")]
pub struct NotAllowed {
    /// The word of that state.
    pub state: &'static str,
    /// Why it is not allowed, and what can be done instead.
    pub why: &'static str,
}

/// What a person's decision about an unknown outcome means for a link with so many events.
///
/// # Errors
/// [`DecisionError::EvidenceChanged`] when anything has happened to the link since the person read of it,
/// [`DecisionError::Field`] when the decision does not fit.
pub fn review(
    state: &LinkState,
    version: i64,
    request: &DecisionRequest,
) -> Result<LinkEvent, DecisionError> {
    let field =
        |field: &str, message: &str| Err(DecisionError::Field(FieldError::new(field, message)));
    if !matches!(state, LinkState::NeedsReview { .. }) || request.evidence_version != version {
        return Err(DecisionError::EvidenceChanged {
            given: request.evidence_version,
            current: version,
        });
    }
    let order: Option<OrderId> = match (&*request.decision, &request.reference) {
        ("confirm", Some(text)) => Some(text.parse().map_err(|error: OrderIdError| {
            DecisionError::Field(FieldError::new("reference", error.to_string()))
        })?),
        _ => None,
    };
    let decision = Decision::parse(&request.decision, request.reference.clone())
        .map_err(DecisionError::Field)?;
    if !is_text(&request.note, MAX_NOTE) {
        return field("note", "is empty or longer than 500 characters");
    }
    let note = request.note.clone();
    match decision {
        Decision::Confirm { .. } => match order {
            Some(order) => Ok(LinkEvent::Confirmed { order, note }),
            None => field(
                "reference",
                "is missing: the order's id as the provider's portal shows it",
            ),
        },
        Decision::Reject => Ok(LinkEvent::Rejected { note }),
        Decision::Retry => Ok(LinkEvent::RetryForced { note }),
        Decision::Dismiss => field(
            "decision",
            "is not \"dismiss\" while an outcome is unknown: it is confirmed, rejected or retried",
        ),
    }
}

/// What has to be recorded before a person has a link's job run again; `None` when the state says by itself what the
/// run does.
///
/// # Errors
/// [`NotAllowed`] when nothing would be sent: a person who means "send it again" has to say so by a
/// decision, because that may make a second link.
pub fn rerun(state: &LinkState) -> Result<Option<LinkEvent>, NotAllowed> {
    let refused = |why| {
        Err(NotAllowed {
            state: state.as_str(),
            why,
        })
    };
    match state {
        LinkState::Planned { .. } | LinkState::Written { .. } => Ok(None),
        // It is looked for, and not sent.
        LinkState::Sending { .. } | LinkState::Unknown { .. } => Ok(None),
        LinkState::Rejected { .. } => Ok(Some(LinkEvent::Retried)),
        LinkState::NeedsReview { .. } => refused(
            "whether it was made is unknown; decide its review: retry sends it again and may make a second link",
        ),
        LinkState::Made { .. } => refused("there is nothing left to send"),
        LinkState::Withdrawn { .. } => refused("it is not wanted any more; ask for a new one"),
    }
}

/// What has to be recorded when a person withdraws a link's job.
///
/// # Errors
/// [`NotAllowed`] when its request may have had its effect.
pub fn withdraw(state: &LinkState, reason: &str) -> Result<Option<LinkEvent>, NotAllowed> {
    match state {
        LinkState::Planned { .. } | LinkState::Written { .. } => Ok(Some(LinkEvent::Withdrawn {
            reason: reason.to_owned(),
        })),
        LinkState::Sending { .. } | LinkState::Unknown { .. } | LinkState::NeedsReview { .. } => {
            Err(NotAllowed {
                state: state.as_str(),
                why: "its request may have had its effect; that is decided, not cancelled",
            })
        }
        LinkState::Made { .. } | LinkState::Rejected { .. } | LinkState::Withdrawn { .. } => {
            Ok(None)
        }
    }
}
