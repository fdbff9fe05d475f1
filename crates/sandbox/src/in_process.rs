//! The look-alike behind the client's own transport, without sockets: for simulations.

use std::fmt;
use std::sync::Arc;

use api_client::{
    BoxFuture, FaultKind, Phase, Transport, TransportFault, WireRequest, WireResponse,
};
use domain::Clock;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue};

use crate::reply::{Delivery, Reply, Request};
use crate::route::BASE;
use crate::server::Handle;

/// A transport that asks a [`World`](crate::World) directly. Nothing ever waits: a hang is a timeout at once, and a
/// delay no delay.
pub struct InProcess {
    world: Handle,
    clock: Arc<dyn Clock>,
}

impl InProcess {
    /// A transport to this world, which lives by this clock.
    #[must_use]
    pub fn new(world: Handle, clock: Arc<dyn Clock>) -> Self {
        Self { world, clock }
    }
}

impl fmt::Debug for InProcess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("InProcess")
    }
}

impl Transport for InProcess {
    fn send(&self, request: WireRequest) -> BoxFuture<'_, Result<WireResponse, TransportFault>> {
        let request = incoming(request);
        let reply = self.world.lock().handle(self.clock.now(), &request);
        Box::pin(std::future::ready(outgoing(reply)))
    }
}

fn incoming(request: WireRequest) -> Request {
    let header = |name: HeaderName| {
        request
            .headers
            .get(name)
            .and_then(|value| value.to_str().ok())
    };
    let bearer = header(AUTHORIZATION)
        .and_then(|value| value.strip_prefix("Bearer "))
        .map(str::to_owned);
    let content_type = header(CONTENT_TYPE).map(str::to_owned);
    let query = request
        .query
        .map_or_else(String::new, |query| format!("?{query}"));
    Request {
        path_and_query: format!("{BASE}{}{query}", request.path),
        method: request.method,
        bearer,
        content_type,
        body: request.body,
    }
}

fn outgoing(reply: Reply) -> Result<WireResponse, TransportFault> {
    let (body, truncated) = match reply.delivery {
        Delivery::Reset => return Err(TransportFault::new(Phase::AfterSend, FaultKind::Reset)),
        Delivery::Hang => return Err(TransportFault::new(Phase::AfterSend, FaultKind::Timeout)),
        Delivery::Truncate(bytes) => (reply.body.slice(..bytes.min(reply.body.len())), true),
        Delivery::Answer | Delivery::Delay(_) => (reply.body, false),
    };
    let mut headers = HeaderMap::new();
    for (name, value) in reply.headers {
        if let Ok(value) = HeaderValue::from_str(&value) {
            headers.insert(name, value);
        }
    }
    Ok(WireResponse {
        status: reply.status,
        headers,
        body,
        truncated,
    })
}
