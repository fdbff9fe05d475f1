//! The key of a job: what it is for, so that the same thing is never planned twice.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::JobKind;
use crate::id::{IntentId, PaymentLinkId, ReservationId};
use crate::span::Span;

/// Names one occurrence of a job. Among the live jobs of a reservation, and among those of a merchant that belong to no
/// reservation, each key stands once.
///
/// Keys are stored, in the job table and in facts: the text form of a variant never changes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum JobKey {
    /// `submit`: create the reservation at the provider.
    Submit,
    /// `remind:N`: the reminder of this slot of the policy's list, counted from 0 in the order of time.
    Remind(u32),
    /// `remind:N:other`: that reminder once more, by another channel, since the first did not go out.
    RemindOther(u32),
    /// `capture:auto:N`: the Nth capture, counted from 1, that the policy decides because of a delivery.
    CaptureDelivered(usize),
    /// `capture:deadline`: the capture that the policy decides because the window is about to close.
    CaptureAtDeadline,
    /// `cancel:expiry`: withdraw a link that was not paid in time.
    CancelExpired,
    /// `cancel:deadline`: release the hold because the window is about to close.
    CancelAtDeadline,
    /// `complete:auto`: close the reservation when nothing is open any more.
    Complete,
    /// `deadline:act`: do what the policy says before the window closes.
    DeadlineAct,
    /// `deadline:act:N`: the same once more, when N delivery events were counted, for what was delivered since.
    DeadlineActAgain(usize),
    /// `deadline:uncaptured:N`: ask about what is delivered and captured by nothing, when N delivery events were counted.
    DeadlineUncaptured(usize),
    /// `deadline:warn:SPAN`: say that the window closes in this long.
    DeadlineWarn(Span),
    /// `refresh:now:N`: the read that a callback or a person asked for, after N reads.
    RefreshNow(u32),
    /// `refresh:open:N`: the slow read of a reservation with something open, after N reads.
    RefreshOpen(u32),
    /// `refresh:duplicates`: search for other reservations that the submit has made.
    RefreshDuplicates,
    /// `intent:ID`: carry an intent that somebody asked for.
    Intent(IntentId),
    /// `sweep`: read a window of the merchant's history. Belongs to no reservation.
    Sweep,
    /// `payment_link:ID`: create a one-time payment link. Belongs to no reservation.
    PaymentLink(PaymentLinkId),
}

/// A text that is no key of a job.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("\"{text}\" is not the key of a job")]
pub struct JobKeyError {
    /// What was read, cut to 60 characters.
    pub text: String,
}

impl JobKey {
    /// What the job with this key does while nothing has been decided; `None` for one that carries an intent from the
    /// start, whose kind is that of the intent's operation.
    #[must_use]
    pub const fn kind(&self) -> Option<JobKind> {
        Some(match self {
            Self::Submit => JobKind::Submit,
            Self::Remind(_) | Self::RemindOther(_) => JobKind::Remind,
            Self::CaptureDelivered(_) | Self::CaptureAtDeadline => JobKind::Capture,
            Self::CancelExpired | Self::CancelAtDeadline => JobKind::Cancel,
            Self::Complete => JobKind::Complete,
            Self::DeadlineAct
            | Self::DeadlineActAgain(_)
            | Self::DeadlineUncaptured(_)
            | Self::DeadlineWarn(_) => JobKind::Deadline,
            Self::RefreshNow(_) | Self::RefreshOpen(_) | Self::RefreshDuplicates => {
                JobKind::Refresh
            }
            Self::Sweep => JobKind::Sweep,
            Self::PaymentLink(_) => JobKind::PaymentLink,
            Self::Intent(_) => return None,
        })
    }

    /// The key as it stands in the job table, where it is unique among the live jobs of a merchant: that of a
    /// reservation's job begins with the reservation.
    #[must_use]
    pub fn in_table(&self, reservation: Option<&ReservationId>) -> String {
        match reservation {
            Some(reservation) => format!("{reservation}/{self}"),
            None => self.to_string(),
        }
    }

    /// Reads a key of the job table; `reservation` is whose job it is.
    ///
    /// # Errors
    /// When the text is not what [`in_table`](Self::in_table) writes for that reservation.
    pub fn from_table(
        text: &str,
        reservation: Option<&ReservationId>,
    ) -> Result<Self, JobKeyError> {
        let key = match reservation {
            Some(reservation) => text
                .strip_prefix(reservation.as_str())
                .and_then(|rest| rest.strip_prefix('/')),
            None => Some(text),
        };
        key.ok_or_else(|| wrong(text))?.parse()
    }
}

fn wrong(text: &str) -> JobKeyError {
    JobKeyError {
        text: text.chars().take(60).collect(),
    }
}

impl fmt::Display for JobKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Submit => f.write_str("submit"),
            Self::Remind(slot) => write!(f, "remind:{slot}"),
            Self::RemindOther(slot) => write!(f, "remind:{slot}:other"),
            Self::CaptureDelivered(number) => write!(f, "capture:auto:{number}"),
            Self::CaptureAtDeadline => f.write_str("capture:deadline"),
            Self::CancelExpired => f.write_str("cancel:expiry"),
            Self::CancelAtDeadline => f.write_str("cancel:deadline"),
            Self::Complete => f.write_str("complete:auto"),
            Self::DeadlineAct => f.write_str("deadline:act"),
            Self::DeadlineActAgain(deliveries) => write!(f, "deadline:act:{deliveries}"),
            Self::DeadlineUncaptured(deliveries) => write!(f, "deadline:uncaptured:{deliveries}"),
            Self::DeadlineWarn(before) => write!(f, "deadline:warn:{before}"),
            Self::RefreshNow(reads) => write!(f, "refresh:now:{reads}"),
            Self::RefreshOpen(reads) => write!(f, "refresh:open:{reads}"),
            Self::RefreshDuplicates => f.write_str("refresh:duplicates"),
            Self::Intent(id) => write!(f, "intent:{id}"),
            Self::Sweep => f.write_str("sweep"),
            Self::PaymentLink(id) => write!(f, "payment_link:{id}"),
        }
    }
}

impl FromStr for JobKey {
    type Err = JobKeyError;

    fn from_str(text: &str) -> Result<Self, JobKeyError> {
        fn read<T: FromStr>(part: &str) -> Option<T> {
            part.parse().ok()
        }
        let parts: Vec<&str> = text.split(':').collect();
        let key = match parts.as_slice() {
            ["submit"] => Some(Self::Submit),
            ["remind", slot] => read(slot).map(Self::Remind),
            ["remind", slot, "other"] => read(slot).map(Self::RemindOther),
            ["capture", "auto", number] => read(number).map(Self::CaptureDelivered),
            ["capture", "deadline"] => Some(Self::CaptureAtDeadline),
            ["cancel", "expiry"] => Some(Self::CancelExpired),
            ["cancel", "deadline"] => Some(Self::CancelAtDeadline),
            ["complete", "auto"] => Some(Self::Complete),
            ["deadline", "act"] => Some(Self::DeadlineAct),
            ["deadline", "act", number] => read(number).map(Self::DeadlineActAgain),
            ["deadline", "uncaptured", number] => read(number).map(Self::DeadlineUncaptured),
            ["deadline", "warn", before] => read(before).map(Self::DeadlineWarn),
            ["refresh", "now", reads] => read(reads).map(Self::RefreshNow),
            ["refresh", "open", reads] => read(reads).map(Self::RefreshOpen),
            ["refresh", "duplicates"] => Some(Self::RefreshDuplicates),
            ["intent", id] => read(id).map(Self::Intent),
            ["sweep"] => Some(Self::Sweep),
            ["payment_link", id] => read(id).map(Self::PaymentLink),
            _ => None,
        };
        // Two texts of one key would be two jobs: "remind:02" is no key.
        key.filter(|key| key.to_string() == text)
            .ok_or_else(|| wrong(text))
    }
}

impl TryFrom<String> for JobKey {
    type Error = JobKeyError;

    fn try_from(text: String) -> Result<Self, JobKeyError> {
        text.parse()
    }
}

impl From<JobKey> for String {
    fn from(key: JobKey) -> Self {
        key.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INTENT: &str = "int_01J00000000000000000000000";
    const LINK: &str = "lnk_01J00000000000000000000000";

    /// The sample after this one, with its text. A new variant does not compile until it has a place in this row.
    fn after(key: Option<&JobKey>) -> Option<(JobKey, String)> {
        let id = || INTENT.parse().expect("an id");
        let link = || LINK.parse().expect("an id");
        let (next, text) = match key {
            None => (JobKey::Submit, "submit".to_owned()),
            Some(JobKey::Submit) => (JobKey::Remind(2), "remind:2".to_owned()),
            Some(JobKey::Remind(_)) => (JobKey::RemindOther(0), "remind:0:other".to_owned()),
            Some(JobKey::RemindOther(_)) => {
                (JobKey::CaptureDelivered(1), "capture:auto:1".to_owned())
            }
            Some(JobKey::CaptureDelivered(_)) => {
                (JobKey::CaptureAtDeadline, "capture:deadline".to_owned())
            }
            Some(JobKey::CaptureAtDeadline) => (JobKey::CancelExpired, "cancel:expiry".to_owned()),
            Some(JobKey::CancelExpired) => (JobKey::CancelAtDeadline, "cancel:deadline".to_owned()),
            Some(JobKey::CancelAtDeadline) => (JobKey::Complete, "complete:auto".to_owned()),
            Some(JobKey::Complete) => (JobKey::DeadlineAct, "deadline:act".to_owned()),
            Some(JobKey::DeadlineAct) => (JobKey::DeadlineActAgain(3), "deadline:act:3".to_owned()),
            Some(JobKey::DeadlineActAgain(_)) => (
                JobKey::DeadlineUncaptured(4),
                "deadline:uncaptured:4".to_owned(),
            ),
            Some(JobKey::DeadlineUncaptured(_)) => (
                JobKey::DeadlineWarn(Span::hours(72)),
                "deadline:warn:72h".to_owned(),
            ),
            Some(JobKey::DeadlineWarn(_)) => (JobKey::RefreshNow(7), "refresh:now:7".to_owned()),
            Some(JobKey::RefreshNow(_)) => (JobKey::RefreshOpen(8), "refresh:open:8".to_owned()),
            Some(JobKey::RefreshOpen(_)) => {
                (JobKey::RefreshDuplicates, "refresh:duplicates".to_owned())
            }
            Some(JobKey::RefreshDuplicates) => (JobKey::Intent(id()), format!("intent:{INTENT}")),
            Some(JobKey::Intent(_)) => (JobKey::Sweep, "sweep".to_owned()),
            Some(JobKey::Sweep) => (JobKey::PaymentLink(link()), format!("payment_link:{LINK}")),
            Some(JobKey::PaymentLink(_)) => return None,
        };
        Some((next, text))
    }

    #[test]
    fn every_key_is_read_as_it_was_written() {
        let reservation: ReservationId = "rsv_01J00000000000000000000000".parse().expect("an id");
        let mut last = None;
        while let Some((key, text)) = after(last.as_ref()) {
            assert_eq!(key.to_string(), text);
            assert_eq!(text.parse().as_ref(), Ok(&key));
            let json = serde_json::to_value(&key).expect("JSON");
            assert_eq!(json, serde_json::Value::String(text.clone()));
            assert_eq!(serde_json::from_value::<JobKey>(json).expect("a key"), key);
            for owner in [None, Some(&reservation)] {
                let stored = key.in_table(owner);
                assert_eq!(JobKey::from_table(&stored, owner).as_ref(), Ok(&key));
            }
            assert!(JobKey::from_table(&text, Some(&reservation)).is_err());
            last = Some(key);
        }
    }

    #[test]
    fn a_text_that_no_key_is_written_as_is_refused() {
        for text in [
            "",
            "remind",
            "remind:",
            "remind:02",
            "remind:+2",
            "remind:-1",
            "remind:2:",
            "remind:2:others",
            "remind:99999999999",
            "capture:auto",
            "deadline:warn:3d",
            "deadline:warn:soon",
            "deadline",
            "intent:7",
            "payment_link:int_01J00000000000000000000000",
            "Submit",
            " submit",
            "submit:1",
        ] {
            assert_eq!(text.parse::<JobKey>(), Err(wrong(text)), "{text}");
        }
    }
}
