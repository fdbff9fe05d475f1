//! What a read of the provider's details means: every effect seen is attributed, and silence is counted.

mod refunds;
mod rows;
mod search;
mod silence;
mod snapshot;
mod submits;
mod unmarked;

use chrono::{DateTime, TimeDelta, Utc};

pub use search::search;
pub use snapshot::{SeenProduct, SeenRefund, SeenRow, SeenStatus, Snapshot};
pub use submits::{Submitted, duplicates, submitted};

use crate::case::Case;
use crate::id::IntentId;
use crate::late_delivery::ask_about_late;
use crate::merchant::Merchant;
use crate::money::Money;
use crate::reservation::{
    Closing, ExtraProduct, Fact, Hold, Intent, IntentState, Line, Link, Operation, Origin,
    ProviderFact, Reservation, ReviewFact, ReviewReason, RowKind, SeenLine,
};
use crate::resolve::{Evidence, INCOHERENT_READS};

/// A read of details, with what else is known.
#[derive(Clone, Copy, Debug)]
pub struct Reading<'a> {
    /// The details.
    pub seen: &'a Snapshot,
    /// The version of the reservation when the read began.
    pub since: i64,
    /// What is known of the merchant's view.
    pub evidence: &'a Evidence,
}

/// The facts that a read of details makes.
#[must_use]
pub fn observe(case: Case<'_>, reading: Reading<'_>) -> Vec<Fact> {
    let Case {
        reservation: r,
        merchant,
        now,
    } = case;
    let Reading {
        seen,
        since,
        evidence,
    } = reading;
    let coherent = seen.is_coherent_with(r);
    let read = Fact::Provider(ProviderFact::DetailsRead {
        at: now,
        status: Some(seen.word.clone()),
        coherent,
        since,
    });
    let traced = Vec::new();
    let mut observer = Observer {
        r,
        seen,
        since,
        evidence,
        merchant,
        now,
        facts: vec![read],
        traced,
    };
    if coherent {
        observer.products();
        observer.hold();
        observer.rows(RowKind::Capture);
        observer.rows(RowKind::Charge);
        observer.refunds();
        observer.status();
    } else if r.control.incoherent_reads + 1 >= INCOHERENT_READS {
        // Money given back that stays gone is a truth of its own, and not a view that lags.
        let vanished = seen.takes_back_a_refund(r);
        observer.ask(
            if vanished {
                ReviewReason::LateEffect
            } else {
                ReviewReason::Incoherent
            },
            true,
        );
    }
    if coherent {
        observer.unshown();
    }
    observer.silence(coherent);
    observer.facts
}

/// How far the provider's clock and zone can be from ours at most.
const ANY_CLOCK: TimeDelta = TimeDelta::days(1);

/// Is this product this line, by product id, name and amount? `None` when what is shown does not tell.
fn is_line(product: &SeenProduct, line: &Line) -> Option<bool> {
    let id = product.product_id.as_deref().filter(|id| !id.is_empty());
    let name = product.name.as_ref().map(|name| *name == line.name);
    let amount = product.amount.map(|amount| amount == line.amount);
    match (id == line.product_id.as_deref(), name, amount) {
        (false, _, _) | (_, Some(false), _) | (_, _, Some(false)) => Some(false),
        (true, Some(true), Some(true)) => Some(true),
        (true, _, _) => None,
    }
}

/// What is not shown of a line is as it was.
fn seen_line(line: &Line, product: &SeenProduct) -> SeenLine {
    SeenLine {
        line: line.line,
        provider_id: product.id,
        captured: product.captured.unwrap_or(line.captured_seen),
    }
}

struct Observer<'a> {
    r: &'a Reservation,
    seen: &'a Snapshot,
    since: i64,
    evidence: &'a Evidence,
    merchant: &'a Merchant,
    now: DateTime<Utc>,
    facts: Vec<Fact>,
    /// Intents of which this read shows a sign that resolves nothing yet.
    traced: Vec<IntentId>,
}

impl Observer<'_> {
    const fn case(&self) -> Case<'_> {
        Case::new(self.r, self.merchant, self.now)
    }

    /// Puts something up for review, unless it is already.
    fn ask(&mut self, reason: ReviewReason, freezes: bool) {
        let mut reviews = self.r.control.reviews.iter();
        if !reviews.any(|item| item.reason == reason && (item.freezes || !freezes)) {
            self.facts.push(Fact::Review(ReviewFact::Raised {
                reason,
                freezes,
                at: self.now,
            }));
        }
    }

    /// Matches our lines with the provider's products: by number once learnt, else by product id, name and
    /// amount, each product once. A product of which not all of these are shown is matched by the rest, when there is
    /// only one line that it can be.
    fn products(&mut self) {
        let mut left: Vec<_> = self.seen.products.iter().collect();
        let mut lines = Vec::new();
        let mut unmatched = Vec::new();
        for line in &self.r.lines {
            let found = left.iter().position(|product| match line.provider_id {
                Some(id) => product.id == id,
                None => is_line(product, line) == Some(true),
            });
            match found {
                Some(index) => lines.push(seen_line(line, left.remove(index))),
                None if line.provider_id.is_none() => unmatched.push(line),
                None => {}
            }
        }
        for line in &unmatched {
            let mut can_be = (0..left.len()).filter(|i| is_line(left[*i], line) != Some(false));
            let (Some(index), None) = (can_be.next(), can_be.next()) else {
                continue;
            };
            let fits = |other: &&&Line| is_line(left[index], other) != Some(false);
            if unmatched.iter().filter(fits).count() == 1 {
                lines.push(seen_line(line, left.remove(index)));
            }
        }
        lines.sort_by_key(|seen| seen.line);
        let extra = left.into_iter().map(|product| ExtraProduct {
            id: product.id,
            name: product.name.clone().unwrap_or_default(),
            product_id: product.product_id.clone(),
        });
        let seen = Fact::Provider(ProviderFact::LinesSynced {
            lines,
            extra: extra.collect(),
        });
        let changed = match &seen {
            Fact::Provider(ProviderFact::LinesSynced { lines, extra }) => {
                *extra != self.r.provider.extra_products
                    || lines.iter().any(|seen| {
                        self.r.line(seen.line).is_none_or(|line| {
                            line.provider_id != Some(seen.provider_id)
                                || line.captured_seen != seen.captured
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
            // Nor can the payer have paid before there was a link, whatever the clocks say.
            let shown = self.seen.reserved_at;
            let shown = shown.filter(|at| *at >= earliest - ANY_CLOCK);
            let at = shown.unwrap_or(earliest).min(self.now);
            self.facts.push(Fact::Provider(ProviderFact::HoldPlaced {
                at,
                amount: self.seen.reserved,
            }));
        }
    }

    fn status(&mut self) {
        match &self.seen.status {
            SeenStatus::Cancelled => self.closed(Closing::Cancelled),
            SeenStatus::Completed => self.closed(Closing::Completed),
            SeenStatus::Expired => self.expired(),
            // A person is told of the word, and nothing waits for that.
            SeenStatus::Other(_) => {
                self.ask(ReviewReason::Incoherent, false);
                self.window_over();
            }
            SeenStatus::Unpaid => {}
            SeenStatus::Paid => self.window_over(),
        }
    }

    fn closed(&mut self, how: Closing) {
        let same = |intent: &&Intent| match how {
            Closing::Cancelled => matches!(intent.operation, Operation::Cancel { .. }),
            Closing::Completed => matches!(intent.operation, Operation::Complete { .. }),
        };
        let mut sent = self
            .r
            .intents
            .iter()
            .filter(same)
            .filter(|intent| intent.was_sent());
        // One that was in doubt and then given up has had its effect after all.
        let late = sent.clone().any(|intent| intent.last_unknown_at.is_some());
        match sent.find(|intent| intent.is_open()) {
            Some(intent) => self.confirm(intent, None, Money::ZERO, self.now),
            None if !self.r.is_open() => return,
            None => {
                self.facts.push(Fact::Provider(ProviderFact::Closed {
                    how,
                    at: self.now,
                    origin: if late {
                        Origin::Holdfast
                    } else {
                        Origin::External
                    },
                }));
                if late {
                    self.ask(ReviewReason::LateEffect, true);
                } else {
                    self.left_over();
                }
            }
        }
        self.explained();
    }

    fn expired(&mut self) {
        match self.r.hold {
            Hold::None
                if self.seen.reserved.is_zero() && !matches!(self.r.link, Link::Expired { .. }) =>
            {
                self.facts
                    .push(Fact::Provider(ProviderFact::LinkExpired { at: self.now }));
                self.explained();
            }
            Hold::Reserved { .. } => {
                self.lapsed();
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
            .reviews
            .iter()
            .any(|item| item.reason == ReviewReason::ProviderRefused)
        {
            self.facts.push(Fact::Review(ReviewFact::Closed {
                reason: ReviewReason::ProviderRefused,
            }));
        }
    }

    /// The provider may leave a lapsed hold as it was; the window tells.
    fn window_over(&mut self) {
        let Some(by) = self.r.capture_by(self.merchant) else {
            return;
        };
        let idle = !self
            .r
            .open_intents()
            .any(|intent| intent.operation.is_exclusive());
        if matches!(self.r.hold, Hold::Reserved { .. })
            && self.now >= by
            && self.seen.captured.is_zero()
            && idle
        {
            self.lapsed();
        }
    }

    /// What was to be captured and has not been does not lapse without a word.
    fn lapsed(&mut self) {
        self.facts
            .push(Fact::Provider(ProviderFact::HoldLapsed { at: self.now }));
        let too_late = |intent: &Intent| {
            matches!(intent.operation, Operation::Capture { .. })
                && !matches!(
                    intent.progress,
                    IntentState::Accepted { .. } | IntentState::NeedsReview(_)
                )
        };
        if self.r.open_intents().any(too_late) {
            self.ask(ReviewReason::DeadlinePassed, false);
        } else {
            self.left_over();
        }
    }

    /// What was delivered and can no longer be captured is asked about, unless it has been.
    fn left_over(&mut self) {
        if self.r.delivered() > self.seen.captured && !self.r.is_asked_about() {
            self.facts.extend(ask_about_late(self.r, self.now));
        }
    }
}
