//! `GET connect/reservations/details/{uuid}`: the provider's view of one reservation.
#![expect(missing_docs, reason = "the fields repeat the provider's names")]

use domain::Money;
use serde::{Deserialize, Deserializer, Serialize, de};
use serde_json::value::RawValue;

use super::fields::{Fields, Unreadable};
use super::oddity::{Found, Oddities};
use super::{Personal, ProviderStatus, SendOrderBy, WireTime, amount};

/// Everything that details show. The set of fields grew over the years, so that only the uuid and the status
/// have to be there. What names something or is money has to be readable; every other field is read alone, and left out
/// when it does not parse.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Details {
    pub reservation_uuid: String,
    pub status: ProviderStatus,
    /// Not to be trusted for money: it may be true while the amount is only held.
    pub is_paid: Option<bool>,
    pub product_list: Vec<ProductSeen>,
    #[serde(with = "amount::option")]
    pub grand_total: Option<Money>,
    pub reservation_date: Option<WireTime>,
    pub payment_link_due_date: Option<WireTime>,
    pub send_order_by: Option<SendOrderBy>,
    pub customer_details: Option<CustomerSeen>,
    /// `referenceNo` of the request.
    pub reference_number: Option<String>,
    pub charge_validity: Option<String>,
    pub customer_reference: Option<String>,
    pub customer_notes: Option<Personal>,
    /// `tnc` of the request.
    pub terms_and_condition: Option<String>,
    pub payment_details: Option<PaymentDetails>,
    pub organization_details: Option<OrganizationDetails>,
    pub translation_key: Option<String>,
    pub payment_history: Option<PaymentHistory>,
}

/// A product line; `id` is what captures and refunds name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ProductSeen {
    pub id: i64,
    pub name: Option<String>,
    pub product_id: Option<String>,
    pub quantity: Option<u32>,
    #[serde(with = "amount::option")]
    pub rate: Option<Money>,
    #[serde(with = "amount::option")]
    pub discount: Option<Money>,
    pub tax: Option<u8>,
    #[serde(with = "amount::option")]
    pub amount: Option<Money>,
    #[serde(with = "amount::option")]
    pub reserved: Option<Money>,
    #[serde(with = "amount::option")]
    pub captured: Option<Money>,
}

/// The payer, as far as details show one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CustomerSeen {
    pub country_code: Option<String>,
    pub msisdn: Option<Personal>,
    pub email: Option<Personal>,
    pub name: Option<Personal>,
    pub address: Option<AddressSeen>,
}

/// An address; a merchant's carries a phone number and an e-mail address as well.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AddressSeen {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub country_code: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub msisdn: Option<Personal>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<Personal>,
    pub street: Option<Personal>,
    pub zip: Option<String>,
    pub city: Option<String>,
    pub country: Option<String>,
}

/// The sums of what was held, taken and paid back.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PaymentDetails {
    pub reserved_at: Option<WireTime>,
    #[serde(with = "amount::option")]
    pub reserved_amount: Option<Money>,
    #[serde(with = "amount::option")]
    pub captured_amount: Option<Money>,
    #[serde(with = "amount::option")]
    pub charged_amount: Option<Money>,
    pub amount_refunded: Option<RefundedSums>,
}

/// What was paid back, by source. The provider writes `fromCaptured` but `fromCharge`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RefundedSums {
    #[serde(with = "amount::option")]
    pub from_captured: Option<Money>,
    #[serde(with = "amount::option")]
    pub from_charge: Option<Money>,
}

/// The merchant, as the payer sees it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct OrganizationDetails {
    pub name: Option<String>,
    pub billing_address: Option<AddressSeen>,
}

/// Every money row, oldest form included.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PaymentHistory {
    pub reserved: Vec<ReservedRow>,
    pub captured: Vec<MoneyRow>,
    pub charged: Vec<MoneyRow>,
    pub refunded: Vec<RefundRow>,
}

/// The authorisation: when the payer paid, and how much is held.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ReservedRow {
    pub at: Option<WireTime>,
    #[serde(with = "amount")]
    pub amount: Money,
}

/// A capture or a charge; `additional_text` carries what the request said there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct MoneyRow {
    pub at: Option<WireTime>,
    #[serde(with = "amount")]
    pub amount: Money,
    pub reference: Option<String>,
    pub is_refunded: Option<bool>,
    /// How much of it was paid back; missing from older revisions.
    #[serde(with = "amount::option")]
    pub refunded: Option<Money>,
    /// When it was paid back, in older revisions only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refunded_at: Option<WireTime>,
    pub additional_text: Option<String>,
}

/// A refund; `reference` names the capture or charge it was taken from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RefundRow {
    pub at: Option<WireTime>,
    #[serde(with = "amount")]
    pub amount: Money,
    pub reference: Option<String>,
    pub is_refunded: Option<bool>,
    pub is_partial: Option<bool>,
}

/// Whether details show what was taken: an answer that is silent about it does not say that it is nothing.
#[derive(Clone, Copy, Debug, Default)]
struct Shown {
    captured: bool,
    charged: bool,
}

impl Details {
    /// Reads details whose money can be established: what was taken is shown, as sums or as rows, or it is the state of
    /// a link that nobody has paid and no money shows.
    pub(crate) fn established(raw: &RawValue, oddities: &Oddities) -> Result<Self, Unreadable> {
        let (details, shown) = Self::read(raw, oddities)?;
        let unpaid = matches!(
            details.status,
            ProviderStatus::Sent | ProviderStatus::Expired | ProviderStatus::Cancelled
        );
        if (shown.captured && shown.charged) || (unpaid && !details.shows_money()) {
            return Ok(details);
        }
        oddities.note("paymentDetails".to_owned(), Found::Nothing);
        Err(Unreadable)
    }

    fn read(raw: &RawValue, oddities: &Oddities) -> Result<(Self, Shown), Unreadable> {
        let fields = Fields::of(raw, "", oddities)
            .ok_or(Unreadable)?
            .also_called("orderUuid", "reservationUuid");
        let mut shown = Shown::default();
        let payment = fields.object("paymentDetails")?;
        let payment = payment.map(|payment| PaymentDetails::read(&payment, &mut shown));
        let payment = payment.transpose()?;
        let history = fields.object("paymentHistory")?;
        let history =
            history.map(|history| PaymentHistory::read(&history, payment.as_ref(), &mut shown));
        let history = history.transpose()?;
        let customer = fields.object_alone("customerDetails");
        let organization = fields.object_alone("organizationDetails");
        let details = Self {
            reservation_uuid: fields.identity("reservationUuid")?,
            status: fields.status("status")?,
            is_paid: fields.flag("isPaid"),
            product_list: ProductSeen::list(&fields)?,
            grand_total: fields.amount("grandTotal"),
            reservation_date: fields.time("reservationDate"),
            payment_link_due_date: fields.time("paymentLinkDueDate"),
            send_order_by: fields.object_alone("sendOrderBy").and_then(|by| {
                Some(SendOrderBy {
                    sms: by.flag("sms")?,
                    email: by.flag("email")?,
                })
            }),
            customer_details: customer.map(|fields| CustomerSeen::read(&fields)),
            reference_number: fields.naming_text("referenceNumber")?,
            charge_validity: fields.text("chargeValidity"),
            customer_reference: fields.text("customerReference"),
            customer_notes: fields.personal("customerNotes"),
            terms_and_condition: fields.text("termsAndCondition"),
            payment_details: payment,
            organization_details: organization.map(|fields| OrganizationDetails::read(&fields)),
            translation_key: fields.text("translationKey"),
            payment_history: history,
        };
        Ok((details, shown))
    }

    /// Does a sum or a row tell of money?
    fn shows_money(&self) -> bool {
        let payment = self.payment_details.clone().unwrap_or_default();
        let sums = [
            payment.reserved_amount,
            payment.captured_amount,
            payment.charged_amount,
        ];
        let has_rows = |history: &PaymentHistory| {
            !(history.reserved.is_empty()
                && history.captured.is_empty()
                && history.charged.is_empty()
                && history.refunded.is_empty())
        };
        sums.into_iter().flatten().any(|sum| !sum.is_zero())
            || self.payment_history.as_ref().is_some_and(has_rows)
    }
}

impl<'de> Deserialize<'de> for Details {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Box::<RawValue>::deserialize(deserializer)?;
        let read = Self::read(&raw, &Oddities::default());
        read.map(|(details, _)| details)
            .map_err(|Unreadable| de::Error::custom("are no details that can be read"))
    }
}

impl ProductSeen {
    /// The lines. What is no line at all is left out; one without its number cannot be named to the provider.
    fn list(fields: &Fields<'_>) -> Result<Vec<Self>, Unreadable> {
        const NAME: &str = "productList";
        if fields.is_ambiguous(NAME) {
            fields.odd(NAME, Found::Twice);
            return Err(Unreadable);
        }
        let items = fields.items(NAME).into_iter().flatten();
        let lines = items.filter(|item| !item.lacks(&["id", "name", "amount"]));
        lines.map(|line| Self::read(&line)).collect()
    }

    fn read(fields: &Fields<'_>) -> Result<Self, Unreadable> {
        Ok(Self {
            id: fields.needed_whole("id")?,
            name: fields.text("name"),
            product_id: fields.text("productId"),
            quantity: fields.whole("quantity"),
            rate: fields.amount("rate"),
            discount: fields.amount("discount"),
            tax: fields.whole("tax"),
            amount: fields.amount("amount"),
            reserved: fields.amount("reserved"),
            captured: fields.amount("captured"),
        })
    }
}

impl CustomerSeen {
    fn read(fields: &Fields<'_>) -> Self {
        let address = fields.object_alone("address");
        Self {
            country_code: fields.text("countryCode"),
            msisdn: fields.personal("msisdn"),
            email: fields.personal("email"),
            name: fields.personal("name"),
            address: address.map(|fields| AddressSeen::read(&fields)),
        }
    }
}

impl AddressSeen {
    fn read(fields: &Fields<'_>) -> Self {
        Self {
            country_code: fields.text("countryCode"),
            msisdn: fields.personal("msisdn"),
            email: fields.personal("email"),
            street: fields.personal("street"),
            zip: fields.text("zip"),
            city: fields.text("city"),
            country: fields.text("country"),
        }
    }
}

impl OrganizationDetails {
    fn read(fields: &Fields<'_>) -> Self {
        let address = fields.object_alone("billingAddress");
        Self {
            name: fields.text("name"),
            billing_address: address.map(|fields| AddressSeen::read(&fields)),
        }
    }
}

impl PaymentDetails {
    fn read(fields: &Fields<'_>, shown: &mut Shown) -> Result<Self, Unreadable> {
        let refunded = fields.object("amountRefunded")?;
        let payment = Self {
            reserved_at: fields.time("reservedAt"),
            reserved_amount: fields.money("reservedAmount")?,
            captured_amount: fields.money("capturedAmount")?,
            charged_amount: fields.money("chargedAmount")?,
            amount_refunded: refunded.map(RefundedSums::read).transpose()?,
        };
        shown.captured |= payment.captured_amount.is_some();
        shown.charged |= payment.charged_amount.is_some();
        Ok(payment)
    }
}

impl RefundedSums {
    fn read(fields: Fields<'_>) -> Result<Self, Unreadable> {
        let fields = fields.also_called("fromCharged", "fromCharge");
        Ok(Self {
            from_captured: fields.money("fromCaptured")?,
            from_charge: fields.money("fromCharge")?,
        })
    }
}

impl PaymentHistory {
    fn read(
        fields: &Fields<'_>,
        payment: Option<&PaymentDetails>,
        shown: &mut Shown,
    ) -> Result<Self, Unreadable> {
        let money = |name| {
            let rows = fields.rows(name)?;
            rows.map(|rows| rows.iter().map(MoneyRow::read).collect())
                .transpose()
        };
        let (captured, charged): (Option<Vec<_>>, Option<Vec<_>>) =
            (money("captured")?, money("charged")?);
        shown.captured |= captured.is_some();
        shown.charged |= charged.is_some();
        let reserved = fields.rows("reserved")?.unwrap_or_default();
        let refunded = fields.rows("refunded")?.unwrap_or_default();
        let refunded: Vec<(RefundRow, bool)> = refunded
            .iter()
            .map(RefundRow::read)
            .collect::<Result<_, _>>()?;
        let negative = refunded.iter().any(|(_, negative)| *negative);
        let history = Self {
            reserved: reserved
                .iter()
                .map(ReservedRow::read)
                .collect::<Result<_, _>>()?,
            captured: captured.unwrap_or_default(),
            charged: charged.unwrap_or_default(),
            refunded: refunded.into_iter().map(|(row, _)| row).collect(),
        };
        if negative && !history.refunds_add_up(payment) {
            fields.odd("refunded[].amount", Found::Number);
            return Err(Unreadable);
        }
        Ok(history)
    }

    /// Are the refunds together what the sums, or else the rows that they were taken from, say was paid back?
    fn refunds_add_up(&self, payment: Option<&PaymentDetails>) -> bool {
        let sums = payment.and_then(|payment| payment.amount_refunded.as_ref());
        let by_sums = sums.and_then(|sums| Some(sums.from_captured? + sums.from_charge?));
        let rows = || self.captured.iter().chain(&self.charged);
        let by_rows = || rows().map(|row| row.refunded).sum::<Option<Money>>();
        by_sums.or_else(by_rows) == Some(self.refunded.iter().map(|row| row.amount).sum())
    }
}

impl ReservedRow {
    fn read(fields: &Fields<'_>) -> Result<Self, Unreadable> {
        Ok(Self {
            at: fields.time("at"),
            amount: fields.needed_money("amount")?,
        })
    }
}

impl MoneyRow {
    fn read(fields: &Fields<'_>) -> Result<Self, Unreadable> {
        Ok(Self {
            at: fields.time("at"),
            amount: fields.needed_money("amount")?,
            reference: fields.naming_text("reference")?,
            is_refunded: fields.flag("isRefunded"),
            refunded: fields.money("refunded")?,
            refunded_at: fields.time("refundedAt"),
            additional_text: fields.naming_text("additionalText")?,
        })
    }
}

impl RefundRow {
    /// The row, and whether its amount was written below zero.
    fn read(fields: &Fields<'_>) -> Result<(Self, bool), Unreadable> {
        let printed = fields.signed_money("amount")?;
        let row = Self {
            at: fields.time("at"),
            amount: printed.amount,
            reference: fields.naming_text("reference")?,
            is_refunded: fields.flag("isRefunded"),
            is_partial: fields.flag("isPartial"),
        };
        Ok((row, printed.negative))
    }
}
