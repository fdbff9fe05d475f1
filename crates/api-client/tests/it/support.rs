//! Fixtures, hand-made responses, and a transport that answers from a script.

use std::collections::VecDeque;
use std::fmt;
use std::path::Path;
use std::sync::{Arc, Mutex};

use api_client::{
    BoxFuture, Client, Operation, Outcome, Payload, Settings, Transport, TransportFault,
    WireRequest, WireResponse, classify,
};

/// The text of `tests/fixtures/NAME.json`.
pub(crate) fn fixture(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures")
        .join(format!("{name}.json"));
    std::fs::read_to_string(path).expect(name)
}

pub(crate) fn response(status: u16, body: impl Into<String>) -> WireResponse {
    WireResponse {
        status,
        headers: http::HeaderMap::new(),
        body: body.into().into(),
        truncated: false,
    }
}

/// What a body means to an operation.
pub(crate) fn judge<T: Payload>(
    operation: Operation,
    status: u16,
    body: impl Into<String>,
) -> Outcome<T> {
    classify(operation, &Ok(response(status, body)))
}

pub(crate) fn settings(url: &str) -> Settings {
    Settings::new(url.parse().expect("url"), "a-token".into())
}

type Result<T> = std::result::Result<T, TransportFault>;

/// Answers from a script and keeps what it was asked.
#[derive(Default)]
pub(crate) struct Scripted {
    answers: Mutex<VecDeque<Result<WireResponse>>>,
    seen: Mutex<Vec<WireRequest>>,
}

impl Scripted {
    pub(crate) fn new(answers: impl IntoIterator<Item = Result<WireResponse>>) -> Arc<Self> {
        Arc::new(Self {
            answers: Mutex::new(answers.into_iter().collect()),
            seen: Mutex::default(),
        })
    }

    pub(crate) fn client(self: &Arc<Self>) -> Client {
        self.client_with(settings("https://demo-api.frontpayment.no"))
    }

    pub(crate) fn client_with(self: &Arc<Self>, settings: Settings) -> Client {
        Client::with_transport(settings, self.clone()).expect("settings")
    }

    pub(crate) fn seen(&self) -> Vec<WireRequest> {
        self.seen.lock().expect("lock").clone()
    }

    /// The body of the only request, as JSON.
    pub(crate) fn only_body(&self) -> serde_json::Value {
        let seen = self.seen();
        assert_eq!(seen.len(), 1, "one request");
        serde_json::from_slice(&seen[0].body).expect("JSON")
    }
}

impl fmt::Debug for Scripted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Scripted")
    }
}

impl Transport for Scripted {
    fn send(&self, request: WireRequest) -> BoxFuture<'_, Result<WireResponse>> {
        self.seen.lock().expect("lock").push(request);
        let answer = self
            .answers
            .lock()
            .expect("lock")
            .pop_front()
            .expect("a scripted answer");
        Box::pin(async move { answer })
    }
}
