//! Callbacks over HTTP to a listener, verified by the client's own rules, and everything that goes wrong with them.

use std::sync::Arc;
use std::time::Duration;

use api_client::callback::{Formula, Legacy, Refused, Verified, verify};
use api_client::wire::ProviderStatus;
use chrono::TimeDelta;
use domain::Money;
use sandbox::{CallbackFault, CallbackWhat};
use secrecy::SecretString;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::test_env::{TestEnv, booking, with_callback};

/// Long enough for a machine under load.
const PATIENCE: Duration = Duration::from_secs(20);

/// A listener that answers each request with the next status, 200 at the end, and passes its query on.
struct Listener {
    url: String,
    queries: mpsc::UnboundedReceiver<String>,
}

impl Listener {
    async fn new(statuses: &'static [u16]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!(
            "http://{}/callbacks/abc",
            listener.local_addr().expect("address")
        );
        let (queries, received) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            let mut statuses = statuses.iter();
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut request = vec![0; 8_192];
                let length = stream.read(&mut request).await.unwrap_or(0);
                let text = String::from_utf8_lossy(&request[..length]).into_owned();
                let target = text.split(' ').nth(1).unwrap_or_default();
                let query = target
                    .split_once('?')
                    .map_or("", |(_, query)| query)
                    .to_owned();
                let status = statuses.next().copied().unwrap_or(200);
                let answer = format!(
                    "HTTP/1.1 {status} X\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
                );
                let _ = stream.write_all(answer.as_bytes()).await;
                if queries.send(query).is_err() {
                    return;
                }
            }
        });
        Self {
            url,
            queries: received,
        }
    }

    async fn next(&mut self) -> String {
        timeout(PATIENCE, self.queries.recv())
            .await
            .expect("in time")
            .expect("a callback")
    }
}

fn secrets() -> Vec<SecretString> {
    vec!["sandbox-secret".into()]
}

fn verified(query: &str) -> Verified {
    verify(query, &secrets(), Legacy::Accept).unwrap_or_else(|refused| panic!("{query}: {refused}"))
}

/// A paid reservation whose callbacks go to `url`.
async fn paid(env: &TestEnv, url: &str) -> String {
    let booking = with_callback(booking("BOOK-1", env.now()), url);
    let uuid = env
        .client
        .submit(&booking)
        .await
        .outcome
        .accepted()
        .expect("accepted")
        .reservation_uuid;
    env.world.lock().pay(env.now(), &uuid).expect("payable");
    uuid
}

#[tokio::test]
async fn three_changes_are_announced_and_no_others() {
    let mut listener = Listener::new(&[]).await;
    let env = TestEnv::new().await;
    let uuid = paid(&env, &listener.url.clone()).await;
    let first = verified(&listener.next().await);
    assert_eq!(
        (first.formula, first.callback.status),
        (Formula::F3All, ProviderStatus::Reserved)
    );
    assert_eq!(first.callback.order_uuid, uuid);
    assert_eq!(first.callback.amount, Some(Money::kroner(1_000)));
    assert_eq!(first.callback.timestamp, Some(env.now()));
    env.capture(&uuid, 600).await.accepted().expect("captured");
    assert_eq!(
        verified(&listener.next().await).callback.status,
        ProviderStatus::Captured
    );
    env.world
        .lock()
        .charge_in_portal(env.now(), &uuid, Money::kroner(5), "x")
        .expect("charged");
    assert_eq!(
        verified(&listener.next().await).callback.status,
        ProviderStatus::Charged
    );
    env.world
        .lock()
        .complete_in_portal(env.now(), &uuid, "x")
        .expect("completed");
    assert_eq!(env.world.lock().callbacks().len(), 3);
}

#[tokio::test]
async fn every_formula_and_order_is_verified_and_told_apart() {
    for (patch, base, formula) in [
        (json!({"checksum": "F1"}), "", Formula::F1),
        (json!({"checksum": "F2"}), "", Formula::F2),
        (json!({"checksum": "F3"}), "", Formula::F3All),
        (
            json!({"checksum": "F3", "callback_order": "table"}),
            "",
            Formula::F3All,
        ),
        (
            json!({"checksum": "F3"}),
            "?order_identifier=rRbl1&order_status=a b",
            Formula::F3All,
        ),
        (
            json!({"checksum": "F3_named"}),
            "?order_identifier=rRbl1",
            Formula::F3Named,
        ),
        (json!({"callback_status": "resevred"}), "", Formula::F3All),
    ] {
        let env = TestEnv::turned(&patch).await;
        paid(
            &env,
            &format!("https://shop.example.no/cb{}", base.replace(' ', "%20")),
        )
        .await;
        let url = env.world.lock().callbacks()[0].url.clone();
        let (_, query) = url.split_once('?').expect("query");
        let verified = verified(query);
        assert_eq!(
            (verified.formula, verified.callback.status),
            (formula, ProviderStatus::Reserved),
            "{patch}"
        );
    }
}

#[tokio::test]
async fn what_the_provider_may_also_do_is_a_switch() {
    let query_of = async |patch: Value, base: &str| {
        let env = TestEnv::turned(&patch).await;
        paid(&env, base).await;
        let url = env.world.lock().callbacks()[0].url.clone();
        url.split_once('?').expect("query").1.to_owned()
    };
    let forgeable = query_of(json!({"checksum": "F0"}), "https://shop.example.no/cb").await;
    assert_eq!(
        verify(&forgeable, &secrets(), Legacy::Accept),
        Err(Refused::WrongChecksum)
    );
    let success = query_of(
        json!({"callback_status": "success"}),
        "https://shop.example.no/cb",
    )
    .await;
    assert_eq!(
        verified(&success).callback.status,
        ProviderStatus::Unknown("success".to_owned())
    );
    let second = query_of(
        json!({"query_join": "second_question_mark"}),
        "https://shop.example.no/cb?x=1",
    )
    .await;
    assert!(second.starts_with("x=1?orderUuid="), "{second}");
}

#[tokio::test]
async fn callbacks_are_lost_doubled_late_forged_and_wrong() {
    use CallbackWhat::{Duplicate, Forged, Late, Lost, WrongChecksum};
    for (what, sent, good) in [
        (Lost, 0, 0),
        (Duplicate, 2, 2),
        (Late(90), 0, 0),
        (Forged, 2, 1),
        (WrongChecksum, 1, 0),
    ] {
        let mut world = sandbox::World::new(crate::test_env::options());
        world.faults().callbacks.push(CallbackFault::once(what));
        let now = crate::test_env::start();
        let uuid = crate::world::submit(&mut world, now, "http://127.0.0.1:1/cb");
        world.pay(now, &uuid).expect("payable");
        let due = world.due_callbacks(now);
        assert_eq!(due.len(), sent, "{what:?}");
        let right = |delivery: &&sandbox::CallbackDelivery| {
            let query = delivery.url.split_once('?').expect("query").1;
            verify(query, &secrets(), Legacy::Refuse).is_ok()
        };
        assert_eq!(due.iter().filter(right).count(), good, "{what:?}");
        let later = world.due_callbacks(now + TimeDelta::seconds(90));
        assert_eq!(later.len(), usize::from(what == Late(90)), "{what:?}");
    }
}

#[tokio::test]
async fn a_callback_is_tried_again_when_the_merchant_fails() {
    let mut listener = Listener::new(&[503]).await;
    let env = TestEnv::new().await;
    paid(&env, &listener.url.clone()).await;
    let (first, second) = (listener.next().await, listener.next().await);
    assert_eq!(first, second);
}

#[tokio::test]
async fn time_that_is_moved_by_hand_sends_what_is_due() {
    let mut listener = Listener::new(&[]).await;
    let env = TestEnv::new().await;
    env.world
        .lock()
        .faults()
        .callbacks
        .push(CallbackFault::once(CallbackWhat::Late(3_600)));
    paid(&env, &listener.url.clone()).await;
    Arc::clone(&env.clock).advance(TimeDelta::seconds(3_600));
    assert_eq!(
        verified(&listener.next().await).callback.status,
        ProviderStatus::Reserved
    );
}
