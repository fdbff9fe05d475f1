//! What comes in and what goes out: one request, one reply, and how the reply travels.

use std::time::Duration;

use bytes::Bytes;
use http::Method;

/// The longest request body: 1 MiB. The server refuses more.
pub const MAX_BODY: usize = 1024 * 1024;

/// One request, as far as the look-alike cares.
#[derive(Clone)]
pub struct Request {
    /// The HTTP method.
    pub method: Method,
    /// Path and query, as they came.
    pub path_and_query: String,
    /// The bearer token, without the word `Bearer`.
    pub bearer: Option<String>,
    /// `Content-Type`, parameters included; a body without `json` in it counts as no body.
    pub content_type: Option<String>,
    /// The body, at most [`MAX_BODY`] long when it came through the server.
    pub body: Bytes,
}

impl Request {
    /// A request with a JSON body, or without one when `body` is empty.
    #[must_use]
    pub fn json(
        method: Method,
        path_and_query: &str,
        bearer: &str,
        body: impl Into<Bytes>,
    ) -> Self {
        Self {
            method,
            path_and_query: path_and_query.to_owned(),
            bearer: Some(bearer.to_owned()),
            content_type: Some("application/json".to_owned()),
            body: body.into(),
        }
    }

    pub(crate) fn path(&self) -> &str {
        self.path_and_query
            .split(['?', '#'])
            .next()
            .unwrap_or_default()
    }

    /// The last value of a parameter of the query.
    pub(crate) fn query(&self, name: &str) -> Option<String> {
        let (_, query) = self.path_and_query.split_once('?')?;
        url::form_urlencoded::parse(query.as_bytes())
            .filter(|(known, _)| known == name)
            .last()
            .map(|(_, value)| value.into_owned())
    }

    pub(crate) fn is_json(&self) -> bool {
        self.content_type
            .as_deref()
            .is_some_and(|kind| kind.to_ascii_lowercase().contains("json"))
    }
}

/// How a reply travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// The whole reply, at once.
    Answer,
    /// Not at all: the connection is closed.
    Reset,
    /// Not at all: the connection stays open.
    Hang,
    /// The headers, then so many bytes of the body, then the connection is closed.
    Truncate(usize),
    /// As it is, but late.
    Delay(Duration),
}

/// A reply, and how it is to travel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// How the reply travels; a fault may keep it from arriving.
    pub delivery: Delivery,
    /// The HTTP status; without meaning when nothing is sent.
    pub status: u16,
    /// Every header but those of the connection.
    pub headers: Vec<(&'static str, String)>,
    /// The body; empty when a fault took it.
    pub body: Bytes,
}

impl Reply {
    pub(crate) fn new(status: u16, content_type: &str, body: impl Into<Bytes>) -> Self {
        Self {
            delivery: Delivery::Answer,
            status,
            headers: vec![("content-type", content_type.to_owned())],
            body: body.into(),
        }
    }

    /// A JSON body; what cannot be written as JSON would be a fault of this program and answers 500.
    pub(crate) fn json(status: u16, body: &impl serde::Serialize) -> Self {
        match serde_json::to_vec(body) {
            Ok(bytes) => Self::new(status, "application/json", bytes),
            Err(error) => Self::new(500, "text/plain", error.to_string()),
        }
    }

    pub(crate) fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// The body as JSON, or null.
    #[must_use]
    pub fn value(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }
}
