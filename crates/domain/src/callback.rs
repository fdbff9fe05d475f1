//! What a genuine callback means: at most one read of details. Nothing is booked from it.

use chrono::{DateTime, Utc};

use crate::reference::ProviderReservationId;
use crate::reservation::{
    Fact, Intent, IntentFact, IntentState, Operation, ProviderFact, Reservation,
};

/// The most characters of a callback's status word that are kept.
const MAX_EVENT_TYPE: usize = 40;

/// The fact that a callback with the provider's id of a reservation and its status word tells; `None` when it is no
/// news, so that a flood coalesces. Asked under the lock: the answer to the submit may have come a moment ago.
#[must_use]
pub fn fact_of_callback(
    r: &Reservation,
    order_uuid: &ProviderReservationId,
    status: &str,
    now: DateTime<Utc>,
) -> Option<Fact> {
    if r.provider.reservation_uuid.as_ref() != Some(order_uuid) {
        // Another id than the known one names a reservation that our submit may have made too.
        return suggestion(r, order_uuid);
    }
    let event_type: String = status.chars().take(MAX_EVENT_TYPE).collect();
    // What was said already, since the last request and while a read is wanted, is no news.
    let sent = r
        .open_intents()
        .filter_map(Intent::sent)
        .map(|sent| sent.at)
        .max();
    let last = r
        .provider
        .last_callback
        .as_ref()
        .filter(|last| sent.is_none_or(|sent| last.at >= sent));
    let said = r.provider.refresh_requested.is_some()
        && last.is_some_and(|last| last.event_type == event_type);
    (!said).then_some(Fact::Provider(ProviderFact::CallbackReceived {
        event_type,
        at: now,
    }))
}

/// The submit is looked for at an id that was not named before; and, while it is about to be sent again, also at one
/// that was.
fn suggestion(r: &Reservation, order_uuid: &ProviderReservationId) -> Option<Fact> {
    let submit = r
        .intents
        .iter()
        .find(|intent| intent.operation == Operation::Submit)?;
    let to_be_sent = matches!(
        submit.progress,
        IntentState::Planned { .. } | IntentState::Written { .. }
    );
    let again = submit.was_sent() && to_be_sent;
    let news = r.provider.suggested_uuid.as_ref() != Some(order_uuid);
    let suggested = IntentFact::ProviderIdSuggested {
        uuid: order_uuid.clone(),
    };
    (news || again).then(|| submit.fact(suggested))
}
