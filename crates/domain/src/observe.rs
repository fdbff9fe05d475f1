//! What a read of the provider's details means: every effect seen is attributed, and silence is counted.

use chrono::{DateTime, Utc};

use crate::decide::is_guarded;
use crate::marker;
use crate::merchant::Merchant;
use crate::money::Money;
use crate::reservation::{
    Closing, DeskReason, ExtraProduct, Fact, Hold, Intent, IntentState, LedgerRow, Link, Operation,
    Reservation, RowKind, SeenLine,
};
use crate::schedule::send_by;

/// Details that do not add up so many times in a row reach a person.
const INCOHERENT_READS: u32 = 3;
/// A capture that stayed absent is sent at most so many times in all.
const MAX_ATTEMPTS: u32 = 3;

/// The provider's status word, as far as decisions know it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SeenStatus {
    /// Nobody has paid.
    Unpaid,
    /// Held, captured or charged: the amounts tell which.
    Paid,
    /// Closed with money taken.
    Completed,
    /// Withdrawn.
    Cancelled,
    /// The link or the hold is over.
    Expired,
    /// A word nobody knows.
    Other(String),
}

/// A capture or charge as details show it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeenRow {
    /// The provider's reference.
    pub reference: Option<String>,
    /// How much.
    pub amount: Money,
    /// When.
    pub at: Option<DateTime<Utc>>,
    /// The text that stands with it, in which the marker is looked for.
    pub text: Option<String>,
    /// How much of it was given back; `None` when details do not say.
    pub refunded: Option<Money>,
}

/// A product as details show it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeenProduct {
    /// The provider's numeric id.
    pub id: i64,
    /// Its name.
    pub name: String,
    /// Its product id.
    pub product_id: Option<String>,
    /// Its amount.
    pub amount: Money,
    /// What is captured on it.
    pub captured: Money,
}

/// Details, in our words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// The status word as it was written.
    pub word: String,
    /// What it means.
    pub status: SeenStatus,
    /// Since when the amount is held.
    pub reserved_at: Option<DateTime<Utc>>,
    /// The held amount.
    pub reserved: Money,
    /// The sum of captures.
    pub captured: Money,
    /// The sum of charges.
    pub charged: Money,
    /// The sum given back from captures.
    pub refunded_captured: Money,
    /// The sum given back from charges.
    pub refunded_charged: Money,
    /// The products.
    pub products: Vec<SeenProduct>,
    /// The captures.
    pub captures: Vec<SeenRow>,
    /// The charges.
    pub charges: Vec<SeenRow>,
}

impl Snapshot {
    fn rows(&self, kind: RowKind) -> &[SeenRow] {
        match kind {
            RowKind::Capture => &self.captures,
            RowKind::Charge => &self.charges,
            RowKind::Refund => &[],
        }
    }

    /// Do the sums of the rows equal the aggregates, and is nothing missing that was seen before?
    #[must_use]
    pub fn is_coherent_with(&self, r: &Reservation) -> bool {
        let sum = |rows: &[SeenRow]| rows.iter().map(|row| row.amount).sum::<Money>();
        let shown = |row: &LedgerRow| {
            row.kind == RowKind::Refund
                || !row.confirmed
                || find_row(self.rows(row.kind), row.reference.as_deref()).is_some()
        };
        let products: Money = self.products.iter().map(|product| product.captured).sum();
        sum(&self.captures) == self.captured
            && sum(&self.charges) == self.charged
            && products <= self.captured + self.charged
            && self.captured <= self.reserved.max(r.reserved())
            && r.ledger.iter().all(shown)
            && (self.reserved >= r.reserved()
                || matches!(self.status, SeenStatus::Expired | SeenStatus::Cancelled))
    }
}

fn find_row<'a>(rows: &'a [SeenRow], reference: Option<&str>) -> Option<&'a SeenRow> {
    rows.iter()
        .find(|row| row.reference.is_some() && row.reference.as_deref() == reference)
}

/// The facts that a read of details makes.
#[must_use]
pub fn observe(r: &Reservation, seen: &Snapshot, merchant: &Merchant, now: DateTime<Utc>) -> Vec<Fact> {
    let coherent = seen.is_coherent_with(r);
    let read = Fact::DetailsRead {
        at: now,
        status: Some(seen.word.clone()),
        coherent,
    };
    let mut observer = Observer {
        r,
        seen,
        merchant,
        now,
        facts: vec![read],
    };
    if coherent {
        observer.products();
        observer.hold();
        observer.rows(RowKind::Capture);
        observer.rows(RowKind::Charge);
        observer.refunds();
        observer.status();
    } else if r.control.incoherent_reads + 1 >= INCOHERENT_READS {
        observer.ask(DeskReason::Incoherent, true);
    }
    observer.silence(coherent);
    observer.facts
}

struct Observer<'a> {
    r: &'a Reservation,
    seen: &'a Snapshot,
    merchant: &'a Merchant,
    now: DateTime<Utc>,
    facts: Vec<Fact>,
}

impl Observer<'_> {
    fn ask(&mut self, reason: DeskReason, freezes: bool) {
        self.facts.push(Fact::DeskRaised {
            reason,
            freezes,
            at: self.now,
        });
    }

    /// Matches our lines with the provider's products: by number once learnt, else by product id, name and
    /// amount, each product once.
    fn products(&mut self) {
        let mut left: Vec<_> = self.seen.products.iter().collect();
        let mut lines = Vec::new();
        for line in &self.r.lines {
            let found = left.iter().position(|product| match line.provider_id {
                Some(id) => product.id == id,
                None => {
                    let id = product.product_id.as_deref().filter(|id| !id.is_empty());
                    product.name == line.name
                        && product.amount == line.amount
                        && id == line.product_id.as_deref()
                }
            });
            if let Some(index) = found {
                let product = left.remove(index);
                lines.push(SeenLine {
                    line: line.line,
                    provider_id: product.id,
                    captured: product.captured,
                });
            }
        }
        let extra = left.into_iter().map(|product| ExtraProduct {
            id: product.id,
            name: product.name.clone(),
            product_id: product.product_id.clone(),
        });
        let seen = Fact::LinesSeen {
            lines,
            extra: extra.collect(),
        };
        let changed = match &seen {
            Fact::LinesSeen { lines, extra } => {
                *extra != self.r.provider.extra_products
                    || lines.iter().any(|seen| {
                        self.r.line(seen.line).is_none_or(|line| {
                            line.provider_id != Some(seen.provider_id) || line.captured_seen != seen.captured
                        })
                    })
            }
            _ => false,
        };
        if changed {
            self.facts.push(seen);
        }
    }

    fn hold(&mut self) {
        if matches!(self.r.hold, Hold::None) && !self.seen.reserved.is_zero() {
            // An unknown instant is read as the earliest it can have been, so that no window is overrated.
            let earliest = match &self.r.link {
                Link::Sent { at, .. } => *at,
                _ => self.r.created_at,
            };
            let at = self.seen.reserved_at.unwrap_or(earliest).min(self.now);
            self.facts.push(Fact::Held {
                at,
                amount: self.seen.reserved,
            });
        }
    }

    fn rows(&mut self, kind: RowKind) {
        for row in self.seen.rows(kind) {
            match self.r.money_row(row.reference.as_deref().unwrap_or_default()) {
                Some(known) => self.known_row(known, row),
                None => self.new_row(kind, row),
            }
        }
    }

    fn known_row(&mut self, known: &LedgerRow, row: &SeenRow) {
        if known.amount != row.amount {
            self.ask(DeskReason::EffectDiffers, true);
        }
        if !known.confirmed
            && let Some(reference) = &row.reference
        {
            self.facts.push(Fact::RowConfirmed {
                reference: reference.clone(),
            });
        }
    }

    /// Attributes a row that is not in the ledger: to the intent whose marker it carries, else to somebody else.
    fn new_row(&mut self, kind: RowKind, row: &SeenRow) {
        let at = row.at.unwrap_or(self.now).min(self.now);
        let text = row.text.as_deref().unwrap_or_default();
        let of_kind = |intent: &&Intent| intent.operation.row_kind() == Some(kind);
        let marked = self
            .r
            .intents
            .iter()
            .filter(of_kind)
            .find(|intent| marker::is_in(text, &intent.marker));
        let ledger_row = |intent: Option<&Intent>| LedgerRow {
            kind,
            amount: row.amount,
            lines: Vec::new(),
            reference: row.reference.clone(),
            at,
            intent: intent.map(|intent| intent.id.clone()),
            foreign: intent.is_none(),
            confirmed: true,
            refunded_seen: Money::ZERO,
        };
        let Some(intent) = marked else {
            return self.unmarked_row(kind, row, ledger_row(None));
        };
        match &intent.progress {
            IntentState::Rejected { .. } | IntentState::Withdrawn { .. } => {
                self.facts.push(Fact::LateEffect {
                    intent: intent.id.clone(),
                    row: ledger_row(Some(intent)),
                });
            }
            // The effect of one intent a second time.
            _ if !intent.is_open() || self.confirmed_now(&intent.id) => {
                self.facts.push(Fact::ForeignRow {
                    row: ledger_row(Some(intent)),
                });
                self.ask(DeskReason::EffectDiffers, true);
            }
            _ => self.confirm(intent, row.reference.clone(), row.amount, at),
        }
    }

    fn confirmed_now(&self, id: &crate::IntentId) -> bool {
        self.facts
            .iter()
            .any(|fact| matches!(fact, Fact::IntentConfirmed { intent, .. } if intent == id))
    }

    fn confirm(&mut self, intent: &Intent, reference: Option<String>, amount: Money, at: DateTime<Utc>) {
        self.facts.push(Fact::IntentConfirmed {
            intent: intent.id.clone(),
            reference,
            amount,
            at,
        });
        if amount != intent.operation.amount() {
            self.ask(DeskReason::EffectDiffers, true);
        }
    }

    /// A row without a marker of ours. Only what the provider has accepted without naming it can be ours.
    fn unmarked_row(&mut self, kind: RowKind, row: &SeenRow, foreign: LedgerRow) {
        let equal = |intent: &&Intent| {
            intent.operation.row_kind() == Some(kind)
                && intent.operation.amount() == row.amount
                && intent.is_unresolved()
        };
        let candidates: Vec<_> = self.r.open_intents().filter(equal).collect();
        match candidates.as_slice() {
            [intent] if matches!(intent.progress, IntentState::Accepted { .. }) => {
                self.confirm(intent, row.reference.clone(), row.amount, foreign.at);
            }
            // Somebody in the portal, or our marker cut off: booked so that it is never taken twice, and asked.
            [] => self.facts.push(Fact::ForeignRow { row: foreign }),
            [intent, ..] => {
                self.facts.push(Fact::ForeignRow { row: foreign });
                if matches!(intent.progress, IntentState::Unknown(_)) {
                    self.facts.push(self.to_desk(intent));
                }
            }
        }
    }

    fn to_desk(&self, intent: &Intent) -> Fact {
        let reason = match intent.operation {
            Operation::Capture { .. } => DeskReason::CaptureUnknown,
            Operation::Charge { .. } => DeskReason::ChargeUnknown,
            Operation::Refund { .. } => DeskReason::RefundUnknown,
            _ => DeskReason::OutcomeUnknown,
        };
        Fact::IntentToDesk {
            intent: intent.id.clone(),
            reason,
            at: self.now,
        }
    }

    /// Refunds have no marker: what a row has given back more than is booked is our open refund of exactly
    /// that amount, or somebody else's.
    fn refunds(&mut self) {
        for kind in [RowKind::Capture, RowKind::Charge] {
            let total = if kind == RowKind::Capture {
                self.seen.refunded_captured
            } else {
                self.seen.refunded_charged
            };
            let rows = self.seen.rows(kind);
            for row in rows {
                let Some(reference) = row.reference.as_deref() else {
                    continue;
                };
                // Older details do not say it by row; with a single row the aggregate does.
                let refunded = row.refunded.or((rows.len() == 1).then_some(total));
                if let Some(refunded) = refunded {
                    self.refund_of(reference, refunded);
                }
            }
        }
    }

    fn refund_of(&mut self, reference: &str, refunded: Money) {
        let ours =
            |row: &&LedgerRow| row.kind == RowKind::Refund && row.reference.as_deref() == Some(reference);
        let booked: Money = self.r.ledger.iter().filter(ours).map(|row| row.amount).sum();
        let rise = refunded.saturating_sub(booked);
        if !rise.is_zero() {
            let open = self.r.open_intents().find(|intent| {
                matches!(&intent.operation, Operation::Refund { reference: other, .. } if other == reference)
                    && intent.attempts > 0
            });
            match open {
                Some(intent) if intent.operation.amount() == rise => {
                    self.confirm(intent, Some(reference.to_owned()), rise, self.now);
                }
                Some(intent) if matches!(intent.progress, IntentState::Unknown(_)) => {
                    self.facts.push(self.to_desk(intent));
                }
                Some(_) => self.ask(DeskReason::EffectDiffers, true),
                None => self.facts.push(Fact::ForeignRow {
                    row: self.foreign_refund(reference, rise),
                }),
            }
        }
        if self
            .r
            .money_row(reference)
            .is_some_and(|row| row.refunded_seen != refunded)
        {
            self.facts.push(Fact::RefundSeen {
                reference: reference.to_owned(),
                refunded,
            });
        }
    }

    fn foreign_refund(&self, reference: &str, amount: Money) -> LedgerRow {
        LedgerRow {
            kind: RowKind::Refund,
            amount,
            lines: Vec::new(),
            reference: Some(reference.to_owned()),
            at: self.now,
            intent: None,
            foreign: true,
            confirmed: true,
            refunded_seen: Money::ZERO,
        }
    }

    fn status(&mut self) {
        match &self.seen.status {
            SeenStatus::Cancelled => self.closed(Closing::Cancelled),
            SeenStatus::Completed => self.closed(Closing::Completed),
            SeenStatus::Expired => self.expired(),
            SeenStatus::Other(_) => self.ask(DeskReason::Incoherent, true),
            SeenStatus::Unpaid => {}
            SeenStatus::Paid => self.window_over(),
        }
    }

    fn closed(&mut self, how: Closing) {
        let ours = self.r.open_intents().find(|intent| {
            let same = match how {
                Closing::Cancelled => matches!(intent.operation, Operation::Cancel { .. }),
                Closing::Completed => matches!(intent.operation, Operation::Complete { .. }),
            };
            same && intent.attempts > 0
        });
        match ours {
            Some(intent) => self.confirm(intent, None, Money::ZERO, self.now),
            None if self.r.is_open() => {
                self.facts.push(Fact::Closed {
                    how,
                    at: self.now,
                    foreign: true,
                });
            }
            None => return,
        }
        self.explained();
    }

    fn expired(&mut self) {
        match self.r.hold {
            Hold::None if self.seen.reserved.is_zero() && !matches!(self.r.link, Link::Expired { .. }) => {
                self.facts.push(Fact::LinkExpired { at: self.now });
                self.explained();
            }
            Hold::Reserved { .. } => {
                self.facts.push(Fact::HoldExpired { at: self.now });
                self.explained();
            }
            Hold::None | Hold::Expired { .. } => {}
        }
    }

    /// A refusal that the status explains needs no person.
    fn explained(&mut self) {
        if self
            .r
            .control
            .desk
            .iter()
            .any(|item| item.reason == DeskReason::Refused)
        {
            self.facts.push(Fact::DeskCleared {
                reason: DeskReason::Refused,
            });
        }
    }

    /// The provider may leave a lapsed hold as it was; the window tells.
    fn window_over(&mut self) {
        let Some(by) = self.r.capture_by(self.merchant) else {
            return;
        };
        let idle = self.r.open_intents().next().is_none();
        if matches!(self.r.hold, Hold::Reserved { .. })
            && self.now >= by
            && self.seen.captured.is_zero()
            && idle
        {
            self.facts.push(Fact::HoldExpired { at: self.now });
        }
    }

    /// Counts the read for every unresolved intent that it showed no trace of, and settles what silence settles.
    fn silence(&mut self, coherent: bool) {
        let waiting: Vec<_> = self
            .r
            .intents
            .iter()
            .filter(|intent| self.is_silent(intent))
            .collect();
        for intent in waiting {
            let id = intent.id.clone();
            self.facts.push(Fact::TraceMissing {
                intent: id,
                clean: coherent,
                at: self.now,
            });
            if let Some(verdict) = verdict(self.r, intent, coherent, self.merchant, self.now) {
                self.facts.push(verdict);
            }
        }
    }

    fn is_silent(&self, intent: &Intent) -> bool {
        let waits = matches!(
            intent.progress,
            IntentState::Accepted { .. } | IntentState::Unknown(_) | IntentState::Desk(_)
        );
        let told = self.facts.iter().any(|fact| {
            matches!(fact, Fact::IntentConfirmed { intent: id, .. } | Fact::IntentToDesk { intent: id, .. } if *id == intent.id)
        });
        waits && !told && intent.operation != Operation::Submit
    }
}

/// What the absence of a trace, this read included, settles about an intent; `None` while it settles nothing.
#[must_use]
pub fn verdict(
    r: &Reservation,
    intent: &Intent,
    clean: bool,
    merchant: &Merchant,
    now: DateTime<Utc>,
) -> Option<Fact> {
    let id = intent.id.clone();
    let horizon = &merchant.settle.absent_after;
    let doubt = match &intent.progress {
        IntentState::Unknown(doubt) => doubt,
        // A refund that stays pending beyond its horizon, or an accepted row that never shows.
        IntentState::Accepted { sent, .. } => {
            let late = now >= sent.at + horizon.refund.delta();
            let reason = "accepted, but not shown since".to_owned();
            return late.then_some(Fact::AttemptUnknown { intent: id, reason });
        }
        _ => return None,
    };
    let clean_reads = if clean { doubt.clean_reads + 1 } else { 0 };
    let silent_since = |span: crate::span::Span| now >= doubt.sent.at + span.delta();
    let absent = |span| clean_reads >= merchant.settle.absent_reads && silent_since(span);
    let ask = |reason| {
        Some(Fact::IntentToDesk {
            intent: id.clone(),
            reason,
            at: now,
        })
    };
    let again = || {
        Some(Fact::IntentAbsent {
            intent: id.clone(),
            at: now,
        })
    };
    match &intent.operation {
        Operation::Capture { .. } => {
            let in_time = now < send_by(r, &intent.operation, merchant);
            match (absent(horizon.capture), in_time && intent.attempts < MAX_ATTEMPTS) {
                (true, true) => again(),
                (true, false) => ask(DeskReason::CaptureUnknown),
                // A duplicate that the provider refuses may be sent before absence is proven; another may not.
                (false, _) if !in_time && !is_guarded(r, &intent.operation) => {
                    ask(DeskReason::CaptureUnknown)
                }
                (false, _) => None,
            }
        }
        Operation::Charge { .. } if silent_since(horizon.charge) => ask(DeskReason::ChargeUnknown),
        Operation::Refund { .. } if absent(horizon.refund) => ask(DeskReason::RefundUnknown),
        Operation::Cancel { .. } if absent(horizon.cancel) => again(),
        Operation::Complete { .. } if absent(horizon.complete) => again(),
        Operation::Submit if absent(horizon.submit) && intent.attempts < MAX_ATTEMPTS => again(),
        Operation::Submit if absent(horizon.submit) => ask(DeskReason::OutcomeUnknown),
        _ => None,
    }
}
