//! A simple, honest provider: it knows what really happened, and shows it late, not at all, or wrongly.

use chrono::{DateTime, DurationRound as _, TimeDelta, Utc};
use domain::history::{Event, HistoryRow};
use domain::observe::{SeenProduct, SeenRow, SeenStatus, Snapshot};
use domain::outcome::RefusedBy;
use domain::reservation::{Intent, Operation, RowKind};
use domain::{IntentId, Money, ProviderReference, ProviderReservationId, Reservation};
use testkit::named;

/// The hold can be captured for exactly so long.
const WINDOW: TimeDelta = TimeDelta::days(7);

/// How the provider refuses.
pub(crate) type Refused = (RefusedBy, &'static str);

const RUNWAY: Refused = (
    RefusedBy::Business,
    "requestedcaptureamountexceedavailablecapturerunway",
);
const ALREADY: Refused = (RefusedBy::Business, "reservationstatusalreadycompleted");
const PREREQUISITE: Refused = (
    RefusedBy::Business,
    "prerequisitefailedtocompletereservation",
);

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Provider {
    pub(crate) uuid: Option<ProviderReservationId>,
    pub(crate) status: SeenStatus,
    pub(crate) paid_at: Option<DateTime<Utc>>,
    due: DateTime<Utc>,
    lines: Vec<(String, Money, Money)>,
    pub(crate) captures: Vec<SeenRow>,
    pub(crate) charges: Vec<SeenRow>,
    /// Which intents had an effect, in order; `None` for somebody in the portal.
    pub(crate) effects: Vec<IntentId>,
    /// Requests that were taken and are carried out later.
    pending: Vec<(DateTime<Utc>, Intent)>,
    /// What could be read from when on.
    past: Vec<(DateTime<Utc>, Snapshot)>,
    /// The history, with when each row came about.
    history: Vec<(DateTime<Utc>, HistoryRow)>,
    /// When reminders really went out.
    pub(crate) reminded: Vec<DateTime<Utc>>,
    /// Do details show the texts of captures and charges?
    pub(crate) echoes: bool,
    numbers: u32,
}

impl Provider {
    pub(crate) fn new(r: &Reservation) -> Self {
        let lines = r
            .lines
            .iter()
            .map(|line| (line.name.clone(), line.amount, Money::ZERO));
        Self {
            uuid: None,
            status: SeenStatus::Unpaid,
            paid_at: None,
            due: r.payment_link_due,
            lines: lines.collect(),
            captures: Vec::new(),
            charges: Vec::new(),
            effects: Vec::new(),
            pending: Vec::new(),
            past: Vec::new(),
            history: Vec::new(),
            reminded: Vec::new(),
            echoes: true,
            numbers: 0,
        }
    }

    pub(crate) fn total(&self) -> Money {
        self.lines.iter().map(|(_, amount, _)| *amount).sum()
    }

    /// When the next request that was put off is carried out.
    pub(crate) fn next_pending(&self) -> Option<DateTime<Utc>> {
        self.pending.iter().map(|(at, _)| *at).min()
    }

    pub(crate) fn is_pending(&self, id: &IntentId) -> bool {
        self.pending.iter().any(|(_, intent)| intent.id == *id)
    }

    /// Carries out what was put off until now, and lets lapse what lapses.
    pub(crate) fn advance(&mut self, now: DateTime<Utc>) {
        let (due, rest) = std::mem::take(&mut self.pending)
            .into_iter()
            .partition(|(at, _)| *at <= now);
        self.pending = rest;
        let due: Vec<(DateTime<Utc>, Intent)> = due;
        for (at, intent) in due {
            drop(self.execute(&intent, at));
        }
        let lapsed = match (&self.status, self.paid_at) {
            (SeenStatus::Unpaid, _) => self.uuid.is_some() && now >= self.due + TimeDelta::hours(1),
            (SeenStatus::Paid, Some(at)) => {
                now >= at + WINDOW && self.captures.is_empty() && self.charges.is_empty()
            }
            _ => false,
        };
        if lapsed {
            self.status = SeenStatus::Expired;
            self.note(now);
        }
    }

    pub(crate) fn put_off(&mut self, until: DateTime<Utc>, intent: &Intent) {
        self.pending.push((until, intent.clone()));
    }

    /// Carries out an operation, or says why not. The reference is that of the row it made.
    pub(crate) fn execute(
        &mut self,
        intent: &Intent,
        now: DateTime<Utc>,
    ) -> Result<Option<ProviderReference>, Refused> {
        let text = intent
            .marker
            .of_attempt(intent.attempts().max(1))
            .to_string();
        let made = match &intent.operation {
            Operation::Submit => {
                self.uuid = Some(named("RES4161996022"));
                None
            }
            Operation::Capture { lines, .. } => {
                let parts: Vec<_> = lines.iter().map(|part| (part.line, part.amount)).collect();
                Some(self.capture(&parts, Some(text), now)?)
            }
            Operation::Charge { .. } => {
                Some(self.charge(intent.operation.amount(), Some(text), now)?)
            }
            Operation::Refund { reference, .. } => {
                self.refund(reference, intent.operation.amount(), now)?;
                None
            }
            Operation::Cancel { .. } => {
                self.cancel(now)?;
                None
            }
            Operation::Complete { .. } => {
                self.complete(now)?;
                None
            }
            Operation::Resend { slot, .. } if self.status == SeenStatus::Unpaid => {
                self.reminded.extend(slot.map(|_| now));
                self.tell(Event::LinkSent, self.uuid.clone(), None, now);
                None
            }
            Operation::Resend { .. } => return Err(ALREADY),
        };
        self.effects.push(intent.id.clone());
        self.note(now);
        Ok(made)
    }

    pub(crate) fn pay(&mut self, now: DateTime<Utc>) {
        if self.uuid.is_some() && self.status == SeenStatus::Unpaid {
            (self.status, self.paid_at) = (SeenStatus::Paid, Some(now));
            self.note(now);
        }
    }

    pub(crate) fn capture(
        &mut self,
        parts: &[(u32, Money)],
        text: Option<String>,
        now: DateTime<Utc>,
    ) -> Result<ProviderReference, Refused> {
        let Some(paid_at) = self.paid_at else {
            return Err(RUNWAY);
        };
        if now >= paid_at + WINDOW {
            return Err((RefusedBy::Business, "paymentcapturedeadlineexceed"));
        }
        if self.status != SeenStatus::Paid {
            return Err(ALREADY);
        }
        let mut lines = self.lines.clone();
        for (line, amount) in parts {
            let (_, whole, taken) = &mut lines[*line as usize - 1];
            *taken += *amount;
            if *taken > *whole {
                return Err(RUNWAY);
            }
        }
        self.lines = lines;
        let amount = parts.iter().map(|(_, amount)| *amount).sum();
        let row = self.row("CAP", amount, text, now);
        self.captures.push(row.clone());
        self.tell(Event::Captured, row.reference.clone(), Some(amount), now);
        self.note(now);
        Ok(row.reference.expect("a name"))
    }

    pub(crate) fn charge(
        &mut self,
        amount: Money,
        text: Option<String>,
        now: DateTime<Utc>,
    ) -> Result<ProviderReference, Refused> {
        let Some(paid_at) = self.paid_at else {
            return Err((RefusedBy::CardNotFound, "paymentcardnotfound"));
        };
        if now >= paid_at + TimeDelta::days(90) || self.status == SeenStatus::Cancelled {
            return Err((RefusedBy::Business, "paymentchargedeadlineexceed"));
        }
        let row = self.row("CHA", amount, text, now);
        self.charges.push(row.clone());
        self.tell(Event::Charged, row.reference.clone(), Some(amount), now);
        self.note(now);
        Ok(row.reference.expect("a name"))
    }

    pub(crate) fn refund(
        &mut self,
        reference: &ProviderReference,
        amount: Money,
        now: DateTime<Utc>,
    ) -> Result<(), Refused> {
        let mut rows = self.captures.iter_mut().chain(&mut self.charges);
        let row = rows.find(|row| row.reference.as_ref() == Some(reference));
        let row = row.ok_or((RefusedBy::Business, "refundrejectionfortransactionnotfound"))?;
        let refunded = row.refunded.unwrap_or_default() + amount;
        if refunded > row.amount {
            return Err((RefusedBy::Business, "refundrejectionforproductamountexceed"));
        }
        row.refunded = Some(refunded);
        let event = if reference.as_str().starts_with("CHA") {
            Event::ChargeRefunded
        } else {
            Event::CaptureRefunded
        };
        self.tell(event, self.uuid.clone(), Some(amount), now);
        self.note(now);
        Ok(())
    }

    pub(crate) fn cancel(&mut self, now: DateTime<Utc>) -> Result<(), Refused> {
        let open = matches!(self.status, SeenStatus::Unpaid | SeenStatus::Paid);
        if !open || !self.captures.is_empty() || !self.charges.is_empty() {
            return Err(ALREADY);
        }
        self.status = SeenStatus::Cancelled;
        self.tell(Event::Cancelled, self.uuid.clone(), None, now);
        self.note(now);
        Ok(())
    }

    pub(crate) fn complete(&mut self, now: DateTime<Utc>) -> Result<(), Refused> {
        let taken = !self.captures.is_empty() || !self.charges.is_empty();
        if self.status != SeenStatus::Paid || !taken {
            return Err(PREREQUISITE);
        }
        self.status = SeenStatus::Completed;
        self.tell(Event::Completed, self.uuid.clone(), None, now);
        self.note(now);
        Ok(())
    }

    fn row(
        &mut self,
        prefix: &str,
        amount: Money,
        text: Option<String>,
        now: DateTime<Utc>,
    ) -> SeenRow {
        self.numbers += 1;
        let reference = Some(named(&format!("{prefix}{}", self.numbers)));
        let text = text.filter(|_| self.echoes);
        SeenRow {
            reference,
            amount,
            at: Some(now),
            text,
            refunded: Some(Money::ZERO),
        }
    }

    /// The amounts of all rows of a kind.
    pub(crate) fn taken(&self, kind: RowKind) -> Money {
        let rows = self.captures.iter().chain(&self.charges);
        match kind {
            RowKind::Capture => self.captures.iter().map(|row| row.amount).sum(),
            RowKind::Charge => self.charges.iter().map(|row| row.amount).sum(),
            RowKind::Refund => rows.filter_map(|row| row.refunded).sum(),
        }
    }

    /// The reference of the row that carries an intent's marker.
    pub(crate) fn reference_of(&self, intent: &Intent) -> Option<ProviderReference> {
        let mut rows = self.captures.iter().chain(&self.charges);
        let mine = |row: &&SeenRow| intent.marker.is_in(row.text.as_deref().unwrap_or_default());
        rows.find(mine).and_then(|row| row.reference.clone())
    }

    pub(crate) fn snapshot(&self) -> Snapshot {
        let refunded = |rows: &[SeenRow]| rows.iter().filter_map(|row| row.refunded).sum();
        let products = (101..)
            .zip(&self.lines)
            .map(|(id, (name, amount, captured))| SeenProduct {
                id,
                name: Some(name.clone()),
                product_id: None,
                amount: Some(*amount),
                captured: Some(*captured),
            });
        Snapshot {
            word: format!("{:?}", self.status),
            status: self.status.clone(),
            reserved_at: self.paid_at,
            reserved: if self.paid_at.is_some() {
                self.total()
            } else {
                Money::ZERO
            },
            captured: self.taken(RowKind::Capture),
            charged: self.taken(RowKind::Charge),
            refunded_captured: refunded(&self.captures),
            refunded_charged: refunded(&self.charges),
            products: products.collect(),
            captures: self.captures.clone(),
            charges: self.charges.clone(),
            refunds: Vec::new(),
        }
    }

    /// What could be read at an earlier time.
    pub(crate) fn snapshot_at(&self, at: DateTime<Utc>) -> Snapshot {
        let known = self.past.iter().rev().find(|(since, _)| *since <= at);
        known
            .or(self.past.first())
            .map_or_else(|| self.snapshot(), |(_, seen)| seen.clone())
    }

    /// The rows of the history between two times, as they could be read at `seen`.
    pub(crate) fn history(
        &self,
        (from, to): (DateTime<Utc>, DateTime<Utc>),
        seen: DateTime<Utc>,
    ) -> Vec<HistoryRow> {
        let shown = self
            .history
            .iter()
            .filter(|(at, _)| *at <= seen && (from..=to).contains(at));
        shown.map(|(_, row)| row.clone()).collect()
    }

    /// Adds a row to the history, whose times are to the minute.
    fn tell(
        &mut self,
        event: Event,
        uuid: Option<impl Into<String>>,
        amount: Option<Money>,
        now: DateTime<Utc>,
    ) {
        let at = now.duration_trunc(TimeDelta::minutes(1)).ok();
        self.history.push((
            now,
            HistoryRow {
                event,
                uuid: uuid.map(Into::into),
                at,
                until: at,
                amount,
                note: None,
            },
        ));
    }

    /// When it last changed.
    pub(crate) fn changed_at(&self) -> Option<DateTime<Utc>> {
        self.past.last().map(|(at, _)| *at)
    }

    fn note(&mut self, now: DateTime<Utc>) {
        self.past.push((now, self.snapshot()));
    }
}
