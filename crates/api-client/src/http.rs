//! The transport over HTTP/1.1 and TLS.

use std::error::Error as StdError;
use std::io::ErrorKind;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use reqwest::redirect::Policy;
use url::Url;

use crate::{
    BoxFuture, CallClass, FaultKind, MAX_BODY, Phase, SettingsError, Timeouts, Transport,
    TransportFault, WireRequest, WireResponse,
};

/// How long an idle connection may wait for the next read; below the usual 60 to 75 s of the other side, so that
/// a request seldom meets a connection that is being closed.
const IDLE: Duration = Duration::from_secs(20);
/// The most idle connections kept.
const MAX_IDLE: usize = 8;

/// Sends over HTTP. Reads share connections. A call that may move money opens one of its own: a shared one that
/// the other side has just closed breaks with no way to tell whether the request arrived.
#[derive(Debug)]
pub(crate) struct HttpTransport {
    base: Url,
    reads: reqwest::Client,
    money: reqwest::Client,
}

impl HttpTransport {
    pub(crate) fn new(base: Url, timeouts: Timeouts) -> Result<Self, SettingsError> {
        // Another part of the process may have chosen a provider first; then that one serves as well.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = |idle: usize| {
            let builder = reqwest::Client::builder()
                .connect_timeout(timeouts.connect)
                .pool_idle_timeout(IDLE)
                .pool_max_idle_per_host(idle)
                .redirect(Policy::none())
                .retry(reqwest::retry::never())
                .referer(false)
                .no_proxy()
                .http1_only()
                .tcp_nodelay(true);
            // Plain http is for loopback, and needs no certificates of the system.
            let builder = match base.scheme() {
                "http" => builder.tls_certs_only([]),
                _ => builder.https_only(true),
            };
            builder.build().map_err(SettingsError::Http)
        };
        let (reads, money) = (client(MAX_IDLE)?, client(0)?);
        Ok(Self { base, reads, money })
    }

    async fn exchange(&self, request: WireRequest) -> Result<WireResponse, TransportFault> {
        let mut url = self
            .base
            .join(&request.path)
            .map_err(|_| TransportFault::new(Phase::BeforeSend, FaultKind::Protocol))?;
        url.set_query(request.query.as_deref());
        let client = match request.class {
            CallClass::Read => &self.reads,
            CallClass::Money => &self.money,
        };
        let mut builder = client
            .request(request.method, url)
            .headers(request.headers)
            .timeout(request.timeout);
        if !request.body.is_empty() {
            builder = builder.body(request.body);
        }
        let mut response = builder.send().await.map_err(|error| fault(&error))?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let (body, truncated) = read_body(&mut response).await?;
        Ok(WireResponse {
            status,
            headers,
            body,
            truncated,
        })
    }
}

impl Transport for HttpTransport {
    fn send(&self, request: WireRequest) -> BoxFuture<'_, Result<WireResponse, TransportFault>> {
        Box::pin(self.exchange(request))
    }
}

/// The body, and whether it ended early.
async fn read_body(response: &mut reqwest::Response) -> Result<(Bytes, bool), TransportFault> {
    let mut body = BytesMut::new();
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) if body.len() + chunk.len() > MAX_BODY => {
                return Err(TransportFault::new(
                    Phase::AfterSend,
                    FaultKind::BodyTooLarge,
                ));
            }
            Ok(Some(chunk)) => body.extend_from_slice(&chunk),
            Ok(None) => return Ok((body.freeze(), false)),
            Err(error) if error.is_timeout() => {
                return Err(TransportFault::new(Phase::AfterSend, FaultKind::Timeout));
            }
            Err(_) => return Ok((body.freeze(), true)),
        }
    }
}

/// Before the send is only what happens while connecting, or before that; everything else may have been executed.
fn fault(error: &reqwest::Error) -> TransportFault {
    let (phase, kind) = if error.is_builder() {
        (Phase::BeforeSend, FaultKind::Protocol)
    } else if error.is_connect() {
        (Phase::BeforeSend, connecting(error))
    } else {
        (Phase::AfterSend, sending(error))
    };
    TransportFault::new(phase, kind)
}

fn connecting(error: &reqwest::Error) -> FaultKind {
    if error.is_timeout() {
        FaultKind::ConnectTimeout
    } else if error.is_dns() {
        FaultKind::Dns
    } else if causes(error).any(|cause| cause.is::<rustls::Error>()) {
        FaultKind::Tls
    } else if io_kinds(error).any(|kind| kind == ErrorKind::ConnectionRefused) {
        FaultKind::Refused
    } else {
        FaultKind::Connect
    }
}

fn sending(error: &reqwest::Error) -> FaultKind {
    if error.is_timeout() {
        FaultKind::Timeout
    } else if causes(error)
        .filter_map(|cause| cause.downcast_ref())
        .any(hyper::Error::is_parse)
    {
        FaultKind::Protocol
    } else {
        FaultKind::Reset
    }
}

fn causes(error: &reqwest::Error) -> impl Iterator<Item = &(dyn StdError + 'static)> {
    std::iter::successors(error.source(), |cause| next_cause(*cause))
}

/// An I/O error that wraps another error skips over it in its own chain.
fn next_cause<'a>(cause: &'a (dyn StdError + 'static)) -> Option<&'a (dyn StdError + 'static)> {
    match cause
        .downcast_ref::<std::io::Error>()
        .and_then(std::io::Error::get_ref)
    {
        Some(inner) => Some(inner),
        None => cause.source(),
    }
}

fn io_kinds(error: &reqwest::Error) -> impl Iterator<Item = ErrorKind> {
    causes(error)
        .filter_map(|cause| cause.downcast_ref::<std::io::Error>())
        .map(std::io::Error::kind)
}
