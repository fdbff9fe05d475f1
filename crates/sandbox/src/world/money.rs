//! Capture, charge and refund (F2.4, F2.5, F2.9), and the request for a refund's approval (F2.13).

use api_client::wire::{ProviderStatus, RefundSource};
use chrono::TimeDelta;
use domain::Money;
use serde_json::{Value, json};

use super::call::Call;
use super::timers::Timer;
use super::{EffectDetail, World, actor};
use crate::answer::{self, Refusal};
use crate::effect::{By, EffectKind, LineSum};
use crate::model::{Line, NewLine, Refund, RefundRequest, Row, refund_source};
use crate::reply::Reply;
use crate::switches::{Marker, RefundPayout, Release, UuidInAnswer};
use crate::validate;

impl World {
    pub(super) fn capture(&mut self, call: &Call) -> Result<Reply, Refusal> {
        self.screen(call, "reservationNotFound", &validate::capture())?;
        let lines = call.read().line_sums();
        adds_up(call, lines.iter().map(|line| line.amount).sum())?;
        let text = call.read().text("additionalText");
        let reference = self.take(call.id(), &lines, text.as_deref(), By::Api)?;
        Ok(self.accepted("reservationCapturedSuccessfully", &reference))
    }

    pub(super) fn charge(&mut self, call: &Call) -> Result<Reply, Refusal> {
        self.screen(call, "reservationNotFound", &validate::charge())?;
        let lines = call.read().new_lines();
        adds_up(call, lines.iter().map(|line| line.amount).sum())?;
        let text = call.read().text("additionalText");
        let reference = self.debit(call.id(), lines, text.as_deref(), By::Api)?;
        Ok(self.accepted("reservationChargedSuccessfully", &reference))
    }

    pub(super) fn refund(&mut self, call: &Call) -> Result<Reply, Refusal> {
        self.screen(call, "orderNotFound", &validate::refund())?;
        let read = call.read();
        let lines = read.line_sums();
        adds_up(call, lines.iter().map(|line| line.amount).sum())?;
        let source = refund_source(read.text("source").as_deref());
        let reference = read.text("reference").unwrap_or_default();
        self.give_back(
            call.id(),
            RefundRequest {
                source,
                reference,
                lines,
            },
            By::Api,
        )?;
        Ok(answer::done(202, "orderRefundedSuccessfully", true))
    }

    pub(super) fn refund_approval(&mut self, call: &Call) -> Result<Reply, Refusal> {
        let account = call.account;
        let there = self
            .reservations
            .get(call.id())
            .is_some_and(|r| r.account == account)
            || self
                .orders
                .get(call.id())
                .is_some_and(|order| order.account == account);
        self.screen_known(call, there, "orderNotFound", &validate::refund_approval())?;
        let lines = call.read().line_sums();
        let known = |id: i64| match (self.reservations.get(call.id()), self.orders.get(call.id())) {
            (Some(r), _) => r
                .lines
                .iter()
                .chain(&r.charge_lines)
                .any(|line| line.id == id),
            (None, Some(order)) => order.lines.iter().any(|line| line.id == id),
            (None, None) => false,
        };
        if !lines.iter().all(|line| known(line.id)) {
            return Err(Refusal::Rule("requestProductIdNotAvailable"));
        }
        let asked = match (
            self.reservations.get_mut(call.id()),
            self.orders.get_mut(call.id()),
        ) {
            (Some(r), _) => &mut r.approval_requested,
            (None, Some(order)) => &mut order.approval_requested,
            (None, None) => return Err(Refusal::NotFound("orderNotFound")),
        };
        if std::mem::replace(asked, true) {
            return Err(Refusal::Rule("orderRefundRequestAlreadySubmitted"));
        }
        let detail = EffectDetail {
            lines,
            ..EffectDetail::amount(call.read().money("grandTotal"))
        };
        self.record(
            EffectKind::RefundApprovalRequested,
            By::Api,
            call.id(),
            detail,
        );
        Ok(answer::done(201, "requestedOrderRefundSuccessfully", false))
    }

    fn accepted(&self, message: &str, reference: &str) -> Reply {
        match self.switches.uuid_in_answer {
            UuidInAnswer::Present => {
                answer::data(202, message, &json!({ "uuid": reference }), &self.switches)
            }
            UuidInAnswer::Null => answer::data(
                202,
                message,
                &json!({ "uuid": Value::Null }),
                &self.switches,
            ),
            UuidInAnswer::NoData => answer::done(202, message, false),
        }
    }

    /// `additionalText` as details will show it.
    fn shown(&self, text: Option<&str>) -> Option<String> {
        match (text, self.switches.marker) {
            (Some(text), Marker::Echoed) => Some(text.to_owned()),
            (Some(text), Marker::Truncated(length)) => Some(
                text.chars()
                    .take(usize::try_from(length).unwrap_or(usize::MAX))
                    .collect(),
            ),
            (_, Marker::Dropped) | (None, _) => None,
        }
    }

    /// Captures these lines for the API or the portal; the answer is the reference.
    pub(crate) fn take(
        &mut self,
        uuid: &str,
        lines: &[LineSum],
        text: Option<&str>,
        by: By,
    ) -> Result<String, Refusal> {
        let (now, reference, shown) = (self.now, self.uuid("CAP"), self.shown(text));
        let r = self
            .reservations
            .get_mut(uuid)
            .ok_or(Refusal::NotFound("reservationNotFound"))?;
        r.may_capture(lines, now, &self.switches)
            .map_err(Refusal::Rule)?;
        let amount: Money = lines.iter().map(|line| line.amount).sum();
        for line in &mut r.lines {
            line.captured += lines
                .iter()
                .filter(|asked| asked.id == line.id)
                .map(|asked| asked.amount)
                .sum();
        }
        r.rows.push(Row {
            source: RefundSource::Captured,
            reference: reference.clone(),
            at: now,
            amount,
            lines: lines.to_vec(),
            text: shown,
        });
        r.status = r.status_after(RefundSource::Captured, &self.switches);
        let account = r.account;
        let detail = detail(&reference, amount, lines.to_vec(), text);
        self.record(EffectKind::Captured, by, uuid, detail);
        self.add_money_history(
            account,
            &reference,
            "amount-captured-from-reservation",
            amount,
            by,
            None,
        );
        match self.switches.release {
            Release::Immediately => self.release(uuid),
            Release::AfterDays(days) => {
                self.timers.add(
                    now + TimeDelta::days(days.into()),
                    Timer::Release(uuid.to_owned()),
                );
            }
            Release::Never => {}
        }
        self.announce(uuid, "CAPTURED", amount);
        Ok(reference)
    }

    /// Charges the card for these lines, for the API or the portal; the answer is the reference.
    pub(crate) fn debit(
        &mut self,
        uuid: &str,
        lines: Vec<NewLine>,
        text: Option<&str>,
        by: By,
    ) -> Result<String, Refusal> {
        let (now, reference, shown) = (self.now, self.uuid("CHA"), self.shown(text));
        let amount: Money = lines.iter().map(|line| line.amount).sum();
        let r = self
            .reservations
            .get(uuid)
            .ok_or(Refusal::NotFound("reservationNotFound"))?;
        if r.reserved_at.is_none() {
            return Err(Refusal::NotFound("paymentCardNotFound"));
        }
        r.may_charge(amount, now, &self.switches)
            .map_err(Refusal::Rule)?;
        let lines = self.charge_lines(lines);
        let sums: Vec<LineSum> = lines.iter().map(|line| line.sum(line.new.amount)).collect();
        let r = self
            .reservations
            .get_mut(uuid)
            .ok_or(Refusal::NotFound("reservationNotFound"))?;
        r.charge_lines.extend(lines);
        r.rows.push(Row {
            source: RefundSource::Charged,
            reference: reference.clone(),
            at: now,
            amount,
            lines: sums.clone(),
            text: shown,
        });
        if !matches!(
            r.status,
            ProviderStatus::Completed | ProviderStatus::Cancelled
        ) {
            r.status = r.status_after(RefundSource::Charged, &self.switches);
        }
        let (account, email) = (r.account, r.payer("email"));
        self.record(
            EffectKind::Charged,
            by,
            uuid,
            detail(&reference, amount, sums, text),
        );
        self.add_money_history(
            account,
            &reference,
            "amount-charged-from-card",
            amount,
            by,
            Some(email),
        );
        self.announce(uuid, "CHARGED", amount);
        Ok(reference)
    }

    /// The new products of a charge, each under a numeric id of its own.
    fn charge_lines(&mut self, lines: Vec<NewLine>) -> Vec<Line> {
        let line = |new| Line {
            id: self.product(),
            new,
            reserved: Money::ZERO,
            captured: Money::ZERO,
        };
        lines.into_iter().map(line).collect()
    }

    fn add_money_history(
        &mut self,
        account: usize,
        reference: &str,
        title: &str,
        amount: Money,
        by: By,
        receipt: Option<String>,
    ) {
        // The row carries the reference of the capture or charge, not the reservation's.
        self.add_history(account, reference, title, |row| {
            row.sent_to = receipt.map(Into::into);
            row.action_by = actor(by);
            row.note = Some(reference.to_owned());
            row.is_refundable = Some(true);
            row.amount = Some(amount);
        });
    }

    /// Accepts a refund for the API or the portal; the money is paid out at once or later.
    pub(crate) fn give_back(
        &mut self,
        uuid: &str,
        wanted: RefundRequest,
        by: By,
    ) -> Result<(), Refusal> {
        let now = self.now;
        let missing = if self.switches.plain_reference_key {
            "orderNotFound"
        } else {
            "refundRejectionForTransactionNotFound"
        };
        let account = self.reservations.get(uuid).map(|r| r.account);
        let account = account.ok_or(Refusal::NotFound("orderNotFound"))?;
        let limited = self.switches.refund_weekly_limit.is_some();
        let of_account = self
            .reservations
            .values()
            .filter(|r| limited && r.account == account);
        let week: Money = of_account.map(|r| r.refunded_in_week(now)).sum();
        let r = self
            .reservations
            .get_mut(uuid)
            .ok_or(Refusal::NotFound("orderNotFound"))?;
        let row = r
            .rows
            .iter()
            .find(|row| row.reference == wanted.reference && row.source == wanted.source);
        let row = row.ok_or(Refusal::NotFound(missing))?;
        r.may_refund(row, &wanted.lines, week, &self.switches)
            .map_err(Refusal::Rule)?;
        let amount: Money = wanted.lines.iter().map(|line| line.amount).sum();
        let detail = detail(&wanted.reference, amount, wanted.lines.clone(), None);
        let place = r.refunds.len();
        r.refunds.push(Refund {
            accepted_at: now,
            paid_out_at: None,
            source: wanted.source,
            reference: wanted.reference,
            amount,
            lines: wanted.lines,
        });
        self.record(EffectKind::RefundAccepted, by, uuid, detail);
        match self.switches.refund_payout {
            RefundPayout::Immediately => self.pay_out(uuid, place),
            RefundPayout::AfterSeconds(seconds) => {
                let at = now + TimeDelta::seconds(seconds.into());
                self.timers
                    .add(at, Timer::RefundPayout(uuid.to_owned(), place));
            }
        }
        Ok(())
    }

    /// Pays out an accepted refund.
    pub(super) fn pay_out(&mut self, uuid: &str, place: usize) {
        let now = self.now;
        let Some(r) = self.reservations.get_mut(uuid) else {
            return;
        };
        let Some(refund) = r
            .refunds
            .get_mut(place)
            .filter(|refund| refund.paid_out_at.is_none())
        else {
            return;
        };
        refund.paid_out_at = Some(now);
        let title = match refund.source {
            RefundSource::Captured => "refund-sent-from-captured",
            RefundSource::Charged => "refund-sent-from-charged",
        };
        let amount = refund.amount;
        let detail = detail(&refund.reference, amount, refund.lines.clone(), None);
        r.status = r.status_after_refund(&self.switches);
        let account = r.account;
        self.record(EffectKind::Refunded, By::Time, uuid, detail);
        self.add_history(account, uuid, title, |row| {
            row.sent_to = Some("".into());
            row.amount = Some(amount);
        });
    }
}

fn detail(reference: &str, amount: Money, lines: Vec<LineSum>, text: Option<&str>) -> EffectDetail {
    EffectDetail {
        provider_reference: Some(reference.to_owned()),
        amount,
        lines,
        text: text.map(str::to_owned),
    }
}

/// What a total that is not its lines' does is not documented; here it is refused, so that it never hides.
fn adds_up(call: &Call, lines: Money) -> Result<(), Refusal> {
    let total = call.read().money("grandTotal");
    let sentence = match () {
        () if lines != total => "The grand total does not match the products.",
        () if total.is_zero() => "The grand total must be greater than 0.",
        () => return Ok(()),
    };
    Err(Refusal::Payload(vec![sentence.to_owned()]))
}
