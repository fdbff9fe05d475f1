//! Switches: which reading of the provider's contradictory pages the look-alike follows.
#![expect(
    missing_docs,
    reason = "the variants are named after the readings that the fields explain"
)]

use api_client::callback::Formula;
use domain::Money;
use serde::{Deserialize, Serialize};

macro_rules! choices {
    ($($(#[$doc:meta])* $name:ident { $first:ident $(, $other:ident $(($inner:ty))?)* $(,)? })*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum $name { #[default] $first, $($other $(($inner))?,)* }
    )*};
}

choices! {
    /// The verb of a cancel. The other one answers 405.
    CancelVerb { Both, Post, Get }
    /// Where a cancel by GET looks for its note; `Neither` is a proxy that strips the body.
    GetNote { BodyOrQuery, Body, Query, Neither }
    /// Which statuses can be cancelled: `A3` is SENT, RESERVED NOT PAID and RESERVED, `A1` only RESERVED,
    /// `A2` only the first two.
    CancelRule { A3, A1, A2 }
    /// The form of `orderDate`.
    OrderDate { Either, Unix, Legacy }
    /// The HTTP status of a submit, with the message that went with it.
    SubmitAnswer { Created, Accepted }
    /// The name of the reservation's uuid in a submit's answer.
    UuidField { ReservationUuid, OrderUuid }
    /// Whether a submit answers `checkoutUrl` and a session `paymentUrl`, or the other way round.
    LinkField { Documented, Swapped }
    /// JSON numbers, or the same as strings.
    Numbers { Number, Text }
    /// The fields of details.
    DetailsShape { New, Old }
    /// The reference in the answer to a capture or charge.
    UuidInAnswer { Present, Null, NoData }
    /// What the end of the capture window does to the status.
    HoldExpiry { Expires, StaysReserved }
    /// Which of two facts the status tells after both a capture and a charge.
    StatusWins { Latest, Captured, Charged }
    /// The unit that `chargeValidity` counts in; the pages do not say.
    ChargeUnit { Minutes, Hours, Days }
    /// Whether the status becomes REFUNDED or PARTIAL REFUNDED once a refund is paid out.
    RefundStatus { Unchanged, Refunded }
    /// The pair of fields in a 404's body.
    NotFoundForm { Data, Errors }
    /// The message of a 404: by endpoint, or the older one of capture and charge.
    NotFoundKey { PerEndpoint, OrderNotFound }
    /// A list without rows: 404, or an empty list.
    EmptyList { NotFound, Empty }
    /// The shape of `errors` when a payload is refused.
    ErrorsForm { List, Text, Object }
    /// What is checked first: that the object exists, or the payload.
    CheckOrder { NotFoundFirst, PayloadFirst }
    /// The zone of times that are written without one.
    Zone { Oslo, Utc }
    /// The form of times in details.
    DetailsTime { Unix, Civil }
    /// The order of the parameters in a callback: as in the example, or as in the table of the page.
    CallbackOrder { Example, Table }
    /// The word for "reserved" in a callback; `Success` stands for every status.
    CallbackStatus { Reserved, Resevred, Success }
    /// What the amount of a callback is: the order's total, or what was just moved.
    CallbackAmount { Total, Delta }
    /// How parameters are joined to a callback URL that has a query of its own.
    QueryJoin { Ampersand, SecondQuestionMark }
    /// Which validator looks at one-time links: the one seen in traffic, or the one of the pages.
    OrderValidator { Recorded, Documented }
    /// How soon the uncaptured rest is released after a capture.
    Release { Never, Immediately, AfterDays(u32) }
    /// What becomes of `additionalText`.
    Marker { Echoed, Truncated(u32), Dropped }
}

/// When an accepted refund is paid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RefundPayout {
    Immediately,
    AfterSeconds(u32),
}

/// The formula of a callback's checksum.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Checksum {
    F0,
    F1,
    F2,
    #[default]
    F3,
    /// F3 over the provider's own parameters, whatever query the callback URL had.
    #[serde(rename = "F3_named")]
    F3Named,
}

impl Checksum {
    pub(crate) const fn formula(self) -> Formula {
        match self {
            Self::F0 => Formula::F0,
            Self::F1 => Formula::F1,
            Self::F2 => Formula::F2,
            Self::F3 => Formula::F3All,
            Self::F3Named => Formula::F3Named,
        }
    }
}

/// Every switch. The defaults are what recorded traffic shows, else what the newest pages say.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Switches {
    // Submit.
    pub submit_answer: SubmitAnswer,
    pub uuid_field: UuidField,
    pub link_field: LinkField,
    pub order_date: OrderDate,
    /// Refuse a due date that has passed.
    pub strict_due_date: bool,
    /// Require `customerDetails.customerUuid`, as the oldest page does.
    pub require_customer_uuid: bool,
    /// Take only digits in `personalNumber` and `organizationId`.
    pub strict_ids: bool,
    /// The merchant's tax rates in percent.
    pub tax_percents: Vec<u32>,
    /// Refuse sums that do not add up. Recorded traffic shows that the provider does not check them.
    pub check_sums: bool,

    /// An unpaid link becomes EXPIRED at its due date; otherwise it stays SENT and can be cancelled.
    pub link_expiry: bool,
    // Capture and charge.
    /// Length of the authorisation in days.
    pub capture_window_days: u32,
    pub hold_expiry: HoldExpiry,
    pub release: Release,
    /// Cap each line by what is held of it, not only the total.
    pub per_line_runway: bool,
    pub uuid_in_answer: UuidInAnswer,
    pub marker: Marker,
    /// The most that may be charged in all, in percent of what was held; `null` is no ceiling.
    pub charge_ceiling_percent: Option<u32>,
    /// How long a card can be charged without a `chargeValidity`, in days.
    pub charge_days: u32,
    pub charge_unit: ChargeUnit,
    /// Refuse a charge after its time; otherwise the page's "no guarantee" is read as yes.
    pub charge_deadline: bool,
    /// Take captures after complete, and charges after complete and cancel.
    pub money_after_closing: bool,
    pub status_wins: StatusWins,

    // Cancel, complete, resend.
    pub cancel_verb: CancelVerb,
    pub get_note: GetNote,
    pub cancel_rule: CancelRule,
    /// Tell a cancelled reservation from a completed one when a cancel is refused.
    pub distinct_cancelled_key: bool,
    /// Complete a reservation that is only held.
    pub complete_reserved: bool,
    /// A resend gives a link that is over another seven days.
    pub resend_revives: bool,

    // Refund.
    pub refund_payout: RefundPayout,
    pub refund_status: RefundStatus,
    /// The most that one refund may be.
    pub refund_request_limit: Option<Money>,
    /// The most that may be refunded in seven days.
    pub refund_weekly_limit: Option<Money>,
    /// An unknown reference answers `orderNotFound` instead of `refundRejectionForTransactionNotFound`.
    pub plain_reference_key: bool,

    // Shapes of answers.
    pub numbers: Numbers,
    pub details_shape: DetailsShape,
    pub details_time: DetailsTime,
    /// List the lines of charges among the products of details, with numeric ids.
    pub charge_lines: bool,
    pub not_found_form: NotFoundForm,
    pub not_found_key: NotFoundKey,
    pub empty_list: EmptyList,
    /// The HTTP status of a refused payload: 417, or 400 as some pages say.
    pub validation_status: u16,
    pub errors_form: ErrorsForm,
    pub check_order: CheckOrder,
    /// The zone of times that are written without one.
    pub time_zone: Zone,
    /// How long details show the state before a change, in seconds.
    pub details_lag_seconds: u32,
    /// How late events come into the history, in seconds; they keep their time.
    pub history_lag_seconds: u32,

    // Callbacks.
    pub checksum: Checksum,
    pub callback_order: CallbackOrder,
    pub callback_status: CallbackStatus,
    pub callback_amount: CallbackAmount,
    pub query_join: QueryJoin,

    // One-time links.
    pub order_validator: OrderValidator,
    /// 202 without a customer uuid, as the pages say, instead of the recorded 201 with one.
    pub order_accepted: bool,
    /// Show amounts with an order's status, as newer pages do.
    pub order_amounts: bool,
    /// Tell of orders in the history, as the provider's portal does; the page lists what happens to reservations alone.
    pub order_history: bool,
}

impl Default for Switches {
    fn default() -> Self {
        Self {
            submit_answer: SubmitAnswer::default(),
            uuid_field: UuidField::default(),
            link_field: LinkField::default(),
            order_date: OrderDate::default(),
            strict_due_date: true,
            require_customer_uuid: false,
            strict_ids: true,
            tax_percents: vec![0, 12, 15, 25],
            check_sums: false,
            link_expiry: true,
            capture_window_days: 7,
            hold_expiry: HoldExpiry::default(),
            release: Release::AfterDays(2),
            per_line_runway: true,
            uuid_in_answer: UuidInAnswer::default(),
            marker: Marker::default(),
            charge_ceiling_percent: None,
            charge_days: 90,
            charge_unit: ChargeUnit::default(),
            charge_deadline: true,
            money_after_closing: false,
            status_wins: StatusWins::default(),
            cancel_verb: CancelVerb::default(),
            get_note: GetNote::default(),
            cancel_rule: CancelRule::default(),
            distinct_cancelled_key: false,
            complete_reserved: false,
            resend_revives: false,
            refund_payout: RefundPayout::AfterSeconds(60),
            refund_status: RefundStatus::default(),
            refund_request_limit: None,
            refund_weekly_limit: None,
            plain_reference_key: false,
            numbers: Numbers::default(),
            details_shape: DetailsShape::default(),
            details_time: DetailsTime::default(),
            charge_lines: true,
            not_found_form: NotFoundForm::default(),
            not_found_key: NotFoundKey::default(),
            empty_list: EmptyList::default(),
            validation_status: 417,
            errors_form: ErrorsForm::default(),
            check_order: CheckOrder::default(),
            time_zone: Zone::default(),
            details_lag_seconds: 0,
            history_lag_seconds: 0,
            checksum: Checksum::default(),
            callback_order: CallbackOrder::default(),
            callback_status: CallbackStatus::default(),
            callback_amount: CallbackAmount::default(),
            query_join: QueryJoin::default(),
            order_validator: OrderValidator::default(),
            order_accepted: false,
            order_amounts: true,
            order_history: true,
        }
    }
}

/// The longest window, validity or release, in days: what a date can hold with room to spare.
const MAX_DAYS: u32 = 36_500;

impl Switches {
    /// These switches with the fields of `patch` changed.
    ///
    /// # Errors
    /// A sentence that names an unknown field, a wrong value or a value out of bounds.
    pub fn patched(&self, patch: &serde_json::Value) -> Result<Self, String> {
        let mut all = serde_json::to_value(self).map_err(|error| error.to_string())?;
        match (all.as_object_mut(), patch.as_object()) {
            (Some(all), Some(patch)) => all.extend(patch.clone()),
            _ => return Err("switches are a JSON object".to_owned()),
        }
        let switches: Self = serde_json::from_value(all).map_err(|error| error.to_string())?;
        let release_days = match switches.release {
            Release::AfterDays(days) => days,
            Release::Never | Release::Immediately => 0,
        };
        let days = [
            switches.capture_window_days,
            switches.charge_days,
            release_days,
        ];
        if days.iter().any(|days| *days > MAX_DAYS) {
            return Err(format!("a number of days is at most {MAX_DAYS}"));
        }
        if !matches!(switches.validation_status, 400 | 417) {
            return Err("validation_status is 417 or 400".to_owned());
        }
        Ok(switches)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_patch_changes_what_it_names() {
        let patch = json!({"cancel_verb": "get", "release": {"after_days": 3}, "refund_weekly_limit": "50.00"});
        let switches = Switches::default().patched(&patch).expect("valid");
        assert_eq!(switches.cancel_verb, CancelVerb::Get);
        assert_eq!(switches.release, Release::AfterDays(3));
        assert_eq!(switches.refund_weekly_limit, Some(Money::kroner(50)));
        assert_eq!(switches.capture_window_days, 7);
    }

    #[test]
    fn an_unknown_or_unusable_switch_is_refused_by_name() {
        for (patch, named) in [
            (json!({"cancel_verbs": "get"}), "cancel_verbs"),
            (json!({"cancel_verb": "put"}), "put"),
            (json!({"capture_window_days": 4_000_000}), "days"),
            (json!({"validation_status": 200}), "validation_status"),
            (json!([]), "object"),
        ] {
            let error = Switches::default().patched(&patch).expect_err(named);
            assert!(error.contains(named), "{error}");
        }
    }
}
