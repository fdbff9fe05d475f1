//! What can be decided: what each option does, what it costs at worst, and which one is recommended.

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::decide::not_sendable;
use super::{Subject, concerned};
use crate::deadlines::send_by;
use crate::job::words;
use crate::merchant::Merchant;
use crate::money::Money;
use crate::reservation::{
    Doubt, Intent, IntentState, Operation, Reservation, ReviewReason, RowKind, Verdict,
};
use crate::span::Span;

words! {
    /// What a person can do.
    Move {
        /// Leave it where it is; reads go on.
        Wait = "wait",
        /// Say that the effect took place.
        Applied = "applied",
        /// Say that it did not, and is not to be tried again.
        NotApplied = "not_applied",
        /// Say that it did not, and have it sent once more.
        Resend = "resend",
        /// Say that the item is dealt with.
        Clear = "clear",
    }
}

words! {
    /// What an option can lead to when it is wrong.
    Risk {
        /// No money is at stake.
        Nothing = "nothing",
        /// The payer pays twice.
        TakenTwice = "taken_twice",
        /// The payer has paid, or pays later, what was given up.
        TakenAnyway = "taken_anyway",
        /// What is owed is never taken.
        NotTaken = "not_taken",
        /// It is given back twice.
        GivenBackTwice = "given_back_twice",
        /// It is given back although that was given up.
        GivenBackAnyway = "given_back_anyway",
        /// The payer does not get back what he was promised.
        NotGivenBack = "not_given_back",
        /// The payer's money stays held longer than it should.
        HoldStays = "hold_stays",
        /// The payer has two links, and may have the amount held twice.
        HeldTwice = "held_twice",
        /// The payer gets two messages.
        MessageTwice = "message_twice",
    }
}

/// What an option costs at worst.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Worst {
    /// What happens then.
    pub risk: Risk,
    /// How much.
    pub amount: Money,
}

/// One thing that can be decided.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Choice {
    /// Which.
    pub option: Move,
    /// What is recorded; `None` for waiting, which records nothing.
    pub verdict: Option<Verdict>,
    /// What follows.
    pub does: &'static str,
    /// What it costs if it is wrong.
    pub worst: Worst,
    /// Why it would be refused now; `None` when it would be taken.
    pub refused: Option<String>,
    /// Is it the one that is recommended?
    pub recommended: bool,
    /// Why, of the recommended one.
    pub why: Option<String>,
    /// The reference to name, of a recommended `applied`.
    pub reference: Option<String>,
    /// Until when, of a recommended wait that has an end.
    pub until: Option<DateTime<Utc>>,
}

/// The option that is recommended, and why.
struct Advice {
    option: Move,
    why: String,
    reference: Option<String>,
    until: Option<DateTime<Utc>>,
}

impl Advice {
    fn new(option: Move, why: impl Into<String>) -> Self {
        Self {
            option,
            why: why.into(),
            reference: None,
            until: None,
        }
    }
}

pub(super) fn choices(
    r: &Reservation,
    about: &Subject<'_>,
    merchant: &Merchant,
    now: DateTime<Utc>,
) -> Vec<Choice> {
    let (moves, advice): (&[Move], Advice) = match about.intent {
        Some(intent) => (
            &[Move::Wait, Move::Applied, Move::NotApplied, Move::Resend],
            advice(r, intent, merchant, now),
        ),
        None => (&[Move::Wait, Move::Clear], item_advice(r, about)),
    };
    let choice = |option: &Move| {
        let mine = Some(&advice).filter(|advice| advice.option == *option);
        let (does, worst) = match about.intent {
            Some(intent) => (does(&intent.operation, *option), worst(r, intent, *option)),
            None => (item_does(about, *option), item_worst(r, about, *option)),
        };
        let resent = about.intent.filter(|_| *option == Move::Resend);
        Choice {
            option: *option,
            verdict: verdict(*option),
            does,
            worst,
            refused: resent.and_then(|intent| not_sendable(r, intent, merchant, now)),
            recommended: mine.is_some(),
            why: mine.map(|advice| advice.why.clone()),
            reference: mine.and_then(|advice| advice.reference.clone()),
            until: mine.and_then(|advice| advice.until),
        }
    };
    moves.iter().map(choice).collect()
}

const fn verdict(option: Move) -> Option<Verdict> {
    match option {
        Move::Wait => None,
        Move::Applied => Some(Verdict::Applied),
        Move::NotApplied => Some(Verdict::NotApplied),
        Move::Resend => Some(Verdict::Resend),
        Move::Clear => Some(Verdict::Cleared),
    }
}

const fn does(operation: &Operation, option: Move) -> &'static str {
    match (option, operation) {
        (Move::Wait, _) => {
            "nothing is sent; details go on being read, and an effect that shows itself settles it"
        }
        (Move::Applied, Operation::Submit) => {
            "the reservation that the reference names is read, and taken on if it carries our reference"
        }
        (Move::Applied, Operation::Cancel { .. } | Operation::Complete { .. }) => {
            "the books are closed"
        }
        (Move::Applied, _) => {
            "it is booked: as the named row shows it, or, without a reference, on your word, and then it has to show itself"
        }
        (Move::NotApplied, _) => {
            "it is given up and not tried again; the watch for it goes on, and what shows later comes back to the desk"
        }
        (Move::Resend | Move::Clear, _) => "it is sent once more, at once, under the same marker",
    }
}

/// Would the provider refuse a second one, whatever else happens? Relies on the runway of the whole reservation or of
/// the whole reference alone, which the provider documents.
fn is_refused_twice(r: &Reservation, operation: &Operation) -> bool {
    let amount = operation.amount();
    let left = match operation {
        Operation::Capture { .. } => r.reserved().saturating_sub(r.booked(RowKind::Capture)),
        Operation::Refund { reference, .. } => {
            let row = r.money_row(reference).map_or(Money::ZERO, |row| row.amount);
            row.saturating_sub(r.given_back(reference))
        }
        Operation::Cancel { .. } | Operation::Complete { .. } => return true,
        Operation::Submit | Operation::Charge { .. } | Operation::Resend { .. } => return false,
    };
    amount + amount > left
}

fn worst(r: &Reservation, intent: &Intent, option: Move) -> Worst {
    let operation = &intent.operation;
    let shown = !concerned::equal_rows(r, intent).is_empty()
        || concerned::unaccounted_refund(r, operation) == Some(operation.amount());
    let again_refused = is_refused_twice(r, operation);
    let (risk, amount) = match (operation, option) {
        (Operation::Capture { .. } | Operation::Charge { .. }, option) => match option {
            Move::Applied if shown => (Risk::Nothing, Money::ZERO),
            Move::Wait | Move::Applied | Move::Clear => (Risk::NotTaken, operation.amount()),
            Move::NotApplied => (Risk::TakenAnyway, operation.amount()),
            Move::Resend if again_refused => (Risk::Nothing, Money::ZERO),
            Move::Resend => (Risk::TakenTwice, operation.amount()),
        },
        (Operation::Refund { .. }, option) => match option {
            Move::Applied if shown => (Risk::Nothing, Money::ZERO),
            Move::Wait | Move::Applied | Move::Clear => (Risk::NotGivenBack, operation.amount()),
            Move::NotApplied => (Risk::GivenBackAnyway, operation.amount()),
            Move::Resend if again_refused => (Risk::Nothing, Money::ZERO),
            Move::Resend => (Risk::GivenBackTwice, operation.amount()),
        },
        (Operation::Cancel { .. } | Operation::Complete { .. }, option) => match option {
            Move::Wait | Move::Applied | Move::Clear => (Risk::HoldStays, r.capturable()),
            Move::NotApplied => (Risk::NotTaken, r.capturable()),
            Move::Resend => (Risk::Nothing, Money::ZERO),
        },
        (Operation::Submit, option) => match option {
            Move::Wait | Move::Clear => (Risk::NotTaken, r.total()),
            Move::Applied => (Risk::Nothing, Money::ZERO),
            Move::NotApplied => (Risk::TakenAnyway, r.total()),
            Move::Resend => (Risk::HeldTwice, r.total()),
        },
        (Operation::Resend { .. }, Move::Resend) => (Risk::MessageTwice, Money::ZERO),
        (Operation::Resend { .. }, _) => (Risk::Nothing, Money::ZERO),
    };
    // Where nothing is at stake there is nothing to lose.
    let risk = if amount.is_zero() && risk != Risk::MessageTwice {
        Risk::Nothing
    } else {
        risk
    };
    Worst { risk, amount }
}

/// How long no trace may be seen before an effect counts as absent.
const fn horizon(operation: &Operation, merchant: &Merchant) -> Span {
    let after = &merchant.resolution.absent_after;
    match operation {
        Operation::Capture { .. } => after.capture,
        Operation::Charge { .. } => after.charge,
        Operation::Refund { .. } => after.refund,
        Operation::Cancel { .. } => after.cancel,
        Operation::Complete { .. } => after.complete,
        Operation::Submit | Operation::Resend { .. } => after.submit,
    }
}

/// Does everything read so far say that it did not take place, for as long as that takes to mean something?
fn is_silent(doubt: &Doubt, operation: &Operation, merchant: &Merchant) -> bool {
    let until = doubt.sent.at + horizon(operation, merchant).delta();
    doubt.clean_reads >= merchant.resolution.absent_reads
        && doubt.last_read_at.is_some_and(|at| at >= until)
}

fn advice(r: &Reservation, intent: &Intent, merchant: &Merchant, now: DateTime<Utc>) -> Advice {
    let operation = &intent.operation;
    if let Some(advice) = of_several(r, operation) {
        return advice;
    }
    match concerned::equal_rows(r, intent).as_slice() {
        [] => {}
        [row] => {
            let name = row.reference.clone().unwrap_or_default();
            let why = format!(
                "{name} has the very amount, appeared after the request was sent, and is nobody's; make sure that nobody made it in the portal"
            );
            return Advice {
                reference: row.reference.clone(),
                ..Advice::new(Move::Applied, why)
            };
        }
        several => {
            let why = format!(
                "{} rows of this amount are nobody's: ask who made them before one is taken",
                several.len()
            );
            return Advice::new(Move::Wait, why);
        }
    }
    if let Operation::Refund { reference, .. } = operation
        && concerned::unaccounted_refund(r, operation) == Some(operation.amount())
    {
        let why = format!(
            "details show exactly this much given back of {reference}, and nothing else accounts for it"
        );
        return Advice {
            reference: Some(reference.clone()),
            ..Advice::new(Move::Applied, why)
        };
    }
    let IntentState::Desk(doubt) = &intent.progress else {
        return Advice::new(Move::Wait, "its request is not in doubt any more");
    };
    if !is_silent(doubt, operation, merchant) {
        let proof = doubt.sent.at + horizon(operation, merchant).delta();
        let (by, still) = (send_by(r, operation, merchant), now < proof);
        let why = match (still, by <= proof && now < by) {
            (_, true) => {
                "the reads so far prove nothing, and nothing can be sent from the end of the countdown on: look into the provider's portal before"
            }
            (true, false) => {
                "an effect can still show itself; until then its absence proves nothing"
            }
            (false, false) => {
                "too few reads have added up since: ask for a refresh, and look into the provider's portal"
            }
        };
        let until = still.then_some(if now < by { proof.min(by) } else { proof });
        return Advice {
            until,
            ..Advice::new(Move::Wait, why)
        };
    }
    after_silence(r, intent, merchant, now)
}

/// A submit that has made several reservations: the one that was paid stays, else the first that was found.
fn of_several(r: &Reservation, operation: &Operation) -> Option<Advice> {
    let several = r
        .provider
        .duplicates
        .iter()
        .filter(|_| *operation == Operation::Submit);
    let stays = several.min_by_key(|seen| (seen.over, seen.reserved.is_zero()))?;
    let uuid = &stays.reservation_uuid;
    let why = if stays.reserved.is_zero() {
        format!(
            "there are several, and nobody has paid: {uuid} can stay, and the others come back to the desk to be withdrawn"
        )
    } else {
        format!(
            "there are several, and {uuid} is paid: the others come back to the desk to be withdrawn"
        )
    };
    Some(Advice {
        reference: Some(uuid.clone()),
        ..Advice::new(Move::Applied, why)
    })
}

/// What is recommended once everything read says that it did not take place.
fn after_silence(
    r: &Reservation,
    intent: &Intent,
    merchant: &Merchant,
    now: DateTime<Utc>,
) -> Advice {
    let operation = &intent.operation;
    if let Some(reason) = not_sendable(r, intent, merchant, now) {
        return Advice::new(
            Move::NotApplied,
            format!("no read shows it, and it can no longer be sent: {reason}"),
        );
    }
    match operation {
        Operation::Charge { .. } => Advice::new(
            Move::NotApplied,
            "no read shows it; collect the amount by a payment link, which the payer sees and which cannot take it a second time in silence",
        ),
        Operation::Resend { .. } => {
            Advice::new(Move::NotApplied, "a second message is worth less than none")
        }
        Operation::Cancel { .. } | Operation::Complete { .. } => Advice::new(
            Move::Resend,
            "no read shows it, and a second one changes nothing",
        ),
        _ if intent.attempts > 1 => Advice::new(
            Move::Wait,
            "it was sent more than once already: ask the provider what became of it instead of trying again",
        ),
        _ if is_refused_twice(r, operation) => Advice::new(
            Move::Resend,
            "no read shows it, and the provider refuses a second one",
        ),
        Operation::Refund { .. } => Advice::new(
            Move::Wait,
            "a queued refund may still run, and a second one would go through: ask the provider first",
        ),
        _ => Advice::new(
            Move::Resend,
            "no read shows it, over as long as an effect ever took to show",
        ),
    }
}

const fn item_does(about: &Subject<'_>, option: Move) -> &'static str {
    match (option, about.freezes) {
        (Move::Wait, true) => "nothing is sent for the reservation; it goes on being read",
        (Move::Wait, false) => "the reservation goes on beside it",
        (_, true) => {
            "the item is taken off the desk, and the reservation goes on, with whatever waits for it"
        }
        (_, false) => "the item is taken off the desk; nothing else changes",
    }
}

fn item_worst(r: &Reservation, about: &Subject<'_>, option: Move) -> Worst {
    let reason = about.reason;
    let given_back = concerned::rows(r, reason)
        .iter()
        .any(|row| row.kind == RowKind::Refund);
    let amount = concerned::amount(r, reason);
    let twice = amount.is_zero()
        && concerned::duplicates(r, about)
            .iter()
            .any(|seen| !seen.over);
    let (risk, amount) = match reason {
        ReviewReason::EffectDiffers if twice => (Risk::HeldTwice, r.total()),
        ReviewReason::LateEffect if concerned::is_late_submit(r, reason) => {
            (Risk::TakenAnyway, r.total())
        }
        ReviewReason::LateEffect | ReviewReason::ExternalChange if given_back => {
            (Risk::GivenBackAnyway, amount)
        }
        ReviewReason::LateEffect | ReviewReason::ExternalChange => (Risk::TakenAnyway, amount),
        ReviewReason::EffectDiffers if given_back => (Risk::GivenBackTwice, amount),
        ReviewReason::EffectDiffers => (Risk::TakenTwice, amount),
        ReviewReason::RefundUnknown => (Risk::NotGivenBack, amount),
        reason if concerned::is_unknown(reason) => (Risk::NotTaken, amount),
        ReviewReason::LateDelivery | ReviewReason::DeadlinePassed => {
            (Risk::NotTaken, concerned::delivered_uncaptured(r))
        }
        ReviewReason::WindowClosing => (Risk::NotTaken, r.capturable()),
        ReviewReason::Refused | ReviewReason::NotFound | ReviewReason::Incoherent
            if option == Move::Wait =>
        {
            (Risk::NotTaken, r.capturable())
        }
        _ => (Risk::Nothing, Money::ZERO),
    };
    Worst {
        risk: if amount.is_zero() {
            Risk::Nothing
        } else {
            risk
        },
        amount,
    }
}

fn item_advice(r: &Reservation, about: &Subject<'_>) -> Advice {
    let reason = about.reason;
    let clear = |why: &str| Advice::new(Move::Clear, why);
    let wait = |why: &str| Advice::new(Move::Wait, why);
    match reason {
        ReviewReason::LateEffect => clear(
            "ask for the remedy, if the effect is not wanted; it leaves as soon as this is cleared",
        ),
        ReviewReason::EffectDiffers if !concerned::duplicates(r, about).is_empty() => clear(
            "withdraw the one that nobody has paid, as drafted below; the reservation in the books goes on as soon as this is cleared",
        ),
        ReviewReason::EffectDiffers => clear(
            "ask for the remedy, if what is too much or too little is to be put right; it leaves as soon as this is cleared",
        ),
        ReviewReason::ExternalChange => clear(
            "ask who acted in the portal; the books have it, and it is never undone by itself",
        ),
        ReviewReason::NotFound => wait(
            "a known reservation that is not found is more often the wrong token or base URL than a vanished booking: run a refresh once those are right",
        ),
        ReviewReason::Incoherent if r.control.incoherent_reads > 0 => wait(
            "the last read did not add up either: look into the provider's portal, and ask the provider",
        ),
        ReviewReason::Incoherent => clear("the last read added up again"),
        ReviewReason::Refused => clear(
            "look at the cause, mend it, and ask for the operation anew if it is still wanted",
        ),
        ReviewReason::WindowClosing => {
            clear("capture or cancel by a call below, or let the hold lapse")
        }
        ReviewReason::LateDelivery | ReviewReason::DeadlinePassed => {
            clear("charge what was delivered by the call below, if the payer has agreed to that")
        }
        ReviewReason::MarkerBroken => {
            clear("tell the provider; until markers come back, more outcomes reach a person")
        }
        ReviewReason::CaptureUnknown
        | ReviewReason::ChargeUnknown
        | ReviewReason::RefundUnknown
        | ReviewReason::OutcomeUnknown => {
            wait("the provider has accepted what it does not show: ask the provider; reads go on")
        }
    }
}
