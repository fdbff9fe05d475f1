//! What the data of an accepted answer has to hold, by the type that it is read into.

use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};
use serde_json::value::RawValue;

use crate::DoubtReason;
use crate::wire::object::Object;
use crate::wire::{
    CaptureAccepted, ChargeAccepted, Details, HistoryRow, OrderStatus, OrderSubmitted,
    ProviderStatus, Submitted,
};

/// The data of an accepted answer.
pub trait Payload: Sized {
    /// Reads the data, of which there may be none.
    ///
    /// # Errors
    /// Why an answer with these data does not count as accepted.
    fn from_data(data: Option<&RawValue>) -> Result<Self, DoubtReason>;

    /// What "not found" means instead of an error: an empty list for a list.
    #[must_use]
    fn when_not_found() -> Option<Self> {
        None
    }
}

fn read<T: DeserializeOwned>(
    data: Option<&RawValue>,
    otherwise: DoubtReason,
) -> Result<T, DoubtReason> {
    // A list would be read as the fields in their order.
    let data = data
        .filter(|data| data.get().starts_with('{'))
        .ok_or(otherwise)?;
    serde_json::from_str(data.get()).map_err(|_| otherwise)
}

/// Any data, or none: the message is the answer.
impl Payload for () {
    fn from_data(_: Option<&RawValue>) -> Result<Self, DoubtReason> {
        Ok(())
    }
}

impl Payload for Submitted {
    fn from_data(data: Option<&RawValue>) -> Result<Self, DoubtReason> {
        read(data, DoubtReason::MissingReference)
    }
}

impl Payload for OrderSubmitted {
    fn from_data(data: Option<&RawValue>) -> Result<Self, DoubtReason> {
        read(data, DoubtReason::MissingReference)
    }
}

/// The reference may be missing: the effect is accepted all the same, and details show the reference.
impl Payload for CaptureAccepted {
    fn from_data(data: Option<&RawValue>) -> Result<Self, DoubtReason> {
        data.map_or(Ok(Self::default()), |data| {
            read(Some(data), DoubtReason::Malformed)
        })
    }
}

/// The reference may be missing: the effect is accepted all the same, and details show the reference.
impl Payload for ChargeAccepted {
    fn from_data(data: Option<&RawValue>) -> Result<Self, DoubtReason> {
        data.map_or(Ok(Self::default()), |data| {
            read(Some(data), DoubtReason::Malformed)
        })
    }
}

/// Once somebody may have paid, details have to tell what was taken: silence about it is not "nothing".
impl Payload for Details {
    fn from_data(data: Option<&RawValue>) -> Result<Self, DoubtReason> {
        let details: Self = read(data, DoubtReason::Malformed)?;
        let unpaid = matches!(
            details.status,
            ProviderStatus::Sent | ProviderStatus::ReservedNotPaid
        );
        let taken: Taken = read(data, DoubtReason::Malformed)?;
        if unpaid || taken.is_told() {
            Ok(details)
        } else {
            Err(DoubtReason::Malformed)
        }
    }
}

/// Where details tell what was taken. Older ones have no sums, so that rows are enough, also an empty list.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Taken {
    payment_details: Option<Told>,
    payment_history: Option<Told>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Told {
    #[serde(alias = "capturedAmount")]
    captured: Option<IgnoredAny>,
    #[serde(alias = "chargedAmount")]
    charged: Option<IgnoredAny>,
}

impl Taken {
    fn is_told(&self) -> bool {
        let places = || {
            [&self.payment_details, &self.payment_history]
                .into_iter()
                .flatten()
        };
        places().any(|told| told.captured.is_some()) && places().any(|told| told.charged.is_some())
    }
}

impl Payload for OrderStatus {
    fn from_data(data: Option<&RawValue>) -> Result<Self, DoubtReason> {
        read(data, DoubtReason::Malformed)
    }
}

impl Payload for Vec<HistoryRow> {
    fn from_data(data: Option<&RawValue>) -> Result<Self, DoubtReason> {
        data.map_or(Ok(Self::new()), |data| {
            let rows = serde_json::from_str(data.get()).map_err(|_| DoubtReason::Malformed)?;
            Ok(Vec::into_iter(rows).map(|Object(row)| row).collect())
        })
    }

    fn when_not_found() -> Option<Self> {
        Some(Self::new())
    }
}
