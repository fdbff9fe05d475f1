//! A service with workers, on a clock that is moved by hand, before a provider whose answers can be changed on the way.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use ::service::app::{App, MerchantHandle};
use ::service::jobs::{self, RunError, WorkerSettings};
use ::service::operations::{CallbackOutcome, take_callback};
use api_client::{BoxFuture, Client, Settings, Transport, WireResponse};
use chrono::{DateTime, TimeDelta, Utc};
use domain::resolve::Evidence;
use domain::{
    Clock, Entropy, Fact, JobState, ManualClock, MerchantId, Reservation, ReservationId,
    SeededEntropy,
};
use sandbox::{Effect, EffectKind, InProcess, World};
use serde_json::{Value, json};
use store::Store;
use store::queue::{Job, JobFilter};
use tempfile::TempDir;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::faulty::{Answer, FaultyTransport, Held, Intercept, soon};
use crate::service::{self as support, Service};

/// Is the outcome of a request of this reservation unknown?
pub fn in_doubt(seen: &Value) -> bool {
    seen["schedule"]
        .as_array()
        .is_some_and(|jobs| jobs.iter().any(|job| job["state"] == "resolving"))
}

/// A service with workers and its provider.
pub struct TestEnv {
    /// The service: its API, and its store.
    pub service: Service,
    /// The provider.
    pub world: sandbox::Handle,
    clock: Arc<ManualClock>,
    transport: Arc<FaultyTransport>,
    /// Dropping it stops the workers.
    _stop: oneshot::Sender<()>,
    running: JoinHandle<Result<(), RunError>>,
    folder: Arc<TempDir>,
    /// What the merchant has configured besides the usual.
    keys: &'static str,
}

impl TestEnv {
    /// With the usual configuration.
    pub async fn start() -> Self {
        Self::configured("").await
    }

    /// The same with these lines in the configuration of the merchant.
    pub async fn configured(keys: &'static str) -> Self {
        let clock = Arc::new(ManualClock::at(support::now()));
        let options = sandbox::Options {
            callback_secret: support::CALLBACK_SECRET.into(),
            public_url: "https://pay.example.no".to_owned(),
            ..sandbox::Options::default()
        };
        let world = sandbox::Handle::new(World::new(options));
        let provider = InProcess::new(world.clone(), Arc::clone(&clock) as Arc<dyn Clock>);
        let transport = Arc::new(FaultyTransport::new(provider));
        let folder = Arc::new(TempDir::new().expect("folder"));
        Self::run(folder, keys, world, clock, transport, 1).await
    }

    /// The same database and the same provider under a new process.
    pub async fn start_again(self) -> Self {
        self.running.abort();
        let _ = self.running.await;
        Self::run(
            self.folder,
            self.keys,
            self.world,
            self.clock,
            self.transport,
            2,
        )
        .await
    }

    async fn run(
        folder: Arc<TempDir>,
        keys: &'static str,
        world: sandbox::Handle,
        clock: Arc<ManualClock>,
        transport: Arc<FaultyTransport>,
        seed: u64,
    ) -> Self {
        let config = support::configured(&folder, keys);
        let mut merchants: BTreeMap<MerchantId, MerchantHandle> =
            config.handles().expect("merchants");
        for handle in merchants.values_mut() {
            let base = "http://127.0.0.1:9".parse().expect("url");
            let transport = Arc::clone(&transport) as Arc<dyn Transport>;
            handle.client =
                Client::with_transport(Settings::new(base, "a-token".into()), transport)
                    .expect("client");
        }
        let entropy: Arc<dyn Entropy> = Arc::new(SeededEntropy::new(seed));
        let url = format!("sqlite:{}", folder.path().join("holdfast.db").display());
        let shared = Arc::clone(&clock) as Arc<dyn Clock>;
        let store = Store::open(
            &url,
            Arc::clone(&shared),
            Arc::clone(&entropy),
            store::Options::default(),
        );
        let store = store.await.expect("a database");
        let marker_key = App::load_marker_key(&store, &*entropy)
            .await
            .expect("a key");
        let public_url = config.server.public_url.clone();
        let app = Arc::new(App {
            store,
            clock: shared,
            entropy,
            merchants,
            marker_key,
            public_url,
        });
        let settings = WorkerSettings {
            concurrency: 4,
            lease: Duration::from_secs(30),
            poll_interval: Duration::from_millis(5),
            shutdown_grace: Duration::from_secs(1),
        };
        let (stop, stopped) = oneshot::channel::<()>();
        let running = tokio::spawn(jobs::run(Arc::clone(&app), settings, async {
            let _ = stopped.await;
        }));
        let service = Service::of(app, &config);
        Self {
            service,
            world,
            clock,
            transport,
            _stop: stop,
            running,
            folder,
            keys,
        }
    }

    /// The time of its clock.
    pub fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }

    /// From now on a request whose path holds `path` never arrives; this comes back, `times` times.
    pub fn instead(&self, path: &'static str, times: u32, answer: Answer) {
        self.transport
            .rule(path, 0, times, Intercept::Instead(answer));
    }

    /// The same after `skip` requests that pass unharmed.
    pub fn instead_after(&self, path: &'static str, skip: u32, times: u32, answer: Answer) {
        self.transport
            .rule(path, skip, times, Intercept::Instead(answer));
    }

    /// From now on `change` makes the answer to a request whose path holds `path`, `times` times.
    pub fn changed(
        &self,
        path: &'static str,
        times: u32,
        change: impl Fn(WireResponse) -> Answer + Send + Sync + 'static,
    ) {
        self.transport
            .rule(path, 0, times, Intercept::Changed(Arc::new(change)));
    }

    /// With the next request whose path holds `path`, this happens once the provider has done what it was asked, before
    /// its answer arrives.
    pub fn meanwhile(
        &self,
        path: &'static str,
        happens: impl Fn() -> BoxFuture<'static, ()> + Send + Sync + 'static,
    ) {
        self.transport
            .rule(path, 0, 1, Intercept::Meanwhile(Arc::new(happens)));
    }

    /// Holds back the answer to the next request whose path holds `path`.
    pub fn hold(&self, path: &'static str) -> Arc<Held> {
        let held = Arc::new(Held::default());
        let back = Arc::clone(&held);
        self.meanwhile(path, move || {
            let back = Arc::clone(&back);
            Box::pin(async move {
                back.reached.notify_one();
                back.go.notified().await;
            })
        });
        held
    }

    /// From now on the provider's answers arrive as they are.
    pub fn stop_intercepting(&self) {
        self.transport.stop_intercepting();
    }

    /// The bodies of the requests whose path holds this, in order.
    pub fn sent(&self, path: &str) -> Vec<Value> {
        self.transport.sent(path)
    }

    /// What took place at the provider.
    pub fn effects(&self, kind: EffectKind) -> Vec<Effect> {
        self.world
            .lock()
            .ledger()
            .iter()
            .filter(|effect| effect.kind == kind)
            .cloned()
            .collect()
    }

    /// A reservation as the API shows it.
    pub async fn get(&self, id: &ReservationId) -> Value {
        self.service
            .get(&format!("/v1/reservations/{id}"))
            .await
            .ok(200)
    }

    /// What is known of a reservation, beyond what the API shows.
    pub async fn known(&self, id: &ReservationId) -> Reservation {
        self.service
            .app
            .store
            .reservation(id)
            .await
            .expect("read")
            .expect("reservation")
            .reservation
    }

    /// Everything that was recorded of a reservation.
    pub async fn facts(&self, id: &ReservationId) -> Vec<Fact> {
        let events = self
            .service
            .app
            .store
            .events(id, 200, None)
            .await
            .expect("read")
            .items;
        events.into_iter().map(|event| event.fact).collect()
    }

    /// What is learnt of the merchant.
    pub async fn evidence(&self) -> Evidence {
        let merchant = self
            .service
            .app
            .merchants
            .keys()
            .next()
            .expect("a merchant");
        let mut tx = self.service.app.store.begin().await.expect("tx");
        let learnt = tx.evidence(merchant).await.expect("read");
        tx.rollback().await.expect("rollback");
        learnt
    }

    /// Asks for something that is answered with 202.
    pub async fn act(&self, id: &ReservationId, action: &str, body: &Value) -> Value {
        self.service
            .post(&format!("/v1/reservations/{id}/{action}"), body)
            .await
            .ok(202)
    }

    /// The newest job of one kind, with its attempts.
    pub async fn job(&self, id: &ReservationId, kind: &str) -> Value {
        let page = self
            .service
            .get(&format!("/v1/jobs?reservation={id}&kind={kind}"))
            .await
            .ok(200);
        let newest = page["data"][0]["id"].as_str().expect("a job").to_owned();
        self.service
            .get(&format!("/v1/jobs/{newest}"))
            .await
            .ok(200)
    }

    /// Takes a reservation of 1000 kroner with nothing that happens by itself.
    pub async fn submit(&self, reference: &str) -> ReservationId {
        self.submit_to("default", reference).await
    }

    /// The same of a merchant.
    pub async fn submit_to(&self, merchant: &str, reference: &str) -> ReservationId {
        let mut body = support::booking();
        let fields = body.as_object_mut().expect("object");
        fields.remove("checkout");
        // Its unit is unknown; 55 may be minutes, which leave no time for a charge.
        fields.remove("charge_validity");
        fields.insert("merchant".to_owned(), merchant.into());
        fields.insert("reference".to_owned(), reference.into());
        let due = self.now() + TimeDelta::days(5);
        fields.insert("payment_link_due".to_owned(), due.to_rfc3339().into());
        let policy = json!({"capture": {"on_delivery": "manual"}, "completion": {"after": "off"},
            "reminders": {"at": ["+24h"], "contact_hours": "any"}, "warnings": {"at": []}});
        fields.insert("policy".to_owned(), policy);
        let taken = self.service.post("/v1/reservations", &body).await.ok(202);
        taken["id"].as_str().expect("id").parse().expect("id")
    }

    /// Takes a reservation, and waits until the provider has it.
    pub async fn linked(&self, reference: &str) -> ReservationId {
        let id = self.submit(reference).await;
        self.until(&id, "linked", |seen| seen["status"] == "awaiting_payment")
            .await;
        id
    }

    /// The payer pays, and it is read.
    pub async fn pay(&self, id: &ReservationId) {
        let uuid = self.get(id).await["provider"]["reservation_uuid"]
            .as_str()
            .expect("uuid")
            .to_owned();
        self.world.lock().pay(self.now(), &uuid).expect("payable");
        self.deliver_callbacks().await;
        self.until(id, "held", |seen| seen["status"] == "held")
            .await;
    }

    /// Hands over the callbacks that the provider has to send, and says what became of each.
    pub async fn deliver_callbacks(&self) -> Vec<CallbackOutcome> {
        let due = self.world.lock().due_callbacks(self.now());
        let mut outcomes = Vec::new();
        for delivery in due {
            let (path, query) = delivery.url.split_once('?').expect("a query");
            let token = path.rsplit('/').next().expect("a token");
            outcomes.push(take_callback(&self.service.app, token, query).await);
        }
        outcomes
    }

    /// Takes a reservation that is paid.
    pub async fn held(&self, reference: &str) -> ReservationId {
        let id = self.linked(reference).await;
        self.pay(&id).await;
        id
    }

    /// Waits until something is so, without the clock.
    pub async fn eventually(&self, what: &str, mut holds: impl AsyncFnMut() -> bool) {
        let mut ticks = tokio::time::interval(Duration::from_millis(5));
        let looking = async {
            while !holds().await {
                ticks.tick().await;
            }
        };
        soon(what, looking).await;
    }

    /// Waits until what is known of the reservation is as wanted, without the clock.
    pub async fn until_known(
        &self,
        id: &ReservationId,
        what: &str,
        wanted: impl Fn(&Reservation) -> bool,
    ) -> Reservation {
        self.eventually(what, async || wanted(&self.known(id).await))
            .await;
        self.known(id).await
    }

    /// Waits until the reservation is as wanted, without the clock.
    pub async fn until(
        &self,
        id: &ReservationId,
        what: &str,
        wanted: impl Fn(&Value) -> bool,
    ) -> Value {
        let mut seen = Value::Null;
        self.eventually(&format!("{id} is {what}"), async || {
            seen = self.get(id).await;
            wanted(&seen)
        })
        .await;
        seen
    }

    /// Lets the clock run until the reservation is as wanted, at most for this long.
    pub async fn run_until(
        &self,
        id: &ReservationId,
        most: TimeDelta,
        what: &str,
        wanted: impl Fn(&Value) -> bool,
    ) -> Value {
        let end = self.now() + most;
        loop {
            self.idle().await;
            let seen = self.get(id).await;
            if wanted(&seen) {
                return seen;
            }
            assert!(
                self.now() < end,
                "{most} were not enough until it is {what}: {seen:#}"
            );
            self.clock
                .set(self.next_due().await.map_or(end, |next| next.min(end)));
        }
    }

    /// Lets the clock run for so long, and every job at its time.
    pub async fn pass(&self, time: TimeDelta) {
        let end = self.now() + time;
        self.idle().await;
        while self.now() < end {
            self.clock
                .set(self.next_due().await.map_or(end, |next| next.min(end)));
            self.idle().await;
        }
    }

    /// Moves the clock, and waits for nothing.
    pub fn advance(&self, time: TimeDelta) {
        self.clock.advance(time);
    }

    /// Waits until nothing is due.
    pub async fn idle(&self) {
        // Looked at twice: a job may have gone from one state to another between two questions.
        let idle = async || self.due().await.is_empty() && self.due().await.is_empty();
        self.eventually("nothing is due", idle).await;
    }

    /// The jobs that are due, asked for in the order of the states that a job goes through.
    async fn due(&self) -> Vec<Job> {
        let now = self.now();
        let waiting = self.jobs(&[JobState::Scheduled, JobState::Resolving]).await;
        let mut due: Vec<Job> = waiting
            .into_iter()
            .filter(|job| job.run_at <= now)
            .collect();
        due.extend(self.jobs(&[JobState::Available, JobState::Running]).await);
        due
    }

    async fn next_due(&self) -> Option<DateTime<Utc>> {
        let waiting = self.jobs(&[JobState::Scheduled, JobState::Resolving]).await;
        waiting.iter().map(|job| job.run_at).min()
    }

    async fn jobs(&self, states: &[JobState]) -> Vec<Job> {
        let mut jobs = Vec::new();
        for state in states {
            let filter = JobFilter {
                state: Some(*state),
                ..JobFilter::default()
            };
            jobs.extend(
                self.service
                    .app
                    .store
                    .jobs(&filter, 200, None)
                    .await
                    .expect("jobs")
                    .items,
            );
        }
        jobs
    }
}
