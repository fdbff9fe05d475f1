//! The requests of the reservation endpoints.
#![expect(missing_docs, reason = "the fields repeat the provider's names")]

use domain::Money;
use serde::{Deserialize, Serialize};

use super::{Personal, WireTime, amount, lenient, lines};

/// Whether the payer is a person or a company.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CustomerType {
    Private,
    Corporate,
}

/// A postal address; `country` is ISO 3166 alpha-2.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Address {
    pub street: Personal,
    pub zip: String,
    pub city: String,
    pub country: String,
}

/// Who pays. `country_code` is the dialling code with its plus, `msisdn` the national number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CustomerDetails {
    #[serde(rename = "type")]
    pub kind: CustomerType,
    pub country_code: String,
    pub msisdn: Personal,
    pub email: Personal,
    pub name: Personal,
    pub preferred_language: String,
    /// Eleven digits, of a private payer only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub personal_number: Option<Personal>,
    /// Digits; required of a corporate payer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub organization_id: Option<String>,
    pub address: Address,
}

/// Which channels the provider sends the payment link by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SendOrderBy {
    pub sms: bool,
    pub email: bool,
}

/// A product line. `amount` is the total of the line, gross; `tax` is in percent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Product {
    pub name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub product_id: Option<String>,
    #[serde(with = "amount")]
    pub rate: Money,
    #[serde(deserialize_with = "lenient::required_whole")]
    pub tax: u8,
    #[serde(with = "amount")]
    pub amount: Money,
}

/// The sums of a reservation: net, tax and gross.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OrderSummary {
    #[serde(with = "amount")]
    pub sub_total: Money,
    #[serde(with = "amount")]
    pub total_tax: Money,
    #[serde(with = "amount")]
    pub grand_total: Money,
}

/// Switches of a reservation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ReservationSettings {
    /// Details stay hidden until the payer has shown the personal number by BankID.
    #[serde(default)]
    pub secure_details: bool,
    /// A charge can be refunded in part; otherwise only in full.
    #[serde(default)]
    pub is_charge_partially_refundable: bool,
}

/// Where the provider reports a change of status, and where it sends the payer afterwards.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CallbackUrls {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub callback_url: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub success: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
}

/// `POST connect/reservations/submit`: makes a reservation and a page to pay it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SubmitReservation {
    pub customer_details: CustomerDetails,
    /// The client writes it in the form that its settings name.
    pub order_date: WireTime,
    pub due_date_for_payment_link: WireTime,
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "lenient::text"
    )]
    pub reference_no: Option<String>,
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "lenient::text"
    )]
    pub customer_reference: Option<String>,
    pub send_order_by: SendOrderBy,
    #[serde(with = "lines::keyed")]
    pub products: Vec<Product>,
    pub order_summary: OrderSummary,
    /// Digits. Whether minutes or days is left open by the provider's pages.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "lenient::text"
    )]
    pub charge_validity: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub customer_notes: Option<Personal>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tnc: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settings: Option<ReservationSettings>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub callback: Option<CallbackUrls>,
}

/// A way to pay. Reservations take the first two (and an older page the third).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PaymentVia {
    Visa,
    Mastercard,
    #[serde(rename = "visa/dankort")]
    VisaDankort,
    Vipps,
    Applepay,
    Googlepay,
    Invoice,
}

/// The preselected way to pay.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubmitPayment {
    pub via: PaymentVia,
}

/// `POST connect/reservations/create`: makes a reservation and opens the card page at once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CreateSession {
    #[serde(flatten)]
    pub reservation: SubmitReservation,
    pub submit_payment: SubmitPayment,
}

/// An amount on one product; `id` is the numeric id that details show.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LineAmount {
    #[serde(deserialize_with = "lenient::required_whole")]
    pub id: i64,
    #[serde(with = "amount")]
    pub amount: Money,
}

/// `POST connect/reservations/capture/{uuid}`: takes all or part of what is held.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Capture {
    #[serde(with = "lines::keyed")]
    pub products: Vec<LineAmount>,
    #[serde(with = "amount")]
    pub grand_total: Money,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub additional_text: Option<String>,
}

/// `POST connect/reservations/charge/{uuid}`: debits the stored card, independently of what is held.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Charge {
    #[serde(with = "lines::keyed")]
    pub products: Vec<Product>,
    #[serde(with = "amount")]
    pub grand_total: Money,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub additional_text: Option<String>,
}

/// The body of `cancel` and `complete`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Note {
    pub note: String,
}

/// `POST connect/reservations/resend/{uuid}`: sends the payment link again, by SMS, e-mail or both.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Resend {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub country_code: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub msisdn: Option<Personal>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<Personal>,
}

/// The only documented type of a reservation's refund.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RefundType {
    #[default]
    Reservation,
}

/// What a refund is taken from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RefundSource {
    Captured,
    Charged,
}

/// `POST connect/reservations/refund/{uuid}`; `reference` is the capture's or the charge's uuid.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Refund {
    #[serde(rename = "type")]
    pub kind: RefundType,
    #[serde(with = "amount")]
    pub grand_total: Money,
    #[serde(deserialize_with = "lines::deserialize")]
    pub products: Vec<LineAmount>,
    pub source: RefundSource,
    pub reference: String,
}
