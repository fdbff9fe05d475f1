//! A service without workers before the look-alike, for the tests of this crate: its clock is moved by hand.

use std::sync::Arc;

use api_client::{Client, Settings, Transport};
use chrono::{DateTime, TimeDelta, Utc};
use domain::policy::PolicyPatch;
use domain::reservation::{NewLine, NewReservation};
use domain::{
    Clock, Entropy, Fact, ManualClock, MerchantId, Money, Reservation, ReservationId, SystemEntropy,
};
pub(crate) use sandbox::{EffectKind, Fault, Operation as Call, What, When};
use sandbox::{Handle, InProcess, Options, World};
use store::Store;
use tempfile::TempDir;
pub(crate) use testkit::clock::noon;
use testkit::customer::customer;

use crate::app::App;
use crate::config::Config;
use crate::operations;
use crate::submission::SubmitExtras;

/// A service and its provider.
pub(crate) struct TestEnv {
    pub(crate) app: Arc<App>,
    pub(crate) world: Handle,
    clock: Arc<ManualClock>,
    _folder: TempDir,
}

impl TestEnv {
    pub(crate) async fn new() -> Self {
        Self::gated(None).await
    }

    /// The same with a gate at every commit.
    pub(crate) async fn gated(gate: Option<Arc<dyn store::Gate>>) -> Self {
        let folder = TempDir::new().expect("a folder");
        let path = folder.path().join("holdfast.toml");
        let text = "[merchants.default]\nbase_url = \"http://127.0.0.1:9\"\n";
        std::fs::write(&path, text).expect("a file");
        let config = Config::load(Some(&path), std::iter::empty()).expect("a configuration");
        let clock = Arc::new(ManualClock::at(noon()));
        let entropy: Arc<dyn Entropy> = Arc::new(SystemEntropy);
        let url = format!("sqlite:{}/test.db", folder.path().display());
        let store = Store::open(
            &url,
            clock.clone(),
            Arc::clone(&entropy),
            store::Options::default(),
        );
        let store = store.await.expect("opens");
        let store = match gate {
            Some(gate) => store.gated(gate),
            None => store,
        };
        let world = Handle::new(World::new(Options::default()));
        let mut merchants = config.handles().expect("merchants");
        for (id, handle) in &mut merchants {
            let transport = Arc::new(InProcess::new(world.clone(), clock.clone()));
            handle.client = Client::with_transport(config.merchants[id].settings(), transport)
                .expect("a client");
        }
        let marker_key = App::load_marker_key(&store, &*entropy)
            .await
            .expect("a key");
        let public_url = config.server.public_url.clone();
        let app = App {
            store,
            clock: clock.clone(),
            entropy,
            merchants,
            marker_key,
            public_url,
        };
        Self {
            app: Arc::new(app),
            world,
            clock,
            _folder: folder,
        }
    }

    /// Puts something between the clients and the provider.
    pub(crate) fn intercept(&mut self, between: impl FnOnce(InProcess) -> Arc<dyn Transport>) {
        let provider = InProcess::new(self.world.clone(), self.clock.clone());
        let transport = between(provider);
        let app = Arc::get_mut(&mut self.app).expect("nobody else has it yet");
        for handle in app.merchants.values_mut() {
            let base = "http://127.0.0.1:9".parse().expect("a URL");
            let settings = Settings::new(base, "a-token".into());
            handle.client =
                Client::with_transport(settings, Arc::clone(&transport)).expect("a client");
        }
    }

    pub(crate) fn merchant(&self) -> MerchantId {
        self.app
            .merchants
            .keys()
            .next()
            .expect("a merchant")
            .clone()
    }

    pub(crate) fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }

    /// Lets so much time pass.
    pub(crate) fn pass(&self, time: TimeDelta) {
        self.clock.advance(time);
        self.world.lock().advance(self.now());
    }

    /// Takes a booking of 1000 kroner on one line.
    pub(crate) async fn booked(&self, reference: &str) -> ReservationId {
        let new = NewReservation {
            reference: reference.to_owned(),
            customer: customer(),
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
        let (merchant, extras) = (self.merchant(), SubmitExtras::default());
        let taken = operations::create(&self.app, &merchant, &new, extras, "test").await;
        taken.expect("is taken").reservation.reservation.id
    }

    pub(crate) async fn reservation(&self, id: &ReservationId) -> Reservation {
        self.app
            .store
            .reservation(id)
            .await
            .expect("reads")
            .expect("is there")
            .reservation
    }

    /// Records facts as a worker would.
    pub(crate) async fn record(&self, id: &ReservationId, facts: &[Fact]) {
        let mut tx = self.app.store.begin().await.expect("begins");
        let mut stored = tx
            .lock_reservation(id)
            .await
            .expect("reads")
            .expect("is there");
        let merchant = &self.app.merchants[&stored.reservation.merchant].merchant;
        tx.record(&mut stored.reservation, facts, merchant, "worker", None)
            .await
            .expect("records");
        tx.commit().await.expect("commits");
    }
}
