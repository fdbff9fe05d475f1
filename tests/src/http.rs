//! A small blocking HTTP/1.1 client for JSON, over plain TCP: one request a connection, every wait bounded.

use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader, Error, ErrorKind, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::Duration;

use serde_json::Value;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Longest wait for the next bytes. A call with `Prefer: wait=30` answers within it.
const READ_TIMEOUT: Duration = Duration::from_secs(60);
const MAX_LINE_BYTES: u64 = 64 * 1024;
const MAX_HEADERS: usize = 200;
const MAX_BODY_BYTES: u64 = 64 * 1024 * 1024;

/// A client of one server.
#[derive(Clone, Debug)]
pub struct Http {
    authority: String,
    prefix: String,
    headers: Vec<(String, String)>,
}

impl Http {
    /// A client of the server at `base`, `http://HOST:PORT` with an optional path before every path.
    ///
    /// # Panics
    /// When `base` is of another form; TLS is not spoken.
    #[must_use]
    #[track_caller]
    pub fn new(base: &str) -> Self {
        let Some(rest) = base.strip_prefix("http://") else {
            panic!("{base} does not begin with http://")
        };
        let (authority, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        let prefix = prefix.trim_end_matches('/');
        Self {
            authority: authority.to_owned(),
            prefix: if prefix.is_empty() {
                String::new()
            } else {
                format!("/{prefix}")
            },
            headers: Vec::new(),
        }
    }

    /// A copy that sends `Authorization: Bearer KEY`.
    #[must_use]
    pub fn bearer(&self, key: &str) -> Self {
        self.header("Authorization", &format!("Bearer {key}"))
    }

    /// A copy that sends one header more; `Content-Type` instead of the one for JSON.
    #[must_use]
    pub fn header(&self, name: &str, value: &str) -> Self {
        let mut copy = self.clone();
        copy.headers.push((name.to_owned(), value.to_owned()));
        copy
    }

    /// Sends a GET request. Panics when no answer comes.
    #[track_caller]
    pub fn get(&self, path: &str) -> Reply {
        self.answered("GET", path, None)
    }

    /// Sends a POST request with a JSON body. Panics when no answer comes.
    #[track_caller]
    pub fn post(&self, path: &str, body: &Value) -> Reply {
        self.answered("POST", path, Some(body))
    }

    /// Sends a PUT request with a JSON body. Panics when no answer comes.
    #[track_caller]
    pub fn put(&self, path: &str, body: &Value) -> Reply {
        self.answered("PUT", path, Some(body))
    }

    /// Sends a DELETE request. Panics when no answer comes.
    #[track_caller]
    pub fn delete(&self, path: &str) -> Reply {
        self.answered("DELETE", path, None)
    }

    #[track_caller]
    fn answered(&self, method: &str, path: &str, body: Option<&Value>) -> Reply {
        match self.send(method, path, body) {
            Ok(reply) => reply,
            Err(error) => panic!(
                "{method} http://{}{}{path}: {error}",
                self.authority, self.prefix
            ),
        }
    }

    /// Sends one request with any method.
    ///
    /// # Errors
    /// When the server cannot be reached, falls silent, or hangs up before the end of the answer, as one that is killed
    /// does; and when the answer is not HTTP, or beyond the bounds of this client.
    pub fn send(&self, method: &str, path: &str, body: Option<&Value>) -> io::Result<Reply> {
        let body = body.map(Value::to_string);
        self.send_text(method, path, body.as_deref())
    }

    /// Sends one request whose body is this text, JSON or not.
    ///
    /// # Errors
    /// As [`Http::send`].
    pub fn send_text(&self, method: &str, path: &str, body: Option<&str>) -> io::Result<Reply> {
        let mut stream = self.connect()?;
        stream.write_all(self.request(method, path, body).as_bytes())?;
        Reply::read(&mut BufReader::new(stream), method)
    }

    fn connect(&self) -> io::Result<TcpStream> {
        let mut last = Error::new(ErrorKind::NotFound, "the host has no address");
        for address in self.authority.to_socket_addrs()? {
            match TcpStream::connect_timeout(&address, CONNECT_TIMEOUT) {
                Ok(stream) => {
                    stream.set_read_timeout(Some(READ_TIMEOUT))?;
                    stream.set_write_timeout(Some(READ_TIMEOUT))?;
                    return Ok(stream);
                }
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    fn request(&self, method: &str, path: &str, body: Option<&str>) -> String {
        let mut text = format!("{method} {}{path} HTTP/1.1\r\n", self.prefix);
        text += &format!(
            "Host: {}\r\nConnection: close\r\nAccept: application/json\r\n",
            self.authority
        );
        for (name, value) in &self.headers {
            text += &format!("{name}: {value}\r\n");
        }
        if let Some(body) = body {
            let names_type =
                |(name, _): &(String, String)| name.eq_ignore_ascii_case("content-type");
            if !self.headers.iter().any(names_type) {
                text += "Content-Type: application/json\r\n";
            }
            text += &format!("Content-Length: {}\r\n", body.len());
        } else if matches!(method, "POST" | "PUT" | "PATCH") {
            text += "Content-Length: 0\r\n";
        }
        text + "\r\n" + body.unwrap_or("")
    }
}

/// An answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Reply {
    /// The status code.
    pub status: u16,
    /// The headers under lower-case names; the values of a repeated one are joined by `, `.
    pub headers: BTreeMap<String, String>,
    /// The body as text.
    pub text: String,
    /// The body as JSON, or null when it is not JSON.
    pub json: Value,
}

impl Reply {
    /// Returns the reply when it has this status.
    ///
    /// # Panics
    /// Shows status and body of another reply.
    #[must_use]
    #[track_caller]
    pub fn expect_status(self, status: u16) -> Self {
        assert_eq!(self.status, status, "the body was: {}", self.text);
        self
    }

    fn read(stream: &mut impl BufRead, method: &str) -> io::Result<Self> {
        let (status, headers) = loop {
            let status = read_status(stream)?;
            let headers = read_headers(stream)?;
            // The final answer comes after those that only announce it.
            if status >= 200 {
                break (status, headers);
            }
        };
        let body = if method == "HEAD" || matches!(status, 204 | 304) {
            Vec::new()
        } else {
            read_body(stream, &headers)?
        };
        let text = String::from_utf8_lossy(&body).into_owned();
        let json = serde_json::from_str(&text).unwrap_or(Value::Null);
        Ok(Self {
            status,
            headers,
            text,
            json,
        })
    }
}

fn read_status(stream: &mut impl BufRead) -> io::Result<u16> {
    let line = read_line(stream)?;
    let code = line
        .strip_prefix("HTTP/1.")
        .and_then(|rest| rest.split(' ').nth(1));
    code.and_then(|code| code.parse().ok())
        .ok_or_else(|| invalid(format!("not a status line: {line:?}")))
}

fn read_headers(stream: &mut impl BufRead) -> io::Result<BTreeMap<String, String>> {
    let mut headers = BTreeMap::<String, String>::new();
    for _ in 0..MAX_HEADERS {
        let line = read_line(stream)?;
        if line.is_empty() {
            return Ok(headers);
        }
        let (name, value) = line
            .split_once(':')
            .ok_or_else(|| invalid(format!("not a header: {line:?}")))?;
        let joined = headers.entry(name.to_ascii_lowercase()).or_default();
        if !joined.is_empty() {
            joined.push_str(", ");
        }
        joined.push_str(value.trim());
    }
    Err(invalid(format!("more than {MAX_HEADERS} headers")))
}

fn read_body(stream: &mut impl BufRead, headers: &BTreeMap<String, String>) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    if headers
        .get("transfer-encoding")
        .is_some_and(|coding| coding.eq_ignore_ascii_case("chunked"))
    {
        read_chunks(stream, &mut body)?;
    } else if let Some(length) = headers.get("content-length") {
        let length = length
            .parse()
            .map_err(|_| invalid(format!("not a length: {length:?}")))?;
        read_exactly(stream, length, &mut body)?;
    } else {
        stream.take(MAX_BODY_BYTES).read_to_end(&mut body)?;
    }
    Ok(body)
}

fn read_chunks(stream: &mut impl BufRead, body: &mut Vec<u8>) -> io::Result<()> {
    loop {
        let line = read_line(stream)?;
        let digits = line.split(';').next().unwrap_or_default().trim();
        let length = u64::from_str_radix(digits, 16)
            .map_err(|_| invalid(format!("not a chunk: {line:?}")))?;
        if length == 0 {
            return read_headers(stream).map(drop);
        }
        read_exactly(stream, length, body)?;
        read_line(stream)?;
    }
}

fn read_exactly(stream: &mut impl BufRead, length: u64, body: &mut Vec<u8>) -> io::Result<()> {
    let room = MAX_BODY_BYTES.saturating_sub(body.len() as u64);
    if length > room {
        return Err(invalid(format!(
            "a body of more than {MAX_BODY_BYTES} bytes"
        )));
    }
    let read = stream.take(length).read_to_end(body)?;
    if (read as u64) < length {
        Err(ErrorKind::UnexpectedEof.into())
    } else {
        Ok(())
    }
}

/// Reads one line without its end.
fn read_line(stream: &mut impl BufRead) -> io::Result<String> {
    let mut line = Vec::new();
    stream.take(MAX_LINE_BYTES).read_until(b'\n', &mut line)?;
    if line.pop() != Some(b'\n') {
        return Err(ErrorKind::UnexpectedEof.into());
    }
    Ok(String::from_utf8_lossy(&line)
        .trim_end_matches('\r')
        .to_owned())
}

fn invalid(message: String) -> Error {
    Error::new(ErrorKind::InvalidData, message)
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::thread;

    use serde_json::json;

    use super::*;

    /// Sends one request to a server that answers with `answer`, and returns what came of it and what was sent.
    fn exchange(
        answer: &'static str,
        send: impl FnOnce(&Http) -> io::Result<Reply>,
    ) -> (io::Result<Reply>, String) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let base = format!("http://{}/base/", listener.local_addr().unwrap());
        let server = thread::spawn(move || {
            let mut stream = BufReader::new(listener.accept().unwrap().0);
            let mut head = String::new();
            while !head.ends_with("\r\n\r\n") {
                assert_ne!(stream.read_line(&mut head).unwrap(), 0);
            }
            let length = head
                .lines()
                .find_map(|line| line.strip_prefix("Content-Length: "));
            let mut body = vec![0; length.map_or(0, |length| length.parse().unwrap())];
            stream.read_exact(&mut body).unwrap();
            stream.get_mut().write_all(answer.as_bytes()).unwrap();
            head + &String::from_utf8(body).unwrap()
        });
        let reply = send(&Http::new(&base));
        (reply, server.join().unwrap())
    }

    #[test]
    fn a_request_carries_its_key_headers_and_body() {
        let (reply, sent) = exchange(
            "HTTP/1.1 202 Accepted\r\nContent-Length: 10\r\n\r\n{\"id\":\"x\"}",
            |http| {
                http.bearer("k1").header("Prefer", "wait=5").send(
                    "POST",
                    "/v1/x?a=b",
                    Some(&json!({"a": 1})),
                )
            },
        );
        assert!(
            sent.starts_with("POST /base/v1/x?a=b HTTP/1.1\r\nHost: 127.0.0.1:"),
            "{sent}"
        );
        assert!(
            sent.contains("\r\nAuthorization: Bearer k1\r\nPrefer: wait=5\r\n"),
            "{sent}"
        );
        assert!(
            sent.ends_with("\r\nContent-Length: 7\r\n\r\n{\"a\":1}"),
            "{sent}"
        );
        assert_eq!(reply.unwrap().expect_status(202).json["id"], "x");
    }

    #[test]
    fn bodies_are_read_however_they_are_framed() {
        let cases = [
            (
                "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}trailing",
                200,
                "{}",
            ),
            (
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{\r\n1;x=y\r\n}\r\n0\r\n\r\n",
                200,
                "{}",
            ),
            (
                "HTTP/1.1 404 Not Found\r\n\r\nplain text",
                404,
                "plain text",
            ),
            (
                "HTTP/1.1 204 No Content\r\nContent-Length: 9\r\n\r\n",
                204,
                "",
            ),
            (
                "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
                200,
                "",
            ),
        ];
        for (answer, status, text) in cases {
            let (reply, _) = exchange(answer, |http| http.send("GET", "/", None));
            let reply = reply.unwrap();
            assert_eq!(
                (reply.status, reply.text.as_str()),
                (status, text),
                "{answer}"
            );
        }
    }

    #[test]
    fn headers_have_lower_case_names_and_keep_repeated_values() {
        let answer = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nVary: a\r\nVARY: b\r\n\r\n";
        let (reply, _) = exchange(answer, |http| http.send("GET", "/", None));
        assert_eq!(reply.unwrap().headers["vary"], "a, b");
    }

    #[test]
    fn an_answer_cut_short_is_an_error() {
        let cases = [
            "",
            "HTTP/1.1 200 OK\r\nContent-Le",
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n{",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{",
        ];
        for answer in cases {
            let (reply, _) = exchange(answer, |http| http.send("GET", "/", None));
            assert_eq!(
                reply.unwrap_err().kind(),
                ErrorKind::UnexpectedEof,
                "{answer}"
            );
        }
    }

    #[test]
    fn an_answer_that_is_not_http_is_an_error() {
        for answer in [
            "SSH-2.0-x\r\n",
            "HTTP/1.1 abc\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n",
        ] {
            let (reply, _) = exchange(answer, |http| http.send("GET", "/", None));
            assert_eq!(
                reply.unwrap_err().kind(),
                ErrorKind::InvalidData,
                "{answer}"
            );
        }
    }
}
