//! Captures a second: the real workers against a sandbox that answers in 5 ms.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use api_client::callback::Legacy;
use api_client::{Client, Settings};
use chrono::TimeDelta;
use domain::policy::PolicyPatch;
use domain::reservation::{DeliveryRequest, NewLine, NewReservation};
use domain::{
    Merchant, MerchantId, Money, ReservationId, Span, Status, SystemClock, SystemEntropy,
};
use sandbox::{EffectKind, Handle, Options, Server, World};
use service::app::{App, MerchantHandle};
use service::jobs::{self, WorkerSettings};
use service::operations;
use service::submission::SubmitExtras;
use store::{ReservationFilter, Store};
use testkit::customer::customer;
use tokio::sync::oneshot;
use tokio::time::{Instant, interval};

use crate::place::Place;

/// Reservations of a run.
const RESERVATIONS: usize = 1_000;
/// How long the sandbox takes for each answer.
const LATENCY: Duration = Duration::from_millis(5);
/// Jobs at a time.
const CONCURRENCY: usize = 64;
/// No limit that a benchmark could reach; the provider's own is 240 a minute.
const RATE: u32 = 60_000_000;

fn merchant() -> MerchantId {
    "default".parse().expect("a merchant")
}

/// Captures everything that was delivered, as fast as the workers go.
pub(crate) async fn captures(place: &Place) {
    let fresh = place.fresh().await;
    let clock = Arc::new(SystemClock::real());
    let options = Options {
        latency: LATENCY,
        limit_per_minute: 0,
        ..Options::default()
    };
    let listen = "127.0.0.1:0".parse().expect("an address");
    let server = Server::bind(listen, World::new(options), clock)
        .await
        .expect("listens");
    let (url, world) = (server.url(), server.world());
    let serving = tokio::spawn(server.run(std::future::pending()));
    let app = Arc::new(app(fresh.store.clone(), &url).await);

    let ids = book(&app).await;
    until_all(&app, Status::AwaitingPayment).await;
    pay(&app, &world, &ids).await;
    until_all(&app, Status::Held).await;
    for id in &ids {
        let delivery = DeliveryRequest {
            event_id: "D-1".to_owned(),
            delivered_at: None,
            lines: None,
            complete: None,
        };
        operations::deliver(&app, id, &delivery, "bench")
            .await
            .expect("delivered");
    }
    let start = Instant::now();
    until_all(&app, Status::Captured).await;
    let took = start.elapsed();

    let captured = world
        .lock()
        .ledger()
        .iter()
        .filter(|effect| effect.kind == EffectKind::Captured)
        .count();
    assert_eq!(captured, RESERVATIONS, "each exactly once");
    let rate = u128::try_from(RESERVATIONS).unwrap_or(0) * 1_000 / took.as_millis().max(1);
    println!(
        "{} captures   {RESERVATIONS} in {} ms: {rate}/s, each written ahead and fenced",
        place.name(),
        took.as_millis()
    );
    serving.abort();
}

async fn app(store: Store, url: &str) -> App {
    let marker_key = App::load_marker_key(&store, &SystemEntropy)
        .await
        .expect("a key");
    let settings = Settings::new(url.parse().expect("a url"), "bench-token".into());
    let handle = MerchantHandle {
        merchant: Merchant::new(merchant()),
        client: Client::new(settings).expect("a client"),
        rate_limit_per_minute: RATE,
        callback_secrets: vec!["sandbox-secret".into()],
        legacy_callbacks: Legacy::Refuse,
        sweep_every: Span::hours(24),
    };
    App {
        store,
        clock: Arc::new(SystemClock::real()),
        entropy: Arc::new(SystemEntropy),
        merchants: BTreeMap::from([(merchant(), handle)]),
        marker_key,
        // Nobody listens there: the benchmark asks for its reads itself.
        public_url: "http://127.0.0.1:9".parse().expect("a url"),
    }
}

async fn book(app: &App) -> Vec<ReservationId> {
    let mut ids = Vec::with_capacity(RESERVATIONS);
    for number in 0..RESERVATIONS {
        let new = reservation(app, number);
        let extras = SubmitExtras::default();
        let submitted = operations::create(app, &merchant(), &new, extras, "bench")
            .await
            .expect("taken");
        ids.push(submitted.reservation.reservation.id);
    }
    ids
}

fn reservation(app: &App, number: usize) -> NewReservation {
    let line = NewLine {
        name: "Cabin".to_owned(),
        product_id: None,
        rate: Money::kroner(1000),
        tax_percent: 0,
        amount: Money::kroner(1000),
    };
    NewReservation {
        reference: format!("BENCH-{number}"),
        customer: customer(),
        lines: vec![line],
        payment_link_due: app.clock.now() + TimeDelta::days(3),
        charge_validity: None,
        secure_details: false,
        charge_partially_refundable: true,
        policy: PolicyPatch::default(),
    }
}

async fn pay(app: &App, world: &Handle, ids: &[ReservationId]) {
    for (number, id) in ids.iter().enumerate() {
        let now = app.clock.now();
        world
            .lock()
            .pay(now, &format!("BENCH-{number}"))
            .expect("paid");
        operations::refresh(app, id, "bench")
            .await
            .expect("asked for");
    }
}

/// Runs the workers until every reservation has this status, then stops them.
async fn until_all(app: &Arc<App>, status: Status) {
    let (stop, stopped) = oneshot::channel::<()>();
    let settings = WorkerSettings {
        concurrency: CONCURRENCY,
        lease: Duration::from_secs(30),
        poll_interval: Duration::from_secs(1),
        shutdown_grace: Duration::from_secs(10),
    };
    let workers = tokio::spawn(jobs::run(Arc::clone(app), settings, async move {
        drop(stopped.await);
    }));
    let mut ticks = interval(Duration::from_millis(5));
    loop {
        ticks.tick().await;
        if others(app, status).await == 0 {
            break;
        }
        assert!(!workers.is_finished(), "the workers go on");
    }
    drop(stop);
    workers.await.expect("ends").expect("ends well");
}

/// Is any reservation in one of the states before this one?
async fn others(app: &App, status: Status) -> usize {
    let before = match status {
        Status::AwaitingPayment => Status::Submitting,
        Status::Held => Status::AwaitingPayment,
        _ => Status::Held,
    };
    let filter = ReservationFilter {
        status: Some(before),
        ..ReservationFilter::default()
    };
    app.store
        .reservations(&filter, 1, None)
        .await
        .expect("reads")
        .items
        .len()
}
