//! What would put a wrong effect right: drafted as calls of the API, never carried out by itself.

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::{Value, json};

use super::{Subject, concerned};
use crate::merchant::Merchant;
use crate::money::Money;
use crate::reservation::{
    LedgerRow, Operation, Refusal, Reservation, ReviewReason, RowKind, SeenReservation,
};

/// What would put something right: a call of the API, which would be taken as it stands, or an act in the provider's portal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Remedy {
    /// What it does.
    pub does: String,
    /// How much money it moves; zero for a cancel.
    pub amount: Money,
    /// The call; `None` for what only the provider's portal can do.
    #[serde(flatten)]
    pub call: Option<Call>,
}

/// A call of the API.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Call {
    /// The verb.
    pub method: &'static str,
    /// The path.
    pub path: String,
    /// The body.
    pub body: Value,
}

struct Drafter<'a> {
    r: &'a Reservation,
    merchant: &'a Merchant,
    now: DateTime<Utc>,
}

pub(super) fn remedies(
    r: &Reservation,
    about: &Subject<'_>,
    merchant: &Merchant,
    now: DateTime<Utc>,
) -> Vec<Remedy> {
    let drafter = Drafter { r, merchant, now };
    match about.reason {
        ReviewReason::LateEffect if concerned::is_late_submit(r, about.reason) => {
            let does = "withdraws the reservation, which had been given up".to_owned();
            drafter
                .cancel("Given up before it appeared.", does)
                .into_iter()
                .collect()
        }
        ReviewReason::LateEffect => {
            let rows = concerned::rows(r, about.reason);
            rows.into_iter()
                .filter_map(|row| drafter.refund(row, row.amount))
                .collect()
        }
        ReviewReason::EffectDiffers => {
            let duplicates = concerned::duplicates(r, about).iter();
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
        _ => Vec::new(),
    }
}

impl Drafter<'_> {
    /// A call, if the API would take it now.
    fn draft<T: serde::de::DeserializeOwned>(
        &self,
        action: &str,
        body: Value,
        does: String,
        check: impl Fn(&T) -> Result<Operation, Refusal>,
    ) -> Option<Remedy> {
        let request: T = serde_json::from_value(body.clone()).ok()?;
        let amount = check(&request).ok()?.amount();
        let path = format!("/v1/reservations/{}/{action}", self.r.id);
        Some(Remedy {
            does,
            amount,
            call: Some(Call {
                method: "POST",
                path,
                body,
            }),
        })
    }

    /// Gives back so much of a row, at most what is left of it.
    fn refund(&self, row: &LedgerRow, amount: Money) -> Option<Remedy> {
        let reference = row.reference.as_deref()?;
        let source = match row.kind {
            RowKind::Capture => "captured",
            RowKind::Charge => "charged",
            RowKind::Refund => return None,
        };
        let amount = amount.min(self.r.refundable(reference));
        let body = json!({"source": source, "reference": reference, "amount": amount});
        self.draft(
            "refund",
            body,
            format!("gives {amount} of {reference} back"),
            |request| self.r.refund(request),
        )
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
                    drafts.extend(
                        self.capture(json!({"amount": rest}), format!("takes the missing {rest}")),
                    );
                }
            }
        }
        drafts
    }

    fn capture(&self, body: Value, does: String) -> Option<Remedy> {
        self.draft("capture", body, does, |request| {
            self.r.capture(request, self.merchant, self.now)
        })
    }

    fn capture_delivered(&self) -> Option<Remedy> {
        let lines = self.r.delivered_uncaptured();
        let all = lines.is_empty();
        let body = if all {
            json!({})
        } else {
            json!({ "lines": lines })
        };
        let does = if all {
            "takes all that is held: nothing was delivered"
        } else {
            "takes what was delivered"
        };
        self.capture(body, does.to_owned())
    }

    /// Of two reservations the one that was paid stays, else the one in the books. The API acts on that one alone.
    fn withdraw(&self, seen: &SeenReservation) -> Option<Remedy> {
        let (uuid, held) = (&seen.reservation_uuid, seen.reserved);
        let own = self
            .r
            .provider
            .reservation_uuid
            .as_deref()
            .unwrap_or_default();
        let in_portal = |does: String| {
            Some(Remedy {
                does,
                amount: Money::ZERO,
                call: None,
            })
        };
        match (held.is_zero(), self.r.reserved().is_zero()) {
            (true, _) => in_portal(format!(
                "withdraws {uuid} in the provider's portal: nobody has paid it"
            )),
            (false, true) => {
                let does = format!(
                    "withdraws {own}, which nobody has paid; {uuid} stays, with {held} held, and is captured in the provider's portal"
                );
                self.cancel("There are two, and the other one is paid.", does)
            }
            (false, false) => in_portal(format!(
                "releases {held} on {uuid} in the provider's portal: the payer's money is held twice"
            )),
        }
    }

    fn cancel(&self, note: &str, does: String) -> Option<Remedy> {
        #[derive(serde::Deserialize)]
        struct Note {
            note: String,
        }
        let body = json!({"note": note});
        self.draft("cancel", body, does, |request: &Note| {
            self.r.cancel(&request.note)
        })
    }

    /// A charge of what was delivered and not captured, a unit of each line.
    fn charge_delivered(&self) -> Option<Remedy> {
        let lines = self.r.lines.iter().filter_map(|line| {
            let amount = self.r.delivered_on(line.line).saturating_sub(self.r.captured_on(line.line));
            let (name, tax_percent) = (&line.name, line.tax_percent);
            (!amount.is_zero()).then(
                || json!({"name": name, "product_id": line.product_id, "rate": amount, "tax_percent": tax_percent, "amount": amount}),
            )
        });
        let body = json!({"lines": lines.collect::<Vec<Value>>()});
        let does = "charges the card with what was delivered and not captured".to_owned();
        self.draft("charge", body, does, |request| {
            self.r.charge(request, self.merchant, self.now)
        })
    }
}
