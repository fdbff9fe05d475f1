//! Submit and create session: a new reservation (F2.1, F2.2).

use api_client::wire::{LinkField, ProviderStatus, Submitted, UuidField};
use chrono::DateTime;
use domain::Money;
use serde_json::Value;

use super::call::Call;
use super::timers::Timer;
use super::{EffectDetail, World};
use crate::answer::{self, Refusal};
use crate::effect::{By, EffectKind};
use crate::model::{Line, NewLine, Reservation};
use crate::reply::Reply;
use crate::switches::{self, SubmitAnswer};
use crate::{Operation, validate};

impl World {
    pub(super) fn submit(&mut self, call: &Call) -> Result<Reply, Refusal> {
        let table = match call.operation {
            Operation::CreateSession => validate::session(&self.switches),
            _ => validate::reservation(&self.switches),
        };
        self.valid(call, &table)?;
        let lines = call.read().new_lines();
        self.sums(call, &lines)?;
        let r = self.reservation(call, lines);
        let session = call.operation == Operation::CreateSession
            || call.read().text("submitPayment.via").is_some();
        let submitted = Submitted {
            customer_uuid: Some(r.customer_uuid.clone()),
            reservation_uuid: r.uuid.clone(),
            url: Some(self.pay_url(&r.uuid)),
        };
        self.begin(r);
        Ok(self.submitted(&submitted, session))
    }

    /// Recorded traffic shows that the provider does not check sums; the switch is for merchants who want to find out.
    fn sums(&self, call: &Call, lines: &[NewLine]) -> Result<(), Refusal> {
        let read = call.read();
        let total = read.money("orderSummary.grandTotal");
        let parts = read.money("orderSummary.subTotal") + read.money("orderSummary.totalTax");
        let sum: Money = lines.iter().map(|line| line.amount).sum();
        if self.switches.check_sums && (sum != total || parts != total) {
            let sentence = "The order summary.grand total does not match the products.".to_owned();
            return Err(Refusal::Payload(vec![sentence]));
        }
        Ok(())
    }

    fn reservation(&mut self, call: &Call, lines: Vec<NewLine>) -> Reservation {
        let read = call.read();
        let customer = anonymous(&call.body);
        let uuid = self.uuid("RES");
        let lines = lines.into_iter().map(|new| Line {
            id: self.product(),
            new,
            reserved: Money::ZERO,
            captured: Money::ZERO,
        });
        let lines: Vec<Line> = lines.collect();
        let due = read
            .text("dueDateForPaymentLink")
            .and_then(|due| due.parse().ok());
        Reservation {
            customer_uuid: self.customer(call.account, read.text("customerDetails.email"), &uuid),
            uuid,
            account: call.account,
            created_at: self.now,
            status: ProviderStatus::Sent,
            customer,
            order_date: read.text("orderDate").unwrap_or_default(),
            due: due
                .and_then(|due| DateTime::from_timestamp(due, 0))
                .unwrap_or(self.now),
            reference: read.text("referenceNo"),
            customer_reference: read.text("customerReference"),
            notes: read.text("customerNotes"),
            terms: read.text("tnc"),
            send_sms: read.flag("sendOrderBy.sms"),
            send_email: read.flag("sendOrderBy.email"),
            charge_validity: read.text("chargeValidity"),
            secure: read.flag("settings.secureDetails"),
            partly_refundable: read.flag("settings.isChargePartiallyRefundable"),
            callbacks: read.callbacks(),
            method: if read.text("submitPayment.via").as_deref() == Some("mastercard") {
                "Mastercard"
            } else {
                "Visa"
            }
            .to_owned(),
            total: read.money("orderSummary.grandTotal"),
            lines,
            charge_lines: Vec::new(),
            reserved_at: None,
            released_at: None,
            hold_ended_at: None,
            rows: Vec::new(),
            refunds: Vec::new(),
            approval_requested: false,
        }
    }

    /// Takes a new reservation into the books.
    fn begin(&mut self, r: Reservation) {
        let (uuid, account) = (r.uuid.clone(), r.account);
        if let Some(reference) = &r.reference {
            self.by_reference.insert(reference.clone(), uuid.clone());
        }
        self.made.push(uuid.clone());
        // At the due instant itself the payer may still pay.
        self.timers.add(
            r.due + chrono::TimeDelta::milliseconds(1),
            Timer::LinkDue(uuid.clone()),
        );
        let total = r.total;
        let mut sent_to = Vec::new();
        if r.send_email {
            sent_to.push(r.payer("email"));
        }
        if r.send_sms {
            sent_to.push(format!("{}{}", r.payer("countryCode"), r.payer("msisdn")));
        }
        self.reservations.insert(uuid.clone(), r);
        self.record(
            EffectKind::Created,
            By::Api,
            &uuid,
            EffectDetail::amount(total),
        );
        for address in sent_to {
            self.send_link(account, &uuid, &address);
        }
    }

    /// Notes that the link went to an address; the provider writes a space in front of it.
    pub(super) fn send_link(&mut self, account: usize, uuid: &str, address: &str) {
        self.record(EffectKind::LinkSent, By::Api, uuid, EffectDetail::default());
        self.add_history(account, uuid, "payment-link-sent-to-customer", |row| {
            row.sent_to = Some(format!(" {address}").into());
        });
    }

    /// The uuid of the customer with this address; `owner` is what shows the customer from now on.
    pub(super) fn customer(
        &mut self,
        account: usize,
        email: Option<String>,
        owner: &str,
    ) -> String {
        let key = (account, email.unwrap_or_else(|| owner.to_owned()));
        let uuid = match self.customers.get(&key) {
            Some(uuid) => uuid.clone(),
            None => self.uuid("CSRT"),
        };
        self.customers.insert(key, uuid.clone());
        self.by_customer.insert(uuid.clone(), owner.to_owned());
        uuid
    }

    fn submitted(&self, submitted: &Submitted, session: bool) -> Reply {
        let uuid = match self.switches.uuid_field {
            switches::UuidField::ReservationUuid => UuidField::ReservationUuid,
            switches::UuidField::OrderUuid => UuidField::OrderUuid,
        };
        let swapped = self.switches.link_field == switches::LinkField::Swapped;
        let link = if session == swapped {
            LinkField::CheckoutUrl
        } else {
            LinkField::PaymentUrl
        };
        let (status, message) = match self.switches.submit_answer {
            SubmitAnswer::Created => (201, "Reservation Submitted Successfully"),
            SubmitAnswer::Accepted => (202, "Order Submitted Successfully"),
        };
        let value = submitted
            .serialize_as(uuid, link, serde_json::value::Serializer)
            .unwrap_or_default();
        answer::data(status, message, &value, &self.switches)
    }
}

/// `customerDetails` without the personal number, which nothing here needs.
pub(super) fn anonymous(body: &Value) -> Value {
    let mut customer = body.get("customerDetails").cloned().unwrap_or_default();
    if let Some(fields) = customer.as_object_mut() {
        fields.remove("personalNumber");
    }
    customer
}
