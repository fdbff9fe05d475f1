//! What the demo needs of a client of an HTTP API; the command line brings one.

use futures::future::BoxFuture;
use secrecy::SecretString;
use serde_json::Value;
use url::Url;

/// Makes a client of the API at a base URL, with a key where one is needed.
pub type Connect = fn(&Url, Option<SecretString>) -> Result<Box<dyn Api>, CallError>;

/// A client of Holdfast's API, or of the sandbox's admin routes: JSON in, JSON or a problem out.
pub trait Api: Send + Sync {
    /// Reads what is at `path`, which may have a query.
    fn get<'c>(&'c self, path: &'c str) -> BoxFuture<'c, Result<Value, CallError>>;

    /// Posts `body` to `path`, once.
    fn post<'c>(
        &'c self,
        path: &'c str,
        body: &'c Value,
    ) -> BoxFuture<'c, Result<Value, CallError>>;
}

/// Why a call did not bring what it was made for; its source is the client's own error, which says it all.
#[derive(Debug, thiserror::Error)]
#[error("no answer of use")]
pub struct CallError {
    /// The client's own error.
    pub source: Box<dyn std::error::Error + Send + Sync>,
    /// The HTTP status of a refusal; `None` when there was no whole answer.
    pub refused: Option<u16>,
}
