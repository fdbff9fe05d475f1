//! Looks in the merchant's history for the trace of a request whose outcome is unknown.

#[cfg(test)]
mod tests;

use chrono::{DateTime, Utc};
use domain::history::HistoryRow;
use domain::observe::{self, SeenStatus, Submitted, duplicates, submitted};
use domain::reservation::{Intent, IntentState, Operation, SeenReservation};
use domain::resolve::{Evidence, duplicates_window, history_window};
use domain::{Case, Fact, IntentId, ProviderReservationId, Reservation};
use store::StoreError;

use crate::app::{App, MerchantHandle};
use crate::jobs::call::{ReadError, read};
use crate::provider;

/// How many candidates one search for a lost submit or payment link reads: each costs a request.
pub(super) const MAX_CANDIDATES: usize = 5;
/// How the ids of reservations begin; those of captures and charges begin otherwise.
const OF_A_RESERVATION: &str = "RES";

/// What a search found.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::jobs) enum Found {
    /// The reservations that a submit in doubt has made.
    Submitted(Submitted),
    /// Those that a resolved submit has made.
    Duplicates(Submitted),
    /// What happened since the request was sent, as far as it is no other reservation's.
    Rows(Vec<HistoryRow>),
}

/// Searches for the trace of this intent's request. One request is counted by the caller, and those for the
/// candidates of a submit here.
pub(in crate::jobs) async fn look(
    app: &App,
    handle: &MerchantHandle,
    r: &Reservation,
    intent: &IntentId,
) -> Result<Found, ReadError> {
    let known = r
        .intent(intent)
        .ok_or_else(|| ReadError::nothing("its intent is gone"))?;
    let now = app.clock.now();
    if known.operation != Operation::Submit {
        let rows = history(handle, r, history_window(known, &handle.merchant, now)).await?;
        return Ok(Found::Rows(nobody_elses(app, r, rows).await?));
    }
    if !known.is_unresolved() {
        return again(app, handle, r, known).await.map(Found::Duplicates);
    }
    // A callback has named the reservation, so that the history is not needed; unless the name leads nowhere.
    let mut missed = false;
    if let Some(uuid) = &r.provider.suggested_uuid {
        match details(app, handle, r, uuid).await? {
            Read::Ours(seen) => {
                return Ok(Found::Submitted(Submitted {
                    ours: vec![seen],
                    ..Submitted::default()
                }));
            }
            Read::Others => {}
            Read::NotYet => missed = true,
        }
        count_request(app, handle).await?;
    }
    let rows = history(handle, r, history_window(known, &handle.merchant, now)).await?;
    let mut candidates = unclaimed(app, r, &rows).await?;
    // Each search looks at others, so that one that others' reservations crowd out is found all the same.
    if candidates.len() > MAX_CANDIDATES {
        let searches = usize::try_from(searches(known)).unwrap_or(0);
        let middle = searches.wrapping_mul(MAX_CANDIDATES) % candidates.len();
        candidates.rotate_left(middle);
    }
    let mut found = candidates_read(app, handle, r, candidates).await?;
    found.missed |= missed;
    Ok(Found::Submitted(found))
}

/// Looks for reservations that a resolved submit has made besides the one in the books: in the history, from where the
/// last search came to, and at the one that a callback has named.
async fn again(
    app: &App,
    handle: &MerchantHandle,
    r: &Reservation,
    submit: &Intent,
) -> Result<Submitted, ReadError> {
    let window = duplicates_window(Case::new(r, &handle.merchant, app.clock.now()), submit);
    let rows = history(handle, r, window).await?;
    let mut candidates = unclaimed(app, r, &rows).await?;
    candidates.retain(|uuid| {
        r.provider
            .duplicate_search
            .up_to
            .as_ref()
            .is_none_or(|up_to| uuid > up_to)
    });
    let mut found = candidates_read(app, handle, r, candidates).await?;
    if let Some(named) = &r.provider.suggested_uuid
        && r.provider.reservation_uuid.as_ref() != Some(named)
        && found
            .ours
            .iter()
            .all(|seen| seen.reservation_uuid != *named)
    {
        look_at(app, handle, r, named, &mut found).await?;
    }
    Ok(found)
}

/// The history between two times, in our words.
async fn history(
    handle: &MerchantHandle,
    r: &Reservation,
    (from, to): (DateTime<Utc>, DateTime<Utc>),
) -> Result<Vec<HistoryRow>, ReadError> {
    let rows = read(handle.client.history(from, to).await)?;
    Ok(rows
        .iter()
        .map(|row| provider::history_row(row, r, &handle.merchant))
        .collect())
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
                let own = r.provider.reservation_uuid.as_ref();
                own.is_none_or(|own| *own != uuid)
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
async fn unclaimed(
    app: &App,
    r: &Reservation,
    rows: &[HistoryRow],
) -> Result<Vec<ProviderReservationId>, StoreError> {
    let uuids = rows.iter().filter_map(|row| row.uuid.as_deref());
    let mut uuids: Vec<ProviderReservationId> = uuids
        .filter(|uuid| uuid.starts_with(OF_A_RESERVATION))
        .filter_map(|uuid| uuid.parse().ok())
        .collect();
    uuids.sort_unstable();
    uuids.dedup();
    let mut unclaimed = Vec::new();
    for uuid in uuids {
        if app
            .store
            .reservation_by_uuid(&r.merchant, &uuid)
            .await?
            .is_none()
        {
            unclaimed.push(uuid);
        }
    }
    Ok(unclaimed)
}

/// Reads the first of the candidates for a reservation that a submit has made.
async fn candidates_read(
    app: &App,
    handle: &MerchantHandle,
    r: &Reservation,
    mut candidates: Vec<ProviderReservationId>,
) -> Result<Submitted, ReadError> {
    let whole = candidates.len() <= MAX_CANDIDATES;
    candidates.truncate(MAX_CANDIDATES);
    let mut found = Submitted {
        up_to: candidates.last().cloned().filter(|_| !whole),
        ..Submitted::default()
    };
    for uuid in candidates {
        look_at(app, handle, r, &uuid, &mut found).await?;
    }
    Ok(found)
}

/// Reads one more reservation, and notes what it is.
async fn look_at(
    app: &App,
    handle: &MerchantHandle,
    r: &Reservation,
    uuid: &ProviderReservationId,
    found: &mut Submitted,
) -> Result<(), ReadError> {
    count_request(app, handle).await?;
    match details(app, handle, r, uuid).await? {
        Read::Ours(seen) => found.ours.push(seen),
        Read::Others => {}
        Read::NotYet => found.missed = true,
    }
    Ok(())
}

/// What details show of a reservation that may be ours.
enum Read {
    /// It carries our reference.
    Ours(SeenReservation),
    /// It does not.
    Others,
    /// They do not know it, or not yet.
    NotYet,
}

/// Does a reservation at the provider carry our reference, for our amount?
async fn details(
    app: &App,
    handle: &MerchantHandle,
    r: &Reservation,
    uuid: &ProviderReservationId,
) -> Result<Read, ReadError> {
    let details = match read(handle.client.details(uuid.as_str()).await) {
        Ok(details) => details,
        Err(ReadError::NotFound) => return Ok(Read::NotYet),
        Err(error) => return Err(error),
    };
    let ours = details.reference_number.as_deref() == Some(r.reference.as_str())
        && details.grand_total.is_none_or(|total| total == r.total());
    let snapshot = provider::snapshot(&details, &handle.merchant);
    let seen = SeenReservation {
        reservation_uuid: uuid.clone(),
        over: matches!(
            snapshot.status,
            SeenStatus::Cancelled | SeenStatus::Completed | SeenStatus::Expired
        ),
        status: snapshot.word,
        reserved: snapshot.reserved,
        at: app.clock.now(),
    };
    Ok(if ours { Read::Ours(seen) } else { Read::Others })
}

/// Counts one more request of the merchant's budget.
pub(super) async fn count_request(app: &App, handle: &MerchantHandle) -> Result<(), ReadError> {
    let mut tx = app.store.begin().await?;
    let taken = tx
        .take_request(&handle.merchant.id, handle.rate_limit_per_minute)
        .await?;
    taken.map_err(|_| ReadError::nothing("the budget has no request for the next candidate"))?;
    Ok(tx.commit().await?)
}

/// How often an intent's outcome has been looked for.
const fn searches(intent: &Intent) -> u32 {
    match &intent.progress {
        IntentState::Unknown(unknown) => unknown.reads,
        _ => 0,
    }
}

/// What a search means for the reservation.
pub(in crate::jobs) fn facts(
    case: Case<'_>,
    intent: &IntentId,
    found: &Found,
    evidence: &Evidence,
) -> Vec<Fact> {
    let r = case.reservation;
    let Some(known) = r.intent(intent) else {
        return Vec::new();
    };
    match found {
        Found::Duplicates(found) => duplicates(r, known, found, case.now),
        _ if !known.is_unresolved() => Vec::new(),
        Found::Submitted(found) => submitted(case, known, found, evidence),
        Found::Rows(rows) => observe::search(case, intent, rows, evidence),
    }
}
