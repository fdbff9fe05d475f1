//! Which submit may have made a second reservation at the provider, and when the history is searched for it.

use chrono::{DateTime, TimeDelta, Utc};

use crate::reservation::{Intent, IntentState, Operation, Reservation};

/// How long a late effect of a request in doubt is watched for after it was sent.
pub(crate) const WATCH: TimeDelta = TimeDelta::days(14);
/// How long a late effect of a charge in doubt is watched for.
pub(crate) const WATCH_CHARGE: TimeDelta = TimeDelta::days(90);
/// How often details or the history are read while a late effect is watched for.
pub(crate) const WATCH_EVERY: TimeDelta = TimeDelta::days(1);

/// A search that could not look at everything goes on after this long.
const GOES_ON: TimeDelta = TimeDelta::minutes(1);

/// The submit of which the history is searched for another reservation than the one on record, and when: daily while
/// one of its requests may still have an effect that no read has shown, and at once when a callback has named one.
#[must_use]
pub(crate) fn duplicate_search_due(r: &Reservation) -> Option<(&Intent, DateTime<Utc>)> {
    let resolved = |intent: &&Intent| match &intent.progress {
        IntentState::Planned { .. }
        | IntentState::Rejected { .. }
        | IntentState::Withdrawn { .. } => intent.was_sent(),
        IntentState::Done { .. } => true,
        _ => false,
    };
    let submit = r
        .intents
        .iter()
        .find(|intent| intent.operation == Operation::Submit)
        .filter(resolved)?;
    let (provider, search) = (&r.provider, &r.provider.duplicate_search);
    let named =
        provider.suggested_uuid.is_some() && provider.suggested_uuid != provider.reservation_uuid;
    if named {
        return Some((submit, submit.created_at));
    }
    let done = matches!(submit.progress, IntentState::Done { .. });
    let last_unknown_at = submit
        .last_unknown_at
        .filter(|_| !done || submit.attempts() > 1)?;
    let until = last_unknown_at + WATCH;
    let last = search.at.unwrap_or(last_unknown_at);
    match &search.up_to {
        Some(_) => Some((submit, last + GOES_ON)),
        None => (last < until).then(|| (submit, until.min(last + WATCH_EVERY))),
    }
}
