//! Asking for an operation of the provider: the same one, asked for twice while the first is open, is one intent.

use domain::reservation::{Operation, Refusal};

use super::error::OperationError;
use super::locked::{Acted, Locked};

/// Whether a request for what is under way already asks for the same once more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wish {
    /// The request carries an `Idempotency-Key` of its own: the same once more is meant, and waits for the first.
    Another,
    /// The request carries none: the same, while it is open, is taken for a repetition.
    Same,
}

/// Plans `decided`, or answers with the open intent that does the same already. `repeats` says of an open operation
/// whether it does what is asked for, where the open one leaves too little for a second.
pub(super) async fn ask(
    mut locked: Locked<'_>,
    decided: Result<Operation, Refusal>,
    wish: Wish,
    repeats: impl Fn(&Operation) -> bool,
) -> Result<Acted, OperationError> {
    let r = &locked.stored.reservation;
    let open = match wish {
        Wish::Another => None,
        Wish::Same => r.equivalent_open_intent(&decided, repeats),
    };
    let open = open.map(|open| open.id.clone());
    let is_repeated = open.is_some();
    let intent = match open {
        Some(open) => open,
        None => locked.plan(decided?).await?,
    };
    let job = locked.tx.job_of_intent(&intent).await?;
    let acted = locked.commit(job).await?;
    Ok(Acted {
        is_repeated,
        ..acted
    })
}
