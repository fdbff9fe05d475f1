//! The table of rules of every call with a body.

use super::rules::{Field, Rule};
use crate::switches::{OrderValidator, Switches};
use Rule::{
    Alphanumeric, AtMost, Bool, Country, DialCode, Digits, DueDate, Email, Identifier, In, Length,
    List, Numeric, OrderDate, Required, RequiredIf, RequiredWith, RequiredWithout, Tax, Text, Url,
};

const TYPES: &[&str] = &["private", "corporate"];
const LANGUAGES: &[&str] = &["en", "no", "sv", "da", "de"];
const CARDS: &[&str] = &["visa", "mastercard", "visa/dankort"];
const WAYS: &[&str] = &[
    "vipps",
    "visa",
    "mastercard",
    "applepay",
    "googlepay",
    "invoice",
];

fn field(path: &'static str, rules: &[Rule]) -> Field {
    Field {
        path,
        rules: rules.to_vec(),
    }
}

fn fields<const N: usize>(table: [(&'static str, &[Rule]); N]) -> Vec<Field> {
    table
        .into_iter()
        .map(|(path, rules)| field(path, rules))
        .collect()
}

/// The payer of a reservation; an order's may leave out more.
fn customer() -> Vec<Field> {
    fields([
        ("customerDetails", &[Required, List]),
        ("customerDetails.type", &[Required, Text, In(TYPES)]),
        ("customerDetails.countryCode", &[Required, Text, DialCode]),
        ("customerDetails.msisdn", &[Required, Text]),
        ("customerDetails.email", &[Required, Email]),
        ("customerDetails.name", &[Required, Text]),
        (
            "customerDetails.preferredLanguage",
            &[Required, Text, In(LANGUAGES)],
        ),
        (
            "customerDetails.personalNumber",
            &[Text, Length(11), Digits],
        ),
        (
            "customerDetails.organizationId",
            &[
                RequiredIf("customerDetails.type", "corporate"),
                Text,
                Alphanumeric,
                Digits,
            ],
        ),
        ("customerDetails.address", &[Required, List]),
        ("customerDetails.address.street", &[Required, Text]),
        ("customerDetails.address.zip", &[Required, Text]),
        ("customerDetails.address.city", &[Required, Text]),
        (
            "customerDetails.address.country",
            &[Required, Text, Country],
        ),
    ])
}

/// The fields of a submit (F2.1).
pub(crate) fn reservation(switches: &Switches) -> Vec<Field> {
    let mut table = customer();
    table.extend(fields([
        ("orderDate", &[Required, OrderDate]),
        ("dueDateForPaymentLink", &[Required, DueDate]),
        ("referenceNo", &[Text]),
        ("customerReference", &[Text]),
        ("sendOrderBy", &[Required, List]),
        ("sendOrderBy.sms", &[Required, Bool]),
        ("sendOrderBy.email", &[Required, Bool]),
        ("orderSummary", &[Required, List]),
        ("orderSummary.subTotal", &[Required, Numeric]),
        ("orderSummary.totalTax", &[Required, Numeric]),
        ("orderSummary.grandTotal", &[Required, Numeric]),
        ("chargeValidity", &[Text, Digits, AtMost(9)]),
        ("customerNotes", &[Text]),
        ("tnc", &[Text]),
        ("settings", &[List]),
        ("settings.secureDetails", &[Bool]),
        ("settings.isChargePartiallyRefundable", &[Bool]),
        ("callback", &[List]),
        ("callback.callbackUrl", &[Url]),
        ("callback.success", &[Url]),
        ("callback.failure", &[Url]),
        ("submitPayment.via", &[In(CARDS)]),
    ]));
    table.extend(new_lines());
    if switches.require_customer_uuid {
        table.push(field("customerDetails.customerUuid", &[Required, Text]));
    }
    table
}

/// The fields of a checkout session (F2.2).
pub(crate) fn session(switches: &Switches) -> Vec<Field> {
    let mut table = reservation(switches);
    table.push(field("submitPayment", &[Required, List]));
    table.push(field("submitPayment.via", &[Required]));
    table
}

fn new_lines() -> Vec<Field> {
    fields([
        ("products", &[Required, List]),
        ("products.*.name", &[Required, Text]),
        ("products.*.productId", &[Text, AtMost(25)]),
        ("products.*.rate", &[Required, Numeric]),
        ("products.*.tax", &[Required, Numeric, Tax]),
        ("products.*.amount", &[Required, Numeric]),
    ])
}

fn known_lines() -> Vec<Field> {
    fields([
        ("products", &[Required, List]),
        ("products.*.id", &[Required, Numeric]),
        ("products.*.amount", &[Required, Numeric]),
        ("grandTotal", &[Required, Numeric]),
    ])
}

/// The fields of a capture (F2.4).
pub(crate) fn capture() -> Vec<Field> {
    let mut table = known_lines();
    table.push(field("additionalText", &[Text]));
    table
}

/// The fields of a charge (F2.5).
pub(crate) fn charge() -> Vec<Field> {
    let mut table = new_lines();
    table.extend(fields([
        ("grandTotal", &[Required, Numeric]),
        ("additionalText", &[Text]),
    ]));
    table
}

/// The fields of a cancel or a completion (F2.6 and F2.7).
pub(crate) fn note() -> Vec<Field> {
    fields([("note", &[Required, Text])])
}

/// The fields of a resend (F2.8).
pub(crate) fn resend() -> Vec<Field> {
    fields([
        ("countryCode", &[RequiredWith("msisdn"), Text, DialCode]),
        (
            "msisdn",
            &[RequiredWithout("email"), RequiredWith("countryCode"), Text],
        ),
        ("email", &[RequiredWithout("msisdn"), Email]),
    ])
}

/// The fields of a refund (F2.9).
pub(crate) fn refund() -> Vec<Field> {
    let mut table = fields([
        ("type", &[Required, Text, In(&["reservation"])]),
        ("source", &[Required, Text, In(&["captured", "charged"])]),
        ("reference", &[Required, Text, Identifier]),
    ]);
    table.extend(known_lines());
    table
}

/// The fields of a request for a refund's approval (F2.13).
pub(crate) fn refund_approval() -> Vec<Field> {
    let mut table = fields([
        (
            "type",
            &[Required, Text, In(&["regular", "invoiced", "reservation"])],
        ),
        (
            "source",
            &[
                RequiredIf("type", "reservation"),
                Text,
                In(&["captured", "charged"]),
            ],
        ),
        (
            "reference",
            &[RequiredIf("type", "reservation"), Text, Identifier],
        ),
        ("message", &[Required, Text]),
    ]);
    table.extend(known_lines());
    table
}

/// The fields of a one-time payment link (F2.11).
pub(crate) fn submit_order(switches: &Switches, with_customer: bool) -> Vec<Field> {
    let mut table = fields([
        ("products", &[Required, List]),
        ("products.*.name", &[Required, Text]),
        ("products.*.productId", &[Text, AtMost(25)]),
        ("products.*.quantity", &[Required, Numeric]),
        ("products.*.rate", &[Required, Numeric]),
        ("products.*.discount", &[Numeric]),
        ("products.*.tax", &[Required, Numeric, Tax]),
        ("products.*.amount", &[Required, Numeric]),
        ("orderSummary.subTotal", &[Required, Numeric]),
        ("orderSummary.totalTax", &[Required, Numeric]),
        ("orderSummary.totalDiscount", &[Numeric]),
        ("orderSummary.shippingCost", &[Numeric]),
        ("orderSummary.grandTotal", &[Required, Numeric]),
        ("orderDate", &[Required, OrderDate]),
        ("dueDateForPaymentLink", &[DueDate]),
        ("withCustomer", &[Required, Bool]),
        ("customerDetails.type", &[Text, In(TYPES)]),
        ("customerDetails.countryCode", &[Text, DialCode]),
        ("customerDetails.msisdn", &[Text]),
        ("customerDetails.email", &[Email]),
        (
            "customerDetails.personalNumber",
            &[
                RequiredIf("submitPayment.via", "invoice"),
                Text,
                Length(11),
                Digits,
            ],
        ),
        (
            "customerDetails.organizationId",
            &[
                RequiredIf("customerDetails.type", "corporate"),
                Text,
                Alphanumeric,
            ],
        ),
        ("submitPayment.via", &[Required, Text, In(WAYS)]),
        ("callback.callbackUrl", &[Url]),
        ("callback.success", &[Required, Url]),
        ("callback.failure", &[Required, Url]),
    ]);
    if with_customer {
        table.extend(order_customer());
    }
    if switches.order_validator == OrderValidator::Recorded {
        table.extend(recorded());
    }
    table
}

fn order_customer() -> Vec<Field> {
    fields([
        ("customerDetails", &[Required, List]),
        ("customerDetails.name", &[Required, Text]),
        (
            "customerDetails.preferredLanguage",
            &[Required, Text, In(LANGUAGES)],
        ),
        ("customerDetails.address.street", &[Required, Text]),
        ("customerDetails.address.zip", &[Required, Text]),
        ("customerDetails.address.city", &[Required, Text]),
        (
            "customerDetails.address.country",
            &[Required, Text, Country],
        ),
    ])
}

/// What the validator wanted in July 2025 on top of the pages.
fn recorded() -> Vec<Field> {
    fields([
        ("orderSummary.shippingCost", &[Required]),
        ("dueDateForPaymentLink", &[Required]),
        ("sendOrderBy.sms", &[Required, Bool]),
        ("sendOrderBy.email", &[Required, Bool]),
        ("sendOrderBy.invoice", &[Required, Bool]),
        ("invoiceAsPaymentOption", &[Required, Bool]),
        ("isCreditCheckAvailable", &[Required, Bool]),
    ])
}

/// The fields of the cancel of an order (F2.12).
pub(crate) fn order_cancel() -> Vec<Field> {
    fields([("cancellationNote", &[Required, Text])])
}

/// The fields of the refund of an order (F2.12).
pub(crate) fn order_refund() -> Vec<Field> {
    let mut table = fields([("type", &[Required, Text, In(&["regular", "invoiced"])])]);
    table.extend(known_lines());
    table
}
