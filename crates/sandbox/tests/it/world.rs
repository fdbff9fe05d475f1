//! The state machine alone: sentences of the validator, time, and the same bytes for the same seed.

use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};
use domain::Money;
use http::Method;
use sandbox::{EffectKind, Fault, Options, Reply, Request, What, When, World};
use serde_json::{Value, json};

use crate::test_env::{TOKEN, options, raw_booking, start};

pub(crate) fn post(world: &mut World, now: DateTime<Utc>, path: &str, body: &Value) -> Reply {
    let path = format!("/api/v1/{path}");
    world.handle(
        now,
        &Request::json(Method::POST, &path, TOKEN, body.to_string()),
    )
}

pub(crate) fn get(world: &mut World, now: DateTime<Utc>, path: &str) -> Reply {
    let path = format!("/api/v1/{path}");
    world.handle(now, &Request::json(Method::GET, &path, TOKEN, Bytes::new()))
}

/// Submits the booking with this callback URL.
pub(crate) fn submit(world: &mut World, now: DateTime<Utc>, callback: &str) -> String {
    let mut body = raw_booking(now);
    body["callback"] = json!({ "callbackUrl": callback });
    let reply = post(world, now, "connect/reservations/submit", &body);
    assert_eq!(reply.status, 201, "{}", reply.value());
    reply.value()["data"]["reservationUuid"]
        .as_str()
        .expect("uuid")
        .to_owned()
}

/// `value` at a JSON pointer, its parents included; null takes the field away.
fn with(mut body: Value, pointer: &str, value: Value) -> Value {
    let (parent, field) = pointer.rsplit_once('/').expect("a pointer");
    let parent = body
        .pointer_mut(parent)
        .expect("a parent")
        .as_object_mut()
        .expect("an object");
    if value.is_null() {
        parent.remove(field);
    } else {
        parent.insert(field.to_owned(), value);
    }
    body
}

#[test]
fn a_broken_booking_is_refused_in_the_providers_own_sentences() {
    let none = Value::Null;
    for (pointer, value, sentence) in [
        (
            "/customerDetails/email",
            json!("kari"),
            "The customer details.email must be a valid email address.",
        ),
        (
            "/customerDetails/email",
            none.clone(),
            "The customer details.email field is required.",
        ),
        (
            "/customerDetails/preferredLanguage",
            none.clone(),
            "The customer details.preferred language field is required.",
        ),
        (
            "/customerDetails/preferredLanguage",
            json!("fr"),
            "The selected customer details.preferred language is invalid.",
        ),
        (
            "/customerDetails/type",
            json!("corporate"),
            "The customer details.organization id field is required when customer details.type is corporate.",
        ),
        (
            "/customerDetails/personalNumber",
            json!("123"),
            "The customer details.personal number must be 11 characters.",
        ),
        (
            "/customerDetails/countryCode",
            json!("47"),
            "The customer details.country code format is invalid.",
        ),
        (
            "/customerDetails/address/country",
            json!("Norway"),
            "The selected customer details.address.country is invalid.",
        ),
        (
            "/orderDate",
            json!("2 Aug, 2023"),
            "The order date does not match the format d M, Y.",
        ),
        (
            "/dueDateForPaymentLink",
            json!("1755999999"),
            "The due date for payment link must be a date after or equal to now.",
        ),
        (
            "/sendOrderBy/sms",
            none.clone(),
            "The send order by.sms field is required.",
        ),
        (
            "/sendOrderBy/sms",
            json!("maybe"),
            "The send order by.sms field must be true or false.",
        ),
        (
            "/products/0/rate",
            none.clone(),
            "The products.0.rate field is required.",
        ),
        (
            "/products/0/tax",
            json!(20),
            "The selected products.0.tax is invalid.",
        ),
        (
            "/products/0/productId",
            json!("x".repeat(26)),
            "The products.0.product id must not be greater than 25 characters.",
        ),
        (
            "/products/1/amount",
            json!("much"),
            "The products.1.amount must be a number.",
        ),
        (
            "/orderSummary/grandTotal",
            none.clone(),
            "The order summary.grand total field is required.",
        ),
        (
            "/chargeValidity",
            json!("soon"),
            "The charge validity format is invalid.",
        ),
        (
            "/callback",
            json!({"callbackUrl": "nowhere"}),
            "The callback.callback url must be a valid URL.",
        ),
    ] {
        let mut world = World::new(options());
        let body = with(raw_booking(start()), pointer, value);
        let reply = post(&mut world, start(), "connect/reservations/submit", &body);
        assert_eq!(
            (reply.status, reply.value()["message"].as_str()),
            (417, Some("payloadValidationErrors"))
        );
        assert_eq!(reply.value()["errors"], json!([sentence]), "{pointer}");
        assert!(world.ledger().is_empty());
    }
}

#[test]
fn an_empty_order_gets_the_recorded_sentences() {
    let mut world = World::new(options());
    let body = json!({"submitPayment": {"via": "invoice"}, "customerDetails": {"email": "x"}, "products": [{}]});
    let reply = post(&mut world, start(), "connect/orders/regular/submit", &body);
    let errors = reply.value()["errors"].to_string();
    for sentence in [
        "The order summary.shipping cost field is required.",
        "The customer details.email must be a valid email address.",
        "The products.0.rate field is required.",
        "The customer details.personal number field is required when submit payment.via is invoice.",
        "The send order by.sms field is required.",
        "The is credit check available field is required.",
    ] {
        assert!(errors.contains(sentence), "{sentence}: {errors}");
    }
}

#[test]
fn what_is_no_json_has_no_fields() {
    let mut world = World::new(options());
    let path = "/api/v1/connect/reservations/submit";
    for (content_type, body) in [
        ("application/json", "{"),
        ("text/plain", "{\"note\":\"x\"}"),
        ("application/json", "[1]"),
    ] {
        let mut request = Request::json(Method::POST, path, TOKEN, body);
        request.content_type = Some(content_type.to_owned());
        let reply = world.handle(start(), &request);
        assert_eq!(reply.status, 417, "{content_type} {body}");
        assert!(
            reply.value()["errors"]
                .to_string()
                .contains("The customer details field is required.")
        );
    }
}

#[test]
fn a_link_is_payable_until_its_due_instant_and_not_after() {
    for (after, payable) in [
        (TimeDelta::days(1), true),
        (TimeDelta::days(1) + TimeDelta::seconds(1), false),
    ] {
        let mut world = World::new(options());
        let uuid = submit(&mut world, start(), "http://127.0.0.1:1/cb");
        assert_eq!(
            world.pay(start() + after, &uuid).is_ok(),
            payable,
            "{after}"
        );
    }
}

#[test]
fn time_alone_expires_releases_and_pays_refunds_out_in_order() {
    let mut world = World::new(options());
    submit(&mut world, start(), "http://127.0.0.1:1/cb");
    let held = submit(&mut world, start(), "http://127.0.0.1:1/cb");
    world.pay(start(), &held).expect("payable");
    let captured = submit(&mut world, start(), "http://127.0.0.1:1/cb");
    world.pay(start(), &captured).expect("payable");
    let products = get(
        &mut world,
        start(),
        &format!("connect/reservations/details/{captured}"),
    );
    let id = products.value()["data"]["productList"][0]["id"]
        .as_i64()
        .expect("id");
    let body = json!({"products": {"0": {"id": id, "amount": 100}}, "grandTotal": "100.00"});
    let reply = post(
        &mut world,
        start(),
        &format!("connect/reservations/capture/{captured}"),
        &body,
    );
    let reference = reply.value()["data"]["uuid"]
        .as_str()
        .expect("reference")
        .to_owned();
    world
        .refund_in_portal(start(), &captured, &reference, None)
        .expect("accepted");

    assert_eq!(
        world.next_event(),
        Some(start()),
        "callbacks are due at once"
    );
    assert_eq!(world.due_callbacks(start()).len(), 3);
    assert_eq!(world.next_event(), Some(start() + TimeDelta::seconds(60)));
    let seen = world.ledger().len();
    world.advance(start() + TimeDelta::days(8));
    let news: Vec<_> = world.ledger()[seen..]
        .iter()
        .map(|effect| {
            (
                effect.kind,
                effect.amount,
                (effect.at - start()).num_seconds(),
            )
        })
        .collect();
    let day = 86_400;
    assert_eq!(
        news,
        [
            (EffectKind::Refunded, Money::kroner(100), 60),
            (EffectKind::LinkExpired, Money::ZERO, day),
            (EffectKind::Released, Money::kroner(900), 2 * day),
            (EffectKind::HoldExpired, Money::kroner(1_000), 7 * day),
        ]
    );
    assert_eq!(world.next_event(), None);
}

#[test]
fn a_world_can_run_ahead_of_its_callers() {
    let mut world = World::new(options());
    let uuid = submit(&mut world, start(), "http://127.0.0.1:1/cb");
    world.skip(TimeDelta::days(2));
    assert_eq!(
        world.ledger().last().map(|effect| effect.kind),
        Some(EffectKind::LinkExpired)
    );
    let reply = get(
        &mut world,
        start(),
        &format!("connect/reservations/details/{uuid}"),
    );
    assert_eq!(reply.value()["data"]["status"], "EXPIRED");
    let due = (start() + TimeDelta::days(4)).timestamp().to_string();
    let body = with(raw_booking(start()), "/dueDateForPaymentLink", json!(due));
    assert_eq!(
        post(&mut world, start(), "connect/reservations/submit", &body).status,
        201
    );
    assert_eq!(
        world.next_event(),
        Some(start() + TimeDelta::days(2) + TimeDelta::milliseconds(1))
    );
}

/// Many calls of all kinds, with faults; every answer and the ledger as text.
fn replay(seed: u64) -> String {
    let mut world = World::new(Options { seed, ..options() });
    world
        .faults()
        .calls
        .push(Fault::rate(None, When::AfterEffect, What::Status(502), 200));
    let mut replies = String::new();
    for step in 0..40 {
        let now = start() + TimeDelta::hours(step);
        let reply = post(
            &mut world,
            now,
            "connect/reservations/submit",
            &raw_booking(now),
        );
        replies += &String::from_utf8_lossy(&reply.body);
        let uuid = world.reservations().last().expect("made").uuid.clone();
        let _ = world.pay(now, &uuid);
        for reply in [
            get(
                &mut world,
                now,
                &format!("connect/reservations/details/{uuid}"),
            ),
            post(
                &mut world,
                now,
                &format!("connect/reservations/complete/{uuid}"),
                &json!({"note": "x"}),
            ),
            get(&mut world, now, "connect/reservations/history"),
        ] {
            replies += &String::from_utf8_lossy(&reply.body);
            replies += &format!("{:?}", reply.headers);
        }
    }
    replies + &serde_json::to_string(world.ledger()).expect("json")
}

#[test]
fn the_same_seed_and_calls_give_the_same_bytes() {
    assert_eq!(replay(7), replay(7));
    assert_ne!(replay(7), replay(8));
}

#[test]
fn an_approval_is_asked_for_once() {
    let mut world = World::new(options());
    let uuid = submit(&mut world, start(), "http://127.0.0.1:1/cb");
    let details = get(
        &mut world,
        start(),
        &format!("connect/reservations/details/{uuid}"),
    );
    let id = details.value()["data"]["productList"][0]["id"].clone();
    let mut body = json!({
        "type": "reservation", "source": "captured", "reference": "CAP1", "grandTotal": 5,
        "products": [{"id": id, "amount": 5}], "message": "refundRejectionForWeeklyThresholdExceed",
    });
    let path = format!("orders/refund/request/approval/{uuid}");
    let mut ask = |body: &Value| {
        let reply = post(&mut world, start(), &path, body);
        (
            reply.status,
            reply.value()["message"]
                .as_str()
                .unwrap_or_default()
                .to_owned(),
        )
    };
    let (first, second) = (ask(&body), ask(&body));
    assert_eq!(first, (201, "requestedOrderRefundSuccessfully".to_owned()));
    assert_eq!(
        second,
        (400, "orderRefundRequestAlreadySubmitted".to_owned())
    );
    body["products"][0]["id"] = json!(1);
    assert_eq!(ask(&body), (400, "requestProductIdNotAvailable".to_owned()));
    body["message"] = json!("");
    assert_eq!(ask(&body).0, 417);
}

#[test]
fn an_order_is_listed_read_paid_refunded_and_cancelled() {
    let mut world = World::new(options());
    let due = (start() + TimeDelta::days(1)).timestamp().to_string();
    let order = json!({
        "products": [{"name": "Boat", "quantity": 1, "rate": 450, "tax": 12, "amount": 450}],
        "orderSummary": {"subTotal": 401.79, "totalTax": 48.21, "shippingCost": 0, "grandTotal": 450},
        "orderDate": "24 Aug, 2025", "dueDateForPaymentLink": due, "withCustomer": true,
        "customerDetails": raw_booking(start())["customerDetails"],
        "sendOrderBy": {"sms": false, "email": false, "invoice": false},
        "invoiceAsPaymentOption": false, "isCreditCheckAvailable": false, "submitPayment": {"via": "visa"},
        "callback": {"success": "https://a.no/y", "failure": "https://a.no/n"},
    });
    assert_eq!(
        get(&mut world, start(), "connect/orders/status").status,
        404,
        "an empty list"
    );
    let submitted = post(&mut world, start(), "connect/orders/regular/submit", &order).value();
    let uuid = submitted["data"]["orderUuid"]
        .as_str()
        .expect("uuid")
        .to_owned();
    let customer = submitted["data"]["customerUuid"]
        .as_str()
        .expect("customer")
        .to_owned();
    let customer = get(
        &mut world,
        start(),
        &format!("connect/customers/details/{customer}"),
    )
    .value();
    assert_eq!(
        (&customer["data"]["type"], &customer["data"]["name"]),
        (&json!("Private"), &json!(testkit::customer::NAME))
    );

    let delayed = |world: &mut World| {
        post(
            world,
            start(),
            &format!("connect/orders/delayed/charge/{uuid}"),
            &json!(null),
        )
        .status
    };
    assert_eq!(delayed(&mut world), 510, "there is no card yet");
    world.pay(start(), &uuid).expect("payable");
    assert_eq!(delayed(&mut world), 200);
    let listed = get(&mut world, start(), "connect/orders/status?type=Paid").value();
    assert_eq!(listed["data"], json!([{"uuid": uuid, "status": "PAID"}]));
    let details = get(
        &mut world,
        start(),
        &format!("connect/orders/details/{uuid}"),
    )
    .value();
    let id = details["data"]["productList"][0]["id"].clone();
    let mut refund = |kroner: u32| {
        let body = json!({"type": "regular", "grandTotal": kroner, "products": [{"id": id, "amount": kroner}]});
        let reply = post(
            &mut world,
            start(),
            &format!("connect/orders/refund/{uuid}"),
            &body,
        );
        reply.value()["message"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    };
    assert_eq!(refund(451), "refundRejectionForProductAmountExceed");
    assert_eq!(refund(450), "orderRefundedSuccessfully");
    assert_eq!(
        refund(1),
        "refundRejectionForRefundedCancelledInvoicedOrderParamRefunded"
    );
    let note = json!({"cancellationNote": "x"});
    let cancelled = post(
        &mut world,
        start(),
        &format!("connect/orders/cancel/{uuid}"),
        &note,
    )
    .value();
    assert_eq!(cancelled["message"], "orderStatusAlreadyPaid");
    let invoice = get(
        &mut world,
        start(),
        &format!("connect/orders/invoice-number/{uuid}"),
    );
    assert_eq!(invoice.value()["message"], "orderNotFound");
}
