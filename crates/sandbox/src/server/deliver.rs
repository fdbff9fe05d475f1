//! Lets time pass and sends callbacks: one plain HTTP GET each, tried again when nobody answers.

use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use domain::Clock;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::timeout;
use url::{Host, Url};

use super::handle::Handle;

/// How long one try may take.
const TRY: Duration = Duration::from_secs(5);
/// How often a callback is tried.
const TRIES: u32 = 3;
/// How long to wait before the second try; the third waits twice as long.
const PAUSE: Duration = Duration::from_secs(1);
/// The most callbacks on their way at once.
const AT_ONCE: usize = 16;
/// A clock that is moved by hand wakes nothing, so it is read at least this often.
const NAP: Duration = Duration::from_millis(50);
/// How much of an answer is read: enough for its first line.
const HEAD: usize = 1_024;

/// Why a try failed.
#[derive(Debug, thiserror::Error)]
enum Failed {
    #[error("callbacks go to http:// URLs only")]
    Url,
    #[error("the callback URL's host does not answer")]
    Io(#[from] io::Error),
    #[error("no answer in time")]
    Timeout,
    #[error("the answer is no HTTP")]
    NoHttp,
    #[error("answered {0}")]
    Status(u16),
}

/// Runs as long as the server does.
pub(super) async fn run(world: Handle, clock: Arc<dyn Clock>) -> Infallible {
    let slots = Arc::new(Semaphore::new(AT_ONCE));
    let mut sending = JoinSet::new();
    loop {
        while sending.try_join_next().is_some() {}
        let now = clock.now();
        let (due, next) = world.quietly(|world| (world.due_callbacks(now), world.next_event()));
        for delivery in due {
            let slots = Arc::clone(&slots);
            sending.spawn(async move {
                // The semaphore is never closed.
                let _slot = slots.acquire_owned().await;
                send(&delivery.url).await;
            });
        }
        let nap = next
            .map_or(NAP, |at| {
                clock.wall_for((at - now).max(chrono::TimeDelta::milliseconds(1)))
            })
            .min(NAP);
        tokio::select! {
            () = world.touched() => {}
            () = tokio::time::sleep(nap) => {}
        }
    }
}

async fn send(url: &str) {
    for attempt in 1..=TRIES {
        let result = timeout(TRY, get(url)).await.unwrap_or(Err(Failed::Timeout));
        match result {
            Ok(()) => return,
            Err(error @ (Failed::Url | Failed::Status(..500))) => {
                tracing::warn!(%error, "a callback is given up");
                return;
            }
            Err(error) => tracing::info!(%error, attempt, "a callback did not get through"),
        }
        if attempt < TRIES {
            tokio::time::sleep(PAUSE * attempt).await;
        }
    }
}

async fn get(text: &str) -> Result<(), Failed> {
    let url = Url::parse(text).map_err(|_| Failed::Url)?;
    let port = url
        .port_or_known_default()
        .filter(|_| url.scheme() == "http")
        .ok_or(Failed::Url)?;
    let mut stream = match url.host().ok_or(Failed::Url)? {
        Host::Domain(name) => TcpStream::connect((name, port)).await?,
        Host::Ipv4(address) => TcpStream::connect((address, port)).await?,
        Host::Ipv6(address) => TcpStream::connect((address, port)).await?,
    };
    let target = url.query().map_or_else(
        || url.path().to_owned(),
        |query| format!("{}?{query}", url.path()),
    );
    let host = url.host_str().unwrap_or_default();
    let request = format!(
        "GET {target} HTTP/1.1\r\nHost: {host}:{port}\r\nUser-Agent: sandbox\r\nAccept: */*\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await?;
    let mut head = Vec::new();
    stream.take(HEAD as u64).read_to_end(&mut head).await?;
    let line = String::from_utf8_lossy(&head);
    let status = line
        .strip_prefix("HTTP/1.")
        .and_then(|rest| rest.get(2..5)?.parse().ok());
    match status {
        Some(200..=299) => Ok(()),
        Some(status) => Err(Failed::Status(status)),
        None => Err(Failed::NoHttp),
    }
}
