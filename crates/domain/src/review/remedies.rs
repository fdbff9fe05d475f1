//! What would put a wrong effect right: drafted as operations that can be asked for, never carried out by itself.

use super::{Subject, concerned};
use crate::case::Case;
use crate::money::Money;
use crate::reference::ProviderReservationId;
use crate::reservation::{
    CaptureRequest, ChargeRequest, LedgerRow, NewLine, Operation, RefundRequest, RefundSource,
    Refusal, RequestLine, Reservation, ReviewReason, RowKind, SeenReservation,
};

/// What would put something right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remedy {
    /// What it does, as a sentence.
    pub does: String,
    /// How much money it moves; zero for a cancel and for what is done in the portal.
    pub amount: Money,
    /// What to ask for. It would be taken as it stands when the evidence was read.
    pub act: RemedyAct,
}

/// What a remedy asks for: an operation on the same reservation, or an act outside of Holdfast.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RemedyAct {
    /// A capture.
    Capture(CaptureRequest),
    /// A charge.
    Charge(ChargeRequest),
    /// A refund.
    Refund(RefundRequest),
    /// A cancel with this note.
    Cancel {
        /// Human text behind the marker.
        note: String,
    },
    /// What only the provider's portal can do, about a reservation that is not in the books.
    InPortal,
}

struct Drafter<'a> {
    r: &'a Reservation,
    case: Case<'a>,
}

/// What would put right what a review is about; empty where nothing can be drafted.
#[must_use]
pub fn remedies(case: Case<'_>, about: &Subject<'_>) -> Vec<Remedy> {
    let drafter = Drafter {
        r: case.reservation,
        case,
    };
    match about.reason {
        ReviewReason::LateEffect if concerned::is_late_submit(case.reservation, about.reason) => {
            let does = "withdraws the reservation, which had been given up".to_owned();
            drafter
                .cancel("Given up before it appeared.", does)
                .into_iter()
                .collect()
        }
        ReviewReason::LateEffect => {
            let rows = concerned::rows(case.reservation, about.reason);
            rows.into_iter()
                .filter_map(|row| drafter.refund(row, row.amount))
                .collect()
        }
        ReviewReason::EffectDiffers => {
            let duplicates = concerned::duplicates(case.reservation, about).iter();
            let withdrawn = duplicates
                .filter(|seen| !seen.over)
                .filter_map(|seen| drafter.withdraw(seen));
            drafter.differences().into_iter().chain(withdrawn).collect()
        }
        ReviewReason::WindowClosing => {
            let release = "releases the hold".to_owned();
            let cancel = drafter.cancel("Released before the hold would have lapsed.", release);
            drafter
                .capture_delivered()
                .into_iter()
                .chain(cancel)
                .collect()
        }
        ReviewReason::LateDelivery | ReviewReason::DeadlinePassed => {
            drafter.charge_delivered().into_iter().collect()
        }
        ReviewReason::CaptureUnknown
        | ReviewReason::ChargeUnknown
        | ReviewReason::RefundUnknown
        | ReviewReason::OutcomeUnknown
        | ReviewReason::ExternalChange
        | ReviewReason::MissingAtProvider
        | ReviewReason::Incoherent
        | ReviewReason::ProviderRefused
        | ReviewReason::MarkerBroken => Vec::new(),
    }
}

impl Drafter<'_> {
    /// A remedy, if the operation would be taken now.
    fn draft(does: String, checked: Result<Operation, Refusal>, act: RemedyAct) -> Option<Remedy> {
        let amount = checked.ok()?.amount();
        Some(Remedy { does, amount, act })
    }

    /// Gives back so much of a row, at most what is left of it.
    fn refund(&self, row: &LedgerRow, amount: Money) -> Option<Remedy> {
        let reference = row.reference.clone()?;
        let source = match row.kind {
            RowKind::Capture => RefundSource::Captured,
            RowKind::Charge => RefundSource::Charged,
            RowKind::Refund => return None,
        };
        let amount = amount.min(self.r.refundable(&reference));
        let does = format!("gives {amount} of {reference} back");
        let request = RefundRequest {
            source,
            reference: Some(reference.into()),
            lines: None,
            amount: Some(amount),
        };
        Self::draft(does, self.r.refund(&request), RemedyAct::Refund(request))
    }

    /// For every intent: the rows beyond one, and what the one is too much or too little.
    fn differences(&self) -> Vec<Remedy> {
        let mut drafts = Vec::new();
        for intent in &self.r.intents {
            let rows = concerned::rows_of(self.r, intent);
            let asked = intent.operation.amount();
            let stands = rows
                .iter()
                .find(|row| row.amount == asked)
                .or(rows.first())
                .copied();
            for row in rows {
                let extra = stands.is_some_and(|stands| !std::ptr::eq(stands, row));
                let over = if extra {
                    row.amount
                } else {
                    row.amount.saturating_sub(asked)
                };
                if !over.is_zero() {
                    drafts.extend(self.refund(row, over));
                }
                let rest = asked.saturating_sub(row.amount);
                if !extra && row.kind == RowKind::Capture && !rest.is_zero() {
                    let request = CaptureRequest {
                        amount: Some(rest),
                        ..CaptureRequest::default()
                    };
                    drafts.extend(self.capture(request, format!("takes the missing {rest}")));
                }
            }
        }
        drafts
    }

    fn capture(&self, request: CaptureRequest, does: String) -> Option<Remedy> {
        let checked = self.r.capture(&request, self.case.merchant, self.case.now);
        Self::draft(does, checked, RemedyAct::Capture(request))
    }

    fn capture_delivered(&self) -> Option<Remedy> {
        let delivered = self.r.delivered_uncaptured();
        if delivered.is_empty() {
            let does = "takes all that is held: nothing was delivered".to_owned();
            return self.capture(CaptureRequest::default(), does);
        }
        let lines = delivered.into_iter().map(|part| RequestLine {
            line: part.line,
            amount: part.amount,
        });
        let request = CaptureRequest {
            lines: Some(lines.collect()),
            ..CaptureRequest::default()
        };
        self.capture(request, "takes what was delivered".to_owned())
    }

    /// Of two reservations the one that was paid stays, else the one in the books. The API acts on that one alone.
    fn withdraw(&self, seen: &SeenReservation) -> Option<Remedy> {
        let (uuid, held) = (&seen.reservation_uuid, seen.reserved);
        let own = self
            .r
            .provider
            .reservation_uuid
            .as_ref()
            .map_or("", ProviderReservationId::as_str);
        let in_portal = |does: String| {
            Some(Remedy {
                does,
                amount: Money::ZERO,
                act: RemedyAct::InPortal,
            })
        };
        match (held.is_zero(), self.r.reserved().is_zero()) {
            (true, _) => in_portal(format!(
                "withdraws {uuid} in the provider's portal: no payer has paid it"
            )),
            (false, true) => {
                let does = format!(
                    "withdraws {own}, which no payer has paid; {uuid} stays, with {held} held, and is captured in the provider's portal"
                );
                self.cancel("There are two, and the other one is paid.", does)
            }
            (false, false) => in_portal(format!(
                "releases {held} on {uuid} in the provider's portal: the payer's money is held twice"
            )),
        }
    }

    fn cancel(&self, note: &str, does: String) -> Option<Remedy> {
        let note = note.to_owned();
        Self::draft(does, self.r.cancel(&note), RemedyAct::Cancel { note })
    }

    /// A charge of what was delivered and not captured, a unit of each line.
    fn charge_delivered(&self) -> Option<Remedy> {
        let owed = self.r.lines.iter().filter_map(|line| {
            let amount = self.r.owed_on(line.line);
            (!amount.is_zero()).then(|| NewLine {
                name: line.name.clone(),
                product_id: line.product_id.clone(),
                rate: amount,
                tax_percent: line.tax_percent,
                amount,
            })
        });
        let request = ChargeRequest {
            lines: owed.collect(),
            note: None,
        };
        let checked = self.r.charge(&request, self.case.merchant, self.case.now);
        let does = "charges the card with what was delivered and not captured".to_owned();
        Self::draft(does, checked, RemedyAct::Charge(request))
    }
}
