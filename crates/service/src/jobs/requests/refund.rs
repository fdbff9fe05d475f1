//! `refund`: gives captured or charged money back. The provider takes no text with it, so there is no marker.

use api_client::{Answer, wire};
use domain::reservation::{LineAmount, RefundSource};
use domain::{ErrorCode, Money, ProviderReference, Reservation};
use store::queue::{FaultClass, JobFault};

use super::parts::provider_id;
use crate::jobs::call::{CallResult, accepted_without_reference, to_call_result};

pub(super) fn request(
    r: &Reservation,
    source: RefundSource,
    reference: &ProviderReference,
    lines: &[LineAmount],
) -> Result<wire::Refund, JobFault> {
    let product = |part: &LineAmount| {
        let id = match source {
            RefundSource::Captured => provider_id(r, part.line)?,
            RefundSource::Charged => charged_id(r, part.line)?,
        };
        Ok(wire::LineAmount {
            id,
            amount: part.amount,
        })
    };
    Ok(wire::Refund {
        kind: wire::RefundType::Reservation,
        grand_total: lines.iter().map(|part| part.amount).sum::<Money>(),
        products: lines.iter().map(product).collect::<Result<_, JobFault>>()?,
        source: match source {
            RefundSource::Captured => wire::RefundSource::Captured,
            RefundSource::Charged => wire::RefundSource::Charged,
        },
        reference: reference.to_string(),
    })
}

/// The provider's pages do not say which id a line has that exists in a charge only. Details list it as a product
/// that is none of ours when they list it at all; else the reservation's own first product stands for it.
fn charged_id(r: &Reservation, line: u32) -> Result<i64, JobFault> {
    let place = usize::try_from(line.saturating_sub(1)).unwrap_or(usize::MAX);
    let listed = r
        .provider
        .extra_products
        .get(place)
        .map(|product| product.id);
    listed
        .or_else(|| r.lines.iter().find_map(|line| line.provider_id))
        .ok_or_else(|| {
            JobFault::new(
                FaultClass::Internal,
                ErrorCode::NoProviderId,
                "details have shown no product to refund",
            )
        })
}

pub(super) fn result(answer: Answer<()>) -> CallResult {
    to_call_result(answer, accepted_without_reference)
}
