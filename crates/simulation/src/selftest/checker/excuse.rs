//! What excuses a difference or an open operation: its own review or pause, by name.

use super::OperationHistory;
use super::snapshot::{ApiSnapshot, Review};

/// Reviews that say that nothing the provider shows of a reservation can be relied on.
const UNREADABLE: [&str; 2] = ["incoherent", "missing_at_provider"];

/// What a difference is about, and with it whose review excuses it.
#[derive(Clone, Debug)]
pub(super) enum About<'b> {
    /// What one of these operations did, or would have done.
    Operations(Vec<&'b OperationHistory>),
    /// Another reservation at the provider that carries our reference.
    Duplicate(&'b str),
    /// The reservation, and no operation of ours.
    Reservation,
    /// Nothing that anybody could be asked about.
    Nothing,
}

/// The open review that asks about this operation.
pub(super) fn own_review<'b>(
    book: &'b ApiSnapshot,
    operation: &OperationHistory,
) -> Option<&'b Review> {
    book.reviews
        .iter()
        .find(|review| review.intent.as_deref() == Some(&operation.id))
}

/// The open review that asks what became of the request of this operation: raised for it, and for no other reason.
pub(super) fn question_of<'b>(
    book: &'b ApiSnapshot,
    operation: &OperationHistory,
) -> Option<&'b Review> {
    own_review(book, operation).filter(|review| Some(&review.reason) == operation.asked.as_ref())
}

/// What excuses that an operation has not ended. One of which something is out is excused by its own review alone; the
/// others wait too while the reservation is paused or frozen, and while a person is asked about one before them.
pub(super) fn of_open(book: &ApiSnapshot, operation: &OperationHistory) -> Option<String> {
    if let Some(review) = own_review(book, operation) {
        return Some(format!("{} of the operation", review.reason));
    }
    if operation.is_out() {
        return None;
    }
    if book.control == "paused" {
        return Some("the reservation is paused".to_owned());
    }
    if let Some(review) = book.reviews.iter().find(|review| review.freezes) {
        return Some(format!("{}, which freezes", review.reason));
    }
    let mut others = book.operations.iter().filter(|other| other.is_in_doubt());
    others
        .find_map(|other| question_of(book, other))
        .map(|review| format!("{} of an operation before it", review.reason))
}

/// What excuses a difference.
pub(super) fn of_difference(book: &ApiSnapshot, about: &About<'_>) -> Option<String> {
    let open = |reason: &str| book.reviews.iter().any(|review| review.reason == reason);
    let unreadable = || {
        let mut reasons = UNREADABLE.into_iter();
        reasons
            .find(|reason| open(reason))
            .map(|reason| format!("{reason} of the reservation"))
    };
    match about {
        About::Operations(operations) => operations
            .iter()
            .find_map(|operation| own_review(book, operation))
            .map(|review| format!("{} of the operation", review.reason))
            .or_else(unreadable),
        About::Duplicate(uuid) => book
            .operations
            .iter()
            .filter(|operation| operation.kind == "submit")
            .find_map(|submit| question_of(book, submit))
            .map(|review| format!("{} of the submit", review.reason))
            .or_else(|| {
                let is_open = open("effect_differs") && book.has_seen_duplicate(uuid);
                is_open.then(|| "effect_differs of the duplicate".to_owned())
            }),
        About::Reservation => unreadable(),
        About::Nothing => None,
    }
}
