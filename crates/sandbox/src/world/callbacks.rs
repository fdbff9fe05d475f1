//! Announcing a change of status: which callbacks are made, when they are due, and what faults do to them.

use chrono::TimeDelta;
use domain::{Entropy as _, Money};
use secrecy::SecretString;

use super::World;
use crate::callback::{CallbackPayload, CallbackRecord, status_word};
use crate::fault::CallbackWhat;
use crate::switches::CallbackAmount;

impl World {
    /// Every callback that was made, in order, the lost ones included.
    #[must_use]
    pub fn callbacks(&self) -> &[CallbackRecord] {
        self.outbox.made()
    }

    /// Announces a status to the merchant's callback URL; does nothing when the reservation or order named none.
    /// `delta` is the amount that the announced event moved.
    pub(crate) fn announce(&mut self, uuid: &str, status: &str, delta: Money) {
        let (created_at, method, total, urls) =
            match (self.reservations.get(uuid), self.orders.get(uuid)) {
                (Some(r), _) => (r.created_at, &r.method, r.total, &r.callbacks),
                (None, Some(order)) => (
                    order.created_at,
                    &order.method,
                    order.total,
                    &order.callbacks,
                ),
                (None, None) => return,
            };
        let Some(base) = urls.callback_url.clone() else {
            return;
        };
        let amount = if self.switches.callback_amount == CallbackAmount::Delta {
            delta
        } else {
            total
        };
        let amount = amount.to_string();
        let mut payload = CallbackPayload {
            uuid: uuid.to_owned(),
            status: status_word(status, self.switches.callback_status).to_owned(),
            method: method.clone(),
            amount: amount.strip_suffix(".00").unwrap_or(&amount).to_owned(),
            created_at: created_at.timestamp().to_string(),
            timestamp: self.now.timestamp().to_string(),
        };
        let fault = self.faults.strike_callback(&self.dice);
        self.post(&base, &payload, fault, false);
        match fault {
            Some(CallbackWhat::Duplicate) => self.post(&base, &payload, fault, false),
            Some(CallbackWhat::Forged) => {
                payload.amount = "1".to_owned();
                self.post(&base, &payload, fault, true);
            }
            _ => {}
        }
    }

    fn post(
        &mut self,
        base: &str,
        payload: &CallbackPayload,
        fault: Option<CallbackWhat>,
        forged: bool,
    ) {
        let late = match fault {
            Some(CallbackWhat::Late(seconds)) => TimeDelta::seconds(seconds.into()),
            _ => TimeDelta::zero(),
        };
        // Whoever forges does not know the secret.
        let guess = SecretString::from(format!("{:016x}", self.dice.next_u64()));
        let wrong = forged || fault == Some(CallbackWhat::WrongChecksum);
        let secret = if wrong {
            &guess
        } else {
            &self.options().callback_secret
        };
        let url = payload.url(base, &self.switches, secret);
        let due = self.now + late;
        let (uuid, status) = (payload.uuid.clone(), payload.status.clone());
        self.outbox.add(CallbackRecord {
            uuid,
            status,
            url,
            due,
            fault,
        });
    }
}
