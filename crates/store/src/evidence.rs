//! What speaks for or against an effect besides the details of its reservation: a merchant's view of the provider,
//! and whose each capture and charge is.

use std::collections::BTreeSet;

use domain::reservation::RowKind;
use domain::resolve::Evidence;
use domain::{MerchantId, ProviderReference, Reservation, ReservationId};

use crate::db::{execute, fetch_optional, millis};
use crate::row::Place;
use crate::{Store, StoreError, Tx};

#[derive(sqlx::FromRow)]
struct EvidenceRow {
    marker_echo: String,
    shown_until: Option<i64>,
    faulted_at: Option<i64>,
}

#[derive(sqlx::FromRow)]
struct OwnerRow {
    reservation_id: String,
}

const OWNER: &str =
    "SELECT reservation_id FROM money_references WHERE merchant = $1 AND reference = $2";

impl Tx {
    /// What is known of a merchant's view of the provider.
    ///
    /// # Errors
    /// When the database fails or the row cannot be read.
    pub async fn evidence(&mut self, merchant: &MerchantId) -> Result<Evidence, StoreError> {
        let sql = "SELECT marker_echo, shown_until, faulted_at FROM evidence WHERE merchant = $1";
        let Some(row) = fetch_optional!(self, EvidenceRow, sql, merchant.as_str())? else {
            return Ok(Evidence::default());
        };
        let place = Place {
            table: "evidence",
            row: merchant.as_str(),
        };
        Ok(Evidence {
            marker_echo: place.parse("marker_echo", &row.marker_echo)?,
            shown_until: place.time_optional("shown_until", row.shown_until)?,
            faulted_at: place.time_optional("faulted_at", row.faulted_at)?,
        })
    }

    /// Keeps what was learnt beyond what was `known`. What is the same in both is left as it is by now, and times
    /// never move back: others learn at the same time.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn save_evidence(
        &mut self,
        merchant: &MerchantId,
        known: &Evidence,
        learnt: &Evidence,
    ) -> Result<(), StoreError> {
        if learnt == known {
            return Ok(());
        }
        execute!(
            self,
            "INSERT INTO evidence (merchant, marker_echo, shown_until, faulted_at) VALUES ($1, $2, $3, $4)
             ON CONFLICT (merchant) DO UPDATE SET
                marker_echo = CASE WHEN $5 THEN excluded.marker_echo ELSE evidence.marker_echo END,
                shown_until = CASE WHEN evidence.shown_until >= excluded.shown_until OR excluded.shown_until IS NULL
                    THEN evidence.shown_until ELSE excluded.shown_until END,
                faulted_at = CASE WHEN evidence.faulted_at >= excluded.faulted_at OR excluded.faulted_at IS NULL
                    THEN evidence.faulted_at ELSE excluded.faulted_at END",
            merchant.as_str(),
            learnt.marker_echo.as_str(),
            learnt.shown_until.map(millis),
            learnt.faulted_at.map(millis),
            learnt.marker_echo != known.marker_echo,
        )?;
        Ok(())
    }

    /// The reservation in whose ledger a capture or charge of this merchant stands.
    ///
    /// # Errors
    /// When the database fails or the row cannot be read.
    pub async fn reference_owner(
        &mut self,
        merchant: &MerchantId,
        reference: &str,
    ) -> Result<Option<ReservationId>, StoreError> {
        let row = fetch_optional!(self, OwnerRow, OWNER, merchant.as_str(), reference)?;
        owner(row, reference)
    }

    /// Notes whose the captures and charges are that came to a ledger since it held those of `before`. One that
    /// stands in another ledger already stays there.
    pub(crate) async fn index_references(
        &mut self,
        r: &Reservation,
        before: &BTreeSet<ProviderReference>,
    ) -> Result<(), StoreError> {
        for reference in references(r).difference(before) {
            execute!(
                self,
                "INSERT INTO money_references (merchant, reference, reservation_id) VALUES ($1, $2, $3)
                 ON CONFLICT (merchant, reference) DO NOTHING",
                r.merchant.as_str(),
                reference.as_str(),
                r.id.as_str(),
            )?;
        }
        Ok(())
    }
}

impl Store {
    /// The reservation in whose ledger a capture or charge of this merchant stands.
    ///
    /// # Errors
    /// When the database fails or the row cannot be read.
    pub async fn reference_owner(
        &self,
        merchant: &MerchantId,
        reference: &str,
    ) -> Result<Option<ReservationId>, StoreError> {
        let mut reader = self.reader().await?;
        let row = fetch_optional!(reader, OwnerRow, OWNER, merchant.as_str(), reference)?;
        owner(row, reference)
    }
}

fn owner(row: Option<OwnerRow>, reference: &str) -> Result<Option<ReservationId>, StoreError> {
    let place = Place {
        table: "money_references",
        row: reference,
    };
    Ok(row
        .map(|row| place.parse("reservation_id", &row.reservation_id))
        .transpose()?)
}

/// The provider's ids of the captures and charges in a ledger.
pub(crate) fn references(r: &Reservation) -> BTreeSet<ProviderReference> {
    let named = r.ledger.iter().filter(|row| row.kind != RowKind::Refund);
    named.filter_map(|row| row.reference.clone()).collect()
}
