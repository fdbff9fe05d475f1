//! Callbacks: what the provider tells the merchant's URL, and what goes wrong with it.

use std::collections::BTreeMap;

use api_client::callback::sign;
use chrono::{DateTime, Utc};
use secrecy::SecretString;
use serde::Serialize;
use url::{Url, form_urlencoded};

use crate::fault::CallbackWhat;
use crate::switches::{CallbackOrder, CallbackStatus, Checksum, QueryJoin, Switches};

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

    pub(crate) fn made(&self) -> &[CallbackRecord] {
        &self.made
    }

    pub(crate) fn add(&mut self, record: CallbackRecord) {
        if record.fault != Some(CallbackWhat::Lost) {
            self.waiting
                .insert((record.due, self.made.len()), record.url.clone());
        }
        self.made.push(record);
    }
}

/// The parameters of a callback, as they go into its query.
pub(crate) struct CallbackPayload {
    pub(crate) uuid: String,
    pub(crate) status: String,
    pub(crate) method: String,
    pub(crate) amount: String,
    pub(crate) created_at: String,
    pub(crate) timestamp: String,
}

impl CallbackPayload {
    /// The URL to call: these parameters and their checksum after `base`, in the order that the switches ask for.
    pub(crate) fn url(&self, base: &str, s: &Switches, secret: &SecretString) -> String {
        let (uuid, status) = (
            ("orderUuid", self.uuid.as_str()),
            ("status", self.status.as_str()),
        );
        let (method, amount) = (
            ("paymentMethod", self.method.as_str()),
            ("amount", self.amount.as_str()),
        );
        let (created, sent) = (
            ("createdAt", self.created_at.as_str()),
            ("timestamp", self.timestamp.as_str()),
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
}

/// The provider's status as a callback says it, by the switch.
pub(crate) const fn status_word(status: &str, switch: CallbackStatus) -> &str {
    match (status.as_bytes(), switch) {
        (_, CallbackStatus::Success) => "success",
        (b"RESERVED", CallbackStatus::Resevred) => "RESEVRED",
        _ => status,
    }
}
