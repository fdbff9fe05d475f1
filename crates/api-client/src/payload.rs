//! What the data of an accepted answer has to hold, by the type that it is read into.

use serde_json::value::RawValue;

use crate::UnknownReason;
use crate::wire::{
    CaptureAccepted, ChargeAccepted, Details, HistoryRow, Oddities, OrderDetails, OrderStatus,
    OrderSubmitted, Submitted,
};

/// The data of an accepted answer.
pub trait Payload: Sized {
    /// Reads the data, of which there may be none, and notes the fields that could not be read.
    ///
    /// # Errors
    /// Why an answer with these data does not count as accepted: what its outcome rests on cannot be read.
    fn from_data(data: Option<&RawValue>, oddities: &Oddities) -> Result<Self, UnknownReason>;

    /// What "not found" means instead of an error: an empty list for a list.
    #[must_use]
    fn when_not_found() -> Option<Self> {
        None
    }
}

/// Any data, or none: the message is the answer.
impl Payload for () {
    fn from_data(_: Option<&RawValue>, _: &Oddities) -> Result<Self, UnknownReason> {
        Ok(())
    }
}

impl Payload for Submitted {
    fn from_data(data: Option<&RawValue>, oddities: &Oddities) -> Result<Self, UnknownReason> {
        let read = data.and_then(|data| Self::read(data, oddities).ok());
        read.ok_or(UnknownReason::MissingReference)
    }
}

impl Payload for OrderSubmitted {
    fn from_data(data: Option<&RawValue>, oddities: &Oddities) -> Result<Self, UnknownReason> {
        let read = data.and_then(|data| Self::read(data, oddities).ok());
        read.ok_or(UnknownReason::MissingReference)
    }
}

/// Names the reservation, and tells its money or that there can be none.
impl Payload for Details {
    fn from_data(data: Option<&RawValue>, oddities: &Oddities) -> Result<Self, UnknownReason> {
        let read = data.and_then(|data| Self::established(data, oddities).ok());
        read.ok_or(UnknownReason::Malformed)
    }
}

impl Payload for OrderStatus {
    fn from_data(data: Option<&RawValue>, oddities: &Oddities) -> Result<Self, UnknownReason> {
        let read = data.and_then(|data| Self::read(data, oddities).ok());
        read.ok_or(UnknownReason::Malformed)
    }
}

impl Payload for OrderDetails {
    fn from_data(data: Option<&RawValue>, oddities: &Oddities) -> Result<Self, UnknownReason> {
        let read = data.and_then(|data| Self::read(data, oddities).ok());
        read.ok_or(UnknownReason::Malformed)
    }
}

/// The reference may be missing: the effect is accepted all the same, and details show the reference.
impl Payload for CaptureAccepted {
    fn from_data(data: Option<&RawValue>, oddities: &Oddities) -> Result<Self, UnknownReason> {
        data.map_or(Ok(Self::default()), |data| {
            Self::read(data, oddities).map_err(|_| UnknownReason::Malformed)
        })
    }
}

/// The reference may be missing: the effect is accepted all the same, and details show the reference.
impl Payload for ChargeAccepted {
    fn from_data(data: Option<&RawValue>, oddities: &Oddities) -> Result<Self, UnknownReason> {
        data.map_or(Ok(Self::default()), |data| {
            Self::read(data, oddities).map_err(|_| UnknownReason::Malformed)
        })
    }
}

impl Payload for Vec<HistoryRow> {
    fn from_data(data: Option<&RawValue>, oddities: &Oddities) -> Result<Self, UnknownReason> {
        data.map_or(Ok(Self::new()), |data| {
            HistoryRow::list(data, oddities).map_err(|_| UnknownReason::Malformed)
        })
    }

    fn when_not_found() -> Option<Self> {
        Some(Self::new())
    }
}
