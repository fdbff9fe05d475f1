//! The test environment of a run: the real service on a database in memory, the sandbox behind its client, one clock that
//! stands still until it is moved.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use api_client::callback::Legacy;
use api_client::{Client, Settings};
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Method, Request, header};
use chrono::{DateTime, Utc};
use domain::capabilities::MultiCapture;
use domain::{Clock as _, ManualClock, Merchant, MerchantId, Span};
use sandbox::{Handle, InProcess, Options as WorldOptions, Switches, World};
use secrecy::SecretString;
use serde_json::Value;
use store::Store;
use tower::ServiceExt as _;
use url::Url;

use super::dice::RunEntropy;
use super::failpoints::Failpoints;
use super::faults::{FaultInjector, Wire};
use super::trace::Trace;
use service::app::{App, MerchantHandle};
use service::http::{Keys, router};
use service::jobs;

/// The key of the API.
const KEY: &str = "selftest";
/// What callbacks are signed with.
const CALLBACK_SECRET: &str = "selftest-callbacks";
/// How long a statement waits for the one before it, on the wall.
const PATIENCE: Duration = Duration::from_secs(3_600);
/// The longest answer that is read.
const MAX_ANSWER: usize = 1 << 24;

/// A merchant of a run.
#[derive(Clone, Debug)]
pub(super) struct Account {
    /// Its name in the configuration.
    pub(super) name: &'static str,
    /// Are several captures of a hold proven to work?
    pub(super) multi_capture: MultiCapture,
    /// How often the run of its account is swept.
    pub(super) sweep_every: Span,
    /// How often a reservation with something open is read.
    pub(super) refresh_open_every: Span,
}

/// How a env begins.
#[derive(Clone, Debug)]
pub(super) struct Setting {
    pub(super) seed: u64,
    pub(super) start: DateTime<Utc>,
    pub(super) accounts: Vec<Account>,
    pub(super) switches: Switches,
}

/// Why a env cannot be built or has broken down; never the fault of what is tested.
#[derive(Debug, thiserror::Error)]
pub(super) enum TestEnvError {
    /// The database in memory could not be opened.
    #[error("the database in memory could not be opened")]
    Open(#[from] store::OpenError),
    /// The database in memory failed.
    #[error("the database in memory failed")]
    Store(#[from] store::StoreError),
    /// A client could not be made.
    #[error("the client could not be made")]
    Client(#[from] api_client::SettingsError),
    /// A constant of the env does not parse.
    #[error("a constant of the env does not parse: {0}")]
    Constant(&'static str),
    /// A request to the API could not be made or its answer not be read.
    #[error("a request to the API could not be made, or its answer not be read")]
    Api(#[from] axum::Error),
}

/// The test environment of a run.
pub(super) struct TestEnv {
    pub(super) clock: Arc<ManualClock>,
    pub(super) world: Handle,
    pub(super) app: Arc<App>,
    pub(super) faults: FaultInjector,
    pub(super) failpoints: Failpoints,
    pub(super) entropy: Arc<RunEntropy>,
    pub(super) trace: Trace,
    router: Router,
}

/// An answer of the API.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: Value,
}

impl Answer {
    /// Was it carried out?
    pub(super) fn is_done(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// A text of the answer, such as `/id`; empty when it is not there.
    pub(super) fn text(&self, pointer: &str) -> &str {
        self.body
            .pointer(pointer)
            .and_then(Value::as_str)
            .unwrap_or_default()
    }

    /// The rows of a list.
    pub(super) fn rows(&self) -> &[Value] {
        self.body["data"].as_array().map_or(&[], Vec::as_slice)
    }
}

impl TestEnv {
    pub(super) async fn build(
        setting: &Setting,
        faults: FaultInjector,
        failpoints: Failpoints,
    ) -> Result<Self, TestEnvError> {
        let clock = Arc::new(ManualClock::at(setting.start));
        let entropy = Arc::new(RunEntropy::new(setting.seed));
        let trace = Trace::default();
        let world = world(setting);
        let shared: Arc<dyn domain::Clock> = clock.clone();
        let wire = Wire {
            inner: InProcess::new(world.clone(), shared.clone()),
            world: world.clone(),
            clock: clock.clone(),
            faults: faults.clone(),
            failpoints: failpoints.clone(),
            trace: trace.clone(),
        };
        let transport = Arc::new(wire);
        // However busy the machine is, that decides nothing in a run.
        let options = store::Options {
            acquire_timeout: PATIENCE,
            ..store::Options::default()
        };
        let store = Store::open("sqlite::memory:", shared.clone(), entropy.clone(), options)
            .await?
            .gated(Arc::new(failpoints.clone()));
        let marker_key = App::load_marker_key(&store, &*entropy).await?;
        let mut merchants = BTreeMap::new();
        for account in &setting.accounts {
            let handle = handle(account, transport.clone())?;
            merchants.insert(handle.merchant.id.clone(), handle);
        }
        let public_url = url("https://holdfast.example")?;
        let app = Arc::new(App {
            store,
            clock: shared,
            entropy: entropy.clone(),
            merchants,
            marker_key,
            public_url,
        });
        jobs::plan_sweeps(&app).await?;
        let router = router(app.clone(), Keys::new(Some(&SecretString::from(KEY))));
        Ok(Self {
            clock,
            world,
            app,
            faults,
            failpoints,
            entropy,
            trace,
            router,
        })
    }

    pub(super) fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }

    /// Notes what happens now.
    pub(super) fn note(&self, what: std::fmt::Arguments<'_>) {
        self.trace.note(self.now(), what);
    }

    /// Asks the API to read something. Reads leave no trace.
    pub(super) async fn get(&self, path: &str) -> Result<Answer, TestEnvError> {
        self.request(Method::GET, path, None).await
    }

    /// Asks the API to do something, on behalf of `who`.
    pub(super) async fn post(
        &self,
        who: &str,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Answer, TestEnvError> {
        self.entropy.begin();
        let answer = self.request(Method::POST, path, body).await?;
        let said = match answer.text("/code") {
            "" => answer.text("/id"),
            code => code,
        };
        let body = body.map(Value::to_string).unwrap_or_default();
        self.note(format_args!(
            "{who}: POST {path} {body} -> {} {said}",
            answer.status
        ));
        Ok(answer)
    }

    /// Delivers a callback of the provider. Returns the status it is answered with.
    pub(super) async fn call_back(&self, address: &str) -> Result<u16, TestEnvError> {
        self.entropy.begin();
        let path = address
            .strip_prefix("https://holdfast.example")
            .unwrap_or(address);
        let answer = self.request(Method::GET, path, None).await?;
        self.note(format_args!("provider: callback -> {}", answer.status));
        Ok(answer.status)
    }

    async fn request(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Answer, TestEnvError> {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::AUTHORIZATION, format!("Bearer {KEY}"))
            .header(header::CONTENT_TYPE, "application/json")
            .body(body.map_or_else(Body::empty, |body| Body::from(body.to_string())))
            .map_err(|_| TestEnvError::Constant("a path of the API"))?;
        let response = match self.router.clone().oneshot(request).await {
            Ok(response) => response,
            Err(never) => match never {},
        };
        let status = response.status().as_u16();
        let bytes = to_bytes(response.into_body(), MAX_ANSWER).await?;
        Ok(Answer {
            status,
            body: serde_json::from_slice(&bytes).unwrap_or_default(),
        })
    }

    /// Every row of a list, page by page.
    pub(super) async fn list(&self, path: &str) -> Result<Vec<Value>, TestEnvError> {
        let join = if path.contains('?') { '&' } else { '?' };
        let mut all = Vec::new();
        let mut cursor = String::new();
        loop {
            let page = self.get(&format!("{path}{join}limit=200{cursor}")).await?;
            all.extend_from_slice(page.rows());
            match page.text("/next_cursor") {
                "" => return Ok(all),
                next => cursor = format!("&cursor={next}"),
            }
        }
    }
}

fn url(text: &'static str) -> Result<Url, TestEnvError> {
    Url::parse(text).map_err(|_| TestEnvError::Constant(text))
}

fn handle(account: &Account, transport: Arc<Wire>) -> Result<MerchantHandle, TestEnvError> {
    let id: MerchantId = account
        .name
        .parse()
        .map_err(|_| TestEnvError::Constant(account.name))?;
    let settings = Settings::new(url("https://provider.example")?, account.name.into());
    Ok(MerchantHandle {
        merchant: Merchant {
            multi_capture: account.multi_capture,
            refresh_open_every: account.refresh_open_every,
            ..Merchant::new(id)
        },
        client: Client::with_transport(settings, transport)?,
        rate_limit_per_minute: 240,
        callback_secrets: vec![CALLBACK_SECRET.into()],
        legacy_callbacks: Legacy::Refuse,
        sweep_every: account.sweep_every,
    })
}

/// The provider of a run.
fn world(setting: &Setting) -> Handle {
    Handle::new(World::new(WorldOptions {
        seed: setting.seed,
        switches: setting.switches.clone(),
        tokens: setting
            .accounts
            .iter()
            .map(|account| account.name.to_owned())
            .collect(),
        callback_secret: CALLBACK_SECRET.into(),
        public_url: "https://provider.example".to_owned(),
        ..WorldOptions::default()
    }))
}
