//! A reservation as it is submitted: every fault by its field, or the aggregate before its first fact.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use super::{
    Closure, Control, Delivery, Hold, Line, Link, MAX_LINES, MAX_NOTE, Provider, Refusal, Reminded,
    Reservation,
};
use crate::FieldError;
use crate::customer::{Customer, is_text};
use crate::id::ReservationId;
use crate::merchant::Merchant;
use crate::money::{MAX_AMOUNT, Money};
use crate::policy::PolicyPatch;
use crate::reference::Reference;

/// The provider's clock may be ahead of ours: a link has to be due at least this long from now.
const LINK_LEAD: TimeDelta = TimeDelta::minutes(10);
/// The farthest a link may be due; anything later is a mistake.
const LINK_MOST: TimeDelta = TimeDelta::days(366);
/// The provider's limit on a product id (its older session page).
const MAX_PRODUCT_ID: usize = 25;

/// A line as submitted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewLine {
    /// What it is.
    pub name: String,
    /// The booking system's product id, at most 25 characters.
    #[serde(default)]
    pub product_id: Option<String>,
    /// Gross price of one unit.
    pub rate: Money,
    /// Tax within the price, in percent.
    pub tax_percent: u8,
    /// Gross amount of the line.
    pub amount: Money,
}

impl NewLine {
    pub(super) fn faults(&self, path: &str, merchant: &Merchant) -> Vec<FieldError> {
        let allowed = merchant
            .tax_percents
            .iter()
            .map(u8::to_string)
            .collect::<Vec<_>>()
            .join(", ");
        let product_id = self.product_id.as_deref();
        let rules = [
            (
                !is_text(&self.name, MAX_NOTE),
                "name",
                "is empty or longer than 200 characters".to_owned(),
            ),
            (
                product_id.is_some_and(|id| !is_text(id, MAX_PRODUCT_ID)),
                "product_id",
                "is empty or longer than 25 characters".to_owned(),
            ),
            (
                !merchant.tax_percents.contains(&self.tax_percent),
                "tax_percent",
                format!("is not one of the merchant's rates: {allowed}"),
            ),
        ];
        rules
            .into_iter()
            .filter(|(wrong, ..)| *wrong)
            .map(|(_, field, message)| FieldError::new(format!("{path}.{field}"), message))
            .collect()
    }
}

/// A reservation as submitted, without what only the provider needs.
#[derive(Clone)]
pub struct NewReservation {
    /// The booking system's own id, as it was given: read when the reservation is built, with every other fault.
    pub reference: String,
    /// The customer.
    pub customer: Customer,
    /// The product lines.
    pub lines: Vec<NewLine>,
    /// When the payment link is due.
    pub payment_link_due: DateTime<Utc>,
    /// The provider's `chargeValidity`.
    pub charge_validity: Option<u32>,
    /// Hide details until the payer has proven who he is.
    pub secure_details: bool,
    /// May a charge be refunded in part?
    pub charge_partially_refundable: bool,
    /// Changes to the merchant's policy.
    pub policy: PolicyPatch,
}

impl NewReservation {
    /// The reservation this makes, before its first fact.
    ///
    /// # Errors
    /// Every fault, by field.
    pub fn build(
        &self,
        id: ReservationId,
        merchant: &Merchant,
        now: DateTime<Utc>,
    ) -> Result<Reservation, Refusal> {
        let mut faults = self.customer.faults(self.secure_details);
        let mut rule = |wrong: bool, field: &str, message: &str| {
            if wrong {
                faults.push(FieldError::new(field, message));
            }
        };
        let reference = self.reference.parse::<Reference>();
        if let Err(wrong) = &reference {
            rule(true, "reference", &wrong.to_string());
        }
        rule(
            self.payment_link_due < now + LINK_LEAD,
            "payment_link_due",
            "is less than 10 minutes from now; the provider refuses links that are due",
        );
        rule(
            self.payment_link_due > now + LINK_MOST,
            "payment_link_due",
            "is more than a year from now",
        );
        self.line_faults(&mut rule);
        for (index, line) in self.lines.iter().enumerate() {
            faults.extend(line.faults(&format!("lines[{index}]"), merchant));
        }
        let policy = match merchant.policy.with(&self.policy, merchant.multi_capture) {
            Ok(policy) => policy,
            Err(wrong) => {
                faults.extend(wrong);
                merchant.policy.clone()
            }
        };
        match reference {
            Ok(reference) if faults.is_empty() => Ok(Reservation {
                policy,
                ..self.aggregate(id, reference, merchant, now)
            }),
            Ok(_) | Err(_) => Err(Refusal::Fields(faults)),
        }
    }

    /// What is wrong with the lines together.
    fn line_faults(&self, rule: &mut impl FnMut(bool, &str, &str)) {
        rule(
            self.lines.is_empty(),
            "lines",
            "is empty: a reservation has at least one line",
        );
        rule(
            self.lines.len() > MAX_LINES,
            "lines",
            "has more than 500 entries",
        );
        let total: Money = self.lines.iter().map(|line| line.amount).sum();
        rule(
            total > MAX_AMOUNT,
            "lines",
            "add up to more than 1000000000.00",
        );
        rule(
            total.is_zero() && !self.lines.is_empty(),
            "lines",
            "add up to 0.00: there is nothing to hold",
        );
    }

    fn aggregate(
        &self,
        id: ReservationId,
        reference: Reference,
        merchant: &Merchant,
        now: DateTime<Utc>,
    ) -> Reservation {
        let lines = (1..).zip(&self.lines).map(|(line, new)| Line {
            line,
            name: new.name.clone(),
            product_id: new.product_id.clone(),
            rate: new.rate,
            tax_percent: new.tax_percent,
            amount: new.amount,
            provider_id: None,
            captured_seen: Money::ZERO,
        });
        Reservation {
            id,
            merchant: merchant.id.clone(),
            reference,
            created_at: now,
            payment_link_due: self.payment_link_due,
            charge_validity: self.charge_validity,
            charge_partially_refundable: self.charge_partially_refundable,
            policy: merchant.policy.clone(),
            lines: lines.collect(),
            link: Link::Submitting,
            hold: Hold::None,
            ledger: Vec::new(),
            delivery: Delivery::default(),
            closure: Closure::Open,
            control: Control::default(),
            provider: Provider::default(),
            intents: Vec::new(),
            reminders: Reminded::default(),
            jobs_over: std::collections::BTreeSet::new(),
            stopped: std::collections::BTreeSet::new(),
            version: 0,
            evidence_version: 0,
        }
    }
}
