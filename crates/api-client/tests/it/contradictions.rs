//! Where the provider's pages contradict each other, every reading is taken.

use api_client::wire::{
    CaptureAccepted, Charge, ChargeAccepted, Envelope, Errors, HistoryRow, LinkField, OrderStatus,
    OrderSubmitted, Refund, SubmitReservation, Submitted, UuidField, WireTime,
};
use api_client::{Operation, Outcome, RejectionClass};
use serde_json::{Value, json};

use crate::support::{fixture, judge};

#[test]
fn numbers_3_4_and_5_either_name_and_any_2xx_of_a_submit() {
    let submitted = Submitted {
        customer_uuid: Some("CSRT1".to_owned()),
        reservation_uuid: "RES3855804929".to_owned(),
        url: Some("https://demo.frontpayment.no/reservations/details/RES3855804929".to_owned()),
    };
    for uuid in [UuidField::ReservationUuid, UuidField::OrderUuid] {
        for link in [LinkField::CheckoutUrl, LinkField::PaymentUrl] {
            for (status, message) in [
                (200, "x"),
                (201, "Reservation Submitted Successfully"),
                (202, "Order Submitted Successfully"),
            ] {
                let data = submitted
                    .serialize_as(uuid, link, serde_json::value::Serializer)
                    .expect("JSON");
                let body = json!({"status_code": status, "message": message, "is_data": true, "data": data});
                let outcome = judge(Operation::Submit, status, body.to_string());
                assert_eq!(outcome, Outcome::Accepted(submitted.clone()), "{body}");
            }
        }
    }
    assert_eq!(
        judge::<Submitted>(Operation::Submit, 202, fixture("submitted_oldest")).word(),
        "accepted"
    );
}

#[test]
fn number_6_an_order_is_202_without_or_201_with_a_customer() {
    let newer = fixture("order_submitted")
        .replace("202", "201")
        .replace("\"orderUuid\"", "\"customerUuid\":\"CSRT1\",\"orderUuid\"");
    let order = judge::<OrderSubmitted>(Operation::SubmitOrder, 201, newer)
        .accepted()
        .expect("accepted");
    assert_eq!(order.customer_uuid.as_deref(), Some("CSRT1"));
}

#[test]
fn number_7_a_customer_uuid_in_the_request_is_ignored() {
    assert!(fixture("submit").contains("\"uuid\": \"\""));
    assert!(serde_json::from_str::<SubmitReservation>(&fixture("submit")).is_ok());
}

#[test]
fn number_8_both_forms_of_the_order_date_are_understood() {
    for date in ["1690934400", "02 Aug, 2023"] {
        assert_eq!(
            WireTime::from_text(date).at().map(|at| at.timestamp()),
            Some(1_690_934_400),
            "{date}"
        );
    }
}

#[test]
fn number_11_products_are_a_list_or_an_object_in_the_order_of_its_keys() {
    let products: Vec<Value> = (0..12)
        .map(|n| json!({"id": 500 + n, "amount": 1}))
        .collect();
    let mut keyed = serde_json::Map::new();
    for (place, product) in products.iter().enumerate().rev() {
        keyed.insert(place.to_string(), product.clone());
    }
    let refund = |products: Value| {
        let body = json!({"type": "reservation", "grandTotal": 12, "products": products, "source": "captured", "reference": "CAP1"});
        serde_json::from_value::<Refund>(body).expect("refund")
    };
    let (list, object) = (refund(Value::Array(products)), refund(Value::Object(keyed)));
    assert_eq!(list, object);
    assert_eq!(list.products[10].id, 510);
}

#[test]
fn number_12_numbers_may_be_strings() {
    let text = fixture("charge")
        .replace(": 150", ": \"150.00\"")
        .replace("\"0\",", "25,");
    let charge: Charge = serde_json::from_str(&text).expect("charge");
    assert_eq!(
        (
            charge.grand_total.to_string().as_str(),
            charge.products[0].tax
        ),
        ("150.00", 25)
    );
}

#[test]
fn numbers_13_and_14_every_form_of_not_found_is_one_class() {
    for message in [
        "orderNotFound",
        "reservationNotFound",
        "Order Not Found",
        "Reservation not found.",
    ] {
        for name in ["not_found_data", "not_found_errors"] {
            let body = fixture(name)
                .replace("reservationNotFound", message)
                .replace("orderNotFound", message);
            let Outcome::Rejected(rejection) =
                judge::<OrderStatus>(Operation::OrderStatus, 404, body)
            else {
                panic!("{message}")
            };
            assert_eq!(rejection.class, RejectionClass::NotFound);
        }
    }
}

#[test]
fn number_15_a_validation_error_may_be_a_400() {
    let body = fixture("payload_refused").replace("417", "400");
    let Outcome::Rejected(rejection) = judge::<()>(Operation::Refund, 400, body) else {
        panic!("rejected")
    };
    assert_eq!(
        (rejection.class, rejection.sentences.len()),
        (RejectionClass::Payload, 2)
    );
}

#[test]
fn number_16_errors_come_in_every_shape() {
    for (errors, expected) in [
        (json!(null), Errors::Null),
        (
            json!(["a", "b"]),
            Errors::Sentences(vec!["a".to_owned(), "b".to_owned()]),
        ),
        (json!([]), Errors::Sentences(Vec::new())),
        (json!("Array"), Errors::Sentence("Array".to_owned())),
        (
            json!({"happenedAt": "x"}),
            Errors::Object(serde_json::from_str("{\"happenedAt\":\"x\"}").expect("map")),
        ),
        (json!([1, null]), Errors::Other(json!([1, null]))),
        (json!(false), Errors::Other(json!(false))),
    ] {
        let body = json!({"status_code": 417, "is_error": true, "errors": errors});
        let envelope: Envelope<Value> = serde_json::from_value(body.clone()).expect("envelope");
        assert_eq!(envelope.errors, Some(expected));
        assert_eq!(serde_json::to_value(&envelope).expect("JSON"), body);
    }
}

#[test]
fn a_missing_field_of_the_envelope_stays_missing_and_a_null_stays_null() {
    for body in [
        json!({"status_code": 404, "message": "orderNotFound", "is_data": false, "data": null}),
        json!({"status_code": 404, "message": "orderNotFound", "is_error": false, "errors": null}),
        json!({"is_data": false, "is_error": true, "errors": []}),
        json!({}),
    ] {
        let envelope: Envelope<Value> = serde_json::from_value(body.clone()).expect("envelope");
        assert_eq!(serde_json::to_value(&envelope).expect("JSON"), body);
    }
    let made: Envelope<Value> = Envelope::of_data(404, "Not Found", "orderNotFound", None);
    assert_eq!(
        serde_json::to_value(made).expect("JSON")["data"],
        Value::Null
    );
    let made: Envelope<Value> =
        Envelope::of_errors(404, "Not Found", "orderNotFound", false, Errors::Null);
    assert_eq!(
        serde_json::to_value(made).expect("JSON")["errors"],
        Value::Null
    );
}

#[test]
fn number_20_every_synonym_of_already_closed_is_a_business_refusal() {
    for message in [
        "reservationStatusAlreadyCompleted",
        "reservationStatusAlreadyCancelled",
        "reservationStatusAlreadyParamCompleted",
        "reservationStatusAlreadyParamCancelled",
        "orderStatusAlreadyCompleted",
        "orderStatusAlreadyCancelled",
    ] {
        for operation in [Operation::Cancel, Operation::Complete, Operation::Resend] {
            let body = Envelope::<()>::of_errors(
                400,
                "Conflict of Business Logic",
                message,
                false,
                Errors::Null,
            );
            let outcome = judge::<()>(operation, 400, serde_json::to_string(&body).expect("JSON"));
            let Outcome::Rejected(rejection) = outcome else {
                panic!("{message}")
            };
            assert_eq!(rejection.class, RejectionClass::Business);
        }
    }
}

#[test]
fn number_28_an_empty_list_is_a_list_a_null_or_a_404() {
    for (status, body) in [
        (
            200,
            "{\"status_code\":200,\"is_data\":true,\"data\":[]}".to_owned(),
        ),
        (
            200,
            "{\"status_code\":200,\"is_data\":false,\"data\":null}".to_owned(),
        ),
        (404, fixture("not_found_data")),
    ] {
        let rows = judge::<Vec<HistoryRow>>(Operation::History, status, body).accepted();
        assert_eq!(rows, Some(Vec::new()));
    }
}

#[test]
fn number_31_a_capture_or_charge_without_a_reference_is_accepted_without_one() {
    let charged =
        judge::<ChargeAccepted>(Operation::Charge, 202, fixture("charged_oldest")).accepted();
    assert_eq!(charged, Some(ChargeAccepted { uuid: None }));
    for data in [
        "null",
        "{}",
        "{\"uuid\":null}",
        "{\"uuid\":\"\"}",
        "{\"uuid\":\"not one\"}",
    ] {
        let body = fixture("captured").replace("{ \"uuid\": \"CAP1234567890\" }", data);
        let captured = judge::<CaptureAccepted>(Operation::Capture, 202, body).accepted();
        assert_eq!(captured, Some(CaptureAccepted { uuid: None }), "{data}");
    }
}
