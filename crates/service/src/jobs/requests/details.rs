//! `details`: reads the reservation's details.

use domain::Reservation;
use domain::observe::Snapshot;

use crate::app::MerchantHandle;
use crate::jobs::call::{ReadError, read};
use crate::provider;

pub(in crate::jobs) async fn read_details(
    handle: &MerchantHandle,
    r: &Reservation,
) -> Result<Snapshot, ReadError> {
    let uuid = r.provider.reservation_uuid.as_ref();
    let uuid =
        uuid.ok_or_else(|| ReadError::nothing("the provider does not have the reservation yet"))?;
    let details = read(handle.client.details(uuid.as_str()).await)?;
    Ok(provider::snapshot(&details, &handle.merchant))
}
