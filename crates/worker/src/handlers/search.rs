//! Looks in the merchant's history for the trace of a request whose outcome nobody knows.

#[cfg(test)]
mod tests;

use chrono::{DateTime, Utc};
use domain::observe::{self, verdict};
use domain::reservation::{DeskReason, Intent, IntentState, Operation};
use domain::witness::{HistoryRow, Witnesses, history_window};
use domain::{Fact, IntentId, Merchant, Reservation};
use store::StoreError;

use super::{Unread, read};
use crate::app::{App, MerchantHandle};
use crate::provider;

/// How many candidates one search for a lost submit reads: each costs a request.
const MAX_CANDIDATES: usize = 5;
/// How the ids of reservations begin; those of captures and charges begin otherwise.
const OF_A_RESERVATION: &str = "RES";

/// What a search found.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// The reservations that a submit may have made.
    Submitted {
        /// Those at the provider that carry our reference.
        ours: Vec<String>,
        /// Was every reservation looked at that may be ours? Only then does silence prove anything.
        whole: bool,
    },
    /// What happened since the request was sent, as far as it is no other reservation's.
    Rows(Vec<HistoryRow>),
}

/// Searches for the trace of this intent's request. One request is counted by the caller, and those for the
/// candidates of a submit here.
pub(crate) async fn look(
    app: &App,
    handle: &MerchantHandle,
    r: &Reservation,
    intent: &IntentId,
) -> Result<Found, Unread> {
    let known = r.intent(intent).ok_or_else(|| Unread::nothing("its intent is gone"))?;
    if known.operation != Operation::Submit {
        let rows = history(app, handle, r, known).await?;
        return Ok(Found::Rows(nobody_elses(app, r, rows).await?));
    }
    // A callback has named the reservation, so that the history is not needed; unless the name leads nowhere.
    if let Some(uuid) = &r.provider.hinted_uuid {
        if is_ours(handle, r, uuid).await? {
            return Ok(Found::Submitted { ours: vec![uuid.clone()], whole: true });
        }
        count_request(app, handle).await?;
    }
    let rows = history(app, handle, r, known).await?;
    submitted(app, handle, r, known, unclaimed(app, r, &rows).await?).await
}

/// The history around a request, in our words.
async fn history(
    app: &App,
    handle: &MerchantHandle,
    r: &Reservation,
    intent: &Intent,
) -> Result<Vec<HistoryRow>, Unread> {
    let (from, to) = history_window(intent, &handle.merchant, app.clock.now());
    let rows = read(handle.client.history(from, to).await)?;
    Ok(rows.iter().map(|row| provider::history_row(row, r, &handle.merchant)).collect())
}

/// Leaves out what happened to other reservations: to one that the row names, or in whose ledger its capture or charge
/// stands.
async fn nobody_elses(
    app: &App,
    r: &Reservation,
    rows: Vec<HistoryRow>,
) -> Result<Vec<HistoryRow>, StoreError> {
    let mut left = Vec::new();
    for row in rows {
        let others = match row.uuid.as_deref() {
            None => false,
            Some(uuid) if uuid.starts_with(OF_A_RESERVATION) => {
                r.provider.reservation_uuid.as_deref() != Some(uuid)
            }
            Some(uuid) => {
                let owner = app.store.reference_owner(&r.merchant, uuid).await?;
                owner.is_some_and(|owner| owner != r.id)
            }
        };
        if !others {
            left.push(row);
        }
    }
    Ok(left)
}

/// The reservations in the history that nobody has claimed yet.
async fn unclaimed(app: &App, r: &Reservation, rows: &[HistoryRow]) -> Result<Vec<String>, StoreError> {
    let uuids = rows.iter().filter_map(|row| row.uuid.as_deref());
    let mut uuids: Vec<&str> = uuids.filter(|uuid| uuid.starts_with(OF_A_RESERVATION)).collect();
    uuids.sort_unstable();
    uuids.dedup();
    let mut unclaimed = Vec::new();
    for uuid in uuids {
        if app.store.reservation_by_uuid(&r.merchant, uuid).await?.is_none() {
            unclaimed.push(uuid.to_owned());
        }
    }
    Ok(unclaimed)
}

/// Reads the candidates for the reservation that a submit has made.
async fn submitted(
    app: &App,
    handle: &MerchantHandle,
    r: &Reservation,
    intent: &Intent,
    mut candidates: Vec<String>,
) -> Result<Found, Unread> {
    let whole = candidates.len() <= MAX_CANDIDATES;
    if !whole {
        // Each search looks at others, so that one that others' reservations crowd out is found all the same.
        let searches = usize::try_from(searches(intent)).unwrap_or(0);
        let middle = searches.wrapping_mul(MAX_CANDIDATES) % candidates.len();
        candidates.rotate_left(middle);
        candidates.truncate(MAX_CANDIDATES);
    }
    let mut ours = Vec::new();
    for uuid in candidates {
        count_request(app, handle).await?;
        if is_ours(handle, r, &uuid).await? {
            ours.push(uuid);
        }
    }
    Ok(Found::Submitted { ours, whole })
}

/// Does a reservation at the provider carry our reference? What cannot be read may.
async fn is_ours(handle: &MerchantHandle, r: &Reservation, uuid: &str) -> Result<bool, Unread> {
    match read(handle.client.details(uuid).await) {
        Ok(details) => Ok(details.reference_number.as_deref() == Some(r.reference.as_str())
            && details.grand_total.is_none_or(|total| total == r.total())),
        Err(Unread::NotFound) => Ok(false),
        Err(unread) => Err(unread),
    }
}

/// Counts one more request of the merchant's budget.
async fn count_request(app: &App, handle: &MerchantHandle) -> Result<(), Unread> {
    let mut tx = app.store.begin().await?;
    let taken = tx.take_request(&handle.merchant.id, handle.rate_limit_per_minute).await?;
    taken.map_err(|_| Unread::nothing("the budget has no request for the next candidate"))?;
    Ok(tx.commit().await?)
}

/// How often an intent's outcome has been looked for.
const fn searches(intent: &Intent) -> u32 {
    match &intent.progress {
        IntentState::Unknown(doubt) => doubt.reads,
        _ => 0,
    }
}

/// What a search means for the reservation.
pub(crate) fn facts(
    r: &Reservation,
    intent: &IntentId,
    found: &Found,
    witnesses: &Witnesses,
    merchant: &Merchant,
    now: DateTime<Utc>,
) -> Vec<Fact> {
    let Some(known) = r.intent(intent).filter(|intent| intent.is_unresolved()) else { return Vec::new() };
    match found {
        Found::Submitted { ours, whole } => of_submit(r, known, ours, *whole, witnesses, merchant, now),
        Found::Rows(rows) => observe::search(r, intent, rows, witnesses, merchant, now),
    }
}

/// What a search for a lost submit means: found, still missing, absent, or for a person when there are several.
fn of_submit(
    r: &Reservation,
    intent: &Intent,
    ours: &[String],
    whole: bool,
    witnesses: &Witnesses,
    merchant: &Merchant,
    now: DateTime<Utc>,
) -> Vec<Fact> {
    let id = || intent.id.clone();
    let missing = |clean| Fact::TraceMissing { intent: id(), clean, at: now };
    match ours {
        [uuid] => vec![
            // The answer that held the link is lost; a resend delivers it.
            Fact::LinkCreated {
                intent: id(),
                reservation_uuid: uuid.clone(),
                customer_uuid: None,
                url: None,
                at: now,
            },
            Fact::ReadWanted,
        ],
        [] => {
            let verdict = verdict(r, intent, whole, witnesses, merchant, now);
            [missing(whole)].into_iter().chain(verdict).collect()
        }
        _ => {
            let reason = DeskReason::OutcomeUnknown;
            vec![missing(false), Fact::IntentToDesk { intent: id(), reason, at: now }]
        }
    }
}
