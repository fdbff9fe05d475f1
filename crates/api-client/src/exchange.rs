//! The trace of an exchange: enough to argue with the provider, nothing that is secret or personal.

use std::time::Duration;

use chrono::{DateTime, Utc};
use domain::hex;
use http::HeaderMap;
use http::header::{DATE, RETRY_AFTER};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::redact::redact;
use crate::wire::{Envelope, Oddity};
use crate::{TransportFault, WireRequest, WireResponse};

/// The longest `Retry-After` that is believed: an hour.
const MAX_RETRY_AFTER: u64 = 3_600;

/// One request and what came back.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exchange {
    /// The HTTP method.
    pub method: String,
    /// The path below the base, without a query.
    pub path: String,
    /// The HTTP status, if a response came.
    pub http_status: Option<u16>,
    /// The envelope's message, bounded and without what may be personal.
    pub provider_message: Option<String>,
    /// SHA-256 over verb, path and body, in hex.
    pub request_sha256: String,
    /// SHA-256 over the body, in hex.
    pub response_sha256: Option<String>,
    /// What the provider said about its limits.
    pub rate: RateHeaders,
    /// The response's `Date`: the provider's clock, to the second.
    pub date: Option<DateTime<Utc>>,
    /// The fields of the answer that could not be read, by name and kind of value.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub oddities: Vec<Oddity>,
}

/// `x-ratelimit-limit`, `x-ratelimit-remaining` and `Retry-After`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RateHeaders {
    /// `x-ratelimit-limit`: requests per window; the provider's windows are minutes.
    pub limit: Option<u32>,
    /// `x-ratelimit-remaining`: requests left in this window.
    pub remaining: Option<u32>,
    /// `Retry-After`, of seconds or of a date against the response's own `Date`; never more than an hour.
    pub retry_after: Option<Duration>,
}

impl RateHeaders {
    /// Reads the headers; what is no number is read as missing.
    #[must_use]
    pub fn of(headers: &HeaderMap) -> Self {
        let number = |name| text(headers, name)?.parse().ok();
        Self {
            limit: number("x-ratelimit-limit"),
            remaining: number("x-ratelimit-remaining"),
            retry_after: retry_after(headers),
        }
    }
}

/// Seconds, or a date measured against the response's own `Date`, so that no clock of ours is needed.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let value = text(headers, RETRY_AFTER.as_str())?;
    let seconds = match value.parse::<u64>() {
        Ok(seconds) => seconds,
        Err(_) => {
            let until = http_date(value)? - date(headers)?;
            u64::try_from(until.num_seconds()).unwrap_or(0)
        }
    };
    Some(Duration::from_secs(seconds.min(MAX_RETRY_AFTER)))
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok().map(str::trim)
}

fn http_date(value: &str) -> Option<DateTime<Utc>> {
    DateTime::parse_from_rfc2822(value)
        .ok()
        .map(|at| at.with_timezone(&Utc))
}

fn date(headers: &HeaderMap) -> Option<DateTime<Utc>> {
    http_date(text(headers, DATE.as_str())?)
}

impl Exchange {
    /// The trace of a request that has not been sent yet.
    pub(crate) fn of_request(request: &WireRequest) -> Self {
        let head = format!("{} {}\n", request.method, request.path);
        Self {
            method: request.method.to_string(),
            path: request.path.clone(),
            request_sha256: sha256(&[head.as_bytes(), &request.body]),
            ..Self::default()
        }
    }

    /// Adds what came back.
    pub(crate) fn with_result(mut self, result: &Result<WireResponse, TransportFault>) -> Self {
        if let Ok(response) = result {
            self.http_status = Some(response.status);
            self.provider_message = message(response);
            self.response_sha256 = Some(sha256(&[&response.body]));
            self.rate = RateHeaders::of(&response.headers);
            self.date = date(&response.headers);
        }
        self
    }
}

fn message(response: &WireResponse) -> Option<String> {
    let envelope: Envelope<serde::de::IgnoredAny> = serde_json::from_slice(&response.body).ok()?;
    envelope.message.map(|message| redact(&message))
}

fn sha256(parts: &[&[u8]]) -> String {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update(part);
    }
    hex(&hasher.finalize())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rate_headers_are_read_as_far_as_they_make_sense() {
        let sent = "Wed, 21 Oct 2026 07:28:00 GMT";
        for (value, seconds) in [
            ("30", Some(30)),
            ("0", Some(0)),
            ("Wed, 21 Oct 2026 07:28:45 GMT", Some(45)),
            ("Wed, 21 Oct 2026 07:00:00 GMT", Some(0)),
            ("999999", Some(3_600)),
            ("-3", None),
            ("soon", None),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert("retry-after", value.parse().expect("header"));
            headers.insert("date", sent.parse().expect("header"));
            headers.insert("x-ratelimit-limit", "240".parse().expect("header"));
            headers.insert("x-ratelimit-remaining", "many".parse().expect("header"));
            let rate = RateHeaders::of(&headers);
            assert_eq!(
                rate.retry_after.map(|wait| wait.as_secs()),
                seconds,
                "{value}"
            );
            assert_eq!((rate.limit, rate.remaining), (Some(240), None));
        }
    }
}
