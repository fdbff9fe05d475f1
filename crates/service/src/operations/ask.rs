//! Asking for an operation of the provider: the same one, asked for twice while the first is open, is one intent.

use domain::reservation::{Operation, Refusal};

use super::error::OperationError;
use super::locked::{Acted, Locked};

/// Plans `decided`, or answers with the open intent that does the same already. `repeats` says of an open operation
/// whether it does what is asked for, where the open one leaves too little for a second.
pub(super) async fn ask(
    mut locked: Locked<'_>,
    decided: Result<Operation, Refusal>,
    repeats: impl Fn(&Operation) -> bool,
) -> Result<Acted, OperationError> {
    let r = &locked.stored.reservation;
    let open = r.equivalent_open_intent(&decided, repeats);
    let intent = match open.map(|open| open.id.clone()) {
        Some(open) => open,
        None => locked.plan(decided?).await?,
    };
    let job = locked.tx.job_of_intent(&intent).await?;
    locked.commit(job).await
}
