//! A service on a SQLite file of its own, called without a socket.

use std::sync::Arc;

use ::service::app::App;
use ::service::config::Config;
use ::service::http::{Keys, router};
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request, StatusCode, header};
use chrono::{DateTime, TimeDelta, Utc};
use domain::reservation::IntentState;
use domain::{
    Clock as _, Fact, IntentFact, IntentId, Money, ProviderFact, ReservationId, SystemClock,
};
use serde_json::{Value, json};
use tempfile::TempDir;
use tower::ServiceExt as _;

use crate::customer::customer;
use crate::named;

/// The key of the API.
pub const ADMIN_KEY: &str = "a-key-of-the-tests-0123456789";
/// The merchant's secret of callbacks.
pub const CALLBACK_SECRET: &str = "callback-secret";
/// The largest answer that is read.
const MAX_ANSWER: usize = 1 << 22;

/// A service without workers.
pub struct Service {
    /// What the service shares; tests read its store.
    pub app: Arc<App>,
    router: Router,
    _folder: Option<TempDir>,
}

/// An answer.
pub struct Answer {
    /// The HTTP status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The JSON of the body; null when it is empty.
    pub body: Value,
}

impl Answer {
    /// The code of a problem.
    #[track_caller]
    pub fn problem(&self, status: u16) -> &str {
        assert_eq!(self.status.as_u16(), status, "{}", self.body);
        assert_eq!(
            self.headers[header::CONTENT_TYPE],
            "application/problem+json"
        );
        assert_eq!(self.body["status"], status);
        let code = self.body["code"].as_str().expect("code");
        assert_eq!(self.body["type"], format!("/errors/{code}"));
        assert!(self.body["title"].is_string() && self.body["detail"].is_string());
        code
    }

    /// The fields that a problem names.
    #[track_caller]
    pub fn fields(&self) -> Vec<&str> {
        assert_eq!(self.problem(422), "validation", "{}", self.body);
        let errors = self.body["errors"].as_array().expect("errors");
        errors
            .iter()
            .map(|error| error["field"].as_str().expect("field"))
            .collect()
    }

    /// The body, of an answer with this status.
    #[track_caller]
    pub fn ok(self, status: u16) -> Value {
        assert_eq!(self.status.as_u16(), status, "{}", self.body);
        self.body
    }
}

/// A configuration of two merchants, with a database in this folder.
pub fn config(folder: &TempDir) -> Config {
    configured(folder, "")
}

/// A configuration with these lines more for the default merchant.
pub fn configured(folder: &TempDir, keys: &str) -> Config {
    let path = folder.path().join("holdfast.toml");
    let database = folder.path().join("holdfast.db");
    let text = format!(
        "[server]\nadmin_key = \"{ADMIN_KEY}\"\nlisten = \"127.0.0.1:0\"\n\
         [database]\nurl = \"sqlite:{}\"\n\
         [merchants.default]\nbase_url = \"http://127.0.0.1:9\"\ncallback_secret = \"{CALLBACK_SECRET}\"\n{keys}\n\
         [merchants.second]\nbase_url = \"http://127.0.0.1:9\"\n",
        database.display()
    );
    std::fs::write(&path, text).expect("file");
    Config::load(Some(&path), std::iter::empty()).expect("config")
}

impl Service {
    /// A service with a real clock.
    pub async fn start() -> Self {
        let folder = TempDir::new().expect("folder");
        let config = config(&folder);
        let app = Arc::new(::service::serve::app(&config).await.expect("service"));
        Self {
            _folder: Some(folder),
            ..Self::of(app, &config)
        }
    }

    /// The API of a service that somebody else has made.
    pub fn of(app: Arc<App>, config: &Config) -> Self {
        let keys = Keys::new(config.server.admin_key.as_ref());
        Self {
            router: router(Arc::clone(&app), keys),
            app,
            _folder: None,
        }
    }

    /// The same service with other keys.
    pub fn with_keys(&self, keys: Keys) -> Router {
        router(Arc::clone(&self.app), keys)
    }

    /// Sends a request to the API.
    pub async fn send(&self, request: Request<Body>) -> Answer {
        send(self.router.clone(), request).await
    }

    /// Reads what is at this path.
    pub async fn get(&self, path: &str) -> Answer {
        self.send(request("GET", path).body(Body::empty()).expect("request"))
            .await
    }

    /// Posts this body.
    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        self.send(json_request(path, body.to_string())).await
    }

    /// Takes a reservation with this reference.
    pub async fn submitted(&self, reference: &str) -> ReservationId {
        let mut body = booking();
        body["reference"] = reference.into();
        let taken = self.post("/v1/reservations", &body).await.ok(202);
        taken["id"].as_str().expect("id").parse().expect("id")
    }

    /// Records facts as a worker would.
    pub async fn record(&self, id: &ReservationId, facts: &[Fact]) {
        let mut tx = self.app.store.begin().await.expect("tx");
        let mut stored = tx
            .lock_reservation(id)
            .await
            .expect("read")
            .expect("reservation");
        let merchant = &self.app.merchants[&stored.reservation.merchant].merchant;
        tx.record(&mut stored.reservation, facts, merchant, "worker", None)
            .await
            .expect("facts");
        tx.commit().await.expect("commit");
    }

    /// The provider has the reservation: the payer has the link.
    pub async fn linked(&self, id: &ReservationId) {
        let stored = self
            .app
            .store
            .reservation(id)
            .await
            .expect("read")
            .expect("reservation");
        let planned = |state: &IntentState| matches!(state, IntentState::Planned { .. });
        let intent: IntentId = stored
            .reservation
            .intents
            .iter()
            .find(|i| planned(&i.progress))
            .expect("intent")
            .id
            .clone();
        let at = now();
        let link = Fact::Intent(
            intent.clone(),
            IntentFact::LinkCreated {
                reservation_uuid: named("RES4161996022"),
                customer_uuid: Some(named("CSRT1")),
                url: Some("https://pay.example.no/RES4161996022".to_owned()),
                at,
            },
        );
        let written = Fact::Intent(
            intent.clone(),
            IntentFact::AttemptWritten { attempt: 1, at },
        );
        let sending = Fact::Intent(intent, IntentFact::AttemptSent { attempt: 1, at });
        self.record(id, &[written, sending, link]).await;
    }

    /// The payer has paid.
    pub async fn held(&self, id: &ReservationId) {
        self.linked(id).await;
        let at = now();
        self.record(
            id,
            &[Fact::Provider(ProviderFact::HoldPlaced {
                at,
                amount: Money::kroner(1000),
            })],
        )
        .await;
    }

    /// How many reservations and jobs there are.
    pub async fn written(&self) -> (usize, usize) {
        let list = |body: &Value| body["data"].as_array().expect("data").len();
        let reservations = list(&self.get("/v1/reservations").await.ok(200));
        (reservations, list(&self.get("/v1/jobs").await.ok(200)))
    }
}

/// Sends a request to a router.
pub async fn send(router: Router, request: Request<Body>) -> Answer {
    let response = router.oneshot(request).await.expect("infallible");
    let (parts, body) = response.into_parts();
    let bytes = to_bytes(body, MAX_ANSWER).await.expect("body");
    let body = if bytes.is_empty() {
        Value::Null
    } else {
        serde_json::from_slice(&bytes).expect("JSON")
    };
    Answer {
        status: parts.status,
        headers: parts.headers,
        body,
    }
}

/// A request with the key of the API.
pub fn request(method: &str, path: &str) -> axum::http::request::Builder {
    Request::builder()
        .method(method)
        .uri(path)
        .header(header::AUTHORIZATION, format!("Bearer {ADMIN_KEY}"))
}

/// A request that posts JSON with the key of the API.
pub fn json_request(path: &str, body: impl Into<Body>) -> Request<Body> {
    request("POST", path)
        .header(header::CONTENT_TYPE, "application/json")
        .body(body.into())
        .expect("request")
}

/// The business time of a service with a real clock.
pub fn now() -> DateTime<Utc> {
    SystemClock::real().now()
}

/// A booking with every field that there is.
pub fn booking() -> Value {
    let due = now() + TimeDelta::days(2);
    let mut customer = json!(customer());
    customer["personal_number"] = "19635464524".into();
    customer["organization_id"] = "987654321".into();
    json!({
        "reference": "BOOK-1001", "merchant": "default", "customer": customer,
        "lines": [
            {"name": "Cabin, 2 nights", "product_id": "CAB-2", "rate": "1000.00", "tax_percent": 0, "amount": "1000.00"}
        ],
        "payment_link_due": due.to_rfc3339(),
        "send": {"sms": false, "email": true},
        "checkout": {"method": "visa", "success_url": "https://b.no/ok", "failure_url": "http://127.0.0.1:3000/no"},
        "charge_validity": 55, "notes": "Key under the mat.\nBring wood.", "terms": "The usual.",
        "settings": {"secure_details": true, "charge_partially_refundable": true},
        "policy": {
            "capture": {
                "on_delivery": "when_complete", "before_deadline": "capture_delivered", "act_before": "48h",
                "late": "review", "legal_basis": "Cancelled too late.", "mandate_ceiling": "500.00"
            },
            "reminders": {
                "at": ["+24h", "-2h"], "max": 2, "channels": ["email"], "min_spacing": "20h", "contact_hours": "any"
            },
            "expiry": {"cancel_after_due": "30m"},
            "completion": {"after": "24h"},
            "warnings": {"at": ["48h"]}
        }
    })
}
