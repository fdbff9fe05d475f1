//! What people and booking systems ask for of a reservation, as they write it.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::{LineAmount, NewLine, Operation, RefundSource};
use crate::FieldError;
use crate::customer::{WRONG_NUMBER, is_country_code, is_email};
use crate::money::Money;
use crate::phone;

/// An amount on a line as somebody asks for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RequestLine {
    /// The line's number, from 1.
    pub line: u32,
    /// How much of it.
    pub amount: Money,
}

/// What was delivered on a line.
pub type DeliveryLine = RequestLine;

/// A delivery as reported.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeliveryRequest {
    /// The booking system's id of the event; a repeated one changes nothing.
    pub event_id: String,
    /// When it took place; now when left out.
    #[serde(default)]
    pub delivered_at: Option<DateTime<Utc>>,
    /// What was delivered; everything when left out.
    #[serde(default)]
    pub lines: Option<Vec<DeliveryLine>>,
    /// Is that all there will be? True without lines, else false, and true by itself once all is delivered.
    #[serde(default)]
    pub complete: Option<bool>,
}

/// A capture as asked for: these lines, this amount spread over the lines in order, or all that is left.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CaptureRequest {
    /// On these lines.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lines: Option<Vec<RequestLine>>,
    /// This much in all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub amount: Option<Money>,
    /// Human text behind the marker.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// A charge as asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChargeRequest {
    /// What for.
    pub lines: Vec<NewLine>,
    /// Human text behind the marker.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// A refund as asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RefundRequest {
    /// From a capture or a charge.
    pub source: RefundSource,
    /// Of which one; may be left out when there is only one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// On these lines.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lines: Option<Vec<RequestLine>>,
    /// This much in all; all that is left when both are left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amount: Option<Money>,
}

impl CaptureRequest {
    /// Does this operation do what is asked for? While it is open, asking once more is a second click.
    #[must_use]
    pub fn is_done_by(&self, operation: &Operation) -> bool {
        let Operation::Capture { lines, note } = operation else {
            return false;
        };
        *note == self.note && is_same(self.lines.as_deref(), self.amount, lines)
    }
}

impl RefundRequest {
    /// Does this operation do what is asked for? While it is open, asking once more is a second click.
    #[must_use]
    pub fn is_done_by(&self, operation: &Operation) -> bool {
        let Operation::Refund {
            source,
            reference,
            lines,
        } = operation
        else {
            return false;
        };
        let same_row = self
            .reference
            .as_ref()
            .is_none_or(|asked| reference == asked.as_str());
        *source == self.source && same_row && is_same(self.lines.as_deref(), self.amount, lines)
    }
}

/// Are these the lines that were asked for, or do they add up to the amount?
fn is_same(asked: Option<&[RequestLine]>, amount: Option<Money>, lines: &[LineAmount]) -> bool {
    match (asked, amount) {
        (Some(asked), None) => merged(asked) == lines,
        (None, Some(amount)) => lines.iter().map(|part| part.amount).sum::<Money>() == amount,
        (Some(_), Some(_)) | (None, None) => false,
    }
}

/// Where a link is to be sent again. Without any field: where it was sent first.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Contact {
    /// By e-mail, to this address.
    pub email: Option<String>,
    /// By SMS: the dialling code.
    pub country_code: Option<String>,
    /// By SMS: the number.
    pub msisdn: Option<String>,
}

impl std::fmt::Debug for Contact {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Contact")
            .field("email", &self.email.as_ref().map(|_| "…"))
            .field("msisdn", &self.msisdn.as_ref().map(|_| "…"))
            .finish_non_exhaustive()
    }
}

impl Contact {
    /// The contact with phone and e-mail address in the form that the provider takes, where what was written can only mean
    /// one thing; the rest is left for [`faults`](Self::faults) to refuse.
    #[must_use]
    pub fn normalised(&self) -> Self {
        let code = self.country_code.as_deref().map(phone::normalised_code);
        let number = |text: &str| phone::normalised_number(code.as_deref().unwrap_or(""), text);
        Self {
            email: self.email.as_deref().map(|email| email.trim().to_owned()),
            msisdn: self.msisdn.as_deref().map(number),
            country_code: code,
        }
    }

    /// Every fault, by its field.
    #[must_use]
    pub fn faults(&self) -> Vec<FieldError> {
        let mut faults = Vec::new();
        if self.email.as_deref().is_some_and(|email| !is_email(email)) {
            faults.push(FieldError::new("email", "is not an e-mail address"));
        }
        match (self.country_code.as_deref(), self.msisdn.as_deref()) {
            (None, None) => {}
            (Some(code), Some(number)) => {
                if !is_country_code(code) {
                    faults.push(FieldError::new(
                        "country_code",
                        "is not a dialling code like \"+47\"",
                    ));
                }
                if !phone::is_number(code, number) {
                    faults.push(FieldError::new("msisdn", WRONG_NUMBER));
                }
            }
            (None, Some(_)) => {
                faults.push(FieldError::new("country_code", "is required with msisdn"));
            }
            (Some(_), None) => {
                faults.push(FieldError::new("msisdn", "is required with country_code"));
            }
        }
        faults
    }
}

/// One part per line, in the order of the lines; empty parts fall out.
pub(super) fn merged(parts: &[RequestLine]) -> Vec<LineAmount> {
    let mut lines: BTreeMap<u32, Money> = BTreeMap::new();
    for part in parts {
        *lines.entry(part.line).or_default() += part.amount;
    }
    let parts = lines
        .into_iter()
        .map(|(line, amount)| LineAmount { line, amount });
    parts.filter(|part| !part.amount.is_zero()).collect()
}
