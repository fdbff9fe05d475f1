//! `refresh`: reads the reservation's details.

use domain::Reservation;
use domain::observe::Snapshot;

use super::{Unread, read};
use crate::app::MerchantHandle;
use crate::provider;

pub(crate) async fn details(handle: &MerchantHandle, r: &Reservation) -> Result<Snapshot, Unread> {
    let uuid = r.provider.reservation_uuid.as_deref();
    let uuid =
        uuid.ok_or_else(|| Unread::nothing("the provider does not have the reservation yet"))?;
    let details = read(handle.client.details(uuid).await)?;
    Ok(provider::snapshot(&details, &handle.merchant))
}
