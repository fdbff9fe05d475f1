//! What an observation proves about a call: one pure function, the first rule that matches wins.

use serde_json::value::RawValue;

use crate::exchange::RateHeaders;
use crate::operation::{is_business_key, is_not_found_key};
pub use crate::payload::Payload;
use crate::redact::{normalise, redact};
use crate::wire::{Envelope, Oddities};
use crate::{
    FaultKind, Operation, Outcome, Phase, Rejection, RejectionClass, TransportFault,
    UnknownOutcome, UnknownReason, WireResponse,
};

/// The most sentences of a rejection that are kept.
const MAX_SENTENCES: usize = 20;

/// The deepest nesting of an answer that is read; the provider's own are five deep.
const MAX_DEPTH: usize = 64;

/// What a body is.
enum Body {
    Envelope(Box<Envelope<Box<RawValue>>>),
    Not(UnknownReason),
}

/// What became of `operation`, given what came back.
///
/// Unsent only when no byte can have reached the provider; rejected only when the answer proves that nothing was
/// executed; accepted only when status, body, message and data all say so; unknown otherwise.
#[must_use]
pub fn classify<T: Payload>(
    operation: Operation,
    result: &Result<WireResponse, TransportFault>,
) -> Outcome<T> {
    classify_noting(operation, result, &Oddities::default())
}

/// The same, and notes the fields of the data that could not be read.
pub(crate) fn classify_noting<T: Payload>(
    operation: Operation,
    result: &Result<WireResponse, TransportFault>,
    oddities: &Oddities,
) -> Outcome<T> {
    let response = match result {
        Ok(response) => response,
        Err(fault) if fault.phase == Phase::BeforeSend => return Outcome::Unsent(fault.clone()),
        Err(fault) => return unknown(after_send(&fault.kind), None),
    };
    let body = read(response);
    if let Body::Envelope(envelope) = &body
        && contradicts(response.status, envelope)
    {
        return unknown(UnknownReason::Contradicting, Some(response.status));
    }
    match response.status {
        200..=299 => success(operation, response, &body, oddities),
        300..=399 => unknown(UnknownReason::Redirect, Some(response.status)),
        408 => unknown(UnknownReason::Timeout, Some(408)),
        400..=499 => client_error(response, &body),
        500..=599 => unknown(UnknownReason::ServerError, Some(response.status)),
        _ => unknown(UnknownReason::UnexpectedStatus, Some(response.status)),
    }
}

const fn unknown<T>(reason: UnknownReason, http_status: Option<u16>) -> Outcome<T> {
    Outcome::Unknown(UnknownOutcome {
        reason,
        http_status,
    })
}

const fn after_send(kind: &FaultKind) -> UnknownReason {
    match kind {
        FaultKind::Timeout | FaultKind::ConnectTimeout => UnknownReason::Timeout,
        FaultKind::BodyTooLarge => UnknownReason::BodyTooLarge,
        FaultKind::Protocol | FaultKind::Tls => UnknownReason::Protocol,
        _ => UnknownReason::Reset,
    }
}

fn read(response: &WireResponse) -> Body {
    let bytes = response.body.trim_ascii();
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    if response.truncated {
        return Body::Not(UnknownReason::Truncated);
    }
    match bytes.first() {
        None => return Body::Not(UnknownReason::Empty),
        Some(b'<') => return Body::Not(UnknownReason::Html),
        Some(b'{') => {}
        // A list would be read as the fields in their order.
        Some(_) => return Body::Not(UnknownReason::Malformed),
    }
    // Also where nobody looks at what is nested: an answer like that is not the provider's.
    if is_too_deep(bytes) {
        return Body::Not(UnknownReason::Malformed);
    }
    match serde_json::from_slice(bytes) {
        Ok(envelope) => Body::Envelope(Box::new(envelope)),
        Err(error) if error.is_eof() => Body::Not(UnknownReason::Truncated),
        Err(_) => Body::Not(UnknownReason::Malformed),
    }
}

/// Is the JSON nested deeper than [`MAX_DEPTH`]? Brackets within strings do not count.
fn is_too_deep(json: &[u8]) -> bool {
    let (mut depth, mut in_string, mut escaped) = (0_usize, false, false);
    for byte in json {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'{' | b'[' if !in_string => depth += 1,
            b'}' | b']' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > MAX_DEPTH {
            return true;
        }
    }
    false
}

/// Whether the body repeats a status of another class, or calls a success an error.
fn contradicts(status: u16, envelope: &Envelope<Box<RawValue>>) -> bool {
    let other_class = envelope
        .status_code
        .is_some_and(|code| code / 100 != status / 100);
    other_class || (status / 100 == 2 && envelope.is_error == Some(true))
}

fn success<T: Payload>(
    operation: Operation,
    response: &WireResponse,
    body: &Body,
    oddities: &Oddities,
) -> Outcome<T> {
    let status = Some(response.status);
    let envelope = match body {
        Body::Envelope(envelope) => envelope,
        Body::Not(reason) => return unknown(*reason, status),
    };
    if envelope.status_code.is_none() {
        return unknown(UnknownReason::Malformed, status);
    }
    let expected = operation.success_messages();
    if !expected.is_empty() && !expected.contains(&key(body).as_str()) {
        return unknown(UnknownReason::UnexpectedMessage, status);
    }
    let data = envelope.data.as_ref().and_then(Option::as_deref);
    match T::from_data(data, oddities) {
        Ok(value) => Outcome::Accepted(value),
        Err(reason) => unknown(reason, status),
    }
}

fn client_error<T: Payload>(response: &WireResponse, body: &Body) -> Outcome<T> {
    let key = key(body);
    let class = match response.status {
        401 | 403 => RejectionClass::Auth,
        429 => RejectionClass::Throttled {
            retry_after: RateHeaders::of(&response.headers).retry_after,
        },
        417 => RejectionClass::Payload,
        400 if key == "payloadvalidationerrors" => RejectionClass::Payload,
        400 if is_business_key(&key) => RejectionClass::Business,
        400 => return unknown(UnknownReason::UnknownBusinessMessage, Some(400)),
        404 if key == "paymentcardnotfound" => RejectionClass::CardNotFound,
        404 => match T::when_not_found().filter(|_| is_not_found_key(&key)) {
            Some(empty) => return Outcome::Accepted(empty),
            None => RejectionClass::NotFound,
        },
        405 => RejectionClass::WrongVerb,
        status => return unknown(UnknownReason::UnexpectedStatus, Some(status)),
    };
    Outcome::Rejected(Rejection {
        class,
        key,
        http_status: response.status,
        sentences: sentences(body),
    })
}

/// The normalised message; empty without one.
fn key(body: &Body) -> String {
    match body {
        Body::Envelope(envelope) => envelope
            .message
            .as_deref()
            .map(redact)
            .map_or_else(String::new, |m| normalise(&m)),
        Body::Not(_) => String::new(),
    }
}

fn sentences(body: &Body) -> Vec<String> {
    let Body::Envelope(envelope) = body else {
        return Vec::new();
    };
    let errors = envelope
        .errors
        .as_ref()
        .map_or_else(Vec::new, |errors| errors.sentences(MAX_SENTENCES));
    errors.into_iter().map(redact).collect()
}
