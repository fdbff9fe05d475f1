//! The calls that a merchant can make, and what the provider says when one succeeds.

use serde::{Deserialize, Serialize};

/// How much a call can do, which decides how long it may take and whether its connection is shared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CallClass {
    /// Reads alone: a repetition is harmless.
    Read,
    /// May move money, change a status or send a message.
    Money,
}

/// A call of the provider's API.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names are those of the provider's pages")]
pub enum Operation {
    Submit,
    CreateSession,
    Details,
    Capture,
    Charge,
    Cancel,
    Complete,
    Resend,
    Refund,
    History,
    SubmitOrder,
    OrderStatus,
    OrderDetails,
}

impl Operation {
    /// Every call of the client.
    pub const ALL: [Self; 13] = [
        Self::Submit,
        Self::CreateSession,
        Self::Details,
        Self::Capture,
        Self::Charge,
        Self::Cancel,
        Self::Complete,
        Self::Resend,
        Self::Refund,
        Self::History,
        Self::SubmitOrder,
        Self::OrderStatus,
        Self::OrderDetails,
    ];

    /// How much this call can do.
    #[must_use]
    pub const fn class(self) -> CallClass {
        match self {
            Self::Details | Self::History | Self::OrderStatus | Self::OrderDetails => {
                CallClass::Read
            }
            _ => CallClass::Money,
        }
    }

    /// The word for logs and counts: `order_details`.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Submit => "submit",
            Self::CreateSession => "create_session",
            Self::Details => "details",
            Self::Capture => "capture",
            Self::Charge => "charge",
            Self::Cancel => "cancel",
            Self::Complete => "complete",
            Self::Resend => "resend",
            Self::Refund => "refund",
            Self::History => "history",
            Self::SubmitOrder => "submit_order",
            Self::OrderStatus => "order_status",
            Self::OrderDetails => "order_details",
        }
    }

    /// The path below the base, up to where an identifier follows.
    #[must_use]
    pub const fn path(self) -> &'static str {
        match self {
            Self::Submit => "connect/reservations/submit",
            Self::CreateSession => "connect/reservations/create",
            Self::Details => "connect/reservations/details",
            Self::Capture => "connect/reservations/capture",
            Self::Charge => "connect/reservations/charge",
            Self::Cancel => "connect/reservations/cancel",
            Self::Complete => "connect/reservations/complete",
            Self::Resend => "connect/reservations/resend",
            Self::Refund => "connect/reservations/refund",
            Self::History => "connect/reservations/history",
            Self::SubmitOrder => "connect/orders/regular/submit",
            Self::OrderStatus => "connect/orders/status",
            Self::OrderDetails => "connect/orders/details",
        }
    }

    /// The messages of a success, normalised. Empty where the data alone tells: a read, a new uuid.
    pub(crate) const fn success_messages(self) -> &'static [&'static str] {
        match self {
            Self::Capture => &["reservationcapturedsuccessfully"],
            Self::Charge => &["reservationchargedsuccessfully"],
            Self::Cancel => &["cancelledordersuccessfully"],
            Self::Complete => &["reservationcompletedsuccessfully"],
            Self::Resend => &["resentordersuccessfully"],
            Self::Refund => &["orderrefundedsuccessfully"],
            Self::Submit
            | Self::CreateSession
            | Self::SubmitOrder
            | Self::Details
            | Self::History
            | Self::OrderStatus
            | Self::OrderDetails => &[],
        }
    }
}

/// The refusals by a rule of business that the provider documents, normalised. One set for all calls: near-synonyms
/// wander between the pages, and each of them says that nothing was executed. A key that carries a value, behind `Param`,
/// stands here up to there; refusals of refunds are known by how they begin.
const BUSINESS_KEYS: [&str; 19] = [
    "ambiguousrequestexistswithsameparameters",
    "orderproductsnotfound",
    "orderrefundrequestalreadysubmitted",
    "orderstatusalreadycancelled",
    "orderstatusalreadycompleted",
    "orderstatusalreadyinvoiced",
    "orderstatusalreadypaid",
    "orderstatusalreadypaidorcancelled",
    "orderstatusnotexportable",
    "paymentcapturedeadlineexceed",
    "paymentchargedeadlineexceed",
    "paymentchargerunwayexceed",
    "prerequisitefailedtocancelreservation",
    "prerequisitefailedtocompletereservation",
    "requestedcaptureamountexceedavailablecapturerunway",
    "requestproductidnotavailable",
    "reservationstatusalready",
    "reservationstatusalreadycancelled",
    "reservationstatusalreadycompleted",
];

/// What a 404 says when the object is not there, normalised; on a list it means an empty list.
const NOT_FOUND_KEYS: [&str; 2] = ["ordernotfound", "reservationnotfound"];

/// How every refusal of a refund begins, also one that the pages do not list.
const REFUND_REFUSED: &str = "refundrejectionfor";

/// Whether this normalised message is a refusal by a rule of business: a documented key, one with a value behind `Param`, or
/// any refusal of a refund.
pub(crate) fn is_business_key(key: &str) -> bool {
    let stem = key.split("param").next().unwrap_or(key);
    BUSINESS_KEYS.contains(&key) || BUSINESS_KEYS.contains(&stem) || key.starts_with(REFUND_REFUSED)
}

/// Whether this normalised message says that the object, and not the path, is missing.
pub(crate) fn is_not_found_key(key: &str) -> bool {
    NOT_FOUND_KEYS.contains(&key)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::redact::normalise;

    #[test]
    fn keys_match_up_to_their_param_and_refunds_by_their_beginning() {
        for key in [
            "refundRejectionForOutOfRunwayParam1200",
            "refundRejectionForRefundedCancelledInvoicedOrderParamInvoiced",
            "refundRejectionForCancelledInvoicedOrderParamCancelled",
            "refundRejectionForSomethingNew",
            "reservationStatusAlreadyParamCompleted",
            "ambiguousRequestExistsWithSameParameters",
            "orderStatusAlreadyPaidOrCancelled",
        ] {
            assert!(is_business_key(&normalise(key)), "{key}");
        }
        for key in [
            "",
            "param",
            "somethingWentWrong",
            "paymentParam1",
            "refundRejection",
        ] {
            assert!(!is_business_key(&normalise(key)), "{key}");
        }
    }
}
