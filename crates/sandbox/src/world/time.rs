//! What happens when it becomes time: links and holds end, rests are released, refunds are paid out, late effects strike.

use api_client::wire::ProviderStatus;
use chrono::{DateTime, TimeDelta, Utc};

use super::call::Call;
use super::timers::Timer;
use super::{EffectDetail, World};
use crate::callback::CallbackDelivery;
use crate::effect::{By, EffectKind};
use crate::model::Reservation;
use crate::switches::HoldExpiry;

impl World {
    /// Lets everything happen that is due at `now`, in order.
    pub fn advance(&mut self, now: DateTime<Utc>) {
        self.brought = self.brought.max(now);
        let until = self.now.max(
            self.brought
                .checked_add_signed(self.offset)
                .unwrap_or(self.now),
        );
        while let Some((at, timer)) = self.timers.pop(until) {
            self.now = self.now.max(at);
            self.fire(timer);
        }
        self.now = until;
    }

    /// The latest time that a call brought.
    pub(crate) const fn brought(&self) -> DateTime<Utc> {
        self.brought
    }

    /// Puts this world's clock so much ahead of the one that calls bring, and lets happen what is due then.
    pub fn skip(&mut self, by: TimeDelta) {
        self.offset = self
            .offset
            .checked_add(&by.max(TimeDelta::zero()))
            .unwrap_or(self.offset);
        self.advance(self.brought);
    }

    /// The callbacks that are due at `now`; each is given out once.
    pub fn due_callbacks(&mut self, now: DateTime<Utc>) -> Vec<CallbackDelivery> {
        self.advance(now);
        let mut due = self.outbox.due(self.now);
        for delivery in &mut due {
            delivery.not_before -= self.offset;
        }
        due
    }

    /// When the next thing happens by itself, callbacks included, by the clock that calls bring.
    #[must_use]
    pub fn next_event(&self) -> Option<DateTime<Utc>> {
        let next = [self.timers.next(), self.outbox.next()]
            .into_iter()
            .flatten()
            .min()?;
        next.checked_sub_signed(self.offset)
    }

    /// Lets a call have its effect later.
    pub(super) fn later(&mut self, seconds: u32, call: Call) {
        let at = self.now + TimeDelta::seconds(seconds.into());
        self.timers.add(at, Timer::Late(Box::new(call)));
    }

    fn fire(&mut self, timer: Timer) {
        match timer {
            Timer::LinkDue(uuid) => self.link_due(&uuid),
            Timer::HoldEnds(uuid) => self.hold_ends(&uuid),
            Timer::Release(uuid) => self.release(&uuid),
            Timer::RefundPayout(uuid, place) => self.pay_out(&uuid, place),
            Timer::OrderDue(uuid) => self.order_due(&uuid),
            Timer::Late(call) => {
                // The answer has nobody left to go to.
                self.perform(&call);
            }
        }
    }

    fn link_due(&mut self, uuid: &str) {
        // A link that was revived meanwhile has another timer.
        if self.switches.link_expiry
            && self
                .reservations
                .get(uuid)
                .is_some_and(|r| self.now > r.due)
        {
            self.end_link(uuid);
        }
    }

    /// The link is over, unless somebody has paid.
    pub(crate) fn end_link(&mut self, uuid: &str) {
        let Some(r) = self.reservations.get_mut(uuid).filter(|r| r.is_unpaid()) else {
            return;
        };
        r.status = ProviderStatus::Expired;
        let account = r.account;
        self.record(
            EffectKind::LinkExpired,
            By::Time,
            uuid,
            EffectDetail::default(),
        );
        self.add_history(account, uuid, "reservation-expired", |_| {});
    }

    /// The hold is over, or its window was made longer meanwhile and ends later.
    pub(crate) fn hold_ends(&mut self, uuid: &str) {
        let ends = self
            .reservations
            .get(uuid)
            .and_then(|r| r.hold_ends(&self.switches));
        match ends {
            Some(ends) if ends > self.now => {
                self.timers.add(ends, Timer::HoldEnds(uuid.to_owned()));
            }
            Some(_) => self.end_hold(uuid),
            None => {}
        }
    }

    /// Nothing more can be captured; what is left goes back.
    pub(crate) fn end_hold(&mut self, uuid: &str) {
        let now = self.now;
        let held = |r: &&mut Reservation| r.reserved_at.is_some() && !r.runway().is_zero();
        let Some(r) = self.reservations.get_mut(uuid).filter(held) else {
            return;
        };
        let (account, rest) = (r.account, r.runway());
        r.released_at = Some(now);
        r.hold_ended_at = Some(now);
        let expires = r.status == ProviderStatus::Reserved
            && self.switches.hold_expiry == HoldExpiry::Expires;
        if expires {
            r.status = ProviderStatus::Expired;
        }
        self.record(
            EffectKind::HoldExpired,
            By::Time,
            uuid,
            EffectDetail::amount(rest),
        );
        if expires {
            self.add_history(account, uuid, "reservation-expired", |_| {});
        }
    }
}
