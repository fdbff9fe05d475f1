//! What a payment link's job does now, and what an answer or a search means for the link. Pure.

use chrono::{DateTime, SubsecRound as _, TimeDelta, Utc};

use super::event::LinkEvent;
use super::search::{Found, Wish, sorted};
use super::state::{Attempt, LinkState, Order};
use crate::outcome::{Outcome, RefusedBy};
use crate::{Entropy, Merchant};

/// How long a payer has, at least.
const PAYABLE_FOR: TimeDelta = TimeDelta::days(7);
/// The due second is drawn from so many, because the order is recognised by it.
const DUE_SECONDS: u64 = 3_600;

/// What a person reads who has to decide about a payment link: how it came to that, and what each decision risks.
pub const NEEDS_REVIEW: &str = "the outcome is unknown: the request for the link was sent, and neither its answer nor \
    any later read shows its effect; retry sends it again and may make a second link, which the payer could pay as \
    well; confirm names the order that the provider's portal shows; reject gives the link up";

/// What a payment link's job does now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Sends the request: writes the attempt first, and decides anew before it is released.
    Send,
    /// Records this, and decides anew.
    Record(LinkEvent),
    /// Waits; the outcome is unknown and the next search comes then.
    Wait {
        /// Until then.
        until: DateTime<Utc>,
    },
    /// Searches for the order that this attempt may have made.
    Search(Attempt),
    /// Nothing until a person has decided.
    Review,
    /// The link is made.
    Made(Order),
    /// The provider refused, with this message.
    Rejected(String),
    /// It is no longer wanted, for this reason.
    Withdrawn(String),
}

/// What a payment link's job does now.
#[must_use]
pub fn decide(state: &LinkState, merchant: &Merchant, now: DateTime<Utc>) -> Step {
    match state {
        LinkState::Planned { .. } | LinkState::Written { .. } => Step::Send,
        // Whoever sent it is gone: a worker that is alive holds the job.
        LinkState::Sending { attempt } => Step::Record(LinkEvent::OutcomeUnknown {
            number: attempt.number,
            reason: "the worker ended before the answer was recorded".to_owned(),
        }),
        LinkState::Unknown {
            attempt,
            searches,
            searched_at,
            ..
        } => {
            let due = merchant
                .resolution
                .next_read(attempt.at, *searches, *searched_at);
            if now < due {
                Step::Wait { until: due }
            } else {
                Step::Search(attempt.clone())
            }
        }
        LinkState::NeedsReview { .. } => Step::Review,
        LinkState::Made { order, .. } => Step::Made(order.clone()),
        LinkState::Rejected { key, .. } => Step::Rejected(key.clone()),
        LinkState::Withdrawn { reason, .. } => Step::Withdrawn(reason.clone()),
    }
}

/// Until when the order of an attempt that is written now can be paid: a week, and a second that is drawn.
#[must_use]
pub fn due_date(now: DateTime<Utc>, entropy: &dyn Entropy) -> DateTime<Utc> {
    let drawn = i64::try_from(entropy.up_to(DUE_SECONDS - 1)).unwrap_or(0);
    now.trunc_subsecs(0) + PAYABLE_FOR + TimeDelta::seconds(drawn)
}

/// What the answer to an attempt's request means. `order` is what the provider made, if it accepted.
#[must_use]
pub fn answered(number: u32, outcome: &Outcome, order: Option<Order>) -> LinkEvent {
    match (outcome, order) {
        (Outcome::Accepted { .. }, Some(order)) => LinkEvent::AttemptAccepted { number, order },
        // Without the provider's id there is nothing to hold on to, however friendly the answer.
        (Outcome::Accepted { .. }, None) => LinkEvent::OutcomeUnknown {
            number,
            reason: "accepted without the order's id".to_owned(),
        },
        (Outcome::Unsent { reason }, _) => LinkEvent::AttemptUnsent {
            number,
            reason: reason.clone(),
        },
        // Refused before any business logic: once the cause is mended the same attempt may go out.
        (
            Outcome::Rejected {
                by: by @ (RefusedBy::Auth | RefusedBy::Throttled),
                ..
            },
            _,
        ) => LinkEvent::AttemptUnsent {
            number,
            reason: by.as_str().to_owned(),
        },
        (Outcome::Rejected { key, .. }, _) => LinkEvent::AttemptRejected {
            number,
            key: key.clone(),
        },
        (Outcome::Unknown { reason }, _) => LinkEvent::OutcomeUnknown {
            number,
            reason: reason.clone(),
        },
    }
}

/// What a search means for a link whose outcome is unknown. A search says nothing else.
///
/// That nothing is found proves nothing, however often: the provider documents no history of orders. After so many
/// searches, or so long, that any other effect would count as absent, a person decides.
#[must_use]
pub fn after_search(
    state: &LinkState,
    wish: &Wish,
    found: &Found,
    merchant: &Merchant,
    now: DateTime<Utc>,
) -> Option<LinkEvent> {
    let LinkState::Unknown {
        attempt, searches, ..
    } = state
    else {
        return None;
    };
    let (proven, possible) = sorted(wish, attempt, found);
    let ids = |orders: &[Order]| {
        orders
            .iter()
            .map(|order| order.id.clone())
            .collect::<Vec<_>>()
    };
    Some(match proven.as_slice() {
        [order] => LinkEvent::OrderFound {
            order: order.clone(),
        },
        [] if !is_late(attempt, merchant, now)
            && (searches.saturating_add(1) < merchant.resolution.absent_reads
                || !found.is_whole) =>
        {
            LinkEvent::NothingFound { at: now }
        }
        several => LinkEvent::ReviewRaised {
            candidates: [ids(several), possible].concat(),
        },
    })
}

/// Is it so long since the attempt that any other effect would count as absent? Somebody waits for the link.
fn is_late(attempt: &Attempt, merchant: &Merchant, now: DateTime<Utc>) -> bool {
    now >= attempt.at + merchant.resolution.absent_after.submit.delta()
}

/// What it means that a search could not be carried out: nothing at first, and in the end that a person decides.
#[must_use]
pub fn after_silence(
    state: &LinkState,
    merchant: &Merchant,
    now: DateTime<Utc>,
) -> Option<LinkEvent> {
    match state {
        LinkState::Unknown { attempt, .. } if is_late(attempt, merchant, now) => {
            Some(LinkEvent::ReviewRaised {
                candidates: Vec::new(),
            })
        }
        LinkState::Unknown { .. }
        | LinkState::Planned { .. }
        | LinkState::Written { .. }
        | LinkState::Sending { .. }
        | LinkState::NeedsReview { .. }
        | LinkState::Made { .. }
        | LinkState::Rejected { .. }
        | LinkState::Withdrawn { .. } => None,
    }
}
