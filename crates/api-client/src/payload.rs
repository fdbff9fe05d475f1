//! What the data of an accepted answer has to hold, by the type that it is read into.

use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use crate::DoubtReason;
use crate::wire::{
    CaptureAccepted, ChargeAccepted, Details, HistoryRow, OrderStatus, OrderSubmitted, Submitted,
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

fn read<T: DeserializeOwned>(data: Option<&RawValue>, otherwise: DoubtReason) -> Result<T, DoubtReason> {
    // A list would be read as the fields in their order.
    let data = data.filter(|data| data.get().starts_with('{')).ok_or(otherwise)?;
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
        data.map_or(Ok(Self::default()), |data| read(Some(data), DoubtReason::Malformed))
    }
}

/// The reference may be missing: the effect is accepted all the same, and details show the reference.
impl Payload for ChargeAccepted {
    fn from_data(data: Option<&RawValue>) -> Result<Self, DoubtReason> {
        data.map_or(Ok(Self::default()), |data| read(Some(data), DoubtReason::Malformed))
    }
}

impl Payload for Details {
    fn from_data(data: Option<&RawValue>) -> Result<Self, DoubtReason> {
        read(data, DoubtReason::Malformed)
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
            serde_json::from_str(data.get()).map_err(|_| DoubtReason::Malformed)
        })
    }

    fn when_not_found() -> Option<Self> {
        Some(Self::new())
    }
}
