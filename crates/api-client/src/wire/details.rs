//! `GET connect/reservations/details/{uuid}`: the provider's view of one reservation.
#![expect(missing_docs, reason = "the fields repeat the provider's names")]

use domain::Money;
use serde::{Deserialize, Serialize};

use super::{Personal, ProviderStatus, SendOrderBy, WireTime, amount, lenient, lines, object};

/// Everything that details show. The set of fields grew over the years, so that only the uuid and the status
/// have to be there; what is there has to be readable.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Details {
    #[serde(alias = "orderUuid")]
    pub reservation_uuid: String,
    pub status: ProviderStatus,
    /// Not to be trusted for money: it may be true while the amount is only held.
    #[serde(default, deserialize_with = "lenient::flag")]
    pub is_paid: Option<bool>,
    #[serde(default, deserialize_with = "lines::deserialize")]
    pub product_list: Vec<ProductSeen>,
    #[serde(default, with = "amount::option")]
    pub grand_total: Option<Money>,
    #[serde(default)]
    pub reservation_date: Option<WireTime>,
    #[serde(default)]
    pub payment_link_due_date: Option<WireTime>,
    #[serde(default)]
    pub send_order_by: Option<SendOrderBy>,
    #[serde(default)]
    pub customer_details: Option<CustomerSeen>,
    /// `referenceNo` of the request.
    #[serde(default, deserialize_with = "lenient::text")]
    pub reference_number: Option<String>,
    #[serde(default, deserialize_with = "lenient::text")]
    pub charge_validity: Option<String>,
    #[serde(default, deserialize_with = "lenient::text")]
    pub customer_reference: Option<String>,
    #[serde(default)]
    pub customer_notes: Option<Personal>,
    /// `tnc` of the request.
    #[serde(default, deserialize_with = "lenient::text")]
    pub terms_and_condition: Option<String>,
    #[serde(default, deserialize_with = "object::option")]
    pub payment_details: Option<PaymentDetails>,
    #[serde(default)]
    pub organization_details: Option<OrganizationDetails>,
    #[serde(default, deserialize_with = "lenient::text")]
    pub translation_key: Option<String>,
    #[serde(default, deserialize_with = "object::option")]
    pub payment_history: Option<PaymentHistory>,
}

/// A product line; `id` is what captures and refunds name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ProductSeen {
    #[serde(deserialize_with = "lenient::required_whole")]
    pub id: i64,
    #[serde(default, deserialize_with = "lenient::text")]
    pub name: Option<String>,
    #[serde(default, deserialize_with = "lenient::text")]
    pub product_id: Option<String>,
    #[serde(default, deserialize_with = "lenient::whole")]
    pub quantity: Option<u32>,
    #[serde(default, with = "amount::option")]
    pub rate: Option<Money>,
    #[serde(default, with = "amount::option")]
    pub discount: Option<Money>,
    #[serde(default, deserialize_with = "lenient::whole")]
    pub tax: Option<u8>,
    #[serde(default, with = "amount::option")]
    pub amount: Option<Money>,
    #[serde(default, with = "amount::option")]
    pub reserved: Option<Money>,
    #[serde(default, with = "amount::option")]
    pub captured: Option<Money>,
}

/// The payer, as far as details show one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct CustomerSeen {
    #[serde(deserialize_with = "lenient::text")]
    pub country_code: Option<String>,
    pub msisdn: Option<Personal>,
    pub email: Option<Personal>,
    pub name: Option<Personal>,
    pub address: Option<AddressSeen>,
}

/// An address; a merchant's carries a phone number and an e-mail address as well.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct AddressSeen {
    #[serde(
        deserialize_with = "lenient::text",
        skip_serializing_if = "Option::is_none"
    )]
    pub country_code: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub msisdn: Option<Personal>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<Personal>,
    pub street: Option<Personal>,
    #[serde(deserialize_with = "lenient::text")]
    pub zip: Option<String>,
    #[serde(deserialize_with = "lenient::text")]
    pub city: Option<String>,
    #[serde(deserialize_with = "lenient::text")]
    pub country: Option<String>,
}

/// The sums of what was held, taken and paid back.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PaymentDetails {
    pub reserved_at: Option<WireTime>,
    #[serde(with = "amount::option")]
    pub reserved_amount: Option<Money>,
    #[serde(with = "amount::option")]
    pub captured_amount: Option<Money>,
    #[serde(with = "amount::option")]
    pub charged_amount: Option<Money>,
    #[serde(deserialize_with = "object::option")]
    pub amount_refunded: Option<RefundedSums>,
}

/// What was paid back, by source. The provider writes `fromCaptured` but `fromCharge`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct RefundedSums {
    #[serde(with = "amount::option")]
    pub from_captured: Option<Money>,
    #[serde(with = "amount::option", alias = "fromCharged")]
    pub from_charge: Option<Money>,
}

/// The merchant, as the payer sees it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct OrganizationDetails {
    #[serde(deserialize_with = "lenient::text")]
    pub name: Option<String>,
    pub billing_address: Option<AddressSeen>,
}

/// Every money row, oldest form included.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PaymentHistory {
    #[serde(deserialize_with = "lines::deserialize")]
    pub reserved: Vec<ReservedRow>,
    #[serde(deserialize_with = "lines::deserialize")]
    pub captured: Vec<MoneyRow>,
    #[serde(deserialize_with = "lines::deserialize")]
    pub charged: Vec<MoneyRow>,
    #[serde(deserialize_with = "lines::deserialize")]
    pub refunded: Vec<RefundRow>,
}

/// The authorisation: when the payer paid, and how much is held.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReservedRow {
    #[serde(default)]
    pub at: Option<WireTime>,
    #[serde(with = "amount")]
    pub amount: Money,
}

/// A capture or a charge; `additional_text` carries what the request said there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MoneyRow {
    #[serde(default)]
    pub at: Option<WireTime>,
    #[serde(with = "amount")]
    pub amount: Money,
    #[serde(default, deserialize_with = "lenient::text")]
    pub reference: Option<String>,
    #[serde(default, deserialize_with = "lenient::flag")]
    pub is_refunded: Option<bool>,
    /// How much of it was paid back; missing from older revisions.
    #[serde(default, with = "amount::option")]
    pub refunded: Option<Money>,
    /// When it was paid back, in older revisions only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refunded_at: Option<WireTime>,
    #[serde(default, deserialize_with = "lenient::text")]
    pub additional_text: Option<String>,
}

/// A refund; `reference` names the capture or charge it was taken from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RefundRow {
    #[serde(default)]
    pub at: Option<WireTime>,
    #[serde(with = "amount")]
    pub amount: Money,
    #[serde(default, deserialize_with = "lenient::text")]
    pub reference: Option<String>,
    #[serde(default, deserialize_with = "lenient::flag")]
    pub is_refunded: Option<bool>,
    #[serde(default, deserialize_with = "lenient::flag")]
    pub is_partial: Option<bool>,
}
