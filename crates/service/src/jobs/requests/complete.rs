//! `complete`: closes the books at the provider, which checks itself that money was taken.

use api_client::{Answer, wire};
use domain::AttemptMarker;

use super::parts::text;
use crate::jobs::call::{CallResult, accepted_without_reference, to_call_result};

pub(super) fn request(marker: &AttemptMarker, note: &str) -> wire::Note {
    wire::Note {
        note: text(marker, Some(note)),
    }
}

pub(super) fn result(answer: Answer<()>) -> CallResult {
    to_call_result(answer, accepted_without_reference)
}
