//! What the reservation endpoints answer, apart from details.
#![expect(missing_docs, reason = "the fields repeat the provider's names")]

use domain::Money;
use serde::ser::SerializeMap as _;
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

use super::fields::{Fields, Unreadable, list};
use super::oddity::{Found, Oddities};
use super::{Personal, WireTime, amount, rules};

/// The provider has the reservation. `reservation_uuid` is `RES` and digits; `url` is opaque.
///
/// It is read from either name of the uuid and of the link, and written under the newer ones;
/// [`Submitted::serialize_as`] writes the others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Submitted {
    pub customer_uuid: Option<String>,
    pub reservation_uuid: String,
    pub url: Option<String>,
}

impl Submitted {
    /// Only the uuid decides: a link that cannot be read is no link.
    pub(crate) fn read(raw: &RawValue, oddities: &Oddities) -> Result<Self, Unreadable> {
        let fields = Fields::of(raw, "", oddities).ok_or(Unreadable)?;
        let named = |name| {
            let uuid = fields.naming_text(name)?;
            Ok(uuid.filter(|uuid| rules::is_uuid(uuid, "RES")))
        };
        let reservation_uuid = match (named("reservationUuid")?, named("orderUuid")?) {
            (Some(one), Some(other)) if one != other => None,
            (one, other) => one.or(other),
        };
        let Some(reservation_uuid) = reservation_uuid else {
            fields.odd("reservationUuid", Found::Nothing);
            return Err(Unreadable);
        };
        let url = fields
            .text("checkoutUrl")
            .or_else(|| fields.text("paymentUrl"));
        Ok(Self {
            customer_uuid: fields.text("customerUuid"),
            reservation_uuid,
            url,
        })
    }
}

/// The name that a submit's uuid travels under.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum UuidField {
    #[default]
    ReservationUuid,
    OrderUuid,
}

/// The name that a submit's link travels under.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LinkField {
    #[default]
    CheckoutUrl,
    PaymentUrl,
}

impl Submitted {
    /// Writes the answer under these names.
    ///
    /// # Errors
    /// Those of the serializer.
    pub fn serialize_as<S: Serializer>(
        &self,
        uuid: UuidField,
        link: LinkField,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        if let Some(customer) = &self.customer_uuid {
            map.serialize_entry("customerUuid", customer)?;
        }
        let uuid = match uuid {
            UuidField::ReservationUuid => "reservationUuid",
            UuidField::OrderUuid => "orderUuid",
        };
        map.serialize_entry(uuid, &self.reservation_uuid)?;
        let link = match link {
            LinkField::CheckoutUrl => "checkoutUrl",
            LinkField::PaymentUrl => "paymentUrl",
        };
        if let Some(url) = &self.url {
            map.serialize_entry(link, url)?;
        }
        map.end()
    }
}

impl Serialize for Submitted {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.serialize_as(UuidField::default(), LinkField::default(), serializer)
    }
}

/// The capture is accepted; `uuid` is its reference, which the oldest pages leave out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct CaptureAccepted {
    pub uuid: Option<String>,
}

/// The charge is accepted; `uuid` is its reference, which the oldest pages leave out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ChargeAccepted {
    pub uuid: Option<String>,
}

/// One event of `GET connect/reservations/history/{start}/{end}`.
///
/// A capture's or a charge's row carries the uuid of the capture or charge, not of the reservation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct HistoryRow {
    pub uuid: Option<String>,
    /// A slug such as `amount-reserved`; the list of them is not documented.
    pub title: Option<String>,
    /// To the minute, without a zone.
    pub datetime: Option<WireTime>,
    pub sent_to: Option<Personal>,
    pub action_by: Option<Personal>,
    pub note: Option<String>,
    pub payment_method: Option<String>,
    pub is_refundable: Option<bool>,
    /// A hint; the first revision of the page calls it `refundAmount`.
    #[serde(with = "amount::option")]
    pub amount: Option<Money>,
}

/// The reference of what was accepted; one that is none is read as missing, and one that stands there twice as unreadable.
fn reference(raw: &RawValue, oddities: &Oddities) -> Result<Option<String>, Unreadable> {
    let fields = Fields::of(raw, "", oddities).ok_or(Unreadable)?;
    let uuid = fields.naming_text("uuid")?;
    let named = uuid.clone().filter(|uuid| rules::is_identifier(uuid));
    if named.is_none() && uuid.is_some_and(|uuid| !uuid.is_empty()) {
        fields.odd("uuid", Found::Text);
    }
    Ok(named)
}

impl CaptureAccepted {
    pub(crate) fn read(raw: &RawValue, oddities: &Oddities) -> Result<Self, Unreadable> {
        reference(raw, oddities).map(|uuid| Self { uuid })
    }
}

impl ChargeAccepted {
    pub(crate) fn read(raw: &RawValue, oddities: &Oddities) -> Result<Self, Unreadable> {
        reference(raw, oddities).map(|uuid| Self { uuid })
    }
}

impl HistoryRow {
    /// Reads a list of rows, each field alone.
    pub(crate) fn list(raw: &RawValue, oddities: &Oddities) -> Result<Vec<Self>, Unreadable> {
        let rows = Some(raw).filter(|raw| Found::of(raw) == Found::List);
        let rows = rows.and_then(list).ok_or(Unreadable)?;
        rows.into_iter()
            .map(|row| Self::read(row, oddities))
            .collect()
    }

    fn read(raw: &RawValue, oddities: &Oddities) -> Result<Self, Unreadable> {
        let Some(fields) = Fields::of(raw, "[]", oddities) else {
            oddities.note("[]".to_owned(), Found::of(raw));
            return Err(Unreadable);
        };
        let fields = fields.also_called("refundAmount", "amount");
        Ok(Self {
            uuid: fields.naming_text("uuid")?,
            title: fields.text("title"),
            datetime: fields.time("datetime"),
            sent_to: fields.personal("sentTo"),
            action_by: fields.personal("actionBy"),
            note: fields.text("note"),
            payment_method: fields.text("paymentMethod"),
            is_refundable: fields.flag("isRefundable"),
            amount: fields.amount("amount"),
        })
    }
}
