//! What a genuine callback means: at most one read of details. Nothing is booked from it.

use chrono::{DateTime, Utc};

use crate::reservation::{Fact, Intent, Reservation};

/// The longest word of a callback that is kept, in characters.
const MAX_WORD: usize = 40;

/// The fact that a callback with the provider's id of a reservation and its status word tells; `None` when it is no
/// news. Asked under the lock: the answer to the submit may have come a moment ago.
#[must_use]
pub fn fact_of_callback(
    r: &Reservation,
    order_uuid: &str,
    status: &str,
    now: DateTime<Utc>,
) -> Option<Fact> {
    let suggested = || Fact::UuidHinted {
        uuid: order_uuid.to_owned(),
    };
    match r.provider.reservation_uuid.as_deref() {
        None => return Some(suggested()),
        // Another one that our submit may have made: read at once, and while that is wanted, the same is no news.
        Some(known) if known != order_uuid => {
            let news = r.provider.hinted_uuid.as_deref() != Some(order_uuid);
            return news.then(suggested);
        }
        Some(_) => {}
    }
    let word: String = status.chars().take(MAX_WORD).collect();
    // A flood coalesces: what was said already, since the last request and while a read is wanted, is no news.
    let sent = r
        .open_intents()
        .filter_map(Intent::sent)
        .map(|sent| sent.at)
        .max();
    let last = r
        .provider
        .called_back
        .as_ref()
        .filter(|last| sent.is_none_or(|sent| last.at >= sent));
    let said = r.provider.read_wanted.is_some() && last.is_some_and(|last| last.word == word);
    (!said).then_some(Fact::CalledBack { word, at: now })
}
