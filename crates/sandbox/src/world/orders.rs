//! One-time payment links and their orders (F2.11, F2.12), and customers.

use api_client::wire::{OrderStatus, OrderSubmitted, ProviderStatus};
use chrono::{DateTime, TimeDelta};
use domain::Money;
use serde_json::{Value, json};

use super::call::Call;
use super::submit::anonymous;
use super::timers::Timer;
use super::{EffectDetail, World};
use crate::answer::{self, Refusal};
use crate::effect::{By, EffectKind};
use crate::model::{Order, OrderLine};
use crate::reply::Reply;
use crate::switches::EmptyList;
use crate::validate;

const MISSING: Refusal = Refusal::NotFound("orderNotFound");

impl World {
    pub(super) fn submit_order(&mut self, call: &Call) -> Result<Reply, Refusal> {
        let read = call.read();
        let with_customer = read.flag("withCustomer");
        self.valid(call, &validate::submit_order(&self.switches, with_customer))?;
        let uuid = self.uuid("ODR");
        let lines: Vec<OrderLine> = read
            .new_lines()
            .into_iter()
            .map(|new| OrderLine {
                id: self.product(),
                new,
                refunded: Money::ZERO,
            })
            .collect();
        let due = read
            .text("dueDateForPaymentLink")
            .and_then(|due| due.parse().ok());
        let email = read.text("customerDetails.email");
        let order = Order {
            customer_uuid: with_customer.then(|| self.customer(call.account, email, &uuid)),
            uuid: uuid.clone(),
            account: call.account,
            created_at: self.now,
            status: ProviderStatus::Sent,
            customer: anonymous(&call.body),
            summary: call.body.get("orderSummary").cloned().unwrap_or_default(),
            order_date: read.text("orderDate").unwrap_or_default(),
            due: due.and_then(|due| DateTime::from_timestamp(due, 0)),
            reference: read
                .text("referenceNo")
                .or_else(|| read.text("internalReferences.referenceNo")),
            callbacks: read.callbacks(),
            method: read.text("submitPayment.via").unwrap_or_default(),
            total: read.money("orderSummary.grandTotal"),
            lines,
            refunded: Money::ZERO,
            approval_requested: false,
        };
        let answer = OrderSubmitted {
            customer_uuid: order
                .customer_uuid
                .clone()
                .filter(|_| !self.switches.order_accepted),
            order_uuid: uuid.clone(),
            payment_url: Some(self.pay_url(&uuid)),
        };
        self.begin_order(order);
        let status = if self.switches.order_accepted {
            202
        } else {
            201
        };
        Ok(answer::data(
            status,
            "Order Submitted Successfully",
            &answer,
            &self.switches,
        ))
    }

    fn begin_order(&mut self, order: Order) {
        let uuid = order.uuid.clone();
        if let Some(reference) = &order.reference {
            self.by_reference.insert(reference.clone(), uuid.clone());
        }
        // Traffic shows due dates in the past that did not expire; the lenient switch keeps it so.
        if let Some(due) = order.due.filter(|due| *due >= self.now) {
            self.timers.add(
                due + TimeDelta::milliseconds(1),
                Timer::OrderDue(uuid.clone()),
            );
        }
        let (total, account) = (order.total, order.account);
        self.orders.insert(uuid.clone(), order);
        if self.switches.order_history {
            self.add_history(account, &uuid, "order-created", |row| {
                row.amount = Some(total);
            });
        }
        self.record(
            EffectKind::OrderCreated,
            By::Api,
            &uuid,
            EffectDetail::amount(total),
        );
    }

    fn order(&self, call: &Call) -> Option<&Order> {
        self.orders
            .get(call.id())
            .filter(|order| order.account == call.account)
    }

    fn status_of(&self, order: &Order) -> Value {
        let amounts = self.switches.order_amounts;
        let status = OrderStatus {
            uuid: order.uuid.clone(),
            status: order.status.clone(),
            order_amount: Some(order.total).filter(|_| amounts),
            refunded_amount: Some(order.refunded).filter(|_| amounts),
        };
        serde_json::to_value(status).unwrap_or_default()
    }

    pub(super) fn order_status(&self, call: &Call) -> Result<Reply, Refusal> {
        // The two status calls say it in words, the others as a key.
        let order = self
            .order(call)
            .ok_or(Refusal::NotFound("Order Not Found"))?;
        Ok(answer::data(
            200,
            "Order Status Retrieved Successfully",
            &self.status_of(order),
            &self.switches,
        ))
    }

    pub(super) fn order_list(&self, call: &Call) -> Result<Reply, Refusal> {
        let wanted = call.kind.as_deref().map(ProviderStatus::from_word);
        let mut orders: Vec<&Order> = self
            .orders
            .values()
            .filter(|order| order.account == call.account)
            .filter(|order| wanted.as_ref().is_none_or(|wanted| *wanted == order.status))
            .collect();
        orders.sort_by_key(|order| (order.created_at, &order.uuid));
        if orders.is_empty() && self.switches.empty_list == EmptyList::NotFound {
            return Err(Refusal::NotFound("Order Not Found"));
        }
        let rows: Vec<Value> = orders
            .iter()
            .map(|order| json!({"uuid": order.uuid, "status": order.status}))
            .collect();
        Ok(answer::data(
            200,
            "Order Status Retrieved Successfully",
            &rows,
            &self.switches,
        ))
    }

    pub(super) fn order_details(&self, call: &Call) -> Result<Reply, Refusal> {
        let order = self.order(call).ok_or(MISSING)?;
        let products = order.lines.iter().map(|line| {
            json!({
                "id": line.id, "name": line.new.name, "productId": line.new.product_id,
                "quantity": line.new.quantity, "rate": kroner(line.new.rate),
                "discount": kroner(line.new.discount), "tax": line.new.tax, "amount": kroner(line.new.amount),
            })
        });
        let summary = |field: &str| order.summary.get(field).cloned().unwrap_or_default();
        let data = json!({
            "type": "regular", "orderUuid": order.uuid, "invoiceNumber": null, "status": order.status,
            "orderDate": order.order_date, "paymentLinkDueDate": order.due.map(|due| due.timestamp().to_string()),
            "productList": products.collect::<Vec<_>>(),
            "orderSummary": {
                "subTotal": summary("subTotal"), "tax": summary("totalTax"),
                "discount": summary("totalDiscount"), "grandTotal": summary("grandTotal"),
            },
            "customerDetails": order.customer,
            "paymentLink": self.pay_url(&order.uuid),
        });
        Ok(answer::data(
            200,
            "orderRetrievedSuccessfully",
            &data,
            &self.switches,
        ))
    }

    pub(super) fn order_cancel(&mut self, call: &Call) -> Result<Reply, Refusal> {
        self.screen_known(
            call,
            self.order(call).is_some(),
            "orderNotFound",
            &validate::order_cancel(),
        )?;
        let order = self.orders.get_mut(call.id()).ok_or(MISSING)?;
        match order.status {
            ProviderStatus::Sent => order.status = ProviderStatus::Cancelled,
            ProviderStatus::Cancelled => return Err(Refusal::Rule("orderStatusAlreadyCancelled")),
            _ => return Err(Refusal::Rule("orderStatusAlreadyPaid")),
        }
        let note = call.read().text("cancellationNote");
        self.record(
            EffectKind::OrderCancelled,
            By::Api,
            call.id(),
            EffectDetail::text(note.as_deref()),
        );
        Ok(answer::done(202, "cancelledOrderSuccessfully", false))
    }

    pub(super) fn order_resend(&mut self, call: &Call) -> Result<Reply, Refusal> {
        self.screen_known(
            call,
            self.order(call).is_some(),
            "orderNotFound",
            &validate::resend(),
        )?;
        let order = self.orders.get(call.id()).ok_or(MISSING)?;
        match order.status {
            ProviderStatus::Sent | ProviderStatus::Expired => {}
            ProviderStatus::Cancelled => return Err(Refusal::Rule("orderStatusAlreadyCancelled")),
            _ => return Err(Refusal::Rule("orderStatusAlreadyPaid")),
        }
        self.record(
            EffectKind::LinkSent,
            By::Api,
            call.id(),
            EffectDetail::default(),
        );
        Ok(answer::done(202, "resentOrderSuccessfully", true))
    }

    pub(super) fn order_refund(&mut self, call: &Call) -> Result<Reply, Refusal> {
        self.screen_known(
            call,
            self.order(call).is_some(),
            "orderNotFound",
            &validate::order_refund(),
        )?;
        let lines = call.read().line_sums();
        let amount: Money = lines.iter().map(|line| line.amount).sum();
        let order = self.orders.get_mut(call.id()).ok_or(MISSING)?;
        match order.status {
            ProviderStatus::Paid | ProviderStatus::PartialRefunded => {}
            ProviderStatus::Refunded => {
                return Err(Refusal::Rule(
                    "refundRejectionForRefundedCancelledInvoicedOrderParamRefunded",
                ));
            }
            _ => {
                return Err(Refusal::Rule(
                    "refundRejectionForRefundedCancelledInvoicedOrderParamCancelled",
                ));
            }
        }
        for asked in &lines {
            let line = order.lines.iter().find(|line| line.id == asked.id);
            let line = line.ok_or(Refusal::Rule("orderProductsNotFound"))?;
            if asked.amount > line.new.amount.saturating_sub(line.refunded) {
                return Err(Refusal::Rule("refundRejectionForProductAmountExceed"));
            }
        }
        if amount > order.total.saturating_sub(order.refunded) {
            return Err(Refusal::Rule(
                "refundRejectionForRefundRequestGreaterThanOrderAmount",
            ));
        }
        for line in &mut order.lines {
            line.refunded += lines
                .iter()
                .filter(|asked| asked.id == line.id)
                .map(|asked| asked.amount)
                .sum();
        }
        order.refunded += amount;
        let whole = order.refunded >= order.total;
        order.status = if whole {
            ProviderStatus::Refunded
        } else {
            ProviderStatus::PartialRefunded
        };
        self.record(
            EffectKind::OrderRefunded,
            By::Api,
            call.id(),
            EffectDetail {
                lines,
                ..EffectDetail::amount(amount)
            },
        );
        Ok(answer::done(202, "orderRefundedSuccessfully", true))
    }

    /// Charges the card of a paid order; an unpaid one has no card yet.
    pub(super) fn delayed_charge(&self, call: &Call) -> Result<Reply, Refusal> {
        let order = self.order(call).ok_or(MISSING)?;
        if order.status != ProviderStatus::Paid {
            return Err(Refusal::Exception);
        }
        Ok(answer::done(200, "orderDelayedChargedSuccessfully", true))
    }

    pub(super) fn customer_details(&self, call: &Call) -> Result<Reply, Refusal> {
        let missing = Refusal::NotFound("customerNotFound");
        let owner = self
            .by_customer
            .get(call.id())
            .map(String::as_str)
            .unwrap_or_default();
        let customer = match (self.reservations.get(owner), self.orders.get(owner)) {
            (Some(r), _) if r.account == call.account => &r.customer,
            (_, Some(order)) if order.account == call.account => &order.customer,
            _ => return Err(missing),
        };
        let kind = customer
            .get("type")
            .and_then(Value::as_str)
            .unwrap_or("private");
        let mut address = customer
            .get("address")
            .cloned()
            .unwrap_or_else(|| json!({}));
        address["uuid"] = json!(format!("ADRS{}", call.id().trim_start_matches("CSRT")));
        let text = |field: &str| customer.get(field).cloned().unwrap_or_default();
        let data = json!({
            "uuid": call.id(), "type": capitalised(kind), "name": text("name"), "email": text("email"),
            "countryCode": text("countryCode"), "msisdn": text("msisdn"),
            "preferredLanguage": text("preferredLanguage"), "organizationId": text("organizationId"),
            "addresses": { "billing": address, "shipping": [address] },
        });
        Ok(answer::data(
            200,
            "customerDetailsRetrievedSuccessfully",
            &data,
            &self.switches,
        ))
    }

    pub(crate) fn order_due(&mut self, uuid: &str) {
        let unpaid = |order: &&mut Order| order.status == ProviderStatus::Sent;
        let Some(order) = self.orders.get_mut(uuid).filter(unpaid) else {
            return;
        };
        order.status = ProviderStatus::Expired;
        self.record(
            EffectKind::OrderExpired,
            By::Time,
            uuid,
            EffectDetail::default(),
        );
    }
}

/// An amount as a JSON number.
fn kroner(amount: Money) -> Value {
    let text = amount.to_string();
    let short = text.strip_suffix(".00").unwrap_or(&text);
    short
        .parse::<serde_json::Number>()
        .map_or(Value::Null, Value::Number)
}

fn capitalised(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map_or_else(String::new, |first| {
        first.to_uppercase().chain(letters).collect()
    })
}
