//! What requests teach of a merchant's view of the provider, whatever they were sent for.

use domain::resolve::{Evidence, learnt};
use domain::{Fact, MerchantId, Reservation};
use store::{StoreError, Tx};

/// Keeps what facts about a reservation teach of its merchant's view, in their transaction and before they are folded
/// in.
pub(super) async fn learn(
    tx: &mut Tx,
    known: &Evidence,
    r: &Reservation,
    facts: &[Fact],
) -> Result<(), StoreError> {
    match learnt(known, r, facts, tx.now()) {
        Some(learnt) => tx.save_evidence(&r.merchant, known, &learnt).await,
        None => Ok(()),
    }
}

/// Keeps that a request failed on the way, or by a fault of the provider.
pub(super) async fn note_fault(tx: &mut Tx, merchant: &MerchantId) -> Result<(), StoreError> {
    let nothing = Evidence::default();
    let fault = Evidence {
        faulted_at: Some(tx.now()),
        ..nothing
    };
    tx.save_evidence(merchant, &nothing, &fault).await
}
