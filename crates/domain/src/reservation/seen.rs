//! Folding in what answers, reads and callbacks tell of the provider's side.

use chrono::{DateTime, Utc};

use super::{
    Closing, Closure, ExtraProduct, Hold, IllegalTransition, LastCallback, Link, Met, ProviderFact,
    Reservation, ReviewReason, SeenLine,
};
use crate::reference::ProviderReservationId;

impl Reservation {
    pub(super) fn apply_provider(&mut self, fact: &ProviderFact) -> Result<(), IllegalTransition> {
        match fact {
            ProviderFact::DetailsRead {
                at,
                status,
                coherent,
                since,
            } => {
                self.provider.status.clone_from(status);
                self.details_read(*at, *coherent, *since);
            }
            ProviderFact::RefreshRequested => self.want_read(),
            ProviderFact::CallbackReceived { event_type, at } => {
                self.provider.last_callback = Some(LastCallback {
                    event_type: event_type.clone(),
                    at: *at,
                });
                self.want_read();
            }
            ProviderFact::LinesSynced { lines, extra } => self.lines_synced(lines, extra),
            ProviderFact::HoldPlaced { .. } | ProviderFact::HoldLapsed { .. } => {
                self.hold = next_hold(self.hold, fact)?;
            }
            ProviderFact::LinkExpired { at } => self.link = Link::Expired { at: *at },
            ProviderFact::CaptureWindowClosed { at } => {
                let closed = self.provider.capture_closed_at;
                self.provider.capture_closed_at = Some(closed.map_or(*at, |known| known.min(*at)));
            }
            ProviderFact::RowPosted { row } => self.post_row(row.clone()),
            ProviderFact::RowConfirmed {
                reference,
                amount,
                intent,
            } => self.confirm_row(reference, *amount, intent.as_ref()),
            ProviderFact::RefundSeen {
                reference,
                refunded,
            } => self.see_refund(reference, *refunded),
            ProviderFact::DuplicateSeen { seen } => {
                self.forget_duplicate(&seen.reservation_uuid);
                self.provider.duplicates.push(seen.clone());
            }
            ProviderFact::DuplicatesSearched { up_to, missed, at } => {
                self.duplicates_searched(up_to.as_ref(), *missed, *at);
            }
            ProviderFact::Closed { how, at, .. } => {
                self.closure = match how {
                    Closing::Completed => Closure::Completed { at: *at },
                    Closing::Cancelled => Closure::Cancelled { at: *at },
                }
            }
        }
        Ok(())
    }

    /// A read that begins with the version to come, or later, will do.
    const fn want_read(&mut self) {
        self.provider.refresh_requested = Some(self.version + 1);
    }

    fn details_read(&mut self, at: DateTime<Utc>, coherent: bool, since: i64) {
        let provider = &mut self.provider;
        provider.reads += 1;
        provider.tried_at = Some(at);
        if coherent {
            provider.read_at = Some(at);
            provider.refresh_requested =
                provider.refresh_requested.filter(|wanted| *wanted > since);
            self.control.incoherent_reads = 0;
        } else {
            self.control.incoherent_reads += 1;
        }
    }

    fn lines_synced(&mut self, lines: &[SeenLine], extra: &[ExtraProduct]) {
        for seen in lines {
            if let Some(line) = self.lines.iter_mut().find(|line| line.line == seen.line) {
                line.provider_id = Some(seen.provider_id);
                line.captured_seen = seen.captured;
            }
        }
        self.provider.extra_products = extra.to_vec();
    }

    /// The provider's id of the reservation is known now.
    pub(super) fn named(&mut self, reservation_uuid: &ProviderReservationId, at: DateTime<Utc>) {
        self.forget_duplicate(reservation_uuid);
        let suggested = self.provider.suggested_uuid.as_ref();
        // A callback on this reservation's own path spoke of another one, or a search found several.
        let other = suggested.is_some_and(|suggested| suggested != reservation_uuid);
        // A callback that overtook the answer has shown that there is something to read.
        if suggested.is_some() {
            self.want_read();
        }
        if other || !self.provider.duplicates.is_empty() {
            self.raise(ReviewReason::EffectDiffers, true, at);
        }
        self.provider.reservation_uuid = Some(reservation_uuid.clone());
    }

    fn forget_duplicate(&mut self, reservation_uuid: &ProviderReservationId) {
        let duplicates = &mut self.provider.duplicates;
        duplicates.retain(|known| known.reservation_uuid != *reservation_uuid);
    }

    fn duplicates_searched(
        &mut self,
        up_to: Option<&ProviderReservationId>,
        missed: bool,
        at: DateTime<Utc>,
    ) {
        let provider = &mut self.provider;
        let search = &mut provider.duplicate_search;
        search.at = Some(at);
        search.up_to = up_to.cloned();
        search.missed |= missed;
        if up_to.is_none() {
            // What was missed is looked for again, and what came before it with it.
            if !search.missed {
                search.until = Some(at);
            }
            search.missed = false;
        }
        // What a callback named has been read with the rest.
        if provider.suggested_uuid != provider.reservation_uuid {
            provider.suggested_uuid = None;
        }
    }
}

/// A hold is placed once, may be seen again with another amount while it stands, and lapses once.
fn next_hold(hold: Hold, fact: &ProviderFact) -> Result<Hold, IllegalTransition> {
    match (hold, fact) {
        (Hold::None | Hold::Reserved { .. }, ProviderFact::HoldPlaced { at, amount }) => {
            Ok(Hold::Reserved {
                at: *at,
                amount: *amount,
            })
        }
        (Hold::Reserved { at, amount }, ProviderFact::HoldLapsed { .. }) => {
            Ok(Hold::Expired { at, amount })
        }
        _ => Err(IllegalTransition {
            state: Met::Hold(hold),
            fact: fact.event_type(),
        }),
    }
}
