//! What a fuzzer calls, and ordinary tests over a seeded corpus call as well.

use bytes::Bytes;
use http::HeaderMap;
use secrecy::SecretString;

use crate::callback::{self, Formula, Legacy};
use crate::wire::{
    Capture, CaptureAccepted, Charge, ChargeAccepted, CreateSession, Details, HistoryRow, Note,
    OrderDetails, OrderStatus, OrderSubmitted, Refund, Resend, SubmitOrder, SubmitReservation,
    Submitted,
};
use crate::{Operation, Outcome, Payload, WireResponse, classify};

const STATUSES: [u16; 16] = [
    200, 201, 202, 204, 302, 400, 401, 404, 405, 408, 409, 417, 429, 500, 502, 510,
];

/// Classifies the rest of `data` as the body of an answer that the first byte chooses.
///
/// # Panics
/// When an answer counts as accepted without a status that says so.
pub fn decode(data: &[u8]) {
    let Some((choice, body)) = data.split_first() else {
        return;
    };
    let status = STATUSES[usize::from(*choice) % STATUSES.len()];
    let response = Ok(WireResponse {
        status,
        headers: HeaderMap::new(),
        body: Bytes::copy_from_slice(body),
        truncated: false,
    });
    for operation in Operation::ALL {
        match operation {
            Operation::Submit | Operation::CreateSession => one::<Submitted>(operation, &response),
            Operation::Details => one::<Details>(operation, &response),
            Operation::Capture => one::<CaptureAccepted>(operation, &response),
            Operation::Charge => one::<ChargeAccepted>(operation, &response),
            Operation::History => one::<Vec<HistoryRow>>(operation, &response),
            Operation::SubmitOrder => one::<OrderSubmitted>(operation, &response),
            Operation::OrderStatus => one::<OrderStatus>(operation, &response),
            Operation::OrderDetails => one::<OrderDetails>(operation, &response),
            Operation::Cancel | Operation::Complete | Operation::Resend | Operation::Refund => {
                one::<()>(operation, &response);
            }
        }
    }
    requests(body);
}

fn one<T: Payload>(operation: Operation, response: &Result<WireResponse, crate::TransportFault>) {
    let outcome = classify::<T>(operation, response);
    let status = response.as_ref().map_or(0, |response| response.status);
    match outcome {
        Outcome::Accepted(_) => {
            let empty_list = status == 404 && operation == Operation::History;
            assert!(
                (200..300).contains(&status) || empty_list,
                "{operation:?} accepted on {status}"
            );
        }
        Outcome::Rejected(rejection) => {
            assert!(
                (400..500).contains(&status),
                "{operation:?} rejected on {status}"
            );
            assert!(
                rejection.sentences.len() <= 20 && rejection.key.len() <= 100,
                "unbounded rejection"
            );
        }
        Outcome::Unknown(unknown) => {
            assert_eq!(
                unknown.http_status,
                Some(status),
                "an unknown outcome keeps its status"
            );
        }
        Outcome::Unsent(_) => panic!("an answered call was sent"),
    }
}

/// Reads the body as every request, the way a server does.
fn requests(body: &[u8]) {
    let taxes = [0, 12, 15, 25];
    let _ = serde_json::from_slice(body).map(|request: SubmitReservation| request.validate(&taxes));
    let _ = serde_json::from_slice(body).map(|request: CreateSession| request.validate(&taxes));
    let _ = serde_json::from_slice(body).map(|request: Capture| request.validate());
    let _ = serde_json::from_slice(body).map(|request: Charge| request.validate(&taxes));
    let _ = serde_json::from_slice(body).map(|request: Note| request.validate());
    let _ = serde_json::from_slice(body).map(|request: Resend| request.validate());
    let _ = serde_json::from_slice(body).map(|request: Refund| request.validate());
    let _ = serde_json::from_slice(body).map(|request: SubmitOrder| request.validate(&taxes));
}

/// Verifies `data` as the query of a callback.
///
/// # Panics
/// When a checksum without the secret is accepted.
pub fn callback(data: &[u8]) {
    let raw = String::from_utf8_lossy(data);
    let secrets = [SecretString::from("a secret that no corpus holds")];
    for policy in [Legacy::Refuse, Legacy::Accept] {
        let verified = callback::verify(&raw, &secrets, policy);
        assert!(verified.is_err(), "accepted without the secret");
        let empty = callback::verify(&raw, &[SecretString::from("")], policy);
        assert!(empty.is_err(), "accepted with an empty secret");
    }
    let value: String = raw
        .chars()
        .take(100)
        .filter(char::is_ascii_alphanumeric)
        .collect();
    let pairs = [("orderUuid", "RES1"), ("status", value.as_str())];
    let checksum = callback::sign(Formula::F3All, &pairs, &secrets[0]);
    let signed = format!("orderUuid=RES1&status={value}&checksum={checksum}");
    assert!(
        callback::verify(&signed, &secrets, Legacy::Refuse).is_ok(),
        "refused with the secret"
    );
}
