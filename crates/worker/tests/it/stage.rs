//! A service before the look-alike in one process: its clock is moved by hand, and answers can be held back.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use api_client::{BoxFuture, Client, Transport, TransportFault, WireRequest, WireResponse};
use chrono::{DateTime, TimeDelta, Utc};
use domain::customer::{Address, Customer, CustomerType};
use domain::policy::PolicyPatch;
use domain::reservation::{NewLine, NewReservation};
use domain::witness::Witnesses;
use domain::{
    Clock, Entropy, Fact, JobState, ManualClock, MerchantId, Money, Reservation, ReservationId, SystemEntropy,
};
pub(crate) use sandbox::{EffectKind, Fault, Operation as Call, What, When};
use sandbox::{Handle, InProcess, Options, World};
use store::Store;
use store::queue::{JobFilter, JobView};
use tempfile::TempDir;
use tokio::sync::{Notify, oneshot};
use worker::app::App;
use worker::config::Config;
use worker::runner::{WorkerSettings, run};
use worker::service::CallbackOutcome;
use worker::submission::SubmitExtras;

/// How long a test waits for what must happen.
const PATIENCE: Duration = Duration::from_secs(30);
/// The secret of callbacks, which the look-alike has as well.
const SECRET: &str = "sandbox-secret";

/// A service and its provider. The workers, once started, end with it.
pub(crate) struct Stage {
    pub(crate) app: Arc<App>,
    pub(crate) world: Handle,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) gate: Arc<Gate>,
    workers: Option<oneshot::Sender<()>>,
    _folder: TempDir,
}

/// The way to the provider, on which the answer to one request can be held back.
#[derive(Debug)]
pub(crate) struct Gate {
    inner: InProcess,
    /// What the path of the request contains whose answer is held back.
    holds: Mutex<Option<&'static str>>,
    reached: Notify,
    go: Notify,
}

impl Gate {
    /// Holds back the next answer to a request whose path contains this.
    pub(crate) fn hold(&self, path: &'static str) {
        *self.holds.lock().unwrap_or_else(PoisonError::into_inner) = Some(path);
    }

    /// Waits until an answer is held back.
    pub(crate) async fn reached(&self) {
        soon("an answer to be held back", self.reached.notified()).await;
    }

    /// Lets the answer that is held back go.
    pub(crate) fn let_go(&self) {
        self.go.notify_one();
    }
}

impl Transport for Gate {
    fn send(&self, request: WireRequest) -> BoxFuture<'_, Result<WireResponse, TransportFault>> {
        let mut holds = self.holds.lock().unwrap_or_else(PoisonError::into_inner);
        let held = holds.is_some_and(|path| request.path.contains(path));
        if held {
            *holds = None;
        }
        Box::pin(async move {
            let answer = self.inner.send(request).await;
            if held {
                self.reached.notify_one();
                self.go.notified().await;
            }
            answer
        })
    }
}

/// A Monday noon in winter.
pub(crate) fn noon() -> DateTime<Utc> {
    DateTime::from_timestamp(1_767_614_400, 0).expect("a time")
}

/// Waits for a signal, and fails the test when it does not come.
async fn soon<T>(what: &str, signal: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, signal).await.unwrap_or_else(|_| panic!("waited in vain for {what}"))
}

/// Waits until something is so.
async fn eventually(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let mut looks = tokio::time::interval(Duration::from_millis(5));
    let look = async {
        while !holds().await {
            looks.tick().await;
        }
    };
    soon(what, look).await;
}

impl Stage {
    /// A service whose merchant has these keys besides the usual ones; no worker runs yet.
    pub(crate) async fn new(merchant: &str) -> Self {
        let folder = TempDir::new().expect("a folder");
        let path = folder.path().join("holdfast.toml");
        let text = format!(
            "[merchants.default]\nbase_url = \"http://127.0.0.1:9\"\ncallback_secret = \"{SECRET}\"\n{merchant}\n"
        );
        std::fs::write(&path, text).expect("a file");
        let config = Config::load(Some(&path), std::iter::empty()).expect("a configuration");
        let clock = Arc::new(ManualClock::at(noon()));
        let entropy: Arc<dyn Entropy> = Arc::new(SystemEntropy);
        let url = format!("sqlite:{}/test.db", folder.path().display());
        let store = Store::open(&url, clock.clone(), Arc::clone(&entropy), store::Options::default());
        let store = store.await.expect("opens");
        let world = Handle::new(World::new(Options::default()));
        let gate = Arc::new(Gate {
            inner: InProcess::new(world.clone(), clock.clone()),
            holds: Mutex::new(None),
            reached: Notify::new(),
            go: Notify::new(),
        });
        let mut merchants = config.handles().expect("merchants");
        for (id, handle) in &mut merchants {
            let transport: Arc<dyn Transport> = gate.clone();
            handle.client =
                Client::with_transport(config.merchants[id].settings(), transport).expect("a client");
        }
        let marker_key = App::load_marker_key(&store, &*entropy).await.expect("a key");
        let public_url = config.server.public_url.clone();
        let app = App { store, clock: clock.clone(), entropy, merchants, marker_key, public_url };
        Self { app: Arc::new(app), world, clock, gate, workers: None, _folder: folder }
    }

    /// Lets the workers run from now on.
    pub(crate) fn work(&mut self) {
        let (stop, stopped) = oneshot::channel::<()>();
        let settings = WorkerSettings {
            concurrency: 4,
            lease: Duration::from_secs(30),
            poll_interval: Duration::from_millis(5),
            shutdown_grace: Duration::from_secs(1),
        };
        let app = Arc::clone(&self.app);
        tokio::spawn(run(app, settings, async move {
            let _ = stopped.await;
        }));
        self.workers = Some(stop);
    }

    pub(crate) fn merchant(&self) -> MerchantId {
        self.app.merchants.keys().next().expect("a merchant").clone()
    }

    pub(crate) fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }

    /// Lets so much time pass.
    pub(crate) fn pass(&self, time: TimeDelta) {
        self.clock.advance(time);
        self.world.lock().advance(self.now());
    }

    /// Takes a booking of 1000 kroner on one line; workers submit it.
    pub(crate) async fn booked(&self, reference: &str) -> ReservationId {
        let new = NewReservation {
            reference: reference.to_owned(),
            customer: kari(),
            lines: vec![NewLine {
                name: "Cabin".to_owned(),
                product_id: None,
                rate: Money::kroner(1000),
                tax_percent: 0,
                amount: Money::kroner(1000),
            }],
            payment_link_due: self.now() + TimeDelta::days(2),
            charge_validity: None,
            secure_details: false,
            charge_partially_refundable: true,
            policy: PolicyPatch::default(),
        };
        let taken = self.app.submit(&self.merchant(), &new, SubmitExtras::default(), "test").await;
        taken.expect("is taken").reservation.reservation.id
    }

    /// A booking that the payer has paid, as far as the service knows too. Workers must run.
    pub(crate) async fn held(&self, reference: &str) -> ReservationId {
        let id = self.booked(reference).await;
        self.until("the provider has it", &id, |r| r.provider.reservation_uuid.is_some()).await;
        self.world.lock().pay(self.now(), reference).expect("payable");
        self.deliver_callbacks().await;
        self.until("it is held", &id, |r| {
            matches!(r.hold, domain::reservation::Hold::Reserved { .. }) && r.provider.read_wanted.is_none()
        })
        .await;
        id
    }

    /// Hands over the callbacks that the look-alike has to send, and says what became of each.
    pub(crate) async fn deliver_callbacks(&self) -> Vec<CallbackOutcome> {
        let due = self.world.lock().due_callbacks(self.now());
        let mut outcomes = Vec::new();
        for delivery in due {
            let (path, query) = delivery.url.split_once('?').expect("a query");
            let token = path.rsplit('/').next().expect("a token");
            outcomes.push(self.app.callback(token, query).await);
        }
        outcomes
    }

    pub(crate) async fn reservation(&self, id: &ReservationId) -> Reservation {
        self.app.store.reservation(id).await.expect("reads").expect("is there").reservation
    }

    /// Everything that was recorded of a reservation.
    pub(crate) async fn facts(&self, id: &ReservationId) -> Vec<Fact> {
        let events = self.app.store.events(id, 200, None).await.expect("reads").items;
        events.into_iter().map(|event| event.fact).collect()
    }

    pub(crate) async fn witnesses(&self) -> Witnesses {
        let mut tx = self.app.store.begin().await.expect("begins");
        let known = tx.witnesses(&self.merchant()).await.expect("reads");
        tx.rollback().await.expect("rolls back");
        known
    }

    /// Records facts as a worker would.
    pub(crate) async fn record(&self, id: &ReservationId, facts: &[Fact]) {
        let mut tx = self.app.store.begin().await.expect("begins");
        let mut stored = tx.lock_reservation(id).await.expect("reads").expect("is there");
        let merchant = &self.app.merchants[&stored.reservation.merchant].merchant;
        tx.record(&mut stored.reservation, facts, merchant, "worker", None).await.expect("records");
        tx.commit().await.expect("commits");
    }

    /// Waits until a reservation is so, and returns it.
    pub(crate) async fn until(
        &self,
        what: &str,
        id: &ReservationId,
        holds: impl Fn(&Reservation) -> bool,
    ) -> Reservation {
        eventually(what, async || holds(&self.reservation(id).await)).await;
        self.reservation(id).await
    }

    /// Waits until so many requests of an operation have come to the look-alike.
    pub(crate) async fn until_requests(&self, call: Call, count: u64) {
        eventually("the requests", async || self.requests(call) >= count).await;
    }

    /// Waits until no job runs or is due.
    pub(crate) async fn idle(&self) {
        let now = self.now();
        let busy = |job: &JobView| match job.state {
            JobState::Running | JobState::Available => true,
            JobState::Scheduled | JobState::Resolving => job.run_at <= now,
            _ => false,
        };
        eventually("all jobs have run", async || {
            let jobs = self.app.store.jobs(&JobFilter::default(), 200, None).await.expect("reads").items;
            !jobs.iter().any(busy)
        })
        .await;
    }

    pub(crate) fn requests(&self, call: Call) -> u64 {
        self.world.lock().requests().operations.get(&call).copied().unwrap_or(0)
    }
}

fn kari() -> Customer {
    Customer {
        kind: CustomerType::Private,
        name: "Kari Nordmann".to_owned(),
        email: "kari@example.no".to_owned(),
        country_code: "+47".to_owned(),
        msisdn: "46567468".to_owned(),
        language: "no".to_owned(),
        personal_number: None,
        organization_id: None,
        address: Address {
            street: "Storgata 1".to_owned(),
            zip: "0155".to_owned(),
            city: "Oslo".to_owned(),
            country: "NO".to_owned(),
        },
    }
}
