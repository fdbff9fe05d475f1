//! A server of raw TCP on loopback that does what the test says to each connection in turn.

use std::io::{Read, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread::JoinHandle;

use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};

/// What [`Server::finish`] says to end the server.
const STOP: &str = "STOP";

/// What to do with a connection.
pub(crate) enum Act {
    /// Close it without reading.
    Close,
    /// Read the request, write these bytes, close.
    Write(Vec<u8>),
    /// Write these bytes without waiting for anything.
    Greet(Vec<u8>),
    /// Read the request and say nothing until the end of the test.
    Hang,
    /// Read the request, write these bytes, and say nothing more until the end of the test.
    Stall(Vec<u8>),
    /// Read the request, and write these bytes only when the next connection has come.
    Late(Vec<u8>),
    /// Speak TLS with a certificate that nobody has a reason to trust, and read the request.
    Untrusted,
}

pub(crate) struct Server {
    address: SocketAddr,
    thread: JoinHandle<Vec<String>>,
}

impl Server {
    pub(crate) fn start(acts: Vec<Act>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("address");
        Self {
            address,
            thread: std::thread::spawn(move || serve(&listener, acts)),
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Every request that came, also those beyond the script. A connection closed before anything was read counts as an empty one.
    pub(crate) fn finish(self) -> Vec<String> {
        let mut stop = TcpStream::connect(self.address).expect("the server");
        stop.write_all(STOP.as_bytes()).expect("stop");
        drop(stop);
        self.thread.join().expect("the server's thread")
    }
}

fn serve(listener: &TcpListener, acts: Vec<Act>) -> Vec<String> {
    let (mut acts, mut seen, mut held) = (acts.into_iter(), Vec::new(), Vec::new());
    let mut late: Vec<(TcpStream, Vec<u8>)> = Vec::new();
    loop {
        let (mut stream, _) = listener.accept().expect("a connection");
        for (mut stream, bytes) in late.drain(..) {
            // The client may have left by now.
            let _ = stream.write_all(&bytes);
            held.push(stream);
        }
        let mut start = [0; STOP.len()];
        // A client may connect and leave again without a word, as one does that is dropped.
        let length = stream.peek(&mut start).unwrap_or(0);
        if &start[..length] == STOP.as_bytes() {
            return seen;
        }
        let act = acts.next().unwrap_or(Act::Close);
        if matches!(act, Act::Close) {
            seen.push(String::new());
            continue;
        }
        if let Act::Greet(bytes) = act {
            seen.push(String::new());
            let _ = stream.write_all(&bytes);
            held.push(stream);
            continue;
        }
        if matches!(act, Act::Untrusted) {
            let mut tls = rustls::ServerConnection::new(untrusted()).expect("a connection");
            seen.push(read_request(&mut rustls::Stream::new(
                &mut tls,
                &mut stream,
            )));
            continue;
        }
        seen.push(read_request(&mut stream));
        match act {
            Act::Late(bytes) => late.push((stream, bytes)),
            Act::Write(bytes) => {
                // The client may have heard enough before the end.
                let _ = stream.write_all(&bytes);
            }
            Act::Stall(bytes) => {
                let _ = stream.write_all(&bytes);
                held.push(stream);
            }
            Act::Hang | Act::Greet(_) | Act::Untrusted | Act::Close => held.push(stream),
        }
    }
}

/// Made with `openssl req -x509` for 127.0.0.1, and good for nothing else.
fn untrusted() -> Arc<ServerConfig> {
    let certificate =
        CertificateDer::from_slice(include_bytes!("../tls/untrusted-certificate.der"));
    let key = PrivatePkcs8KeyDer::from(include_bytes!("../tls/untrusted-key.der").as_slice());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config =
        ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let config = config.expect("the default versions").with_no_client_auth();
    Arc::new(
        config
            .with_single_cert(vec![certificate], key.into())
            .expect("a key that fits"),
    )
}

/// The head and, if it announces one, the body.
fn read_request(stream: &mut impl Read) -> String {
    let mut bytes = Vec::new();
    let mut chunk = [0; 4096];
    loop {
        let read = stream.read(&mut chunk).unwrap_or(0);
        bytes.extend_from_slice(&chunk[..read]);
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let whole = text
            .split_once("\r\n\r\n")
            .is_some_and(|(head, body)| body.len() >= announced(head));
        if read == 0 || whole {
            return text;
        }
    }
}

fn announced(head: &str) -> usize {
    let line = head.lines().find_map(|line| {
        line.to_ascii_lowercase()
            .strip_prefix("content-length:")
            .map(str::to_owned)
    });
    line.map_or(0, |length| length.trim().parse().expect("a length"))
}

/// A whole response.
pub(crate) fn reply(status: &str, headers: &str, body: &str) -> Vec<u8> {
    format!(
        "HTTP/1.1 {status}\r\n{headers}content-length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}
