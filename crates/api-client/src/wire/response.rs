//! What the reservation endpoints answer, apart from details.
#![expect(missing_docs, reason = "the fields repeat the provider's names")]

use domain::Money;
use serde::ser::SerializeMap as _;
use serde::{Deserialize, Serialize, Serializer};

use super::{Personal, WireTime, amount, lenient, rules};

/// The provider has the reservation. `reservation_uuid` is `RES` and digits; `url` is opaque.
///
/// It is read from either name of the uuid and of the link, and written under the newer ones;
/// [`Submitted::serialize_as`] writes the others.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "SubmittedWire")]
pub struct Submitted {
    pub customer_uuid: Option<String>,
    pub reservation_uuid: String,
    pub url: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SubmittedWire {
    #[serde(default, deserialize_with = "lenient::text")]
    customer_uuid: Option<String>,
    #[serde(default, deserialize_with = "lenient::text")]
    reservation_uuid: Option<String>,
    #[serde(default, deserialize_with = "lenient::text")]
    order_uuid: Option<String>,
    #[serde(default, deserialize_with = "lenient::text")]
    checkout_url: Option<String>,
    #[serde(default, deserialize_with = "lenient::text")]
    payment_url: Option<String>,
}

impl TryFrom<SubmittedWire> for Submitted {
    type Error = &'static str;

    fn try_from(wire: SubmittedWire) -> Result<Self, Self::Error> {
        let named = |uuid: Option<String>| uuid.filter(|uuid| rules::is_uuid(uuid, "RES"));
        let reservation_uuid = match (named(wire.reservation_uuid), named(wire.order_uuid)) {
            (Some(one), Some(other)) if one != other => return Err("names two reservations"),
            (one, other) => one
                .or(other)
                .ok_or("reservationUuid is missing or has the wrong form")?,
        };
        let url = wire.checkout_url.or(wire.payment_url);
        Ok(Self {
            customer_uuid: wire.customer_uuid,
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
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CaptureAccepted {
    #[serde(default, deserialize_with = "rules::reference")]
    pub uuid: Option<String>,
}

/// The charge is accepted; `uuid` is its reference, which the oldest pages leave out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChargeAccepted {
    #[serde(default, deserialize_with = "rules::reference")]
    pub uuid: Option<String>,
}

/// One event of `GET connect/reservations/history/{start}/{end}`.
///
/// A capture's or a charge's row carries the uuid of the capture or charge, not of the reservation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HistoryRow {
    #[serde(default, deserialize_with = "lenient::text")]
    pub uuid: Option<String>,
    /// A slug such as `amount-reserved`; the list of them is not documented.
    #[serde(default, deserialize_with = "lenient::text")]
    pub title: Option<String>,
    /// To the minute, without a zone.
    #[serde(default)]
    pub datetime: Option<WireTime>,
    #[serde(default)]
    pub sent_to: Option<Personal>,
    #[serde(default)]
    pub action_by: Option<Personal>,
    #[serde(default, deserialize_with = "lenient::text")]
    pub note: Option<String>,
    #[serde(default, deserialize_with = "lenient::text")]
    pub payment_method: Option<String>,
    #[serde(default, deserialize_with = "lenient::flag")]
    pub is_refundable: Option<bool>,
    /// A hint; the first revision of the page calls it `refundAmount`.
    #[serde(
        default,
        alias = "refundAmount",
        serialize_with = "amount::option::serialize",
        deserialize_with = "amount::option::or_nothing"
    )]
    pub amount: Option<Money>,
}
