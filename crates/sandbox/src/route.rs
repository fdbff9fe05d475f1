//! Which call a path and a verb mean.

use http::Method;
use serde::{Deserialize, Serialize};

use crate::switches::CancelVerb;

/// Where the provider's paths begin.
pub(crate) const BASE: &str = "/api/v1/";

macro_rules! operations {
    ($($name:ident = $method:ident $path:literal $word:literal;)*) => {
        /// A call of the provider's API.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        #[expect(missing_docs, reason = "the names are those of the provider's pages")]
        pub enum Operation { $($name,)* }

        impl Operation {
            /// Every call, in the order of the provider's pages.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// The word for it in JSON.
            #[must_use]
            pub const fn word(self) -> &'static str {
                match self { $(Self::$name => $word,)* }
            }

            const fn method(self) -> Method {
                match self { $(Self::$name => Method::$method,)* }
            }

            /// The path below the base; `*` stands for an identifier.
            const fn path(self) -> &'static str {
                match self { $(Self::$name => $path,)* }
            }
        }
    };
}

operations! {
    Submit = POST "connect/reservations/submit" "submit";
    CreateSession = POST "connect/reservations/create" "create_session";
    Details = GET "connect/reservations/details/*" "details";
    Capture = POST "connect/reservations/capture/*" "capture";
    Charge = POST "connect/reservations/charge/*" "charge";
    Cancel = POST "connect/reservations/cancel/*" "cancel";
    Complete = POST "connect/reservations/complete/*" "complete";
    Resend = POST "connect/reservations/resend/*" "resend";
    Refund = POST "connect/reservations/refund/*" "refund";
    History = GET "connect/reservations/history/*/*" "history";
    SubmitOrder = POST "connect/orders/regular/submit" "submit_order";
    OrderStatus = GET "connect/orders/status/*" "order_status";
    OrderList = GET "connect/orders/status" "order_list";
    OrderDetails = GET "connect/orders/details/*" "order_details";
    OrderCancel = POST "connect/orders/cancel/*" "order_cancel";
    OrderResend = POST "connect/orders/resend/*" "order_resend";
    OrderRefund = POST "connect/orders/refund/*" "order_refund";
    DelayedCharge = POST "connect/orders/delayed/charge/*" "delayed_charge";
    InvoiceNumber = GET "connect/orders/invoice-number/*" "invoice_number";
    CustomerDetails = GET "connect/customers/details/*" "customer_details";
    RefundApproval = POST "orders/refund/request/approval/*" "refund_approval";
}

/// What a request asks for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Route<'a> {
    /// This call, with the identifiers of its path.
    Call(Operation, Vec<&'a str>),
    /// The path is known; these are its verbs.
    WrongVerb(&'static str),
    /// The provider has no such path.
    Unknown,
}

/// Reads a path. History may leave out its times, with or without their slashes.
pub(crate) fn route<'a>(method: &Method, path: &'a str, cancel: CancelVerb) -> Route<'a> {
    let Some(rest) = path.strip_prefix(BASE) else {
        return Route::Unknown;
    };
    let found = Operation::ALL
        .iter()
        .find_map(|operation| matched(*operation, rest).map(|ids| (*operation, ids)));
    let Some((operation, ids)) = found else {
        return Route::Unknown;
    };
    let allowed = match (operation, cancel) {
        (Operation::Cancel, CancelVerb::Both) => "GET, POST",
        (Operation::Cancel, CancelVerb::Get) => "GET",
        _ if operation.method() == Method::GET => "GET",
        _ => "POST",
    };
    if allowed.split(", ").any(|verb| method.as_str() == verb) {
        Route::Call(operation, ids)
    } else {
        Route::WrongVerb(allowed)
    }
}

fn matched(operation: Operation, rest: &str) -> Option<Vec<&str>> {
    let trimmed = rest.trim_end_matches('/');
    if operation == Operation::History && trimmed == "connect/reservations/history" {
        return Some(Vec::new());
    }
    let (mut ids, mut parts) = (Vec::new(), trimmed.split('/'));
    for wanted in operation.path().split('/') {
        match parts.next()? {
            part if wanted == "*" => ids.push(part),
            part if part == wanted => {}
            _ => return None,
        }
    }
    parts.next().is_none().then_some(ids)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_and_verbs_name_calls() {
        let call = |operation, ids: &[&'static str]| Route::Call(operation, ids.to_vec());
        for (method, path, expected) in [
            (
                Method::POST,
                "/api/v1/connect/reservations/submit",
                call(Operation::Submit, &[]),
            ),
            (
                Method::GET,
                "/api/v1/connect/reservations/submit",
                Route::WrongVerb("POST"),
            ),
            (
                Method::GET,
                "/api/v1/connect/reservations/details/RES1",
                call(Operation::Details, &["RES1"]),
            ),
            (
                Method::GET,
                "/api/v1/connect/reservations/cancel/RES1",
                call(Operation::Cancel, &["RES1"]),
            ),
            (
                Method::PUT,
                "/api/v1/connect/reservations/cancel/RES1",
                Route::WrongVerb("GET, POST"),
            ),
            (
                Method::GET,
                "/api/v1/connect/reservations/history/1/2",
                call(Operation::History, &["1", "2"]),
            ),
            (
                Method::GET,
                "/api/v1/connect/reservations/history//",
                call(Operation::History, &[]),
            ),
            (
                Method::GET,
                "/api/v1/connect/orders/status",
                call(Operation::OrderList, &[]),
            ),
            (
                Method::GET,
                "/api/v1/connect/orders/status/ODR1",
                call(Operation::OrderStatus, &["ODR1"]),
            ),
            (
                Method::POST,
                "/api/v1/connect/orders/delayed/charge/ODR1",
                call(Operation::DelayedCharge, &["ODR1"]),
            ),
            (
                Method::POST,
                "/api/v1/orders/refund/request/approval/RES1",
                call(Operation::RefundApproval, &["RES1"]),
            ),
            (
                Method::GET,
                "/api/v1/connect/reservations/details",
                Route::Unknown,
            ),
            (
                Method::GET,
                "/api/v2/connect/reservations/details/RES1",
                Route::Unknown,
            ),
        ] {
            assert_eq!(
                route(&method, path, CancelVerb::Both),
                expected,
                "{method} {path}"
            );
        }
        let path = "/api/v1/connect/reservations/cancel/RES1";
        assert_eq!(
            route(&Method::POST, path, CancelVerb::Get),
            Route::WrongVerb("GET")
        );
        assert_eq!(
            route(&Method::GET, path, CancelVerb::Post),
            Route::WrongVerb("POST")
        );
    }

    #[test]
    fn a_call_has_one_word_everywhere() {
        for operation in Operation::ALL {
            assert_eq!(
                serde_json::to_value(operation).expect("word"),
                operation.word()
            );
        }
    }
}
