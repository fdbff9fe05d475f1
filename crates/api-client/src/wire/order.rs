//! One-time payment links: an order that is paid at once.
#![expect(missing_docs, reason = "the fields repeat the provider's names")]

use domain::Money;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::fields::{Fields, Unreadable};
use super::oddity::{Found, Oddities};
use super::{
    Address, CallbackUrls, CustomerType, PaymentVia, Personal, ProviderStatus, WireTime, amount,
    lenient, lines, rules,
};

/// A line of an order. `amount` is the total of the line, gross; `tax` is in percent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OrderProduct {
    pub name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub product_id: Option<String>,
    #[serde(deserialize_with = "lenient::required_whole")]
    pub quantity: u32,
    #[serde(with = "amount")]
    pub rate: Money,
    #[serde(default, with = "amount")]
    pub discount: Money,
    #[serde(deserialize_with = "lenient::required_whole")]
    pub tax: u8,
    #[serde(with = "amount")]
    pub amount: Money,
}

/// The sums of an order. `shipping_cost` is missing from the pages and required by the validator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OrderSums {
    #[serde(with = "amount")]
    pub sub_total: Money,
    #[serde(with = "amount")]
    pub total_tax: Money,
    #[serde(default, with = "amount")]
    pub total_discount: Money,
    #[serde(default, with = "amount")]
    pub shipping_cost: Money,
    #[serde(with = "amount")]
    pub grand_total: Money,
}

/// Who pays an order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OrderCustomer {
    #[serde(rename = "type", default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<CustomerType>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub country_code: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub msisdn: Option<Personal>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<Personal>,
    pub name: Personal,
    pub preferred_language: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub personal_number: Option<Personal>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub organization_id: Option<String>,
    pub address: Address,
}

/// What stands on the invoice.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct InvoiceReferences {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference_no: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub receipt_no: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub customer_notes: Option<Personal>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tnc: Option<String>,
}

/// What only the merchant sees.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct InternalReferences {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference_no: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notes: Option<String>,
}

/// The way to pay an order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderPayment {
    pub via: PaymentVia,
    /// `NOK`, seen in traffic and not documented.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub currency: Option<String>,
}

/// Which channels the provider sends an order by; required by the validator, missing from the pages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SendInvoiceBy {
    pub sms: bool,
    pub email: bool,
    #[serde(default)]
    pub invoice: bool,
}

/// `POST connect/orders/regular/submit`: makes an order and a page to pay it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SubmitOrder {
    #[serde(deserialize_with = "lines::deserialize")]
    pub products: Vec<OrderProduct>,
    pub order_summary: OrderSums,
    /// The client writes it in the form that its settings name.
    pub order_date: WireTime,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due_date_for_payment_link: Option<WireTime>,
    #[serde(default)]
    pub send_order_by: SendInvoiceBy,
    pub with_customer: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub customer_details: Option<OrderCustomer>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub invoice_references: Option<InvoiceReferences>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub internal_references: Option<InternalReferences>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference_no: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub customer_reference: Option<String>,
    #[serde(default)]
    pub invoice_as_payment_option: bool,
    #[serde(default)]
    pub is_credit_check_available: bool,
    pub submit_payment: OrderPayment,
    pub callback: CallbackUrls,
}

/// The provider has the order. `order_uuid` is `ODR` and digits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct OrderSubmitted {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub customer_uuid: Option<String>,
    pub order_uuid: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub payment_url: Option<String>,
}

impl OrderSubmitted {
    pub(crate) fn read(raw: &RawValue, oddities: &Oddities) -> Result<Self, Unreadable> {
        let fields = Fields::of(raw, "", oddities).ok_or(Unreadable)?;
        let order_uuid = fields.identity("orderUuid")?;
        if !rules::is_uuid(&order_uuid, "ODR") {
            fields.odd("orderUuid", Found::Text);
            return Err(Unreadable);
        }
        Ok(Self {
            customer_uuid: fields.text("customerUuid"),
            order_uuid,
            payment_url: fields.text("paymentUrl"),
        })
    }
}

/// The answer of `GET connect/orders/status/{uuid}` (F2.12). Amounts are missing from older revisions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct OrderStatus {
    pub uuid: String,
    pub status: ProviderStatus,
    #[serde(with = "amount::option", skip_serializing_if = "Option::is_none")]
    pub order_amount: Option<Money>,
    #[serde(with = "amount::option", skip_serializing_if = "Option::is_none")]
    pub refunded_amount: Option<Money>,
}

/// `GET connect/orders/details/{uuid}`, as far as it tells which order it is. No field is documented that repeats the
/// merchant's reference.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct OrderDetails {
    pub order_uuid: String,
    pub payment_link_due_date: Option<WireTime>,
    pub product_list: Vec<OrderLine>,
    pub order_summary: Option<OrderTotal>,
    /// The payer's page, in older revisions only.
    pub payment_link: Option<String>,
}

/// A line of an order. `amount` is the total of the line, gross.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct OrderLine {
    pub name: Option<String>,
    #[serde(with = "amount::option")]
    pub amount: Option<Money>,
}

/// The sum of an order, gross.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct OrderTotal {
    #[serde(with = "amount::option")]
    pub grand_total: Option<Money>,
}

impl OrderStatus {
    pub(crate) fn read(raw: &RawValue, oddities: &Oddities) -> Result<Self, Unreadable> {
        let fields = Fields::of(raw, "", oddities).ok_or(Unreadable)?;
        Ok(Self {
            uuid: fields.identity("uuid")?,
            status: fields.status("status")?,
            order_amount: fields.money("orderAmount")?,
            refunded_amount: fields.money("refundedAmount")?,
        })
    }
}

impl OrderDetails {
    /// Only the order's uuid has to be readable: what else does not parse makes an order that may be ours, never one that
    /// is ours or is not.
    pub(crate) fn read(raw: &RawValue, oddities: &Oddities) -> Result<Self, Unreadable> {
        let fields = Fields::of(raw, "", oddities).ok_or(Unreadable)?;
        let line = |item: Option<Fields<'_>>| {
            item.map_or_else(OrderLine::default, |item| OrderLine {
                name: item.text("name"),
                amount: item.amount("amount"),
            })
        };
        let sums = fields.object_alone("orderSummary");
        Ok(Self {
            order_uuid: fields.identity("orderUuid")?,
            payment_link_due_date: fields.time("paymentLinkDueDate"),
            product_list: fields.items("productList").into_iter().map(line).collect(),
            order_summary: sums.map(|sums| OrderTotal {
                grand_total: sums.amount("grandTotal"),
            }),
            payment_link: fields.text("paymentLink"),
        })
    }
}
