//! The server: HTTP around a world, able to break connections in every way that a fault asks for.

mod body;
mod deliver;
mod handle;

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use domain::Clock;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderName, Response, StatusCode};
use http_body_util::{BodyExt as _, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::reply::{Delivery, MAX_BODY, Reply, Request};
use crate::world::World;
use body::{Closed, Outgoing};
pub use handle::Handle;

/// The most connections at once; more wait to be accepted.
const MAX_CONNECTIONS: usize = 1_024;
/// How long a connection hangs at most.
const HANG: Duration = Duration::from_secs(600);
/// How long to wait after a failed accept, such as for want of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// A world on a port.
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    world: Handle,
    clock: Arc<dyn Clock>,
}

impl Server {
    /// Listens, but answers only once it [runs](Self::run). Port 0 takes a free one.
    ///
    /// # Errors
    /// When the address cannot be listened on.
    pub async fn bind(
        listen: SocketAddr,
        mut world: World,
        clock: Arc<dyn Clock>,
    ) -> io::Result<Self> {
        let listener = TcpListener::bind(listen).await?;
        let address = listener.local_addr()?;
        world.be_found_at(&format!("http://{address}"));
        world.advance(clock.now());
        Ok(Self {
            listener,
            address,
            world: Handle::new(world),
            clock,
        })
    }

    /// Where it listens, such as `http://127.0.0.1:8090`; the base URL of a client.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The world, to look at and to act on in the same process.
    #[must_use]
    pub fn world(&self) -> Handle {
        self.world.clone()
    }

    /// Serves, sends callbacks and lets time pass until `shutdown` is over; open connections are cut then.
    ///
    /// # Errors
    /// None today; the signature leaves room for a listener that fails for good.
    pub async fn run(self, shutdown: impl Future<Output = ()>) -> io::Result<()> {
        let Self {
            listener,
            world,
            clock,
            ..
        } = self;
        let accept = accept(listener, world.clone(), Arc::clone(&clock));
        let callbacks = deliver::run(world, clock);
        tokio::select! {
            () = shutdown => Ok(()),
            never = accept => match never {},
            never = callbacks => match never {},
        }
    }
}

async fn accept(listener: TcpListener, world: Handle, clock: Arc<dyn Clock>) -> Infallible {
    let slots = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let mut connections = JoinSet::new();
    loop {
        let slot = Arc::clone(&slots).acquire_owned().await;
        while connections.try_join_next().is_some() {}
        match listener.accept().await {
            Ok((stream, _)) => {
                let (world, clock) = (world.clone(), Arc::clone(&clock));
                connections.spawn(async move {
                    serve(stream, world, clock).await;
                    drop(slot);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

async fn serve(stream: TcpStream, world: Handle, clock: Arc<dyn Clock>) {
    // Answers are small; waiting to fill a packet would only add latency.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "no TCP_NODELAY");
    }
    let service = service_fn(|request| answer(request, world.clone(), Arc::clone(&clock)));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .serve_connection(TokioIo::new(stream), service);
    if let Err(error) = connection.await {
        tracing::debug!(%error, "a connection ended early");
    }
}

async fn answer(
    request: http::Request<Incoming>,
    world: Handle,
    clock: Arc<dyn Clock>,
) -> Result<Response<Outgoing>, Closed> {
    let Some(request) = read(request).await? else {
        return Ok(respond(Reply::new(
            413,
            "text/plain",
            "the body is too long",
        )));
    };
    let latency = world.quietly(|world| world.options().latency);
    if !latency.is_zero() && request.path_and_query.starts_with(crate::route::BASE) {
        tokio::time::sleep(latency).await;
    }
    let reply = world.lock().handle(clock.now(), &request);
    match reply.delivery {
        Delivery::Reset => return Err(Closed),
        Delivery::Hang => {
            tokio::time::sleep(HANG).await;
            return Err(Closed);
        }
        Delivery::Delay(by) => tokio::time::sleep(by).await,
        Delivery::Answer | Delivery::Truncate(_) => {}
    }
    Ok(respond(reply))
}

/// The request as the world takes it; `None` when its body is too long.
async fn read(request: http::Request<Incoming>) -> Result<Option<Request>, Closed> {
    let (head, body) = request.into_parts();
    let header = |name: HeaderName| head.headers.get(name).and_then(|value| value.to_str().ok());
    let bearer = header(AUTHORIZATION).and_then(|value| {
        let (scheme, token) = value.split_once(' ')?;
        scheme
            .eq_ignore_ascii_case("bearer")
            .then(|| token.trim().to_owned())
    });
    let content_type = header(CONTENT_TYPE).map(str::to_owned);
    let body = match Limited::new(body, MAX_BODY).collect().await {
        Ok(body) => body.to_bytes(),
        Err(error) if error.is::<http_body_util::LengthLimitError>() => return Ok(None),
        Err(_) => return Err(Closed),
    };
    let path_and_query = head
        .uri
        .path_and_query()
        .map_or("/", |path| path.as_str())
        .to_owned();
    Ok(Some(Request {
        method: head.method,
        path_and_query,
        bearer,
        content_type,
        body,
    }))
}

fn respond(reply: Reply) -> Response<Outgoing> {
    let length = reply.body.len();
    let body = match reply.delivery {
        Delivery::Truncate(bytes) => Outgoing::cut(reply.body.slice(..bytes.min(length))),
        _ => Outgoing::whole(reply.body),
    };
    let mut response = Response::builder()
        .status(StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR))
        .header(http::header::CONTENT_LENGTH, length);
    for (name, value) in reply.headers {
        response = response.header(name, value);
    }
    response.body(body).unwrap_or_else(|error| {
        tracing::warn!(%error, "an answer could not be written");
        Response::new(Outgoing::whole(Bytes::new()))
    })
}
