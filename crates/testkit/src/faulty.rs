//! A provider whose answers can be changed, withheld or lost on their way.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use api_client::{
    BoxFuture, FaultKind, Phase, Transport, TransportFault, WireRequest, WireResponse,
};
use sandbox::InProcess;
use serde_json::Value;
use tokio::sync::Notify;

/// How long a test waits for what must happen.
const PATIENCE: Duration = Duration::from_secs(30);

/// What comes back of a request.
pub type Answer = Result<WireResponse, TransportFault>;

/// What becomes of a request and its answer.
#[derive(Clone)]
pub(crate) enum Intercept {
    /// The provider never sees the request; this comes back.
    Instead(Answer),
    /// The provider does what it is asked; this is made of its answer.
    Changed(Arc<dyn Fn(WireResponse) -> Answer + Send + Sync>),
    /// The provider does what it is asked, and then this happens before its answer arrives.
    Meanwhile(Arc<dyn Fn() -> BoxFuture<'static, ()> + Send + Sync>),
}

struct Rule {
    /// A part of the path.
    path: &'static str,
    skip: u32,
    times: u32,
    intercept: Intercept,
}

/// Stands between the client and the provider, changes what its rules say, and writes down what passes.
pub struct FaultyTransport {
    provider: InProcess,
    rules: Mutex<Vec<Rule>>,
    seen: Mutex<Vec<(String, Value)>>,
}

impl fmt::Debug for FaultyTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FaultyTransport")
    }
}

/// A response with this body and no headers.
pub fn answer(status: u16, body: impl Into<String>) -> WireResponse {
    WireResponse {
        status,
        headers: axum::http::HeaderMap::new(),
        body: body.into().into(),
        truncated: false,
    }
}

/// The connection broke before an answer.
pub fn reset() -> Answer {
    Err(TransportFault::new(Phase::AfterSend, FaultKind::Reset))
}

impl FaultyTransport {
    /// One that changes nothing yet.
    pub(crate) fn new(provider: InProcess) -> Self {
        Self {
            provider,
            rules: Mutex::default(),
            seen: Mutex::default(),
        }
    }

    /// Intercepts the requests whose path holds `path`, after `skip` of them, `times` times.
    pub(crate) fn rule(&self, path: &'static str, skip: u32, times: u32, intercept: Intercept) {
        locked(&self.rules).push(Rule {
            path,
            skip,
            times,
            intercept,
        });
    }

    /// From now on nothing is intercepted.
    pub(crate) fn stop_intercepting(&self) {
        for rule in locked(&self.rules).iter_mut() {
            rule.times = 0;
        }
    }

    /// The bodies of the requests whose path holds this, in order.
    pub(crate) fn sent(&self, path: &str) -> Vec<Value> {
        let seen = locked(&self.seen);
        seen.iter()
            .filter(|(known, _)| known.contains(path))
            .map(|(_, body)| body.clone())
            .collect()
    }

    /// The provider's answer, or what a rule makes of it.
    async fn pass(&self, request: WireRequest) -> Answer {
        let body = serde_json::from_slice(&request.body).unwrap_or_default();
        locked(&self.seen).push((request.path.clone(), body));
        match self.intercept(&request.path) {
            None => self.provider.send(request).await,
            Some(Intercept::Instead(answer)) => answer,
            Some(Intercept::Changed(change)) => change(self.provider.send(request).await?),
            Some(Intercept::Meanwhile(happens)) => {
                let genuine = self.provider.send(request).await;
                happens().await;
                genuine
            }
        }
    }

    /// Takes the first rule about this path that is not used up.
    fn intercept(&self, path: &str) -> Option<Intercept> {
        let mut rules = locked(&self.rules);
        let rule = rules
            .iter_mut()
            .find(|rule| rule.times > 0 && path.contains(rule.path))?;
        if rule.skip > 0 {
            rule.skip -= 1;
            return None;
        }
        rule.times -= 1;
        Some(rule.intercept.clone())
    }
}

impl Transport for FaultyTransport {
    fn send(&self, request: WireRequest) -> BoxFuture<'_, Answer> {
        Box::pin(self.pass(request))
    }
}

/// An answer that is held back.
#[derive(Default)]
pub struct Held {
    pub(crate) reached: Notify,
    pub(crate) go: Notify,
}

impl Held {
    /// Waits until the provider has given it.
    pub async fn reached(&self) {
        soon("an answer is held back", self.reached.notified()).await;
    }

    /// Lets the answer arrive.
    pub fn let_go(&self) {
        self.go.notify_one();
    }
}

/// Waits for what must happen.
pub(crate) async fn soon(what: &str, happens: impl Future<Output = ()>) {
    let came = tokio::time::timeout(PATIENCE, happens).await.is_ok();
    assert!(came, "waited in vain until {what}");
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
