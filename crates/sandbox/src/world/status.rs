//! Cancel, complete and resend (F2.6, F2.7, F2.8), and what ends a hold.

use api_client::wire::ProviderStatus;
use chrono::TimeDelta;

use super::call::Call;
use super::timers::Timer;
use super::{EffectDetail, World, actor};
use crate::answer::{self, Refusal};
use crate::effect::{By, EffectKind};
use crate::reply::Reply;
use crate::validate;

/// How long a link lives that a resend has revived.
const REVIVED: TimeDelta = TimeDelta::days(7);

impl World {
    pub(super) fn cancel(&mut self, call: &Call) -> Result<Reply, Refusal> {
        self.screen(call, "orderNotFound", &validate::note())?;
        self.withdraw(call.id(), call.read().text("note").as_deref(), By::Api)?;
        Ok(answer::done(202, "cancelledOrderSuccessfully", false))
    }

    pub(super) fn complete(&mut self, call: &Call) -> Result<Reply, Refusal> {
        self.screen(call, "reservationNotFound", &validate::note())?;
        self.close(call.id(), call.read().text("note").as_deref(), By::Api)?;
        Ok(answer::done(202, "reservationCompletedSuccessfully", false))
    }

    pub(super) fn resend(&mut self, call: &Call) -> Result<Reply, Refusal> {
        self.screen(call, "orderNotFound", &validate::resend())?;
        let (now, revives) = (self.now, self.switches.resend_revives);
        let r = self
            .reservations
            .get_mut(call.id())
            .ok_or(Refusal::NotFound("orderNotFound"))?;
        r.may_resend().map_err(Refusal::Rule)?;
        let uuid = r.uuid.clone();
        if revives && r.status == ProviderStatus::Expired && r.reserved_at.is_none() {
            r.status = ProviderStatus::Sent;
            r.due = now + REVIVED;
            self.timers.add(
                now + REVIVED + TimeDelta::milliseconds(1),
                Timer::LinkDue(uuid.clone()),
            );
        }
        let read = call.read();
        let phone = read
            .text("msisdn")
            .map(|number| read.text("countryCode").unwrap_or_default() + &number);
        for address in read.text("email").into_iter().chain(phone) {
            self.send_link(call.account, &uuid, &address);
        }
        Ok(answer::done(202, "resentOrderSuccessfully", true))
    }

    /// Cancels for the API or the portal; what is held goes back.
    pub(crate) fn withdraw(
        &mut self,
        uuid: &str,
        note: Option<&str>,
        by: By,
    ) -> Result<(), Refusal> {
        let r = self
            .reservations
            .get_mut(uuid)
            .ok_or(Refusal::NotFound("orderNotFound"))?;
        r.may_cancel(&self.switches).map_err(Refusal::Rule)?;
        r.status = ProviderStatus::Cancelled;
        let account = r.account;
        self.record(EffectKind::Cancelled, by, uuid, EffectDetail::text(note));
        self.add_history(account, uuid, "reservation-cancelled", |row| {
            row.action_by = actor(by);
            row.note = note.map(str::to_owned);
        });
        self.release(uuid);
        Ok(())
    }

    /// Completes for the API or the portal; what is not captured goes back.
    pub(crate) fn close(&mut self, uuid: &str, note: Option<&str>, by: By) -> Result<(), Refusal> {
        let r = self
            .reservations
            .get_mut(uuid)
            .ok_or(Refusal::NotFound("reservationNotFound"))?;
        r.may_complete(&self.switches).map_err(Refusal::Rule)?;
        r.status = ProviderStatus::Completed;
        let account = r.account;
        self.record(EffectKind::Completed, by, uuid, EffectDetail::text(note));
        self.add_history(account, uuid, "reservation-completed", |row| {
            row.action_by = actor(by);
            row.note = note.map(str::to_owned);
        });
        self.release(uuid);
        Ok(())
    }

    /// Gives back what is held and not captured, if anything is.
    pub(super) fn release(&mut self, uuid: &str) {
        let now = self.now;
        let Some(r) = self.reservations.get_mut(uuid) else {
            return;
        };
        let rest = r.runway();
        if r.reserved_at.is_none() || r.released_at.is_some() {
            return;
        }
        r.released_at = Some(now);
        if !rest.is_zero() {
            self.record(
                EffectKind::Released,
                By::Time,
                uuid,
                EffectDetail::amount(rest),
            );
        }
    }
}
