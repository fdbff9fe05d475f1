//! What several requests are made of: the text with the marker, and the provider's ids of lines.

use domain::{AttemptMarker, ErrorCode, Reservation};
use store::queue::{FaultClass, JobFault};

/// The longest text that is sent along with a money call; details may cut longer ones.
const MAX_TEXT: usize = 200;

/// The marker and behind it, for people, the note.
pub(super) fn text(marker: &AttemptMarker, note: Option<&str>) -> String {
    let text = match note {
        Some(note) => format!("{marker} {note}"),
        None => marker.to_string(),
    };
    text.chars().take(MAX_TEXT).collect()
}

/// The provider's id of a line, which details have to have shown.
pub(super) fn provider_id(r: &Reservation, line: u32) -> Result<i64, JobFault> {
    r.line(line)
        .and_then(|line| line.provider_id)
        .ok_or_else(|| {
            let message =
                format!("the provider's id of line {line} is not known; details have not shown it");
            JobFault::new(FaultClass::Internal, ErrorCode::NoProviderId, message)
        })
}
