//! Who asks: the key of the API, compared by digest in constant time.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderValue, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use domain::ErrorCode;
use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use super::problem::Problem;

/// The keys that open the API, as digests.
#[derive(Clone, Default)]
pub struct Keys {
    admin: Option<[u8; 32]>,
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Keys")
            .field("admin", &self.admin.map(|_| "…"))
            .finish()
    }
}

impl Keys {
    /// The key of the configuration, with the role ops. Without one, every call is refused.
    #[must_use]
    pub fn new(admin: Option<&SecretString>) -> Self {
        Self {
            admin: admin.map(|key| digest(key.expose_secret().as_bytes())),
        }
    }

    fn actor(&self, key: &[u8]) -> Option<Actor> {
        let given = digest(key);
        let fits = self
            .admin
            .is_some_and(|admin| bool::from(admin.ct_eq(&given)));
        fits.then_some(Actor("key:admin"))
    }
}

fn digest(key: &[u8]) -> [u8; 32] {
    Sha256::digest(key).into()
}

/// Who asks, as it stands in the audit.
#[derive(Clone, Copy, Debug)]
pub(super) struct Actor(pub(super) &'static str);

/// Lets a request pass that has a key.
pub(super) async fn require_key(
    State(keys): State<Arc<Keys>>,
    mut request: Request,
    next: Next,
) -> Response {
    let given = request
        .headers()
        .get(header::AUTHORIZATION)
        .and_then(bearer);
    match given.and_then(|key| keys.actor(key)) {
        Some(actor) => {
            request.extensions_mut().insert(actor);
            next.run(request).await
        }
        None => refused(&keys, given.is_some()),
    }
}

fn bearer(header: &HeaderValue) -> Option<&[u8]> {
    let (scheme, key) = header.as_bytes().split_at_checked("Bearer ".len())?;
    scheme.eq_ignore_ascii_case(b"Bearer ").then_some(key)
}

fn refused(keys: &Keys, given: bool) -> Response {
    let detail = match (keys.admin, given) {
        (None, _) => "no key is configured: set server.admin_key, or HOLDFAST__SERVER__ADMIN_KEY",
        (Some(_), true) => "the key is not known",
        (Some(_), false) => "a key is required: Authorization: Bearer KEY",
    };
    let problem = Problem::new(ErrorCode::Unauthorized, detail);
    let mut response = problem.into_response();
    response
        .headers_mut()
        .insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    response
}
