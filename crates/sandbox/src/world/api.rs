//! A request to the API: its call is looked up, the budget and the token are checked, faults strike, the call happens.

use chrono::{TimeDelta, Utc};
use serde_json::Value;

use super::call::Call;
use super::{Window, World};
use crate::answer::{self, Refusal};
use crate::fault::{What, When};
use crate::model::Body;
use crate::reply::{Reply, Request};
use crate::route::{BASE, Route, route};
use crate::switches::{CheckOrder, GetNote};
use crate::validate::{self, Context, Field};
use crate::{Operation, fault::Struck};

impl World {
    /// Answers a request to the API.
    pub(crate) fn api(&mut self, request: &Request) -> Reply {
        if request.path().starts_with(BASE) {
            self.requests.total += 1;
        }
        let (operation, ids) = match route(
            &request.method,
            request.path(),
            self.switches.cancel_verb,
        ) {
            Route::Call(operation, ids) => {
                (operation, ids.into_iter().map(str::to_owned).collect())
            }
            Route::WrongVerb(allowed) => {
                let message = format!(
                    "The {} method is not supported for this route. Supported methods: {allowed}.",
                    request.method
                );
                return answer::bare(405, &message).with("allow", allowed);
            }
            Route::Unknown => return answer::bare(404, "The route could not be found."),
        };
        *self.requests.operations.entry(operation).or_default() += 1;
        let account = self.account(request);
        let (left, wait) = self.spend(account);
        let reply = match (wait, account) {
            (Some(wait), _) => {
                self.requests.throttled += 1;
                answer::throttled(wait)
            }
            (None, None) => answer::unauthenticated(),
            (None, Some(account)) => {
                let body = self.body_of(operation, request);
                self.disturbed(Call {
                    operation,
                    account,
                    ids,
                    body,
                    kind: request.query("type"),
                })
            }
        };
        let reply = reply
            .with("cache-control", "no-cache, private")
            .with("access-control-allow-origin", "*");
        match self.options().limit_per_minute {
            0 => reply,
            limit => reply
                .with("x-ratelimit-limit", limit.to_string())
                .with("x-ratelimit-remaining", left.to_string()),
        }
    }

    /// Whose token it is; without tokens any will do, but there has to be one.
    fn account(&self, request: &Request) -> Option<usize> {
        let bearer = request
            .bearer
            .as_deref()
            .filter(|bearer| !bearer.is_empty())?;
        match &self.options().tokens {
            tokens if tokens.is_empty() => Some(0),
            tokens => tokens.iter().position(|token| token == bearer),
        }
    }

    /// Takes one request from the account's minute: what is left, and how many seconds to wait when nothing was.
    fn spend(&mut self, account: Option<usize>) -> (u32, Option<u64>) {
        let limit = self.options().limit_per_minute;
        if limit == 0 {
            return (0, None);
        }
        let now = self.now;
        // Strangers share a minute of their own.
        let window = self
            .windows
            .entry(account.unwrap_or(usize::MAX))
            .or_default();
        let ends = |began: chrono::DateTime<Utc>| began + TimeDelta::minutes(1);
        if window.began.is_none_or(|began| now >= ends(began)) {
            *window = Window {
                began: Some(now),
                used: 0,
            };
        }
        if window.used >= limit {
            let left = ends(window.began.unwrap_or(now)) - now;
            return (0, Some(u64::try_from(left.num_seconds()).unwrap_or(0) + 1));
        }
        window.used += 1;
        (limit - window.used, None)
    }

    /// The JSON of the body. What is no JSON, or does not say that it is, has no fields, as in the provider's framework.
    fn body_of(&self, operation: Operation, request: &Request) -> Value {
        let json = || serde_json::from_slice(&request.body).unwrap_or_default();
        let body = if request.is_json() {
            json()
        } else {
            Value::Null
        };
        if operation != Operation::Cancel || request.method != http::Method::GET {
            return body;
        }
        let from = self.switches.get_note;
        let in_body = Body(&body)
            .text("note")
            .filter(|_| matches!(from, GetNote::Body | GetNote::BodyOrQuery));
        let in_query = request
            .query("note")
            .filter(|_| matches!(from, GetNote::Query | GetNote::BodyOrQuery));
        serde_json::json!({ "note": in_body.or(in_query) })
    }

    /// Lets a call happen, or what a fault leaves of it.
    fn disturbed(&mut self, call: Call) -> Reply {
        let struck = self.struck(&call);
        if let Some((reads, seconds)) = struck.stale {
            let reads = reads.or_else(|| seconds.is_none().then_some(1));
            self.freeze(call.id(), reads, seconds);
        }
        let (now, operation) = (self.now, call.operation);
        match struck.answer {
            None => self.perform(&call),
            Some((_, what @ What::Delay(_))) | Some((When::AfterEffect, what)) => {
                let reply = self.perform(&call);
                answer::disturbed(operation, Some(reply), what, now)
            }
            Some((When::BeforeEffect, what)) => answer::disturbed(operation, None, what, now),
            Some((When::Later(seconds), what)) => {
                self.later(seconds, call);
                answer::disturbed(operation, None, what, now)
            }
        }
    }

    fn struck(&mut self, call: &Call) -> Struck {
        let named = self
            .reservations
            .get(call.id())
            .and_then(|r| r.reference.clone());
        let reference = named
            .or_else(|| call.read().text("referenceNo"))
            .unwrap_or_default();
        self.faults
            .strike(call.operation, &[call.id(), &reference], &self.dice)
    }

    /// Does what a call asks for.
    pub(super) fn perform(&mut self, call: &Call) -> Reply {
        if call.operation != Operation::Details {
            self.lag(call.id());
        }
        let result = match call.operation {
            Operation::Submit | Operation::CreateSession => self.submit(call),
            Operation::Details => self.details(call),
            Operation::Capture => self.capture(call),
            Operation::Charge => self.charge(call),
            Operation::Cancel => self.cancel(call),
            Operation::Complete => self.complete(call),
            Operation::Resend => self.resend(call),
            Operation::Refund => self.refund(call),
            Operation::History => self.read_history(call),
            Operation::SubmitOrder => self.submit_order(call),
            Operation::OrderStatus => self.order_status(call),
            Operation::OrderList => self.order_list(call),
            Operation::OrderDetails => self.order_details(call),
            Operation::OrderCancel => self.order_cancel(call),
            Operation::OrderResend => self.order_resend(call),
            Operation::OrderRefund => self.order_refund(call),
            Operation::DelayedCharge => self.delayed_charge(call),
            // Nothing here is ever invoiced.
            Operation::InvoiceNumber => Err(Refusal::NotFound("orderNotFound")),
            Operation::CustomerDetails => self.customer_details(call),
            Operation::RefundApproval => self.refund_approval(call),
        };
        result.unwrap_or_else(|refusal| answer::refused(refusal, &self.switches))
    }

    /// Checks that the reservation is there and the payload right, in the order that the switches ask for.
    pub(super) fn screen(
        &self,
        call: &Call,
        key: &'static str,
        fields: &[Field],
    ) -> Result<(), Refusal> {
        let there = self
            .reservations
            .get(call.id())
            .is_some_and(|r| r.account == call.account);
        self.screen_known(call, there, key, fields)
    }

    /// The same for something that was looked for elsewhere.
    pub(super) fn screen_known(
        &self,
        call: &Call,
        there: bool,
        key: &'static str,
        fields: &[Field],
    ) -> Result<(), Refusal> {
        let found = if there {
            Ok(())
        } else {
            Err(Refusal::NotFound(key))
        };
        match self.switches.check_order {
            CheckOrder::NotFoundFirst => found.and_then(|()| self.valid(call, fields)),
            CheckOrder::PayloadFirst => self.valid(call, fields).and(found),
        }
    }

    /// Checks the payload alone.
    pub(super) fn valid(&self, call: &Call, fields: &[Field]) -> Result<(), Refusal> {
        let context = Context {
            root: &call.body,
            switches: &self.switches,
            now: self.now,
        };
        let complaints = validate::complaints(fields, &context);
        if complaints.is_empty() {
            Ok(())
        } else {
            Err(Refusal::Payload(complaints))
        }
    }
}
