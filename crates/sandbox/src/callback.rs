//! Callbacks: what the provider tells the merchant's URL, and what goes wrong with it.

use std::collections::BTreeMap;

use api_client::callback::sign;
use chrono::{DateTime, TimeDelta, Utc};
use domain::{Entropy as _, Money};
use secrecy::SecretString;
use serde::Serialize;
use url::{Url, form_urlencoded};

use crate::fault::CallbackWhat;
use crate::switches::{
    CallbackAmount, CallbackOrder, CallbackStatus, Checksum, QueryJoin, Switches,
};
use crate::world::World;

/// A callback to be sent: one GET.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CallbackDelivery {
    /// The whole URL, query included.
    pub url: String,
    /// Not to be sent before.
    pub not_before: DateTime<Utc>,
}

/// A callback that was made, sent or not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CallbackRecord {
    /// The reservation or order.
    pub uuid: String,
    /// The status it tells, in the provider's word.
    pub status: String,
    /// The whole URL, query included.
    pub url: String,
    /// When it is due, by the world's own clock.
    pub due: DateTime<Utc>,
    /// What is wrong with it; nothing with most.
    pub fault: Option<CallbackWhat>,
}

/// Callbacks that wait, and a list of all that ever were.
#[derive(Default)]
pub(crate) struct Outbox {
    waiting: BTreeMap<(DateTime<Utc>, usize), String>,
    made: Vec<CallbackRecord>,
}

impl Outbox {
    pub(crate) fn next(&self) -> Option<DateTime<Utc>> {
        self.waiting.first_key_value().map(|((at, _), _)| *at)
    }

    pub(crate) fn due(&mut self, now: DateTime<Utc>) -> Vec<CallbackDelivery> {
        let mut due = Vec::new();
        while let Some(entry) = self
            .waiting
            .first_entry()
            .filter(|entry| entry.key().0 <= now)
        {
            let ((not_before, _), url) = entry.remove_entry();
            due.push(CallbackDelivery { url, not_before });
        }
        due
    }

    fn add(&mut self, record: CallbackRecord) {
        if record.fault != Some(CallbackWhat::Lost) {
            self.waiting
                .insert((record.due, self.made.len()), record.url.clone());
        }
        self.made.push(record);
    }
}

/// What a callback tells.
struct Told {
    uuid: String,
    status: String,
    method: String,
    amount: String,
    created_at: String,
    timestamp: String,
}

impl World {
    /// Every callback that was made, in order, the lost ones included.
    #[must_use]
    pub fn callbacks(&self) -> &[CallbackRecord] {
        &self.outbox.made
    }

    /// Tells the merchant's URL of a status, if there is one. `delta` is what was just moved.
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
        let mut told = Told {
            uuid: uuid.to_owned(),
            status: word(status, self.switches.callback_status).to_owned(),
            method: method.clone(),
            amount: amount.strip_suffix(".00").unwrap_or(&amount).to_owned(),
            created_at: created_at.timestamp().to_string(),
            timestamp: self.now.timestamp().to_string(),
        };
        let fault = self.faults.strike_callback(&self.dice);
        self.post(&base, &told, fault, false);
        match fault {
            Some(CallbackWhat::Duplicate) => self.post(&base, &told, fault, false),
            Some(CallbackWhat::Forged) => {
                told.amount = "1".to_owned();
                self.post(&base, &told, fault, true);
            }
            _ => {}
        }
    }

    fn post(&mut self, base: &str, told: &Told, fault: Option<CallbackWhat>, forged: bool) {
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
        let url = url_of(base, told, &self.switches, secret);
        let due = self.now + late;
        let (uuid, status) = (told.uuid.clone(), told.status.clone());
        self.outbox.add(CallbackRecord {
            uuid,
            status,
            url,
            due,
            fault,
        });
    }
}

const fn word(status: &str, switch: CallbackStatus) -> &str {
    match (status.as_bytes(), switch) {
        (_, CallbackStatus::Success) => "success",
        (b"RESERVED", CallbackStatus::Resevred) => "RESEVRED",
        _ => status,
    }
}

fn url_of(base: &str, told: &Told, s: &Switches, secret: &SecretString) -> String {
    let (uuid, status) = (
        ("orderUuid", told.uuid.as_str()),
        ("status", told.status.as_str()),
    );
    let (method, amount) = (
        ("paymentMethod", told.method.as_str()),
        ("amount", told.amount.as_str()),
    );
    let (created, sent) = (
        ("createdAt", told.created_at.as_str()),
        ("timestamp", told.timestamp.as_str()),
    );
    let own = match s.callback_order {
        CallbackOrder::Example => [uuid, status, method, amount, created, sent],
        CallbackOrder::Table => [uuid, status, created, method, amount, sent],
    };
    let theirs: Vec<(String, String)> = Url::parse(base)
        .map(|url| url.query_pairs().into_owned().collect())
        .unwrap_or_default();
    let mut hashed: Vec<(&str, &str)> = Vec::new();
    if s.checksum == Checksum::F3 {
        hashed.extend(
            theirs
                .iter()
                .map(|(name, value)| (name.as_str(), value.as_str())),
        );
    }
    hashed.extend(own);
    let checksum = sign(s.checksum.formula(), &hashed, secret);
    let query = form_urlencoded::Serializer::new(String::new())
        .extend_pairs(own)
        .append_pair("checksum", &checksum)
        .finish();
    let join = match (base.contains('?'), s.query_join) {
        (true, QueryJoin::Ampersand) => '&',
        _ => '?',
    };
    format!("{base}{join}{query}")
}
