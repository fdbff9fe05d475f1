//! A client of Holdfast's own HTTP API and of the sandbox's admin routes: JSON in, JSON or a problem out.

use std::fmt;
use std::time::Duration;

use domain::FieldError;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use reqwest::redirect::Policy;
use reqwest::{Method, RequestBuilder, Response};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;
use url::Url;

/// How long a connection may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a whole call may take; longer than the 30 s that the API waits at most for `Prefer: wait`.
const CALL_TIMEOUT: Duration = Duration::from_secs(45);
/// The most bytes of an answer that are read: 16 MiB, far more than a full page of reservations.
const MAX_BODY: usize = 16 * 1024 * 1024;
/// The most characters of an unexpected answer that an error shows.
const MAX_SHOWN: usize = 200;

/// A client with its base URL and key.
#[derive(Clone, Debug)]
pub struct Client {
    base: Url,
    key: Option<SecretString>,
    http: reqwest::Client,
}

/// Why a call did not bring what it was made for.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// No client can be made for this base URL.
    #[error("\"{base}\" is no base URL: http or https, without a query")]
    Base {
        /// The URL, without user name and password.
        base: String,
    },
    /// The key cannot stand in a header.
    #[error("the key holds characters that no header can carry")]
    Key,
    /// TLS could not be set up.
    #[error("no HTTP client could be made")]
    Build(#[source] reqwest::Error),
    /// There was no whole answer.
    #[error("no answer to {call}")]
    NoAnswer {
        /// The verb and the path.
        call: String,
        /// What the network said.
        #[source]
        source: reqwest::Error,
    },
    /// The answer is longer than anything that is expected.
    #[error("the answer to {call} is longer than 16 MiB")]
    TooLong {
        /// The verb and the path.
        call: String,
    },
    /// The answer is not JSON.
    #[error("the answer to {call} is not JSON (HTTP {status}): {shown}")]
    NotJson {
        /// The verb and the path.
        call: String,
        /// The HTTP status.
        status: u16,
        /// The beginning of the answer.
        shown: String,
    },
    /// The other side refused.
    #[error("{call} was refused: {problem}")]
    Refused {
        /// The verb and the path.
        call: String,
        /// Why.
        problem: Box<Problem>,
    },
}

impl ClientError {
    /// Why the other side refused, if it did.
    #[must_use]
    pub fn problem(&self) -> Option<&Problem> {
        match self {
            Self::Refused { problem, .. } => Some(problem),
            _ => None,
        }
    }
}

/// A refusal as `application/problem+json` has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The HTTP status.
    pub status: u16,
    /// The stable code; empty when the answer has none.
    pub code: String,
    /// What is the matter.
    pub detail: String,
    /// What is the matter with which field.
    pub fields: Vec<FieldError>,
}

impl Problem {
    fn read(status: u16, body: &Value) -> Self {
        let text = |value: &Value, key: &str| value[key].as_str().unwrap_or_default().to_owned();
        // The sandbox's admin routes say what is the matter in "error".
        let said = ["detail", "title", "error"].map(|key| text(body, key));
        let fields = body["errors"].as_array().into_iter().flatten();
        Self {
            status,
            code: text(body, "code"),
            detail: said
                .into_iter()
                .find(|said| !said.is_empty())
                .unwrap_or_default(),
            fields: fields
                .map(|fault| FieldError::new(text(fault, "field"), text(fault, "message")))
                .collect(),
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HTTP {}", self.status)?;
        for part in [&self.code, &self.detail] {
            if !part.is_empty() {
                write!(f, ": {part}")?;
            }
        }
        for (index, fault) in self.fields.iter().enumerate() {
            let before = if index == 0 { ": " } else { "; " };
            write!(f, "{before}{} {}", fault.field, fault.message)?;
        }
        Ok(())
    }
}

impl Client {
    /// A client of the API at `base`, which may have a path of its own.
    ///
    /// # Errors
    /// The base is no http or https URL, or TLS cannot be set up.
    pub fn new(base: &Url, key: Option<SecretString>) -> Result<Self, ClientError> {
        let mut base = base.clone();
        let wrong = !matches!(base.scheme(), "http" | "https") || base.query().is_some();
        // User name and password are no part of an address that is shown.
        let cleared = base.set_username("").is_ok() && base.set_password(None).is_ok();
        if wrong || !cleared {
            return Err(ClientError::Base {
                base: base.to_string(),
            });
        }
        if !base.path().ends_with('/') {
            base.set_path(&format!("{}/", base.path()));
        }
        // Another part of the process may have chosen a provider first; then that one serves as well.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let builder = reqwest::Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(CALL_TIMEOUT)
            .redirect(Policy::none())
            .retry(reqwest::retry::never())
            .referer(false)
            .http1_only();
        // Plain http needs no certificates of the system.
        let builder = if base.scheme() == "http" {
            builder.tls_certs_only([])
        } else {
            builder
        };
        Ok(Self {
            base,
            key,
            http: builder.build().map_err(ClientError::Build)?,
        })
    }

    /// The base URL, with a slash at its end.
    #[must_use]
    pub const fn base(&self) -> &Url {
        &self.base
    }

    /// Reads what is at `path`, which may have a query.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn get(&self, path: &str) -> Result<Value, ClientError> {
        self.call(Method::GET, path, None).await
    }

    /// Posts `body` to `path`. Nothing is repeated: a call without an answer may have had its effect.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn post(&self, path: &str, body: &Value) -> Result<Value, ClientError> {
        self.call(Method::POST, path, Some(body)).await
    }

    async fn call(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Value, ClientError> {
        // The query may name people, and is no part of what is shown.
        let shown = path.split('?').next().unwrap_or_default();
        let call = format!("{method} {shown}");
        let no_answer = |source: reqwest::Error| ClientError::NoAnswer {
            call: call.clone(),
            source: source.without_url(),
        };
        let request = self.request(method, path, body)?;
        let mut response = request.send().await.map_err(no_answer)?;
        let mut bytes = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(no_answer)? {
            if bytes.len() + chunk.len() > MAX_BODY {
                return Err(ClientError::TooLong { call });
            }
            bytes.extend_from_slice(&chunk);
        }
        answer(call, &response, &bytes)
    }

    fn request(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<RequestBuilder, ClientError> {
        let url = self
            .base
            .join(path.trim_start_matches('/'))
            .map_err(|_| ClientError::Base {
                base: self.base.to_string(),
            })?;
        let mut request = self.http.request(method, url);
        if let Some(key) = &self.key {
            let bearer = format!("Bearer {}", key.expose_secret());
            let mut value = HeaderValue::try_from(bearer).map_err(|_| ClientError::Key)?;
            value.set_sensitive(true);
            request = request.header(AUTHORIZATION, value);
        }
        Ok(match body {
            Some(body) => request
                .header(CONTENT_TYPE, "application/json")
                .body(body.to_string()),
            None => request,
        })
    }
}

/// The JSON of a success, or the refusal. A success without a body is `null`.
fn answer(call: String, response: &Response, bytes: &[u8]) -> Result<Value, ClientError> {
    let status = response.status();
    if status.is_success() && bytes.is_empty() {
        return Ok(Value::Null);
    }
    match serde_json::from_slice::<Value>(bytes) {
        Ok(value) if status.is_success() => Ok(value),
        Ok(value) => {
            let problem = Box::new(Problem::read(status.as_u16(), &value));
            Err(ClientError::Refused { call, problem })
        }
        Err(_) => {
            let shown = String::from_utf8_lossy(bytes)
                .chars()
                .take(MAX_SHOWN)
                .collect();
            Err(ClientError::NotJson {
                call,
                status: status.as_u16(),
                shown,
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_problem_names_status_code_detail_and_fields() {
        let body = json!({
            "title": "Unprocessable", "detail": "the request has faults", "code": "invalid",
            "errors": [{"field": "customer.email", "message": "is not an e-mail address"},
                       {"field": "lines", "message": "is empty"}]
        });
        let problem = Problem::read(422, &body);
        assert_eq!(
            problem.to_string(),
            "HTTP 422: invalid: the request has faults: customer.email is not an e-mail address; lines is empty"
        );
        assert_eq!(Problem::read(502, &json!("<html>")).to_string(), "HTTP 502");
        assert_eq!(
            Problem::read(404, &json!({"title": "Not found"})).to_string(),
            "HTTP 404: Not found"
        );
        assert_eq!(
            Problem::read(409, &json!({"error": "refused"})).to_string(),
            "HTTP 409: refused"
        );
    }

    #[test]
    fn a_base_is_http_and_loses_its_password() {
        let url = |text: &str| Url::parse(text).expect("url");
        let client = Client::new(&url("http://me:secret@127.0.0.1:1/api"), None).expect("client");
        assert_eq!(client.base().as_str(), "http://127.0.0.1:1/api/");
        for wrong in [
            "ftp://127.0.0.1",
            "http://127.0.0.1/?a=1",
            "mailto:a@example.no",
        ] {
            let refused = Client::new(&url(wrong), None).err();
            assert!(matches!(refused, Some(ClientError::Base { .. })), "{wrong}");
        }
    }
}
