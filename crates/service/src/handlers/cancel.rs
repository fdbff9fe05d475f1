//! `cancel`: releases the hold or withdraws the link.

use api_client::Answer;

use super::{Sent, plainly, told};

pub(super) fn sent(answer: Answer<()>) -> Sent {
    told(answer, plainly)
}
