//! What Holdfast does by itself, and when: versioned, validated, per merchant, overridable per reservation.

use chrono::TimeDelta;
use serde::{Deserialize, Serialize};

use crate::FieldError;
use crate::capabilities::MultiCapture;
use crate::job::words;
use crate::money::Money;
use crate::span::Span;

/// Who has decided what the policy says: `created_by` of such an intent.
pub(crate) const POLICY: &str = "policy";

words! {
    /// What a delivery leads to.
    OnDelivery {
        /// One capture once everything is delivered.
        WhenComplete = "when_complete",
        /// A capture at each delivery; needs a merchant whose several captures are proven.
        EachDelivery = "each_delivery",
        /// Nothing: somebody asks for the capture.
        Manual = "manual",
    }
}

words! {
    /// What happens shortly before the capture window closes.
    BeforeDeadline {
        /// Capture what is delivered; with nothing delivered, ask a person.
        CaptureDelivered = "capture_delivered",
        /// Ask a person.
        Warn = "warn",
        /// Capture everything; needs a legal basis.
        CaptureAll = "capture_all",
        /// Release the hold.
        Cancel = "cancel",
    }
}

words! {
    /// What happens when something is delivered after the window closed.
    Late {
        /// Raise a review: a person decides.
        Review = "review",
        /// Charge the card; needs a mandate's ceiling.
        Charge = "charge",
        /// Nothing.
        Nothing = "nothing",
    }
}

words! {
    /// How a message reaches the payer.
    Channel {
        /// By e-mail.
        Email = "email",
        /// By SMS.
        Sms = "sms",
    }
}

words! {
    /// When messages may be sent.
    ContactHours {
        /// Weekdays 08 to 21, Saturdays 10 to 15, not on Sundays and public holidays.
        Business = "business",
        /// At any hour.
        Any = "any",
    }
}

/// When to remind: after the submit (`+24h`) or before the due date (`-2h`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum ReminderAt {
    /// So long after the submit.
    AfterSubmit(Span),
    /// So long before the link is due.
    BeforeDue(Span),
}

impl TryFrom<String> for ReminderAt {
    type Error = &'static str;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        const WRONG: &str =
            "is not an offset like \"+24h\" (from the submit) or \"-2h\" (to the due date)";
        match text.split_at_checked(1) {
            Some(("+", span)) => span.parse().map(Self::AfterSubmit).map_err(|_| WRONG),
            Some(("-", span)) => span.parse().map(Self::BeforeDue).map_err(|_| WRONG),
            _ => Err(WRONG),
        }
    }
}

impl From<ReminderAt> for String {
    fn from(at: ReminderAt) -> Self {
        match at {
            ReminderAt::AfterSubmit(span) => format!("+{span}"),
            ReminderAt::BeforeDue(span) => format!("-{span}"),
        }
    }
}

/// A duration, or `"off"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum After {
    /// So long after.
    Span(Span),
    /// Never.
    Off,
}

impl After {
    /// The delay, unless it is off.
    #[must_use]
    pub const fn delta(self) -> Option<TimeDelta> {
        match self {
            Self::Span(span) => Some(span.delta()),
            Self::Off => None,
        }
    }
}

impl TryFrom<String> for After {
    type Error = &'static str;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        if text == "off" {
            return Ok(Self::Off);
        }
        text.parse()
            .map(Self::Span)
            .map_err(|_| "is neither \"off\" nor a duration like \"30m\"")
    }
}

impl From<After> for String {
    fn from(after: After) -> Self {
        match after {
            After::Span(span) => span.to_string(),
            After::Off => "off".to_owned(),
        }
    }
}

/// Declares a section of the policy together with its patch, in which every key is optional.
macro_rules! section {
    ($(#[$doc:meta])* $name:ident / $patch:ident { $($(#[$fdoc:meta])* $field:ident: $type:ty,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
        pub struct $name { $($(#[$fdoc])* pub $field: $type,)* }

        #[doc = concat!("Keys of [`", stringify!($name), "`] to change; the others stay.")]
        #[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(deny_unknown_fields)]
        pub struct $patch {
            $($(#[$fdoc])* #[serde(default, skip_serializing_if = "Option::is_none")] pub $field: Option<$type>,)*
        }

        impl $name {
            fn patched(&self, patch: &$patch) -> Self {
                Self { $($field: patch.$field.clone().unwrap_or_else(|| self.$field.clone()),)* }
            }
        }
    };
}

section! {
    /// When money is taken from the hold.
    Capture / CapturePatch {
        /// What a delivery leads to.
        on_delivery: OnDelivery,
        /// What happens shortly before the window closes.
        before_deadline: BeforeDeadline,
        /// How long before the window closes that happens.
        act_before: Span,
        /// What happens to deliveries after the window.
        late: Late,
        /// Why everything may be captured undelivered; required by `capture_all`.
        legal_basis: Option<String>,
        /// The most that may be charged late; required by `late = "charge"`.
        mandate_ceiling: Option<Money>,
    }
}

section! {
    /// When the payer is reminded.
    Reminders / RemindersPatch {
        /// The times.
        at: Vec<ReminderAt>,
        /// The most reminders of one link.
        max: u8,
        /// The channels, the preferred one first.
        channels: Vec<Channel>,
        /// The least time between two messages.
        min_spacing: Span,
        /// When messages may be sent.
        contact_hours: ContactHours,
    }
}

section! {
    /// What happens to a link nobody paid.
    Expiry / ExpiryPatch {
        /// It is cancelled so long after its due date.
        cancel_after_due: After,
    }
}

section! {
    /// When the books are closed.
    Completion / CompletionPatch {
        /// So long after the last money row with nothing open.
        after: After,
    }
}

section! {
    /// When it is said that the window will close.
    Warnings / WarningsPatch {
        /// So long before it closes, while something is capturable.
        at: Vec<Span>,
    }
}

/// The whole policy of one reservation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Policy {
    /// Grows whenever the merchant's policy changes; each intent records the one it ran under.
    pub version: u32,
    /// When money is taken from the hold.
    pub capture: Capture,
    /// When the payer is reminded.
    pub reminders: Reminders,
    /// What happens to a link nobody paid.
    pub expiry: Expiry,
    /// When the books are closed.
    pub completion: Completion,
    /// When it is said that the window will close.
    pub warnings: Warnings,
}

/// Keys of a [`Policy`] to change; the others stay.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PolicyPatch {
    /// When money is taken from the hold.
    pub capture: CapturePatch,
    /// When the payer is reminded.
    pub reminders: RemindersPatch,
    /// What happens to a link nobody paid.
    pub expiry: ExpiryPatch,
    /// When the books are closed.
    pub completion: CompletionPatch,
    /// When it is said that the window will close.
    pub warnings: WarningsPatch,
}

impl Default for Policy {
    fn default() -> Self {
        let day = |days: u16| Span::hours(24 * days);
        Self {
            version: 1,
            capture: Capture {
                on_delivery: OnDelivery::WhenComplete,
                before_deadline: BeforeDeadline::CaptureDelivered,
                act_before: Span::hours(48),
                late: Late::Review,
                legal_basis: None,
                mandate_ceiling: None,
            },
            reminders: Reminders {
                at: vec![
                    ReminderAt::AfterSubmit(day(1)),
                    ReminderAt::BeforeDue(day(1)),
                    ReminderAt::BeforeDue(Span::hours(2)),
                ],
                max: 3,
                channels: vec![Channel::Email, Channel::Sms],
                min_spacing: Span::hours(20),
                contact_hours: ContactHours::Business,
            },
            expiry: Expiry {
                cancel_after_due: After::Span(Span::seconds(30 * 60)),
            },
            completion: Completion {
                after: After::Span(day(3)),
            },
            warnings: Warnings {
                at: vec![day(7), day(3), day(2), day(1), Span::hours(6)],
            },
        }
    }
}

/// The most entries of a list of times in a policy.
const MAX_TIMES: usize = 20;

impl Policy {
    /// This policy with the keys of `patch` changed.
    ///
    /// # Errors
    /// Every value that does not fit, by its key below `policy`.
    pub fn with(
        &self,
        patch: &PolicyPatch,
        multi_capture: MultiCapture,
    ) -> Result<Self, Vec<FieldError>> {
        let policy = Self {
            version: self.version,
            capture: self.capture.patched(&patch.capture),
            reminders: self.reminders.patched(&patch.reminders),
            expiry: self.expiry.patched(&patch.expiry),
            completion: self.completion.patched(&patch.completion),
            warnings: self.warnings.patched(&patch.warnings),
        };
        let faults = policy.faults(multi_capture);
        if faults.is_empty() {
            Ok(policy)
        } else {
            Err(faults)
        }
    }

    fn faults(&self, multi_capture: MultiCapture) -> Vec<FieldError> {
        let (capture, reminders) = (&self.capture, &self.reminders);
        let rules = [
            (
                capture.on_delivery == OnDelivery::EachDelivery
                    && multi_capture != MultiCapture::Proven,
                "capture.on_delivery",
                "\"each_delivery\" needs multi_capture = \"proven\" in the merchant's configuration",
            ),
            (
                capture.before_deadline == BeforeDeadline::CaptureAll
                    && capture.legal_basis.is_none(),
                "capture.legal_basis",
                "is required by before_deadline = \"capture_all\": say why undelivered goods may be captured",
            ),
            (
                capture.late == Late::Charge && capture.mandate_ceiling.is_none(),
                "capture.mandate_ceiling",
                "is required by late = \"charge\": the most that may be charged",
            ),
            (
                !(Span::hours(12)..=Span::hours(6 * 24)).contains(&capture.act_before),
                "capture.act_before",
                "is not between 12h and 6d",
            ),
            (
                reminders.at.len() > MAX_TIMES,
                "reminders.at",
                "has more than 20 entries",
            ),
            (reminders.max > 10, "reminders.max", "is more than 10"),
            (
                reminders.channels.is_empty() && !reminders.at.is_empty(),
                "reminders.channels",
                "is empty: name \"email\", \"sms\" or both, or empty reminders.at",
            ),
            (
                self.warnings.at.len() > MAX_TIMES,
                "warnings.at",
                "has more than 20 entries",
            ),
        ];
        rules
            .into_iter()
            .filter(|(wrong, ..)| *wrong)
            .map(|(_, key, message)| FieldError::new(format!("policy.{key}"), message))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn patch(json: &str) -> Result<PolicyPatch, String> {
        serde_json::from_str(json).map_err(|error| error.to_string())
    }

    fn keys(json: &str, multi: MultiCapture) -> Vec<String> {
        let patch = patch(json).expect("patch");
        Policy::default()
            .with(&patch, multi)
            .map_or_else(|f| f.into_iter().map(|f| f.field).collect(), |_| vec![])
    }

    #[test]
    fn the_defaults_are_the_documented_ones_and_valid() {
        let policy = Policy::default();
        assert!(policy.faults(MultiCapture::Unknown).is_empty());
        let json = serde_json::to_value(&policy).expect("json");
        assert_eq!(
            json["reminders"]["at"],
            serde_json::json!(["+24h", "-24h", "-2h"])
        );
        assert_eq!(
            json["warnings"]["at"],
            serde_json::json!(["7d", "72h", "48h", "24h", "6h"])
        );
        assert_eq!(json["expiry"]["cancel_after_due"], "30m");
    }

    #[test]
    fn a_patch_changes_its_keys_only() {
        let patch = patch(r#"{"completion":{"after":"24h"},"expiry":{"cancel_after_due":"off"}}"#)
            .expect("patch");
        let policy = Policy::default()
            .with(&patch, MultiCapture::Unknown)
            .expect("valid");
        assert_eq!(policy.completion.after, After::Span(Span::hours(24)));
        assert_eq!(policy.expiry.cancel_after_due, After::Off);
        assert_eq!(policy.capture, Policy::default().capture);
    }

    #[test]
    fn each_rule_names_its_key() {
        use MultiCapture::{Proven, Unknown};
        for (json, multi, key) in [
            (
                r#"{"capture":{"on_delivery":"each_delivery"}}"#,
                Unknown,
                Some("policy.capture.on_delivery"),
            ),
            (
                r#"{"capture":{"on_delivery":"each_delivery"}}"#,
                Proven,
                None,
            ),
            (
                r#"{"capture":{"before_deadline":"capture_all"}}"#,
                Unknown,
                Some("policy.capture.legal_basis"),
            ),
            (
                r#"{"capture":{"late":"charge"}}"#,
                Unknown,
                Some("policy.capture.mandate_ceiling"),
            ),
            (
                r#"{"capture":{"late":"charge","mandate_ceiling":"500.00"}}"#,
                Unknown,
                None,
            ),
            (
                r#"{"capture":{"act_before":"1h"}}"#,
                Unknown,
                Some("policy.capture.act_before"),
            ),
            (
                r#"{"reminders":{"max":11}}"#,
                Unknown,
                Some("policy.reminders.max"),
            ),
            (
                r#"{"reminders":{"channels":[]}}"#,
                Unknown,
                Some("policy.reminders.channels"),
            ),
        ] {
            assert_eq!(
                keys(json, multi),
                key.into_iter().collect::<Vec<_>>(),
                "{json}"
            );
        }
    }

    #[test]
    fn unknown_keys_and_words_are_refused() {
        for json in [
            r#"{"captures":{}}"#,
            r#"{"capture":{"on_deliver":"manual"}}"#,
            r#"{"capture":{"on_delivery":"sometimes"}}"#,
            r#"{"reminders":{"at":["24h"]}}"#,
            r#"{"completion":{"after":"soon"}}"#,
        ] {
            assert!(patch(json).is_err(), "{json}");
        }
    }
}
