//! Faults: what goes wrong on the way, queued for the next matching call or drawn at a seeded rate.

use domain::Entropy;
use serde::{Deserialize, Serialize};

use crate::Operation;

/// When a fault strikes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum When {
    /// The call has no effect.
    #[default]
    BeforeEffect,
    /// The call has its effect; only the answer suffers.
    AfterEffect,
    /// The answer suffers now, and the call has its effect so many seconds later.
    Later(u32),
}

/// What goes wrong with a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum What {
    /// The connection is closed without an answer.
    Reset,
    /// There is no answer, and the connection stays open.
    #[serde(alias = "timeout")]
    Hang,
    /// This HTTP status, in the provider's shape for it.
    Status(u16),
    /// A proxy's page with status 200.
    Html,
    /// Bytes that are neither JSON nor a page.
    Garbage,
    /// The right headers and no body.
    Empty,
    /// The answer ends after so many bytes of its body.
    Truncated(u32),
    /// The status in the body contradicts the one of HTTP.
    WrongCode,
    /// Details show the reservation as it was before this call.
    StaleDetails {
        /// For so many reads.
        #[serde(default)]
        reads: Option<u32>,
        /// For so many seconds.
        #[serde(default)]
        seconds: Option<u32>,
    },
    /// The answer comes so many milliseconds late.
    Delay(u32),
}

/// What goes wrong with a callback.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CallbackWhat {
    /// It is never sent.
    Lost,
    /// It is sent twice.
    Duplicate,
    /// It is sent so many seconds late.
    Late(u32),
    /// It is sent, and so is a forged one with another amount and a checksum by a wrong secret.
    Forged,
    /// Its checksum is wrong.
    WrongChecksum,
}

/// A fault in the queue, or one with a rate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// The call that suffers; every one when missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation: Option<Operation>,
    /// The reservation or order that suffers, by uuid or by `referenceNo`; every one when missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reservation: Option<String>,
    /// Before or after the effect.
    #[serde(default)]
    pub when: When,
    /// What becomes of the answer, or of the details that follow.
    pub what: What,
    /// How many matching calls suffer before the fault is used up.
    #[serde(default = "once")]
    pub times: u32,
    /// How many matching calls pass unharmed before it.
    #[serde(default)]
    pub skip: u32,
    /// With a rate: how many of a thousand calls suffer. Such a fault is never used up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per_mille: Option<u32>,
}

/// A fault of callbacks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CallbackFault {
    /// What becomes of the callback.
    pub callback: CallbackWhat,
    /// How many callbacks suffer before the fault is used up.
    #[serde(default = "once")]
    pub times: u32,
    /// With a rate: how many of a thousand callbacks suffer. Such a fault is never used up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per_mille: Option<u32>,
}

const fn once() -> u32 {
    1
}

impl Fault {
    /// A fault that strikes the next call of this operation.
    #[must_use]
    pub const fn once(operation: Operation, when: When, what: What) -> Self {
        Self {
            operation: Some(operation),
            reservation: None,
            when,
            what,
            times: 1,
            skip: 0,
            per_mille: None,
        }
    }

    /// A fault that strikes so many of a thousand calls; of every operation, when none is named.
    #[must_use]
    pub const fn rate(
        operation: Option<Operation>,
        when: When,
        what: What,
        per_mille: u32,
    ) -> Self {
        Self {
            operation,
            reservation: None,
            when,
            what,
            times: 0,
            skip: 0,
            per_mille: Some(per_mille),
        }
    }
}

impl CallbackFault {
    /// A fault that strikes the next callback.
    #[must_use]
    pub const fn once(callback: CallbackWhat) -> Self {
        Self {
            callback,
            times: 1,
            per_mille: None,
        }
    }

    /// A fault that strikes so many of a thousand callbacks.
    #[must_use]
    pub const fn rate(callback: CallbackWhat, per_mille: u32) -> Self {
        Self {
            callback,
            times: 0,
            per_mille: Some(per_mille),
        }
    }
}

/// The most faults that wait at once, of calls and of callbacks each.
pub const MAX_FAULTS: usize = 1_000;

/// Every fault that waits.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Faults {
    /// Faults of calls; the first that matches strikes.
    pub calls: Vec<Fault>,
    /// Faults of callbacks; the first that matches strikes.
    pub callbacks: Vec<CallbackFault>,
}

/// What strikes one call: at most one fault of its answer, and perhaps one of the reads that follow.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Struck {
    pub(crate) answer: Option<(When, What)>,
    pub(crate) stale: Option<(Option<u32>, Option<u32>)>,
}

impl Faults {
    /// Takes what strikes this call; `names` are the uuid and the reference of its reservation.
    pub(crate) fn strike(
        &mut self,
        operation: Operation,
        names: &[&str],
        dice: &dyn Entropy,
    ) -> Struck {
        let mut struck = Struck::default();
        for fault in &mut self.calls {
            let here = fault.operation.is_none_or(|wanted| wanted == operation)
                && fault
                    .reservation
                    .as_deref()
                    .is_none_or(|wanted| names.contains(&wanted));
            let stale = matches!(fault.what, What::StaleDetails { .. });
            let taken = if stale {
                struck.stale.is_some()
            } else {
                struck.answer.is_some()
            };
            if !here || taken || !strikes(&mut fault.times, &mut fault.skip, fault.per_mille, dice)
            {
                continue;
            }
            match fault.what {
                What::StaleDetails { reads, seconds } => struck.stale = Some((reads, seconds)),
                what => struck.answer = Some((fault.when, what)),
            }
        }
        self.calls
            .retain(|fault| fault.per_mille.is_some() || fault.times > 0);
        struck
    }

    /// Takes what strikes this callback.
    pub(crate) fn strike_callback(&mut self, dice: &dyn Entropy) -> Option<CallbackWhat> {
        let hit = self.callbacks.iter_mut().find_map(|fault| {
            strikes(&mut fault.times, &mut 0, fault.per_mille, dice).then_some(fault.callback)
        });
        self.callbacks
            .retain(|fault| fault.per_mille.is_some() || fault.times > 0);
        hit
    }
}

fn strikes(times: &mut u32, skip: &mut u32, per_mille: Option<u32>, dice: &dyn Entropy) -> bool {
    if *skip > 0 {
        *skip -= 1;
        return false;
    }
    match per_mille {
        Some(rate) => dice.up_to(999) < u64::from(rate),
        None => {
            *times = times.saturating_sub(1);
            true
        }
    }
}

#[cfg(test)]
mod tests {
    use domain::SeededEntropy;

    use super::*;

    #[test]
    fn a_queued_fault_strikes_what_it_names_and_is_used_up() {
        let dice = SeededEntropy::new(1);
        let mut faults = Faults::default();
        let mut fault = Fault::once(Operation::Capture, When::AfterEffect, What::Reset);
        fault.reservation = Some("RES1".to_owned());
        fault.skip = 1;
        faults.calls.push(fault);
        assert!(
            faults
                .strike(Operation::Charge, &["RES1"], &dice)
                .answer
                .is_none()
        );
        assert!(
            faults
                .strike(Operation::Capture, &["RES2"], &dice)
                .answer
                .is_none()
        );
        assert!(
            faults
                .strike(Operation::Capture, &["RES1"], &dice)
                .answer
                .is_none(),
            "skipped"
        );
        let struck = faults.strike(Operation::Capture, &["RES1", "BOOK-1"], &dice);
        assert_eq!(struck.answer, Some((When::AfterEffect, What::Reset)));
        assert!(faults.calls.is_empty());
    }

    #[test]
    fn stale_details_go_together_with_another_fault() {
        let dice = SeededEntropy::new(1);
        let stale = What::StaleDetails {
            reads: Some(2),
            seconds: None,
        };
        let mut faults = Faults::default();
        faults
            .calls
            .push(Fault::once(Operation::Capture, When::BeforeEffect, stale));
        faults.calls.push(Fault::once(
            Operation::Capture,
            When::AfterEffect,
            What::Hang,
        ));
        let struck = faults.strike(Operation::Capture, &[], &dice);
        assert!(struck.answer.is_some() && struck.stale.is_some());
    }

    #[test]
    fn a_rate_strikes_about_as_often_as_it_says() {
        let dice = SeededEntropy::new(7);
        let mut faults = Faults::default();
        faults
            .calls
            .push(Fault::rate(None, When::BeforeEffect, What::Reset, 100));
        let mut struck = || {
            faults
                .strike(Operation::Details, &[], &dice)
                .answer
                .is_some()
        };
        let hits = (0..10_000).filter(|_| struck()).count();
        assert!((850..1_150).contains(&hits), "{hits}");
    }

    #[test]
    fn faults_are_read_from_their_short_form() {
        let read = |json: &str| serde_json::from_str::<Fault>(json).expect(json);
        let fault = read(r#"{"operation":"capture","when":"after_effect","what":"reset"}"#);
        assert_eq!(
            fault,
            Fault::once(Operation::Capture, When::AfterEffect, What::Reset)
        );
        assert_eq!(read(r#"{"what":{"status":502}}"#).what, What::Status(502));
        assert_eq!(
            read(r#"{"what":"timeout","when":{"later":90}}"#).when,
            When::Later(90)
        );
        let stale = read(r#"{"what":{"stale_details":{"reads":3}}}"#).what;
        assert_eq!(
            stale,
            What::StaleDetails {
                reads: Some(3),
                seconds: None
            }
        );
    }
}
