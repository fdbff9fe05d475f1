//! Which option of a review is recommended, and why.

use chrono::{DateTime, Utc};

use super::decide::not_sendable;
use super::{Subject, concerned};
use crate::case::Case;
use crate::deadlines::send_by;
use crate::merchant::Merchant;
use crate::reference::ProviderReference;
use crate::reservation::{
    Decision, Intent, IntentState, Operation, Reservation, ReviewReason, UnknownOutcome,
};
use crate::resolve::{absent_after, is_duplicate_refused};

/// The option that is recommended, and why.
pub(super) struct Recommendation {
    /// What to decide; `None` is waiting.
    pub(super) decision: Option<Decision>,
    /// The reason, as a sentence.
    pub(super) why: String,
    /// Until when to wait, where waiting has an end.
    pub(super) until: Option<DateTime<Utc>>,
}

impl Recommendation {
    fn new(decision: Decision, why: impl Into<String>) -> Self {
        Self {
            decision: Some(decision),
            why: why.into(),
            until: None,
        }
    }

    fn wait(why: impl Into<String>) -> Self {
        Self {
            decision: None,
            why: why.into(),
            until: None,
        }
    }

    fn confirm(reference: Option<ProviderReference>, why: impl Into<String>) -> Self {
        Self::new(Decision::Confirm { reference }, why)
    }
}

/// The recommendation about a request whose outcome is unknown.
pub(super) fn of_request(case: Case<'_>, intent: &Intent) -> Recommendation {
    let r = case.reservation;
    if let Some(shown) = of_several(r, &intent.operation).or_else(|| of_shown_effect(r, intent)) {
        return shown;
    }
    let IntentState::NeedsReview(unknown) = &intent.progress else {
        return Recommendation::wait("the outcome of its request is not unknown any more");
    };
    if is_silent(unknown, &intent.operation, case.merchant) {
        after_silence(case, intent)
    } else {
        before_silence(case, intent, unknown)
    }
}

/// A submit that has made several reservations: the one that was paid stays, else the first that was found.
fn of_several(r: &Reservation, operation: &Operation) -> Option<Recommendation> {
    let several = r
        .provider
        .duplicates
        .iter()
        .filter(|_| *operation == Operation::Submit);
    let stays = several.min_by_key(|seen| (seen.over, seen.reserved.is_zero()))?;
    let uuid = &stays.reservation_uuid;
    let why = if stays.reserved.is_zero() {
        format!(
            "there are several, and no payer has paid one: {uuid} can stay, and the others raise a review, to be withdrawn"
        )
    } else {
        format!("there are several, and {uuid} is paid: the others raise a review, to be withdrawn")
    };
    Some(Recommendation::confirm(Some(uuid.clone().into()), why))
}

/// Details show what can be the effect.
fn of_shown_effect(r: &Reservation, intent: &Intent) -> Option<Recommendation> {
    match concerned::equal_rows(r, intent).as_slice() {
        [] => {}
        [row] => {
            let name = row.reference.as_ref().map_or("", ProviderReference::as_str);
            let why = format!(
                "{name} has the very amount, appeared after the request was sent, and belongs to no operation; make sure that it was not made in the provider's portal"
            );
            return Some(Recommendation::confirm(row.reference.clone(), why));
        }
        several => {
            let why = format!(
                "{} rows of this amount belong to no operation: ask who made them before one is taken",
                several.len()
            );
            return Some(Recommendation::wait(why));
        }
    }
    match &intent.operation {
        Operation::Refund { reference, .. } if concerned::is_refund_shown(r, &intent.operation) => {
            let why = format!(
                "details show exactly this much given back of {reference}, and nothing else accounts for it"
            );
            Some(Recommendation::confirm(Some(reference.clone()), why))
        }
        _ => None,
    }
}

/// Does everything read so far say that the request had no effect, for as long as that takes to mean something?
fn is_silent(unknown: &UnknownOutcome, operation: &Operation, merchant: &Merchant) -> bool {
    let until = unknown.sent.at + absent_after(merchant, operation);
    unknown.clean_reads >= merchant.resolution.absent_reads
        && unknown.last_read_at.is_some_and(|at| at >= until)
}

/// What is recommended while an effect can still show itself.
fn before_silence(case: Case<'_>, intent: &Intent, unknown: &UnknownOutcome) -> Recommendation {
    let (operation, now) = (&intent.operation, case.now);
    let proof = unknown.sent.at + absent_after(case.merchant, operation);
    let (by, still) = (
        send_by(case.reservation, operation, case.merchant),
        now < proof,
    );
    let why = match (still, by <= proof && now < by) {
        (_, true) => {
            "the reads so far prove nothing, and nothing can be sent from the end of the countdown on: look into the provider's portal before"
        }
        (true, false) => "an effect can still show itself; until then its absence proves nothing",
        (false, false) => {
            "too few reads have added up since: ask for a refresh, and look into the provider's portal"
        }
    };
    Recommendation {
        until: still.then_some(if now < by { proof.min(by) } else { proof }),
        ..Recommendation::wait(why)
    }
}

/// What is recommended once everything read says that the request had no effect.
fn after_silence(case: Case<'_>, intent: &Intent) -> Recommendation {
    let operation = &intent.operation;
    if let Some(reason) = not_sendable(case, intent) {
        let why = format!("no read shows it, and it can no longer be sent: {reason}");
        return Recommendation::new(Decision::Reject, why);
    }
    match operation {
        Operation::Charge { .. } => Recommendation::new(
            Decision::Reject,
            "no read shows it; collect the amount by a payment link, which the payer sees and which cannot take it a second time in silence",
        ),
        Operation::Resend { .. } => {
            Recommendation::new(Decision::Reject, "a second message is worth less than none")
        }
        Operation::Cancel { .. } | Operation::Complete { .. } => Recommendation::new(
            Decision::Retry,
            "no read shows it, and a second one changes nothing",
        ),
        _ if intent.attempts() > 1 => Recommendation::wait(
            "it was sent more than once already: ask the provider what became of it instead of trying again",
        ),
        _ if is_duplicate_refused(case.reservation, operation, case.merchant) => {
            Recommendation::new(
                Decision::Retry,
                "no read shows it, and the provider refuses a second one",
            )
        }
        Operation::Refund { .. } => Recommendation::wait(
            "a queued refund may still run, and a second one would go through: ask the provider first",
        ),
        Operation::Submit | Operation::Capture { .. } => Recommendation::new(
            Decision::Retry,
            "no read shows it, over as long as an effect ever took to show",
        ),
    }
}

/// The recommendation about a review that no request in doubt stands behind.
pub(super) fn of_item(r: &Reservation, about: &Subject<'_>) -> Recommendation {
    let dismiss = |why: &str| Recommendation::new(Decision::Dismiss, why);
    match about.reason {
        ReviewReason::LateEffect => dismiss(
            "ask for the remedy, if the effect is not wanted; it leaves as soon as the review is dismissed",
        ),
        ReviewReason::EffectDiffers if !concerned::duplicates(r, about).is_empty() => dismiss(
            "withdraw the one that no payer has paid, as drafted below; the reservation in the books goes on as soon as the review is dismissed",
        ),
        ReviewReason::EffectDiffers => dismiss(
            "ask for the remedy, if what is too much or too little is to be put right; it leaves as soon as the review is dismissed",
        ),
        ReviewReason::ExternalChange => dismiss(
            "ask who acted in the portal; the books have it, and it is never undone by itself",
        ),
        ReviewReason::MissingAtProvider => Recommendation::wait(
            "a known reservation that is not found is more often the wrong token or base URL than a vanished booking: run a refresh once those are right",
        ),
        ReviewReason::Incoherent if r.control.incoherent_reads > 0 => Recommendation::wait(
            "the last read did not add up either: look into the provider's portal, and ask the provider",
        ),
        ReviewReason::Incoherent => dismiss("the last read added up again"),
        ReviewReason::ProviderRefused => dismiss(
            "look at the cause, mend it, and ask for the operation anew if it is still wanted",
        ),
        ReviewReason::WindowClosing => {
            dismiss("capture or cancel by a call below, or let the hold lapse")
        }
        ReviewReason::LateDelivery | ReviewReason::DeadlinePassed => {
            dismiss("charge what was delivered by the call below, if the payer has agreed to that")
        }
        ReviewReason::MarkerBroken => {
            dismiss("tell the provider; until markers come back, more outcomes reach a person")
        }
        ReviewReason::CaptureUnknown
        | ReviewReason::ChargeUnknown
        | ReviewReason::RefundUnknown
        | ReviewReason::OutcomeUnknown => Recommendation::wait(
            "the provider has accepted what it does not show: ask the provider; reads go on",
        ),
    }
}
