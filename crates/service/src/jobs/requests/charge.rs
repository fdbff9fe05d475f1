//! `charge`: debits the stored card for late costs.

use api_client::{Answer, wire};
use domain::outcome::Outcome;
use domain::reservation::ChargeLine;
use domain::{AttemptMarker, Money};

use crate::jobs::call::{CallResult, to_call_result};
use crate::provider::named;

pub(super) fn request(lines: &[ChargeLine], marker: &AttemptMarker, text: &str) -> wire::Charge {
    // Two more places for the marker, which a duplicate of a charge must not do without: the name, where it stands
    // before what people read, and the product id where the booking system has none of its own.
    let product = |line: &ChargeLine| wire::Product {
        name: format!("{marker} {}", line.name),
        product_id: Some(
            line.product_id
                .clone()
                .unwrap_or_else(|| marker.to_string()),
        ),
        rate: line.rate,
        tax: line.tax_percent,
        amount: line.amount,
    };
    wire::Charge {
        products: lines.iter().map(product).collect(),
        grand_total: lines.iter().map(|line| line.amount).sum::<Money>(),
        additional_text: Some(text.to_owned()),
    }
}

pub(super) fn result(answer: Answer<wire::ChargeAccepted>) -> CallResult {
    to_call_result(answer, |accepted| Outcome::Accepted {
        reference: named(accepted.uuid.as_deref()),
        link: None,
    })
}
