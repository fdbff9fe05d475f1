//! Acts that do not come through the API: the payer's, and those of people in the provider's portal.

use api_client::wire::ProviderStatus;
use chrono::{DateTime, Utc};
use domain::Money;

use crate::answer::Refusal;
use crate::effect::{By, EffectKind, LineSum};
use crate::model::{Line, NewLine, RefundRequest, Reservation, is_over, refund_source};
use crate::world::{EffectDetail, World};

/// Why an act does not take place.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum ActError {
    /// No reservation or order has this uuid or `referenceNo`.
    #[error("there is no such reservation or order")]
    Missing,
    /// The provider's rules refuse it, with this key.
    #[error("refused: {0}")]
    Refused(&'static str),
    /// Its status does not allow it.
    #[error("its status is {0}")]
    Status(String),
}

impl From<Refusal> for ActError {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::NotFound(key) | Refusal::Rule(key) => Self::Refused(key),
            Refusal::Payload(_) => Self::Refused("payloadValidationErrors"),
            Refusal::Exception => Self::Refused("somethingWentWrong"),
        }
    }
}

impl World {
    fn known(&mut self, now: DateTime<Utc>, name: &str) -> Result<String, ActError> {
        self.advance(now);
        self.find(name).ok_or(ActError::Missing)
    }

    /// A reservation that an act may change; what details may still hide from now on is frozen first.
    fn acted_on(&mut self, now: DateTime<Utc>, name: &str) -> Result<String, ActError> {
        let uuid = self.known(now, name)?;
        self.lag(&uuid);
        Ok(uuid)
    }

    /// The payer opens the payment page.
    ///
    /// # Errors
    /// [`ActError::Missing`].
    pub fn open(&mut self, now: DateTime<Utc>, name: &str) -> Result<(), ActError> {
        let uuid = self.known(now, name)?;
        self.record(
            EffectKind::LinkOpened,
            By::Payer,
            &uuid,
            EffectDetail::default(),
        );
        if let Some(account) = self.reservations.get(&uuid).map(|r| r.account) {
            self.add_history(account, &uuid, "payment-link-opened", |_| {});
        }
        Ok(())
    }

    /// The payer pays: the reservation is held, the order is paid.
    ///
    /// # Errors
    /// [`ActError::Missing`], and [`ActError::Status`] when the link cannot be paid any longer.
    pub fn pay(&mut self, now: DateTime<Utc>, name: &str) -> Result<(), ActError> {
        let uuid = self.acted_on(now, name)?;
        let now = self.now;
        if let Some(order) = self.orders.get_mut(&uuid) {
            if is_over(&order.status) {
                return Err(ActError::Status(order.status.to_string()));
            }
            order.status = ProviderStatus::Paid;
            let total = order.total;
            self.record(
                EffectKind::OrderPaid,
                By::Payer,
                &uuid,
                EffectDetail::amount(total),
            );
            self.announce(&uuid, "PAID", total);
            return Ok(());
        }
        let r = self.reservations.get_mut(&uuid).ok_or(ActError::Missing)?;
        if is_over(&r.status) {
            return Err(ActError::Status(r.status.to_string()));
        }
        hold(r, now);
        let (total, account, method) = (r.reserved(), r.account, r.method.clone());
        let lines = r.lines.iter().map(|line| line.sum(line.reserved)).collect();
        self.record(
            EffectKind::Reserved,
            By::Payer,
            &uuid,
            EffectDetail {
                lines,
                ..EffectDetail::amount(total)
            },
        );
        self.add_history(account, &uuid, "amount-reserved", |row| {
            row.payment_method = Some(method);
            row.amount = Some(total);
        });
        // Sets the timer for the end of the window that begins now.
        self.hold_ends(&uuid);
        self.announce(&uuid, "RESERVED", total);
        Ok(())
    }

    /// The payer's attempt to pay fails; the link stays valid.
    ///
    /// # Errors
    /// [`ActError::Missing`], and [`ActError::Status`] when the link cannot be paid any longer.
    pub fn fail(&mut self, now: DateTime<Utc>, name: &str) -> Result<(), ActError> {
        let uuid = self.acted_on(now, name)?;
        let status = match (self.reservations.get_mut(&uuid), self.orders.get(&uuid)) {
            (Some(r), _) if !is_over(&r.status) => {
                r.status = ProviderStatus::ReservedNotPaid;
                None
            }
            (Some(r), _) => Some(r.status.to_string()),
            (None, order) => order
                .filter(|order| is_over(&order.status))
                .map(|order| order.status.to_string()),
        };
        match status {
            Some(status) => Err(ActError::Status(status)),
            None => {
                self.record(
                    EffectKind::PaymentFailed,
                    By::Payer,
                    &uuid,
                    EffectDetail::default(),
                );
                Ok(())
            }
        }
    }

    /// Lets the link, the hold or the order expire now.
    ///
    /// # Errors
    /// [`ActError::Missing`], and [`ActError::Status`] when nothing of it can expire.
    pub fn expire(&mut self, now: DateTime<Utc>, name: &str) -> Result<(), ActError> {
        let uuid = self.acted_on(now, name)?;
        let before = self.ledger().len();
        self.end_link(&uuid);
        self.end_hold(&uuid);
        self.order_due(&uuid);
        if self.ledger().len() > before {
            return Ok(());
        }
        let status = match (self.reservations.get(&uuid), self.orders.get(&uuid)) {
            (Some(r), _) => r.status.to_string(),
            (None, order) => order.map_or_else(String::new, |order| order.status.to_string()),
        };
        Err(ActError::Status(status))
    }

    /// Captures in the portal; without lines, all that is left of each. The answer is the reference.
    ///
    /// # Errors
    /// What the API would refuse.
    pub fn capture_in_portal(
        &mut self,
        now: DateTime<Utc>,
        name: &str,
        lines: Option<Vec<LineSum>>,
    ) -> Result<String, ActError> {
        let uuid = self.acted_on(now, name)?;
        let r = self.reservations.get(&uuid).ok_or(ActError::Missing)?;
        let left = |line: &Line| line.sum(line.reserved.saturating_sub(line.captured));
        let lines = lines.unwrap_or_else(|| r.lines.iter().map(left).collect());
        let lines: Vec<LineSum> = lines
            .into_iter()
            .filter(|line| !line.amount.is_zero())
            .collect();
        if lines.is_empty() {
            return Err(ActError::Refused(
                "requestedCaptureAmountExceedAvailableCaptureRunway",
            ));
        }
        Ok(self.take(&uuid, &lines, None, By::Portal)?)
    }

    /// Charges the card in the portal. The answer is the reference.
    ///
    /// # Errors
    /// What the API would refuse.
    pub fn charge_in_portal(
        &mut self,
        now: DateTime<Utc>,
        name: &str,
        amount: Money,
        text: &str,
    ) -> Result<String, ActError> {
        let uuid = self.acted_on(now, name)?;
        let line = NewLine {
            name: text.to_owned(),
            product_id: None,
            quantity: 1,
            rate: amount,
            discount: Money::ZERO,
            tax: 0,
            amount,
        };
        Ok(self.debit(&uuid, vec![line], Some(text), By::Portal)?)
    }

    /// Refunds in the portal: this much of a capture or charge, or without an amount all of it. The lines are filled
    /// in their order.
    ///
    /// # Errors
    /// What the API would refuse.
    pub fn refund_in_portal(
        &mut self,
        now: DateTime<Utc>,
        name: &str,
        reference: &str,
        amount: Option<Money>,
    ) -> Result<(), ActError> {
        let uuid = self.acted_on(now, name)?;
        let r = self.reservations.get(&uuid).ok_or(ActError::Missing)?;
        let row = r
            .rows
            .iter()
            .find(|row| row.reference == reference)
            .ok_or(ActError::Missing)?;
        let mut left = amount.unwrap_or(row.amount);
        let mut lines = Vec::new();
        for line in &row.lines {
            let part = line.amount.min(left);
            left = left.saturating_sub(part);
            lines.push(LineSum {
                id: line.id,
                amount: part,
            });
        }
        lines.retain(|line| !line.amount.is_zero());
        let word = if row.reference.starts_with("CHA") {
            "charged"
        } else {
            "captured"
        };
        let wanted = RefundRequest {
            source: refund_source(Some(word)),
            reference: reference.to_owned(),
            lines,
        };
        Ok(self.give_back(&uuid, wanted, By::Portal)?)
    }

    /// Cancels in the portal.
    ///
    /// # Errors
    /// What the API would refuse.
    pub fn cancel_in_portal(
        &mut self,
        now: DateTime<Utc>,
        name: &str,
        note: &str,
    ) -> Result<(), ActError> {
        let uuid = self.acted_on(now, name)?;
        Ok(self.withdraw(&uuid, Some(note), By::Portal)?)
    }

    /// Completes in the portal.
    ///
    /// # Errors
    /// What the API would refuse.
    pub fn complete_in_portal(
        &mut self,
        now: DateTime<Utc>,
        name: &str,
        note: &str,
    ) -> Result<(), ActError> {
        let uuid = self.acted_on(now, name)?;
        Ok(self.close(&uuid, Some(note), By::Portal)?)
    }
}

fn hold(r: &mut Reservation, now: DateTime<Utc>) {
    r.status = ProviderStatus::Reserved;
    r.reserved_at = Some(now);
    for line in &mut r.lines {
        line.reserved = line.new.amount;
    }
}
