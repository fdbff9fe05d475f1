//! `Prefer: wait=N`: answer once the provider has it, or after N seconds.

use std::future::Future;
use std::time::Duration;

use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::problem::Problem;

const PREFER: HeaderName = HeaderName::from_static("prefer");
const APPLIED: HeaderName = HeaderName::from_static("preference-applied");
/// The longest wait, in seconds.
const MAX_SECONDS: u64 = 30;
/// How often to look.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// How far something is on its way to the provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Progress {
    /// On its way.
    Waiting,
    /// The provider has it.
    There,
    /// It will not come there without a person.
    Stopped,
}

/// How long the client prefers to wait; RFC 7240 has a preference that is not understood ignored.
pub(super) fn preferred(headers: &HeaderMap) -> Option<Duration> {
    headers
        .get_all(PREFER)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split([',', ';']))
        .filter_map(|preference| preference.split_once('='))
        .find(|(name, _)| name.trim().eq_ignore_ascii_case("wait"))
        .and_then(|(_, seconds)| seconds.trim().trim_matches('"').parse().ok())
        .map(|seconds: u64| Duration::from_secs(seconds.min(MAX_SECONDS)))
}

/// Looks until it is there, it has stopped, or the time is over.
pub(super) async fn wait_for<F>(
    limit: Duration,
    mut look: impl FnMut() -> F,
) -> Result<Progress, Problem>
where
    F: Future<Output = Result<Progress, Problem>>,
{
    let until = Instant::now() + limit;
    let mut ticks = interval(LOOK_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let progress = look().await?;
        if progress != Progress::Waiting || Instant::now() >= until {
            return Ok(progress);
        }
    }
}

/// 201 with what is there, else 202; says whether the preference was heeded.
pub(super) fn answer(waited: Option<Progress>, body: impl IntoResponse) -> Response {
    let status = if waited == Some(Progress::There) {
        StatusCode::CREATED
    } else {
        StatusCode::ACCEPTED
    };
    let mut response = (status, body).into_response();
    if waited.is_some() {
        response
            .headers_mut()
            .insert(APPLIED, HeaderValue::from_static("wait"));
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_is_found_among_other_preferences_and_bounded() {
        for (value, seconds) in [
            ("wait=10", Some(10)),
            ("respond-async, wait=5", Some(5)),
            ("Wait = \"7\"", Some(7)),
            ("wait=9999", Some(30)),
            ("wait=0", Some(0)),
            ("wait=-1", None),
            ("wait=soon", None),
            ("wait", None),
            ("", None),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(PREFER, HeaderValue::from_static(value));
            assert_eq!(
                preferred(&headers),
                seconds.map(Duration::from_secs),
                "{value}"
            );
        }
    }
}
