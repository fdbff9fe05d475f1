//! `capture`: takes money from the hold.

use api_client::{Answer, wire};
use domain::outcome::Outcome;
use domain::reservation::LineAmount;
use domain::{Money, Reservation};
use store::queue::JobFault;

use super::parts::provider_id;
use crate::jobs::call::{CallResult, to_call_result};
use crate::provider::named;

pub(super) fn request(
    r: &Reservation,
    lines: &[LineAmount],
    text: &str,
) -> Result<wire::Capture, JobFault> {
    let product = |part: &LineAmount| {
        Ok(wire::LineAmount {
            id: provider_id(r, part.line)?,
            amount: part.amount,
        })
    };
    Ok(wire::Capture {
        products: lines.iter().map(product).collect::<Result<_, JobFault>>()?,
        grand_total: lines.iter().map(|part| part.amount).sum::<Money>(),
        additional_text: Some(text.to_owned()),
    })
}

pub(super) fn result(answer: Answer<wire::CaptureAccepted>) -> CallResult {
    to_call_result(answer, |accepted| Outcome::Accepted {
        reference: named(accepted.uuid.as_deref()),
        link: None,
    })
}
