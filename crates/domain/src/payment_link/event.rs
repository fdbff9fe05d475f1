//! What happens to a payment link, and the state that follows: the one table of its transitions.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::state::{Attempt, LinkState, Order};
use crate::order_id::OrderId;
use crate::reservation::Decision;

/// Something that happened to a payment link. Kept in its journal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum LinkEvent {
    /// An attempt was put on record; nothing has been sent.
    AttemptWritten {
        /// That attempt.
        attempt: Attempt,
    },
    /// The attempt was released; from here on its request counts as sent.
    AttemptReleased {
        /// Its number.
        number: u32,
        /// When.
        at: DateTime<Utc>,
    },
    /// The request never left this machine, or was refused before the provider looked at what it asks for.
    AttemptUnsent {
        /// The attempt's number.
        number: u32,
        /// Why, for people.
        reason: String,
    },
    /// The provider made the order and answered so.
    AttemptAccepted {
        /// The attempt's number.
        number: u32,
        /// What it made.
        order: Order,
    },
    /// The provider refused, and made nothing.
    AttemptRejected {
        /// The attempt's number.
        number: u32,
        /// The provider's message, normalised.
        key: String,
    },
    /// No answer tells what became of the request.
    OutcomeUnknown {
        /// The attempt's number.
        number: u32,
        /// Why, for people.
        reason: String,
    },
    /// A search at the provider found no trace.
    NothingFound {
        /// When.
        at: DateTime<Utc>,
    },
    /// A search found the order that the attempt made.
    OrderFound {
        /// That order.
        order: Order,
    },
    /// The searches are at their end without proof; a person has to decide.
    ReviewRaised {
        /// Orders that may be this link's.
        candidates: Vec<OrderId>,
    },
    /// A person says that the link was made.
    Confirmed {
        /// The order, as the person read it at the provider.
        order: OrderId,
        /// Why, in the person's words.
        note: String,
    },
    /// A person says that the link was not made, and that none is wanted any more.
    Rejected {
        /// Why, in the person's words.
        note: String,
    },
    /// A person has the request sent again, knowing that there may be two links then.
    RetryForced {
        /// Why, in the person's words.
        note: String,
    },
    /// A person has a link tried again that the provider had refused.
    Retried,
    /// The link is no longer wanted; nothing of it has been sent, or nothing that made one.
    Withdrawn {
        /// Why, for people.
        reason: String,
    },
}

/// An event that cannot follow the state that a payment link is in. Nothing has been changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a payment link that is {state} cannot have {event}")]
pub struct IllegalTransition {
    /// The word of the state.
    pub state: &'static str,
    /// The word of the event.
    pub event: &'static str,
}

impl LinkEvent {
    /// The word of the event in the journal and in logs.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::AttemptWritten { .. } => "attempt_written",
            Self::AttemptReleased { .. } => "attempt_released",
            Self::AttemptUnsent { .. } => "attempt_unsent",
            Self::AttemptAccepted { .. } => "attempt_accepted",
            Self::AttemptRejected { .. } => "attempt_rejected",
            Self::OutcomeUnknown { .. } => "outcome_unknown",
            Self::NothingFound { .. } => "nothing_found",
            Self::OrderFound { .. } => "order_found",
            Self::ReviewRaised { .. } => "review_raised",
            Self::Confirmed { .. } => "confirmed",
            Self::Rejected { .. } => "rejected",
            Self::RetryForced { .. } => "retry_forced",
            Self::Retried => "retried",
            Self::Withdrawn { .. } => "withdrawn",
        }
    }
}

impl LinkEvent {
    /// What a person decided by it, with the note; `None` for everything that no person decides.
    #[must_use]
    pub fn decision(&self) -> Option<(Decision, &str)> {
        match self {
            Self::Confirmed { order, note } => {
                let reference = Some(order.clone().into());
                Some((Decision::Confirm { reference }, note))
            }
            Self::Rejected { note } => Some((Decision::Reject, note)),
            Self::RetryForced { note } => Some((Decision::Retry, note)),
            Self::AttemptWritten { .. }
            | Self::AttemptReleased { .. }
            | Self::AttemptUnsent { .. }
            | Self::AttemptAccepted { .. }
            | Self::AttemptRejected { .. }
            | Self::OutcomeUnknown { .. }
            | Self::NothingFound { .. }
            | Self::OrderFound { .. }
            | Self::ReviewRaised { .. }
            | Self::Retried
            | Self::Withdrawn { .. } => None,
        }
    }
}

impl LinkState {
    /// The state that follows an event.
    ///
    /// # Errors
    /// [`IllegalTransition`] when the event cannot follow.
    pub fn next(&self, event: &LinkEvent) -> Result<Self, IllegalTransition> {
        let next = match event {
            LinkEvent::AttemptWritten { attempt } => self.written(attempt),
            LinkEvent::AttemptReleased { number, at } => self.released(*number, *at),
            LinkEvent::AttemptUnsent { number, .. } => self.unsent(*number),
            LinkEvent::AttemptAccepted { number, order } => self.accepted(*number, order),
            LinkEvent::AttemptRejected { number, key } => self.rejected(*number, key),
            LinkEvent::OutcomeUnknown { number, reason } => self.unknown(*number, reason),
            LinkEvent::NothingFound { at } => self.searched(*at),
            LinkEvent::OrderFound { order } => self.found(order),
            LinkEvent::ReviewRaised { candidates } => self.raised(candidates),
            LinkEvent::Confirmed { order, .. } => self.decided(|attempts| Self::Made {
                attempts,
                order: Order {
                    id: order.clone(),
                    url: None,
                },
            }),
            LinkEvent::Rejected { note } => self.decided(|attempts| Self::Withdrawn {
                attempts,
                reason: note.clone(),
            }),
            LinkEvent::RetryForced { .. } => self.decided(|attempts| Self::Planned { attempts }),
            LinkEvent::Retried => self.retried(),
            LinkEvent::Withdrawn { reason } => self.withdrawn(reason),
        };
        next.ok_or(IllegalTransition {
            state: self.as_str(),
            event: event.name(),
        })
    }

    /// An attempt that was written and not sent is written anew, under its number.
    fn written(&self, new: &Attempt) -> Option<Self> {
        let next = match self {
            Self::Planned { attempts } => attempts.saturating_add(1),
            Self::Written { attempt } => attempt.number,
            Self::Sending { .. }
            | Self::Unknown { .. }
            | Self::NeedsReview { .. }
            | Self::Made { .. }
            | Self::Rejected { .. }
            | Self::Withdrawn { .. } => return None,
        };
        (new.number == next).then(|| Self::Written {
            attempt: new.clone(),
        })
    }

    fn released(&self, number: u32, at: DateTime<Utc>) -> Option<Self> {
        match self {
            Self::Written { attempt } if attempt.number == number => Some(Self::Sending {
                attempt: Attempt {
                    at,
                    ..attempt.clone()
                },
            }),
            Self::Written { .. }
            | Self::Planned { .. }
            | Self::Sending { .. }
            | Self::Unknown { .. }
            | Self::NeedsReview { .. }
            | Self::Made { .. }
            | Self::Rejected { .. }
            | Self::Withdrawn { .. } => None,
        }
    }

    /// The attempt that waits for its outcome, if it has this number.
    fn awaited(&self, number: u32) -> Option<&Attempt> {
        match self {
            // An answer that comes after its worker was taken for dead is as true as one in time.
            Self::Sending { attempt }
            | Self::Unknown { attempt, .. }
            | Self::NeedsReview { attempt, .. } => {
                Some(attempt).filter(|attempt| attempt.number == number)
            }
            Self::Planned { .. }
            | Self::Written { .. }
            | Self::Made { .. }
            | Self::Rejected { .. }
            | Self::Withdrawn { .. } => None,
        }
    }

    fn unsent(&self, number: u32) -> Option<Self> {
        self.awaited(number).map(|attempt| Self::Planned {
            attempts: attempt.number.saturating_sub(1),
        })
    }

    fn rejected(&self, number: u32, key: &str) -> Option<Self> {
        self.awaited(number).map(|attempt| Self::Rejected {
            attempts: attempt.number,
            key: key.to_owned(),
        })
    }

    fn accepted(&self, number: u32, order: &Order) -> Option<Self> {
        let made = |attempts| {
            Some(Self::Made {
                attempts,
                order: order.clone(),
            })
        };
        match self {
            Self::Sending { attempt } => (attempt.number == number).then(|| made(number))?,
            Self::Unknown { attempt, .. } | Self::NeedsReview { attempt, .. } => {
                (number <= attempt.number).then(|| made(attempt.number))?
            }
            // A person has judged an attempt as not made whose answer comes only now: nothing more is to be sent.
            Self::Planned { attempts } | Self::Withdrawn { attempts, .. } => {
                (number <= *attempts).then(|| made(*attempts))?
            }
            Self::Written { attempt } => (number < attempt.number).then(|| made(number))?,
            // The order is known from elsewhere, and the answer tells where it is paid.
            Self::Made {
                attempts,
                order: known,
            } => (known.id == order.id).then(|| made(*attempts))?,
            Self::Rejected { .. } => None,
        }
    }

    fn unknown(&self, number: u32, reason: &str) -> Option<Self> {
        match self {
            Self::Sending { attempt } if attempt.number == number => Some(Self::Unknown {
                attempt: attempt.clone(),
                reason: reason.to_owned(),
                searches: 0,
                searched_at: None,
            }),
            Self::Sending { .. }
            | Self::Planned { .. }
            | Self::Written { .. }
            | Self::Unknown { .. }
            | Self::NeedsReview { .. }
            | Self::Made { .. }
            | Self::Rejected { .. }
            | Self::Withdrawn { .. } => None,
        }
    }

    fn searched(&self, at: DateTime<Utc>) -> Option<Self> {
        match self {
            Self::Unknown {
                attempt,
                reason,
                searches,
                ..
            } => Some(Self::Unknown {
                attempt: attempt.clone(),
                reason: reason.clone(),
                searches: searches.saturating_add(1),
                searched_at: Some(at),
            }),
            Self::Planned { .. }
            | Self::Written { .. }
            | Self::Sending { .. }
            | Self::NeedsReview { .. }
            | Self::Made { .. }
            | Self::Rejected { .. }
            | Self::Withdrawn { .. } => None,
        }
    }

    fn found(&self, order: &Order) -> Option<Self> {
        match self {
            Self::Unknown { attempt, .. } => Some(Self::Made {
                attempts: attempt.number,
                order: order.clone(),
            }),
            Self::Planned { .. }
            | Self::Written { .. }
            | Self::Sending { .. }
            | Self::NeedsReview { .. }
            | Self::Made { .. }
            | Self::Rejected { .. }
            | Self::Withdrawn { .. } => None,
        }
    }

    fn raised(&self, candidates: &[OrderId]) -> Option<Self> {
        match self {
            Self::Unknown {
                attempt, reason, ..
            } => Some(Self::NeedsReview {
                attempt: attempt.clone(),
                reason: reason.clone(),
                candidates: candidates.to_vec(),
            }),
            Self::Planned { .. }
            | Self::Written { .. }
            | Self::Sending { .. }
            | Self::NeedsReview { .. }
            | Self::Made { .. }
            | Self::Rejected { .. }
            | Self::Withdrawn { .. } => None,
        }
    }

    /// What a person's decision leads to, from the only state that waits for one.
    fn decided(&self, to: impl FnOnce(u32) -> Self) -> Option<Self> {
        match self {
            Self::NeedsReview { attempt, .. } => Some(to(attempt.number)),
            Self::Planned { .. }
            | Self::Written { .. }
            | Self::Sending { .. }
            | Self::Unknown { .. }
            | Self::Made { .. }
            | Self::Rejected { .. }
            | Self::Withdrawn { .. } => None,
        }
    }

    fn retried(&self) -> Option<Self> {
        match self {
            Self::Rejected { attempts, .. } => Some(Self::Planned {
                attempts: *attempts,
            }),
            Self::Planned { .. }
            | Self::Written { .. }
            | Self::Sending { .. }
            | Self::Unknown { .. }
            | Self::NeedsReview { .. }
            | Self::Made { .. }
            | Self::Withdrawn { .. } => None,
        }
    }

    fn withdrawn(&self, reason: &str) -> Option<Self> {
        match self {
            Self::Planned { .. } | Self::Written { .. } => Some(Self::Withdrawn {
                attempts: self.attempts(),
                reason: reason.to_owned(),
            }),
            Self::Sending { .. }
            | Self::Unknown { .. }
            | Self::NeedsReview { .. }
            | Self::Made { .. }
            | Self::Rejected { .. }
            | Self::Withdrawn { .. } => None,
        }
    }
}
