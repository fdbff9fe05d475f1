//! The admin routes: the same acts as the methods of the world, over HTTP.

use sandbox::EffectKind;
use serde_json::{Value, json};

use crate::test_env::{TestEnv, admin, raw};

#[tokio::test]
async fn a_reservation_is_played_through_by_hand() {
    let env = TestEnv::new().await;
    let uuid = env.submitted().await;
    let post = async |path: &str, body: Value| admin(&env, "POST", path, &body).await;
    assert_eq!(post("open", json!({"uuid": uuid})).await.0, 200);
    assert_eq!(
        post("fail", json!({"uuid": "BOOK-1"})).await,
        (200, json!({"uuid": uuid}))
    );
    assert_eq!(post("pay", json!({"uuid": "BOOK-1"})).await.0, 200);
    assert_eq!(
        post("pay", json!({"uuid": uuid})).await,
        (409, json!({"error": "its status is RESERVED"}))
    );
    let [id, _] = env.ids(&uuid).await;
    let lines = json!([{"id": id, "amount": "100.00"}]);
    let (status, captured) = post("capture", json!({"uuid": uuid, "lines": lines})).await;
    assert!(
        status == 200
            && captured["reference"]
                .as_str()
                .is_some_and(|r| r.starts_with("CAP"))
    );
    let (_, charged) = post(
        "charge",
        json!({"uuid": uuid, "amount": "20.00", "text": "late"}),
    )
    .await;
    let refund = json!({"uuid": uuid, "reference": captured["reference"], "amount": "40.00"});
    assert_eq!(post("refund", refund).await.0, 200);
    let whole = json!({"uuid": uuid, "reference": charged["reference"]});
    assert_eq!(post("refund", whole).await.0, 200);
    assert_eq!(
        post("advance", json!({"seconds": 60})).await,
        (200, json!({"now": "2025-08-24T01:47:40Z"}))
    );
    assert_eq!(
        post("complete", json!({"uuid": uuid, "note": "x"})).await.0,
        200
    );
    let (_, ledger) = admin(&env, "GET", "ledger", &json!({})).await;
    let effects = ledger["effects"].as_array().expect("effects");
    let kinds: Vec<_> = effects
        .iter()
        .filter_map(|effect| effect["kind"].as_str())
        .collect();
    assert_eq!(
        kinds,
        [
            "created",
            "link_sent",
            "link_opened",
            "payment_failed",
            "reserved",
            "captured",
            "charged",
            "refund_accepted",
            "refund_accepted",
            "refunded",
            "refunded",
            "completed",
            "released"
        ]
    );
    assert_eq!(
        (&effects[5]["by"], &effects[5]["amount"]),
        (&json!("portal"), &json!("100.00"))
    );
    let (_, news) = admin(&env, "GET", "ledger?since=11", &json!({})).await;
    assert_eq!(news["effects"].as_array().map(Vec::len), Some(2));
    let (_, list) = admin(&env, "GET", "reservations", &json!({})).await;
    assert_eq!(
        (
            &list["reservations"][0]["status"],
            &list["reservations"][0]["refunded"]
        ),
        (&json!("COMPLETED"), &json!("60.00"))
    );
}

#[tokio::test]
async fn links_and_holds_are_expired_and_cancelled_by_hand() {
    let env = TestEnv::new().await;
    let unpaid = env.submitted().await;
    let held = env.held().await;
    let third = env.held().await;
    for (path, uuid) in [("expire", &unpaid), ("expire", &held), ("cancel", &third)] {
        assert_eq!(
            admin(&env, "POST", path, &json!({"uuid": uuid})).await.0,
            200,
            "{path}"
        );
    }
    assert_eq!(
        admin(&env, "POST", "expire", &json!({"uuid": unpaid}))
            .await
            .0,
        409,
        "only once"
    );
    assert_eq!(
        env.effects(EffectKind::LinkExpired)[0].reservation_uuid,
        unpaid
    );
    assert_eq!(
        env.effects(EffectKind::HoldExpired)[0].reservation_uuid,
        held
    );
    assert_eq!(
        env.effects(EffectKind::Cancelled)[0].reservation_uuid,
        third
    );
}

#[tokio::test]
async fn faults_and_switches_are_set_shown_and_cleared() {
    let env = TestEnv::new().await;
    let faults = json!([
        {"operation": "capture", "when": "after_effect", "what": "reset", "times": 2},
        {"callback": "lost"},
        {"what": {"status": 502}, "per_mille": 20},
    ]);
    assert_eq!(admin(&env, "POST", "faults", &faults).await.0, 200);
    let (_, shown) = admin(&env, "GET", "faults", &json!({})).await;
    assert_eq!(
        (
            shown["calls"].as_array().map(Vec::len),
            shown["callbacks"][0]["callback"].as_str()
        ),
        (Some(2), Some("lost"))
    );
    assert_eq!(admin(&env, "DELETE", "faults", &json!({})).await.0, 200);
    assert!(env.world.lock().faults().calls.is_empty());
    let (status, error) = admin(&env, "POST", "faults", &json!({"what": "explode"})).await;
    assert!(
        status == 422
            && error["error"]
                .as_str()
                .is_some_and(|text| text.contains("explode")),
        "{error}"
    );

    let (status, switches) = admin(&env, "PUT", "switches", &json!({"cancel_verb": "get"})).await;
    assert_eq!((status, &switches["cancel_verb"]), (200, &json!("get")));
    let (status, error) = admin(&env, "PUT", "switches", &json!({"cancel_verbs": "get"})).await;
    assert!(
        status == 422
            && error["error"]
                .as_str()
                .is_some_and(|text| text.contains("cancel_verbs"))
    );
}

#[tokio::test]
async fn requests_are_counted_and_everything_is_forgotten_on_reset() {
    let env = TestEnv::new().await;
    let uuid = env.submitted().await;
    env.details(&uuid).await;
    let (_, requests) = admin(&env, "GET", "requests", &json!({})).await;
    assert_eq!(
        requests,
        json!({"total": 2, "throttled": 0, "operations": {"submit": 1, "details": 1}})
    );
    assert_eq!(admin(&env, "POST", "reset", &json!({})).await.0, 200);
    let (_, list) = admin(&env, "GET", "reservations", &json!({})).await;
    assert_eq!(list, json!({"reservations": []}));
}

#[tokio::test]
async fn wrong_routes_verbs_and_bodies_are_refused() {
    let env = TestEnv::new().await;
    for (method, path, body, status) in [
        ("GET", "nothing", json!({}), 404),
        ("POST", "nothing", json!({}), 404),
        ("PATCH", "ledger", json!({}), 405),
        ("POST", "pay", json!({"uid": "x"}), 422),
        ("POST", "pay", json!({"uuid": "RES1"}), 404),
        ("POST", "capture", json!({"uuid": "RES1"}), 404),
        ("POST", "faults", json!({"what": "explode"}), 422),
    ] {
        assert_eq!(
            admin(&env, method, path, &body).await.0,
            status,
            "{method} {path}"
        );
    }
    let form = "Content-Type: text/plain\r\n";
    let answer = raw(
        &env.url,
        "POST",
        "/__sandbox/pay",
        form,
        r#"{"uuid":"RES1"}"#,
    )
    .await;
    assert!(
        answer.starts_with("HTTP/1.1 422"),
        "a form of another origin cannot send JSON: {answer}"
    );
}
