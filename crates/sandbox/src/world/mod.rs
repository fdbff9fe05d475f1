//! The world: everything that the provider knows, moved by calls and by time alone.

mod api;
mod call;
mod callbacks;
mod details;
mod frozen;
mod history;
mod money;
mod orders;
mod status;
mod submit;
mod time;
mod timers;

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use api_client::wire::{HistoryRow, Personal};
use chrono::{DateTime, TimeDelta, Utc};
use domain::{Entropy as _, Money, SeededEntropy};
use secrecy::SecretString;
use serde::Serialize;

use crate::callback::Outbox;
use crate::effect::{By, Effect, EffectKind, LineSum};
use crate::fault::Faults;
use crate::model::{Order, Reservation};
use crate::route::Operation;
use crate::switches::Switches;
use frozen::Frozen;
use timers::Timers;

/// What a [`World`] is made of; the same options and calls give the same bytes.
#[derive(Clone)]
pub struct Options {
    /// The seed of every random number: uuids, fault rates, forged secrets.
    pub seed: u64,
    /// The readings of the provider's pages.
    pub switches: Switches,
    /// The bearer tokens, one per merchant account; empty takes any token, all of one account.
    pub tokens: Vec<String>,
    /// What the checksums of callbacks are made with.
    pub callback_secret: SecretString,
    /// Requests per account and minute; 0 is no limit.
    pub limit_per_minute: u32,
    /// Where payers find this look-alike, without a slash at the end. Empty: the address that the server listens on.
    pub public_url: String,
    /// How long the server waits before each answer of the API.
    pub latency: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            seed: 1,
            switches: Switches::default(),
            tokens: Vec::new(),
            callback_secret: "sandbox-secret".into(),
            limit_per_minute: 240,
            public_url: String::new(),
            latency: Duration::ZERO,
        }
    }
}

/// Counters of the requests since the world was made or reset.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Requests {
    /// Requests below the API's base path, unknown paths and throttled ones included.
    pub total: u64,
    /// Those answered 429 because the account's minute was used up; a 429 made by a fault does not count.
    pub throttled: u64,
    /// The same by call; requests to unknown paths and with wrong verbs are left out.
    pub operations: BTreeMap<Operation, u64>,
}

/// A reservation as admin routes list it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ReservationView {
    /// The reservation's uuid, `RES` and ten digits.
    pub uuid: String,
    /// The booking's own `referenceNo`, if the submit carried one.
    pub reference: Option<String>,
    /// The provider's status word.
    pub status: String,
    /// The sum of the lines as submitted.
    pub total: Money,
    /// What was held when the payer paid; it does not shrink by captures.
    pub reserved: Money,
    /// The sum of the captures.
    pub captured: Money,
    /// The sum of the charges.
    pub charged: Money,
    /// The sum of the refunds that are paid out.
    pub refunded: Money,
    /// The page where the payer pays.
    pub payment_url: String,
}

/// A minute of requests of one account.
#[derive(Clone, Copy, Default)]
struct Window {
    began: Option<DateTime<Utc>>,
    used: u32,
}

/// An event of the history, as it is kept.
struct Event {
    at: DateTime<Utc>,
    account: usize,
    row: HistoryRow,
}

/// The state machine. It does no input or output, and has no clock of its own. What happened is kept until
/// [`reset`](World::reset): the ledger is the truth that tests judge by.
pub struct World {
    options: Options,
    pub(crate) switches: Switches,
    pub(crate) faults: Faults,
    pub(crate) outbox: Outbox,
    pub(crate) reservations: HashMap<String, Reservation>,
    pub(crate) orders: HashMap<String, Order>,
    /// Uuids of reservations, in the order of their making.
    made: Vec<String>,
    /// The latest reservation or order of each `referenceNo`.
    by_reference: HashMap<String, String>,
    /// The customer's uuid by account and e-mail address.
    customers: HashMap<(usize, String), String>,
    /// The latest reservation or order of each customer.
    by_customer: HashMap<String, String>,
    frozen: HashMap<String, Frozen>,
    history: Vec<Event>,
    effects: Vec<Effect>,
    timers: Timers,
    windows: HashMap<usize, Window>,
    requests: Requests,
    pub(crate) dice: SeededEntropy,
    next_product: i64,
    /// How far this world is ahead of the clock that calls bring.
    offset: TimeDelta,
    /// The latest time that a call brought.
    brought: DateTime<Utc>,
    /// The time of this world; it never goes back.
    pub(crate) now: DateTime<Utc>,
}

impl World {
    /// A world in which nothing has happened.
    #[must_use]
    pub fn new(options: Options) -> Self {
        Self {
            switches: options.switches.clone(),
            dice: SeededEntropy::new(options.seed),
            options,
            faults: Faults::default(),
            outbox: Outbox::default(),
            reservations: HashMap::new(),
            orders: HashMap::new(),
            made: Vec::new(),
            by_reference: HashMap::new(),
            customers: HashMap::new(),
            by_customer: HashMap::new(),
            frozen: HashMap::new(),
            history: Vec::new(),
            effects: Vec::new(),
            timers: Timers::default(),
            windows: HashMap::new(),
            requests: Requests::default(),
            next_product: 510,
            offset: TimeDelta::zero(),
            brought: DateTime::UNIX_EPOCH,
            now: DateTime::UNIX_EPOCH,
        }
    }

    /// Everything that took place, in order.
    #[must_use]
    pub fn ledger(&self) -> &[Effect] {
        &self.effects
    }

    /// How many requests came.
    #[must_use]
    pub const fn requests(&self) -> &Requests {
        &self.requests
    }

    /// The faults that wait; add to them, or clear them.
    pub const fn faults(&mut self) -> &mut Faults {
        &mut self.faults
    }

    /// The switches, as they stand.
    #[must_use]
    pub const fn switches(&self) -> &Switches {
        &self.switches
    }

    /// Turns switches; what happened before stays as it is.
    pub fn set_switches(&mut self, switches: Switches) {
        self.switches = switches;
    }

    /// How this world began.
    #[must_use]
    pub const fn options(&self) -> &Options {
        &self.options
    }

    /// Where payers find this look-alike, when the options do not say.
    pub(crate) fn be_found_at(&mut self, url: &str) {
        if self.options.public_url.is_empty() {
            url.clone_into(&mut self.options.public_url);
        }
    }

    /// Forgets everything and begins again, at the same time of day.
    pub fn reset(&mut self) {
        let (offset, brought, now) = (self.offset, self.brought, self.now);
        *self = Self::new(self.options.clone());
        (self.offset, self.brought, self.now) = (offset, brought, now);
    }

    /// Every reservation, in the order of their making.
    #[must_use]
    pub fn reservations(&self) -> Vec<ReservationView> {
        self.made
            .iter()
            .filter_map(|uuid| self.reservations.get(uuid))
            .map(|r| self.view(r))
            .collect()
    }

    fn view(&self, r: &Reservation) -> ReservationView {
        use api_client::wire::RefundSource::{Captured, Charged};
        ReservationView {
            uuid: r.uuid.clone(),
            reference: r.reference.clone(),
            status: r.status.as_str().to_owned(),
            total: r.total,
            reserved: r.reserved(),
            captured: r.taken(Captured),
            charged: r.taken(Charged),
            refunded: r.refunded(Captured) + r.refunded(Charged),
            payment_url: self.pay_url(&r.uuid),
        }
    }

    /// The uuid that a uuid or a `referenceNo` means.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<String> {
        let known = self.reservations.contains_key(name) || self.orders.contains_key(name);
        if known {
            Some(name.to_owned())
        } else {
            self.by_reference.get(name).cloned()
        }
    }

    pub(crate) fn pay_url(&self, uuid: &str) -> String {
        format!("{}/pay/{uuid}", self.options.public_url)
    }

    /// `prefix` and ten digits that nothing else has.
    fn uuid(&self, prefix: &str) -> String {
        let mut number = 1_000_000_000 + self.dice.up_to(8_999_999_999);
        loop {
            let uuid = format!("{prefix}{number}");
            if !self.reservations.contains_key(&uuid) && !self.orders.contains_key(&uuid) {
                return uuid;
            }
            number += 1;
        }
    }

    fn product(&mut self) -> i64 {
        self.next_product += 1;
        self.next_product
    }

    /// Adds to the ledger what took place now.
    pub(crate) fn record(&mut self, kind: EffectKind, by: By, uuid: &str, detail: EffectDetail) {
        let reference = match self.reservations.get(uuid) {
            Some(r) => r.reference.clone(),
            None => self
                .orders
                .get(uuid)
                .and_then(|order| order.reference.clone()),
        };
        let frozen = self
            .frozen
            .get(uuid)
            .filter(|frozen| frozen.shows(self.now));
        let shown_at = frozen.map_or(Some(self.now), Frozen::ends);
        self.effects.push(Effect {
            seq: u64::try_from(self.effects.len())
                .unwrap_or(u64::MAX)
                .saturating_add(1),
            at: self.now,
            shown_at,
            kind,
            reservation_uuid: uuid.to_owned(),
            reference,
            provider_reference: detail.provider_reference,
            amount: detail.amount,
            lines: detail.lines,
            text: detail.text,
            by,
        });
    }

    /// Adds an event, as it happens now, to the history (F2.10); `fill` sets the fields that its kind has.
    pub(crate) fn add_history(
        &mut self,
        account: usize,
        uuid: &str,
        title: &str,
        fill: impl FnOnce(&mut HistoryRow),
    ) {
        let mut row = HistoryRow {
            uuid: Some(uuid.to_owned()),
            title: Some(title.to_owned()),
            datetime: None,
            sent_to: None,
            action_by: None,
            note: None,
            payment_method: None,
            is_refundable: Some(false),
            amount: None,
        };
        fill(&mut row);
        self.history.push(Event {
            at: self.now,
            account,
            row,
        });
    }
}

/// The parts of an [`Effect`] that differ from kind to kind; what a kind has not stays empty.
#[derive(Default)]
pub(crate) struct EffectDetail {
    pub(crate) provider_reference: Option<String>,
    pub(crate) amount: Money,
    pub(crate) lines: Vec<LineSum>,
    pub(crate) text: Option<String>,
}

impl EffectDetail {
    pub(crate) fn amount(amount: Money) -> Self {
        Self {
            amount,
            ..Self::default()
        }
    }

    pub(crate) fn text(text: Option<&str>) -> Self {
        Self {
            text: text.map(str::to_owned),
            ..Self::default()
        }
    }
}

/// The name that history shows for whoever acts.
pub(crate) fn actor(by: By) -> Option<Personal> {
    match by {
        By::Portal => Some("Ola Portal".into()),
        By::Api => Some("API".into()),
        By::Payer | By::Time => None,
    }
}
