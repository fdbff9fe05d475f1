//! Every sign for and against the effect that a review asks about.

use chrono::{DateTime, TimeDelta, Utc};
use serde::Serialize;

use super::{Subject, concerned};
use crate::job::words;
use crate::money::Money;
use crate::reference::ProviderReservationId;
use crate::reservation::{Intent, IntentState, LedgerRow, Operation, Reservation, UnknownOutcome};

words! {
    /// What a sign is.
    SignKind {
        /// A row of the ledger that belongs to the operation: it carries its marker, or was taken for it.
        OwnRow = "own_row",
        /// A row that is nobody's.
        UnownedRow = "unowned_row",
        /// A row that the provider accepted, or a person vouched for, and that details have not shown.
        UnshownRow = "unshown_row",
        /// Another reservation at the provider that carries our reference.
        Duplicate = "duplicate",
        /// The reservation at the provider that is in the books.
        InTheBooks = "in_the_books",
        /// Money given back that no refund of ours accounts for.
        GivenBack = "given_back",
        /// A row of the provider's history.
        HistoryRow = "history_row",
        /// The history was read, and has no such row.
        HistorySilent = "history_silent",
        /// A callback.
        Callback = "callback",
        /// Coherent reads in a row without a trace.
        CleanReads = "clean_reads",
        /// Details that did not add up, one after the other.
        IncoherentReads = "incoherent_reads",
        /// When details were last read.
        LastRead = "last_read",
        /// How long nothing has been seen since the request.
        Silence = "silence",
    }
}

words! {
    /// What a sign says about whether the effect took place.
    Speaks {
        /// That it did.
        For = "for",
        /// That it did not.
        Against = "against",
        /// Neither.
        Neither = "neither",
    }
}

/// One sign.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Sign {
    /// What it is.
    pub kind: SignKind,
    /// What it says.
    pub speaks: Speaks,
    /// When it took place.
    pub at: Option<DateTime<Utc>>,
    /// The provider's reference.
    pub reference: Option<String>,
    /// How much.
    pub amount: Option<Money>,
    /// The same as a sentence.
    pub text: String,
}

impl Sign {
    fn new(
        kind: SignKind,
        speaks: Speaks,
        at: Option<DateTime<Utc>>,
        text: impl Into<String>,
    ) -> Self {
        Self {
            kind,
            speaks,
            at,
            reference: None,
            amount: None,
            text: text.into(),
        }
    }

    fn of_row(row: &LedgerRow, kind: SignKind, speaks: Speaks, text: String) -> Self {
        let reference = row.reference.as_ref();
        Self {
            reference: reference.map(ToString::to_string),
            amount: Some(row.amount),
            ..Self::new(kind, speaks, Some(row.at), text)
        }
    }
}

pub(super) fn signs(r: &Reservation, about: &Subject<'_>, now: DateTime<Utc>) -> Vec<Sign> {
    let mut signs = match about.intent {
        Some(intent) => of_intent(r, intent, now),
        None => concerned::rows(r, about.reason)
            .into_iter()
            .map(of_item_row)
            .collect(),
    };
    signs.extend(reservations(r, about));
    let since = about.intent.and_then(Intent::sent).map(|sent| sent.at);
    signs.extend(callback(r, about.intent, since));
    if r.control.incoherent_reads > 0 {
        let many = r.control.incoherent_reads;
        let text = format!("the last {many} reads did not add up; nothing is concluded from them");
        signs.push(Sign::new(
            SignKind::IncoherentReads,
            Speaks::Neither,
            r.provider.tried_at,
            text,
        ));
    }
    let status = r.provider.status.as_deref().unwrap_or("nothing");
    let last = r.provider.read_at.map(|at| {
        let text = format!(
            "details that added up were last read then; the provider called it \"{status}\""
        );
        Sign::new(SignKind::LastRead, Speaks::Neither, Some(at), text)
    });
    signs.extend(last);
    signs
}

fn of_intent(r: &Reservation, intent: &Intent, now: DateTime<Utc>) -> Vec<Sign> {
    let mut signs: Vec<Sign> = concerned::rows_of(r, intent)
        .into_iter()
        .map(of_item_row)
        .collect();
    signs.extend(
        r.ledger
            .iter()
            .filter(|row| concerned::may_be_of(row, intent))
            .map(|row| unowned(row, intent)),
    );
    signs.extend(given_back(r, intent));
    if let IntentState::Unknown(unknown) | IntentState::NeedsReview(unknown) = &intent.progress {
        signs.extend(history(unknown));
        signs.extend(silence(unknown, now));
    }
    signs
}

/// The reservations at the provider that carry our reference, when there is another one than that in the books, or when
/// that one came late.
fn reservations(r: &Reservation, about: &Subject<'_>) -> Vec<Sign> {
    let duplicates = concerned::duplicates(r, about);
    let held = |reserved: Money| {
        if reserved.is_zero() {
            "nobody has paid".to_owned()
        } else {
            format!("{reserved} held")
        }
    };
    let sign = |kind, uuid: &ProviderReservationId, at, reserved: Money, text| Sign {
        reference: Some(uuid.to_string()),
        amount: Some(reserved),
        ..Sign::new(kind, Speaks::For, at, text)
    };
    let shown = !duplicates.is_empty()
        || (about.intent.is_none() && concerned::is_late_submit(r, about.reason));
    let own = r
        .provider
        .reservation_uuid
        .as_ref()
        .filter(|_| shown)
        .map(|uuid| {
            let text = format!(
                "{uuid} is the one in the books, with {}",
                held(r.reserved())
            );
            sign(
                SignKind::InTheBooks,
                uuid,
                r.provider.read_at,
                r.reserved(),
                text,
            )
        });
    let others = duplicates.iter().map(|seen| {
        let uuid = &seen.reservation_uuid;
        let text = format!(
            "{uuid} carries our reference as well; it was \"{}\" then, with {}",
            seen.status,
            held(seen.reserved)
        );
        sign(
            SignKind::Duplicate,
            uuid,
            Some(seen.at),
            seen.reserved,
            text,
        )
    });
    own.into_iter().chain(others).collect()
}

fn of_item_row(row: &LedgerRow) -> Sign {
    let what = row.kind;
    let (kind, speaks, text) = match (row.intent.is_none(), row.confirmed) {
        (true, _) => (
            SignKind::UnownedRow,
            Speaks::Neither,
            format!("a {what} that none of our requests accounts for"),
        ),
        (false, true) => (
            SignKind::OwnRow,
            Speaks::For,
            format!("details show this {what} of ours"),
        ),
        (false, false) => (
            SignKind::UnshownRow,
            Speaks::Neither,
            format!("a {what} that is booked and that details have not shown"),
        ),
    };
    Sign::of_row(row, kind, speaks, text)
}

fn unowned(row: &LedgerRow, intent: &Intent) -> Sign {
    let what = row.kind;
    let (speaks, text) = if row.amount == intent.operation.amount() {
        (
            Speaks::For,
            format!(
                "a {what} of the very amount that appeared since, without our marker, and is nobody's"
            ),
        )
    } else {
        (
            Speaks::Neither,
            format!("a {what} of another amount that appeared since and is nobody's"),
        )
    };
    Sign::of_row(row, SignKind::UnownedRow, speaks, text)
}

fn given_back(r: &Reservation, intent: &Intent) -> Option<Sign> {
    let Operation::Refund { reference, .. } = &intent.operation else {
        return None;
    };
    let rise = Some(r.unbooked_refund(reference)).filter(|rise| !rise.is_zero())?;
    let equal = rise == intent.operation.amount();
    let speaks = if equal { Speaks::For } else { Speaks::Neither };
    let text = format!(
        "details show {rise} given back of {reference} that no refund of ours accounts for"
    );
    let sign = Sign::new(SignKind::GivenBack, speaks, r.provider.read_at, text);
    Some(Sign {
        reference: Some(reference.to_string()),
        amount: Some(rise),
        ..sign
    })
}

fn history(unknown: &UnknownOutcome) -> impl Iterator<Item = Sign> {
    let row = unknown.history_row.as_ref().map(|row| Sign {
        reference: row.uuid.clone(),
        amount: row.amount,
        ..Sign::new(
            SignKind::HistoryRow,
            Speaks::For,
            row.at,
            format!(
                "the provider's history has a row \"{}\" that can be it",
                row.event
            ),
        )
    });
    let silent = unknown.history_silent_at.map(|at| {
        let text = "the provider's history was read, and has no row that can be it";
        Sign::new(SignKind::HistorySilent, Speaks::Against, Some(at), text)
    });
    row.into_iter().chain(silent)
}

fn silence(unknown: &UnknownOutcome, now: DateTime<Utc>) -> impl Iterator<Item = Sign> {
    let reads = (unknown.clean_reads > 0).then(|| {
        let text = format!(
            "{} coherent reads in a row show no trace",
            unknown.clean_reads
        );
        Sign::new(
            SignKind::CleanReads,
            Speaks::Against,
            unknown.last_read_at,
            text,
        )
    });
    let text = format!(
        "it is {} since the request was sent",
        spoken(now - unknown.sent.at)
    );
    let since = Sign::new(
        SignKind::Silence,
        Speaks::Neither,
        Some(unknown.sent.at),
        text,
    );
    reads.into_iter().chain([since])
}

/// A callback says that something happened, and hardly what: of an operation it speaks only when it came afterwards
/// and its word fits.
fn callback(
    r: &Reservation,
    intent: Option<&Intent>,
    since: Option<DateTime<Utc>>,
) -> Option<Sign> {
    let called = r
        .provider
        .last_callback
        .as_ref()
        .filter(|called| since.is_none_or(|since| called.at >= since))?;
    let fits = |wanted: &str| called.event_type.to_ascii_lowercase().contains(wanted);
    let speaks = match intent.map(|intent| &intent.operation) {
        Some(Operation::Capture { .. }) if fits("capture") => Speaks::For,
        Some(Operation::Charge { .. }) if fits("charge") => Speaks::For,
        _ => Speaks::Neither,
    };
    let text = format!(
        "a genuine callback called it \"{}\"; a callback is a hint and no proof",
        called.event_type
    );
    Some(Sign::new(SignKind::Callback, speaks, Some(called.at), text))
}

/// A duration in its largest whole unit.
fn spoken(delta: TimeDelta) -> String {
    let (days, hours, minutes) = (delta.num_days(), delta.num_hours(), delta.num_minutes());
    match (days, hours) {
        (2.., _) => format!("{days} days"),
        (_, 2..) => format!("{hours} hours"),
        _ => format!("{} minutes", minutes.max(0)),
    }
}
