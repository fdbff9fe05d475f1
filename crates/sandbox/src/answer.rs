//! The provider's answers: envelopes, refusals, and what faults make of them.

use std::time::Duration;

use api_client::wire::{Envelope, Errors};
use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::fault::What;
use crate::reply::{Delivery, Reply};
use crate::switches::{ErrorsForm, NotFoundForm, NotFoundKey, Numbers, Switches};
use crate::{Operation, reply};

/// Why a call is refused.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// 404 with this key.
    NotFound(&'static str),
    /// 400 with this key.
    Rule(&'static str),
    /// A payload with these faults.
    Payload(Vec<String>),
    /// 510: the page's "execution exception".
    Exception,
}

const OK: &str = "OK";

/// A success with data.
pub(crate) fn data(status: u16, message: &str, data: &impl Serialize, s: &Switches) -> Reply {
    let mut value = serde_json::to_value(data).unwrap_or_default();
    if s.numbers == Numbers::Text {
        numbers_to_text(&mut value);
    }
    Reply::json(status, &Envelope::of_data(status, OK, message, Some(value)))
}

/// A success without data; some calls say `is_data: true` all the same.
pub(crate) fn done(status: u16, message: &str, is_data: bool) -> Reply {
    let mut envelope = Envelope::<Value>::of_data(status, OK, message, None);
    envelope.is_data = Some(is_data);
    Reply::json(status, &envelope)
}

fn numbers_to_text(value: &mut Value) {
    match value {
        Value::Number(number) => *value = Value::String(number.to_string()),
        Value::Array(items) => items.iter_mut().for_each(numbers_to_text),
        Value::Object(fields) => fields.values_mut().for_each(numbers_to_text),
        _ => {}
    }
}

fn data_form(status: u16, word: &str, key: &str) -> Reply {
    Reply::json(status, &Envelope::<Value>::of_data(status, word, key, None))
}

fn error_form(status: u16, word: &str, key: &str, is_error: bool, errors: Errors) -> Reply {
    Reply::json(
        status,
        &Envelope::<Value>::of_errors(status, word, key, is_error, errors),
    )
}

/// The answer of a refusal.
pub(crate) fn refused(refusal: Refusal, s: &Switches) -> Reply {
    match refusal {
        Refusal::NotFound(key) => {
            let key = match (key, s.not_found_key) {
                ("reservationNotFound", NotFoundKey::OrderNotFound) => "orderNotFound",
                _ => key,
            };
            match s.not_found_form {
                NotFoundForm::Data => data_form(404, "Not Found", key),
                NotFoundForm::Errors => error_form(404, "Not Found", key, false, Errors::Null),
            }
        }
        Refusal::Rule(key) => rule(key),
        Refusal::Payload(sentences) => {
            let errors = match s.errors_form {
                ErrorsForm::List => Errors::Sentences(sentences),
                ErrorsForm::Text => Errors::Sentence(sentences.join(" ")),
                ErrorsForm::Object => {
                    Errors::Object(Map::from_iter([("payload".to_owned(), json!(sentences))]))
                }
            };
            error_form(
                s.validation_status,
                "Client Error",
                "payloadValidationErrors",
                true,
                errors,
            )
        }
        Refusal::Exception => exception(),
    }
}

/// The pair of fields differs from key to key in the provider's pages.
fn rule(key: &str) -> Reply {
    const CONFLICT: &str = "Conflict of Business Logic";
    match key {
        "refundRejectionForProductAmountExceed" => {
            let sentence = "The refund amount of a product exceeds what is left of it.".to_owned();
            error_form(400, CONFLICT, key, true, Errors::Sentences(vec![sentence]))
        }
        "refundRejectionForWeeklyThresholdExceed"
        | "refundRejectionForRequestAmountThresholdExceed" => {
            error_form(400, CONFLICT, key, true, Errors::Null)
        }
        "refundRejectionForRefundRequestGreaterThanOrderAmount"
        | "reservationStatusAlreadyCompleted"
        | "prerequisiteFailedToCancelReservation"
        | "orderStatusAlreadyCompleted"
        | "orderStatusAlreadyCancelled"
        | "orderStatusAlreadyPaid" => error_form(400, CONFLICT, key, false, Errors::Null),
        _ => data_form(400, CONFLICT, key),
    }
}

fn exception() -> Reply {
    let errors = Errors::Sentences(vec!["Something Went Wrong".to_owned()]);
    error_form(
        510,
        "Execution Exception Occurred",
        "Something Went Wrong",
        true,
        errors,
    )
}

/// The framework's own answers, which have no envelope.
pub(crate) fn bare(status: u16, message: &str) -> Reply {
    Reply::json(status, &json!({ "message": message }))
}

pub(crate) fn throttled(retry_after: u64) -> Reply {
    bare(429, "Too Many Attempts.").with("retry-after", retry_after.to_string())
}

pub(crate) fn unauthenticated() -> Reply {
    bare(401, "Unauthenticated.")
}

/// A status that a fault asks for, in the provider's shape for it.
fn status(operation: Operation, status: u16, now: DateTime<Utc>) -> Reply {
    match status {
        401 => unauthenticated(),
        429 => throttled(30),
        500 => {
            let key = "internalErrorOccurredPleaseTryAgainLater";
            let fields = json!({"happenedAt": now.to_rfc3339(), "internalErrorDetails": ["Payment gateway"]});
            let errors = fields
                .as_object()
                .cloned()
                .map_or(Errors::Null, Errors::Object);
            error_form(500, "Internal Dependency Error", key, true, errors)
        }
        510 => gateway(operation),
        502..=504 => page(status),
        _ => bare(
            status,
            http::StatusCode::from_u16(status).map_or("Error", reason),
        ),
    }
}

fn reason(status: http::StatusCode) -> &'static str {
    match status.as_u16() {
        403 => "Forbidden",
        404 => "Not Found",
        408 => "Request Timeout",
        _ => "Error",
    }
}

fn gateway(operation: Operation) -> Reply {
    let message = match operation {
        Operation::Submit => "Payment Gateway Error(Submit Payment): Failed to Create Payment Link",
        Operation::CreateSession => "Payment Gateway Error: Failed to Create Checkout Session",
        _ => return exception(),
    };
    let errors = Errors::Sentences(vec![message.to_owned()]);
    error_form(510, "Internal Dependency Error", message, true, errors)
}

fn page(status: u16) -> Reply {
    let title = match status {
        502 => "502 Bad Gateway",
        503 => "503 Service Temporarily Unavailable",
        504 => "504 Gateway Time-out",
        _ => "Welcome",
    };
    let html = format!(
        "<html>\r\n<head><title>{title}</title></head>\r\n<body>\r\n<center><h1>{title}</h1></center>\r\n\
         <hr><center>nginx/1.24.0 (Ubuntu)</center>\r\n</body>\r\n</html>\r\n"
    );
    Reply::new(status, "text/html", html)
}

/// What a fault makes of an answer; without one, of an answer that would have said yes.
pub(crate) fn disturbed(
    operation: Operation,
    answer: Option<Reply>,
    what: What,
    now: DateTime<Utc>,
) -> Reply {
    let mut reply = answer.unwrap_or_else(|| done(202, "OK", false));
    match what {
        What::Reset => reply.delivery = Delivery::Reset,
        What::Hang => reply.delivery = Delivery::Hang,
        What::Status(code) => reply = status(operation, code, now),
        What::Html => reply = page(200),
        What::Garbage => reply.body = "\u{1}\u{2}{]garbage".into(),
        What::Empty => reply.body = bytes::Bytes::new(),
        What::Truncated(bytes) => {
            let most = reply.body.len().saturating_sub(1);
            reply.delivery = Delivery::Truncate(most.min(usize::try_from(bytes).unwrap_or(most)));
        }
        What::WrongCode => {
            let mut body: Value = reply.value();
            body["status_code"] = if reply.status < 300 {
                json!(510)
            } else {
                json!(200)
            };
            reply = reply::Reply::json(reply.status, &body);
        }
        What::Delay(millis) => {
            reply.delivery = Delivery::Delay(Duration::from_millis(millis.into()));
        }
        What::StaleDetails { .. } => {}
    }
    reply
}
