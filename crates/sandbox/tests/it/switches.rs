//! The shapes that switches turn, read raw and, where the client is meant to bear them, with the client.

use chrono::TimeDelta;
use domain::Money;
use sandbox::World;
use serde_json::{Value, json};

use crate::test_env::{TestEnv, booking, charge, options, raw_booking, start};
use crate::world::{get, post, submit};

fn world(patch: &Value) -> World {
    let mut world = World::new(options());
    let switches = world.switches().patched(patch).expect("valid");
    world.set_switches(switches);
    world
}

#[test]
fn a_submit_answers_in_every_documented_shape() {
    for (patch, path, status, fields) in [
        (json!({}), "submit", 201, ["reservationUuid", "checkoutUrl"]),
        (
            json!({"link_field": "swapped"}),
            "submit",
            201,
            ["reservationUuid", "paymentUrl"],
        ),
        (
            json!({"uuid_field": "order_uuid"}),
            "submit",
            201,
            ["orderUuid", "checkoutUrl"],
        ),
        (
            json!({"submit_answer": "accepted"}),
            "submit",
            202,
            ["reservationUuid", "checkoutUrl"],
        ),
        (json!({}), "create", 201, ["reservationUuid", "paymentUrl"]),
        (
            json!({"link_field": "swapped"}),
            "create",
            201,
            ["reservationUuid", "checkoutUrl"],
        ),
    ] {
        let mut body = raw_booking(start());
        if path == "create" {
            body["submitPayment"] = json!({"via": "visa"});
        }
        let reply = post(
            &mut world(&patch),
            start(),
            &format!("connect/reservations/{path}"),
            &body,
        );
        assert_eq!(reply.status, status, "{patch}");
        for field in fields {
            assert!(
                reply.value()["data"][field].is_string(),
                "{patch} {field}: {}",
                reply.value()
            );
        }
    }
}

#[tokio::test]
async fn the_client_bears_every_shape_of_a_life() {
    for patch in [
        json!({}),
        json!({"numbers": "text"}),
        json!({"details_shape": "old"}),
        json!({"details_time": "civil", "time_zone": "utc"}),
        json!({"uuid_in_answer": "null"}),
        json!({"uuid_in_answer": "no_data"}),
        json!({"submit_answer": "accepted", "uuid_field": "order_uuid", "link_field": "swapped"}),
        json!({"charge_lines": false, "empty_list": "empty"}),
    ] {
        let env = TestEnv::turned(&patch).await;
        let uuid = env
            .client
            .submit(&booking("B", env.now()))
            .await
            .outcome
            .accepted()
            .expect("accepted");
        let uuid = uuid.reservation_uuid;
        env.world.lock().pay(env.now(), &uuid).expect("payable");
        let reference = env.capture(&uuid, 600).await.accepted().expect("accepted");
        assert_eq!(
            reference.is_some(),
            patch.get("uuid_in_answer").is_none(),
            "{patch}"
        );
        env.client
            .charge(&uuid, &charge(5))
            .await
            .outcome
            .accepted()
            .expect("accepted");
        let details = env.details(&uuid).await;
        let payment = details.payment_details.expect("payment");
        assert_eq!(
            (payment.captured_amount, payment.charged_amount),
            (Some(Money::kroner(600)), Some(Money::kroner(5)))
        );
        let hour = TimeDelta::hours(1);
        let rows = env
            .client
            .history(env.now() - hour, env.now())
            .await
            .outcome
            .accepted()
            .expect("rows");
        assert_eq!(rows.len(), 4, "{patch}");
    }
}

#[test]
fn errors_come_in_every_documented_shape() {
    for (patch, status, is_right) in [
        (
            json!({}),
            417,
            (|errors| errors.is_array()) as fn(&Value) -> bool,
        ),
        (json!({"validation_status": 400}), 400, |errors| {
            errors.is_array()
        }),
        (json!({"errors_form": "text"}), 417, |errors| {
            errors.is_string()
        }),
        (json!({"errors_form": "object"}), 417, |errors| {
            errors.is_object()
        }),
    ] {
        let reply = post(
            &mut world(&patch),
            start(),
            "connect/reservations/submit",
            &json!({}),
        );
        assert_eq!(reply.status, status, "{patch}");
        assert!(is_right(&reply.value()["errors"]), "{patch}");
    }
}

#[test]
fn what_is_checked_first_is_a_switch() {
    let path = "connect/reservations/complete/RES1";
    for (patch, status) in [
        (json!({}), 404),
        (json!({"check_order": "payload_first"}), 417),
    ] {
        assert_eq!(
            post(&mut world(&patch), start(), path, &json!({})).status,
            status,
            "{patch}"
        );
    }
}

#[test]
fn a_list_without_rows_is_a_404_or_empty() {
    let path = "connect/reservations/history/1/2";
    let missing = get(&mut world(&json!({})), start(), path);
    assert_eq!(
        (missing.status, &missing.value()["is_data"]),
        (404, &json!(false))
    );
    let empty = get(&mut world(&json!({"empty_list": "empty"})), start(), path);
    assert_eq!((empty.status, &empty.value()["data"]), (200, &json!([])));
}

#[test]
fn the_form_of_order_dates_is_a_switch() {
    for (form, date, status) in [
        ("legacy", "24 Aug, 2025", 201),
        ("legacy", "1756000000", 417),
        ("unix", "24 Aug, 2025", 417),
        ("unix", "1756000000", 201),
        ("either", "24 Aug, 2025", 201),
        ("either", "1756000000", 201),
    ] {
        let mut body = raw_booking(start());
        body["orderDate"] = json!(date);
        let reply = post(
            &mut world(&json!({"order_date": form})),
            start(),
            "connect/reservations/submit",
            &body,
        );
        assert_eq!(reply.status, status, "{form} {date}");
    }
}

#[test]
fn what_becomes_of_a_marker_is_a_switch() {
    for (marker, shown) in [
        (json!("echoed"), json!("R1 MARKER 01 text")),
        (json!({"truncated": 14}), json!("R1 MARKER 01 t")),
        (json!("dropped"), json!(null)),
    ] {
        let mut world = world(&json!({"marker": marker}));
        let uuid = submit(&mut world, start(), "http://127.0.0.1:1/cb");
        world.pay(start(), &uuid).expect("payable");
        let path = format!("connect/reservations/details/{uuid}");
        let id = get(&mut world, start(), &path).value()["data"]["productList"][0]["id"].clone();
        let body = json!({"products": [{"id": id, "amount": 1}], "grandTotal": 1, "additionalText": "R1 MARKER 01 text"});
        post(
            &mut world,
            start(),
            &format!("connect/reservations/capture/{uuid}"),
            &body,
        );
        let details = get(&mut world, start(), &path).value();
        assert_eq!(
            details["data"]["paymentHistory"]["captured"][0]["additionalText"],
            shown
        );
        let effect = world.ledger().last().expect("effect");
        assert_eq!(
            effect.text.as_deref(),
            Some("R1 MARKER 01 text"),
            "the ledger keeps it whole"
        );
    }
}

#[test]
fn the_end_of_a_hold_is_shown_or_not() {
    for (expiry, status) in [("expires", "EXPIRED"), ("stays_reserved", "RESERVED")] {
        let mut world = world(&json!({"hold_expiry": expiry}));
        let uuid = submit(&mut world, start(), "http://127.0.0.1:1/cb");
        world.pay(start(), &uuid).expect("payable");
        let later = start() + TimeDelta::days(8);
        let details = get(
            &mut world,
            later,
            &format!("connect/reservations/details/{uuid}"),
        )
        .value();
        assert_eq!(details["data"]["status"], status);
        let path = format!("connect/reservations/capture/{uuid}");
        let body = json!({"products": [{"id": details["data"]["productList"][0]["id"], "amount": 1}], "grandTotal": 1});
        assert_eq!(
            post(&mut world, later, &path, &body).value()["message"],
            "paymentCaptureDeadlineExceed"
        );
    }
}

#[test]
fn a_charges_validity_has_a_unit() {
    for (unit, after, status) in [
        ("minutes", TimeDelta::minutes(54), 202),
        ("minutes", TimeDelta::minutes(55), 400),
        ("hours", TimeDelta::hours(54), 202),
        ("days", TimeDelta::days(54), 202),
        ("days", TimeDelta::days(55), 400),
    ] {
        let mut world = world(&json!({"charge_unit": unit}));
        let mut body = raw_booking(start());
        body["chargeValidity"] = json!("55");
        let reply = post(&mut world, start(), "connect/reservations/submit", &body).value();
        let uuid = reply["data"]["reservationUuid"]
            .as_str()
            .expect("uuid")
            .to_owned();
        world.pay(start(), &uuid).expect("payable");
        let line = json!({"name": "x", "rate": 1, "tax": 0, "amount": 1});
        let body = json!({"products": [line], "grandTotal": 1});
        let path = format!("connect/reservations/charge/{uuid}");
        assert_eq!(
            post(&mut world, start() + after, &path, &body).status,
            status,
            "{unit} {after}"
        );
    }
}

#[test]
fn details_lag_behind_every_write_when_told_to() {
    let mut world = world(&json!({"details_lag_seconds": 30}));
    let uuid = submit(&mut world, start(), "http://127.0.0.1:1/cb");
    world.pay(start(), &uuid).expect("payable");
    let path = format!("connect/reservations/details/{uuid}");
    let mut status = |after| {
        get(&mut world, start() + TimeDelta::seconds(after), &path).value()["data"]["status"]
            .clone()
    };
    assert_eq!(
        (status(0), status(29), status(30)),
        (json!("SENT"), json!("SENT"), json!("RESERVED"))
    );
}

#[tokio::test]
async fn events_come_late_into_the_history_with_the_time_that_they_had() {
    let env = TestEnv::turned(&json!({"history_lag_seconds": 90})).await;
    let uuid = env.submitted().await;
    env.world.lock().pay(env.now(), &uuid).expect("payable");
    let paid_at = env.now();
    let rows = async || {
        let (from, to) = (paid_at - TimeDelta::minutes(2), env.now());
        env.client
            .history(from, to)
            .await
            .outcome
            .accepted()
            .expect("rows")
    };
    for (later, expected) in [(0, 0), (89, 0), (1, 1)] {
        env.pass(TimeDelta::seconds(later));
        let reserved = rows()
            .await
            .into_iter()
            .filter(|row| row.title.as_deref() == Some("amount-reserved"));
        assert_eq!(reserved.count(), expected, "{later} s later");
    }
}
