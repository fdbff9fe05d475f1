//! `refresh`: reads the reservation's details.

use api_client::{Answer, Outcome as Answered, RejectionClass};
use chrono::TimeDelta;
use domain::Reservation;
use domain::observe::Snapshot;
use domain::outcome::RefusedBy;

use crate::app::MerchantHandle;
use crate::provider;

/// What a read of details brought.
pub(crate) enum Read {
    /// The details.
    Seen(Box<Snapshot>),
    /// The provider does not know the reservation.
    NotFound,
    /// The credentials or the rate stopped it.
    Refused(RefusedBy, Option<TimeDelta>),
    /// Nothing to learn from: unreachable, broken, or not to be read.
    Nothing,
}

pub(crate) async fn read(handle: &MerchantHandle, r: &Reservation) -> Read {
    let Some(uuid) = r.provider.reservation_uuid.as_deref() else { return Read::Nothing };
    let Answer { outcome, .. } = handle.client.details(uuid).await;
    match outcome {
        Answered::Accepted(details) => Read::Seen(Box::new(provider::snapshot(&details, &handle.merchant))),
        Answered::Rejected(rejection) => match rejection.class {
            RejectionClass::NotFound => Read::NotFound,
            class @ (RejectionClass::Auth | RejectionClass::Throttled { .. }) => {
                Read::Refused(provider::refused_by(&class), provider::retry_after(&class))
            }
            class => {
                tracing::warn!(reservation = %r.id, ?class, key = rejection.key, "a read was refused");
                Read::Nothing
            }
        },
        Answered::Unsent(fault) => {
            tracing::warn!(reservation = %r.id, reason = %fault, "a read could not be sent");
            Read::Nothing
        }
        Answered::Unknown(doubt) => {
            tracing::warn!(reservation = %r.id, reason = doubt.reason.as_str(), "a read told nothing");
            Read::Nothing
        }
    }
}
