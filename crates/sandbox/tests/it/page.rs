//! The payer's page, as a browser without scripts uses it.

use sandbox::EffectKind;
use serde_json::json;

use crate::test_env::{TestEnv, booking, raw, with_callback};

const FORM: &str = "Content-Type: application/x-www-form-urlencoded\r\n";

async fn submit(env: &TestEnv, name: &str) -> String {
    let mut booking = with_callback(booking("BOOK-1", env.now()), "http://127.0.0.1:1/cb");
    booking.products[0].name = name.to_owned();
    env.client
        .submit(&booking)
        .await
        .outcome
        .accepted()
        .expect("accepted")
        .reservation_uuid
}

#[tokio::test]
async fn the_page_shows_the_order_and_its_buttons_without_outside_help() {
    let env = TestEnv::new().await;
    let uuid = submit(&env, "<script>alert('x')</script> & \"cabin\"").await;
    let page = raw(&env.url, "GET", &format!("/pay/{uuid}"), "", "").await;
    assert!(page.starts_with("HTTP/1.1 200"), "{page}");
    for part in [
        "content-security-policy: default-src 'none'; style-src 'self'; form-action 'self'",
        "&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt; &amp; &quot;cabin&quot;",
        "1000.00",
        "value=\"pay\"",
        "value=\"fail\"",
        "value=\"leave\"",
        "BOOK-1",
    ] {
        assert!(page.contains(part), "{part}\n{page}");
    }
    assert!(!page.contains("<script"), "{page}");
    assert_eq!(env.effects(EffectKind::LinkOpened).len(), 1);
    let style = raw(&env.url, "GET", "/pay/style.css", "", "").await;
    assert!(style.contains("content-type: text/css"), "{style}");
}

#[tokio::test]
async fn the_buttons_fail_leave_and_pay() {
    let env = TestEnv::new().await;
    let uuid = submit(&env, "cabin").await;
    let press = async |act: &str| {
        raw(
            &env.url,
            "POST",
            &format!("/pay/{uuid}"),
            FORM,
            &format!("act={act}"),
        )
        .await
    };
    let failed = press("fail").await;
    assert!(
        failed.contains("RESERVED NOT PAID") && failed.contains("again?a=1&amp;b=2"),
        "{failed}"
    );
    assert!(press("leave").await.contains("left without paying"));
    assert!(env.effects(EffectKind::Reserved).is_empty());
    let paid = press("pay").await;
    assert!(
        paid.contains("reserved on your card") && paid.contains("https://shop.example.no/thanks"),
        "{paid}"
    );
    assert_eq!(env.effects(EffectKind::Reserved).len(), 1);
    assert!(
        press("pay").await.starts_with("HTTP/1.1 409"),
        "paid only once"
    );
    let page = raw(&env.url, "GET", &format!("/pay/{uuid}"), "", "").await;
    assert!(
        page.contains("cannot be paid any longer") && !page.contains("<form"),
        "{page}"
    );
}

#[tokio::test]
async fn an_unknown_link_and_an_unknown_act_are_refused() {
    let env = TestEnv::new().await;
    let uuid = submit(&env, "cabin").await;
    let unknown = raw(&env.url, "GET", "/pay/RES1", "", "").await;
    assert!(unknown.starts_with("HTTP/1.1 404"));
    let by_reference = raw(&env.url, "GET", "/pay/BOOK-1", "", "").await;
    assert!(
        by_reference.starts_with("HTTP/1.1 404"),
        "only the uuid opens a page"
    );
    let odd = raw(&env.url, "POST", &format!("/pay/{uuid}"), FORM, "act=steal").await;
    assert!(odd.starts_with("HTTP/1.1 400"));
    let verb = raw(&env.url, "PUT", &format!("/pay/{uuid}"), "", "").await;
    assert!(verb.starts_with("HTTP/1.1 405"));
}

#[tokio::test]
async fn secured_details_are_not_shown() {
    let env = TestEnv::new().await;
    env.turn(&json!({}));
    let mut booking = booking("BOOK-3", env.now());
    booking.settings = Some(api_client::wire::ReservationSettings {
        secure_details: true,
        is_charge_partially_refundable: true,
    });
    booking.products[0].name = "Suite 12".to_owned();
    let uuid = env
        .client
        .submit(&booking)
        .await
        .outcome
        .accepted()
        .expect("accepted")
        .reservation_uuid;
    let page = raw(&env.url, "GET", &format!("/pay/{uuid}"), "", "").await;
    assert!(
        !page.contains("Suite 12") && page.contains("BankID"),
        "{page}"
    );
}
