//! What the data of an accepted answer has to hold, by the type that it is read into.

use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};
use serde_json::value::RawValue;

use crate::UnknownReason;
use crate::wire::object::Object;
use crate::wire::{
    CaptureAccepted, ChargeAccepted, Details, HistoryRow, OrderDetails, OrderStatus,
    OrderSubmitted, ProviderStatus, Submitted,
};

/// The data of an accepted answer.
pub trait Payload: Sized {
    /// Reads the data, of which there may be none.
    ///
    /// # Errors
    /// Why an answer with these data does not count as accepted.
    fn from_data(data: Option<&RawValue>) -> Result<Self, UnknownReason>;

    /// What "not found" means instead of an error: an empty list for a list.
    #[must_use]
    fn when_not_found() -> Option<Self> {
        None
    }
}

fn read<T: DeserializeOwned>(
    data: Option<&RawValue>,
    otherwise: UnknownReason,
) -> Result<T, UnknownReason> {
    // A list would be read as the fields in their order.
    let data = data
        .filter(|data| data.get().starts_with('{'))
        .ok_or(otherwise)?;
    serde_json::from_str(data.get()).map_err(|_| otherwise)
}

/// Any data, or none: the message is the answer.
impl Payload for () {
    fn from_data(_: Option<&RawValue>) -> Result<Self, UnknownReason> {
        Ok(())
    }
}

impl Payload for Submitted {
    fn from_data(data: Option<&RawValue>) -> Result<Self, UnknownReason> {
        read(data, UnknownReason::MissingReference)
    }
}

impl Payload for OrderSubmitted {
    fn from_data(data: Option<&RawValue>) -> Result<Self, UnknownReason> {
        read(data, UnknownReason::MissingReference)
    }
}

/// The reference may be missing: the effect is accepted all the same, and details show the reference.
impl Payload for CaptureAccepted {
    fn from_data(data: Option<&RawValue>) -> Result<Self, UnknownReason> {
        data.map_or(Ok(Self::default()), |data| {
            read(Some(data), UnknownReason::Malformed)
        })
    }
}

/// The reference may be missing: the effect is accepted all the same, and details show the reference.
impl Payload for ChargeAccepted {
    fn from_data(data: Option<&RawValue>) -> Result<Self, UnknownReason> {
        data.map_or(Ok(Self::default()), |data| {
            read(Some(data), UnknownReason::Malformed)
        })
    }
}

/// Once the payer may have paid, details have to show what was taken: a missing sum is not zero.
impl Payload for Details {
    fn from_data(data: Option<&RawValue>) -> Result<Self, UnknownReason> {
        let details: Self = read(data, UnknownReason::Malformed)?;
        let unpaid = matches!(
            details.status,
            ProviderStatus::Sent | ProviderStatus::ReservedNotPaid
        );
        let taken: TakenSums = read(data, UnknownReason::Malformed)?;
        if unpaid || taken.are_shown() {
            Ok(details)
        } else {
            Err(UnknownReason::Malformed)
        }
    }
}

/// The places where details show what was taken. Older revisions have no sums there, but rows; a list of rows counts as
/// shown even when it is empty.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct TakenSums {
    payment_details: Option<TakenFields>,
    payment_history: Option<TakenFields>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct TakenFields {
    #[serde(alias = "capturedAmount")]
    captured: Option<IgnoredAny>,
    #[serde(alias = "chargedAmount")]
    charged: Option<IgnoredAny>,
}

impl TakenSums {
    /// Whether captures and charges are both shown, each in one place at least.
    fn are_shown(&self) -> bool {
        let places = || self.payment_details.iter().chain(&self.payment_history);
        places().any(|place| place.captured.is_some())
            && places().any(|place| place.charged.is_some())
    }
}

impl Payload for OrderStatus {
    fn from_data(data: Option<&RawValue>) -> Result<Self, UnknownReason> {
        read(data, UnknownReason::Malformed)
    }
}

impl Payload for OrderDetails {
    fn from_data(data: Option<&RawValue>) -> Result<Self, UnknownReason> {
        read(data, UnknownReason::Malformed)
    }
}

impl Payload for Vec<HistoryRow> {
    fn from_data(data: Option<&RawValue>) -> Result<Self, UnknownReason> {
        data.map_or(Ok(Self::new()), |data| {
            let rows = serde_json::from_str(data.get()).map_err(|_| UnknownReason::Malformed)?;
            Ok(Vec::into_iter(rows).map(|Object(row)| row).collect())
        })
    }

    fn when_not_found() -> Option<Self> {
        Some(Self::new())
    }
}
