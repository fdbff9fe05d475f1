//! Whether what is asked for is under way already, so that a request made twice is one intent.

use super::{Intent, Operation, Refusal, Reservation};
use crate::code::ErrorCode;

impl Reservation {
    /// The open intent that does already what is asked for; `None` when there is none.
    ///
    /// `decided` is what the request came to. Where an open capture or refund leaves too little for a second one, that
    /// one is the answer. `repeats` tells of an open operation whether it does what the request names, for a request
    /// whose fields do not fit any more.
    #[must_use]
    pub fn equivalent_open_intent(
        &self,
        decided: &Result<Operation, Refusal>,
        repeats: impl Fn(&Operation) -> bool,
    ) -> Option<&Intent> {
        let newest = |is_same: &dyn Fn(&Operation) -> bool| {
            self.open_intents()
                .filter(|open| is_same(&open.operation))
                .last()
        };
        match decided {
            Ok(operation) => self
                .open_intents()
                .find(|open| open.operation == *operation),
            Err(Refusal::Fields(_)) => newest(&repeats),
            Err(Refusal::State { code, .. }) => match code {
                ErrorCode::NothingCapturable => {
                    newest(&|open| matches!(open, Operation::Capture { .. }))
                }
                ErrorCode::NothingRefundable => {
                    newest(&|open| matches!(open, Operation::Refund { .. }))
                }
                _ => None,
            },
        }
    }
}
