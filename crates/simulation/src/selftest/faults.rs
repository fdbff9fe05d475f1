//! The way to the provider: what goes wrong with requests, and how often.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use api_client::{
    BoxFuture, CallClass, FaultKind, Phase, Transport, TransportFault, WireRequest, WireResponse,
};
use chrono::{DateTime, TimeDelta, Utc};
use domain::{Clock as _, ManualClock};
use sandbox::{CallbackFault, CallbackWhat, Fault, Handle, InProcess, What, When};

use super::dice::Dice;
use super::failpoints::{Failpoint, Failpoints};
use super::trace::Trace;

/// The statuses of a provider that fails.
const FAILURES: [u16; 5] = [500, 502, 503, 504, 510];

/// How often a request that reads suffers.
const READ: u64 = 1;

/// What a run may suffer.
#[derive(Clone, Debug)]
pub(super) struct FaultProfile {
    /// How many of a thousand requests suffer.
    pub(super) per_mille: u64,
    /// How many of a thousand callbacks suffer from each fault.
    pub(super) callbacks: u64,
    /// Between these times nothing gets through.
    pub(super) outages: Vec<(DateTime<Utc>, DateTime<Utc>)>,
    /// From then on the token is refused, until somebody mends it.
    pub(super) token_breaks: Option<DateTime<Utc>>,
    /// Details may lag behind by so many seconds, and a request may take effect so many seconds late.
    pub(super) lag: (u64, u64),
}

impl FaultProfile {
    /// Nothing goes wrong.
    pub(super) const fn calm() -> Self {
        Self {
            per_mille: 0,
            callbacks: 0,
            outages: Vec::new(),
            token_breaks: None,
            lag: (0, 0),
        }
    }

    /// The faults of callbacks, for the sandbox.
    pub(super) fn callback_faults(&self) -> Vec<CallbackFault> {
        let late = [60, 3_600, 86_400].map(CallbackWhat::Late);
        let others = [
            CallbackWhat::Lost,
            CallbackWhat::Duplicate,
            CallbackWhat::Forged,
            CallbackWhat::WrongChecksum,
        ];
        let rate = u32::try_from(self.callbacks).unwrap_or(0);
        let all = others.into_iter().chain(late);
        all.filter(|_| rate > 0)
            .map(|what| CallbackFault::rate(what, rate))
            .collect()
    }
}

/// What draw one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Trouble {
    /// No connection: it is not sent.
    NoConnection,
    /// The sandbox does this to it.
    Fault(When, What),
}

#[derive(Debug)]
struct State {
    dice: Dice,
    profile: FaultProfile,
    token_broken: bool,
    counts: BTreeMap<&'static str, u64>,
    requests: u64,
}

/// The faults between here and the provider. Cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct FaultInjector(Arc<Mutex<State>>);

impl FaultInjector {
    pub(super) fn new(dice: Dice, profile: FaultProfile) -> Self {
        let state = State {
            dice,
            profile,
            token_broken: false,
            counts: BTreeMap::new(),
            requests: 0,
        };
        Self(Arc::new(Mutex::new(state)))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on nothing goes wrong.
    pub(super) fn calm(&self) {
        let mut state = self.lock();
        state.profile = FaultProfile::calm();
        state.token_broken = false;
    }

    /// Somebody has put a new token in place. Was it broken?
    pub(super) fn mend_token(&self) -> bool {
        std::mem::take(&mut self.lock().token_broken)
    }

    /// Requests so far, and the faults that befell them by their names.
    pub(super) fn counts(&self) -> (u64, BTreeMap<&'static str, u64>) {
        let state = self.lock();
        (state.requests, state.counts.clone())
    }

    /// Draws what draw a request that suffers so many times as often as one that reads: its trouble, and for how
    /// many seconds details stay behind one that writes.
    fn draw(&self, now: DateTime<Utc>, times: u64) -> (Option<Trouble>, Option<u32>) {
        let mut state = self.lock();
        state.requests += 1;
        let trouble = state.trouble(now, times);
        let (stale, _) = state.profile.lag;
        let rate = state.profile.per_mille;
        let lags = times > READ && stale > 0 && state.dice.chance(rate);
        let stale = lags.then(|| u32::try_from(state.dice.between(1, stale)).unwrap_or(1));
        if stale.is_some() {
            *state.counts.entry("stale details").or_default() += 1;
        }
        if let Some((name, _)) = trouble {
            *state.counts.entry(name).or_default() += 1;
        }
        (trouble.map(|(_, trouble)| trouble), stale)
    }
}

impl State {
    fn trouble(&mut self, now: DateTime<Utc>, times: u64) -> Option<(&'static str, Trouble)> {
        let before = |what| Trouble::Fault(When::BeforeEffect, what);
        if self.profile.token_breaks.is_some_and(|at| now >= at) {
            self.profile.token_breaks = None;
            self.token_broken = true;
        }
        if self
            .profile
            .outages
            .iter()
            .any(|(from, until)| *from <= now && now < *until)
        {
            return Some(("outage", self.during_an_outage()));
        }
        if self.token_broken {
            return Some(("401", before(What::Status(401))));
        }
        if !self.dice.chance(self.profile.per_mille * times) {
            return None;
        }
        let dice = &self.dice;
        let failure = dice.pick(&FAILURES).copied().unwrap_or(500);
        let truncated = What::Truncated(u32::try_from(dice.between(0, 200)).unwrap_or(0));
        let (_, late) = self.profile.lag;
        let later = When::Later(u32::try_from(dice.between(1, late.max(1))).unwrap_or(1));
        let when = dice
            .pick(&[
                When::BeforeEffect,
                When::AfterEffect,
                When::AfterEffect,
                later,
            ])
            .copied()
            .unwrap_or_default();
        Some(match dice.between(0, 11) {
            0 => ("no connection", Trouble::NoConnection),
            1 => ("429", before(What::Status(429))),
            2 => ("reset", Trouble::Fault(when, What::Reset)),
            3 | 4 => ("hang", Trouble::Fault(when, What::Hang)),
            5 => ("html", Trouble::Fault(when, What::Html)),
            6 => ("garbage", Trouble::Fault(when, What::Garbage)),
            7 => ("empty", Trouble::Fault(when, What::Empty)),
            8 => ("truncated", Trouble::Fault(When::AfterEffect, truncated)),
            9 => ("wrong code", Trouble::Fault(when, What::WrongCode)),
            _ => ("5xx", Trouble::Fault(when, What::Status(failure))),
        })
    }

    fn during_an_outage(&self) -> Trouble {
        match self.dice.between(0, 3) {
            0 => Trouble::Fault(When::BeforeEffect, What::Hang),
            1 => Trouble::Fault(When::BeforeEffect, What::Status(502)),
            _ => Trouble::NoConnection,
        }
    }
}

/// How often a request suffers. Outcomes that stay unknown are what this is about, of captures most.
fn times(request: &WireRequest, name: &str) -> u64 {
    match request.class {
        CallClass::Read => READ,
        _ if name.starts_with("capture/") => READ * 3,
        _ => READ * 2,
    }
}

/// What befell a request, as the trace shows it.
struct Injected(Option<Trouble>, Option<u32>);

impl fmt::Display for Injected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            None => {}
            Some(Trouble::NoConnection) => f.write_str("  [fault: not sent]")?,
            Some(Trouble::Fault(when, what)) => write!(f, "  [fault: {what:?}, {when:?}]")?,
        }
        self.1.map_or(Ok(()), |seconds| {
            write!(f, "  [details stale for {seconds} s]")
        })
    }
}

/// The client's transport in a run: faults, failpoints to die at, and the sandbox behind both.
pub(super) struct Wire {
    pub(super) inner: InProcess,
    pub(super) world: Handle,
    pub(super) clock: Arc<ManualClock>,
    pub(super) faults: FaultInjector,
    pub(super) failpoints: Failpoints,
    pub(super) trace: Trace,
}

impl fmt::Debug for Wire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Wire")
    }
}

impl Transport for Wire {
    fn send(&self, request: WireRequest) -> BoxFuture<'_, Result<WireResponse, TransportFault>> {
        Box::pin(self.carry(request))
    }
}

impl Wire {
    async fn carry(&self, request: WireRequest) -> Result<WireResponse, TransportFault> {
        self.failpoints.pass(Failpoint::BeforeRequest).await;
        let sent_at = self.clock.now();
        let name = request
            .path
            .trim_start_matches("connect/reservations/")
            .to_owned();
        let timeout = TimeDelta::from_std(request.timeout).unwrap_or(TimeDelta::MAX);
        let (trouble, stale) = self.faults.draw(sent_at, times(&request, &name));
        let answer = match trouble {
            Some(Trouble::NoConnection) => {
                Err(TransportFault::new(Phase::BeforeSend, FaultKind::Refused))
            }
            trouble => {
                self.arm(trouble, stale);
                self.inner.send(request).await
            }
        };
        let answer_text = match &answer {
            Ok(response) => response.status.to_string(),
            Err(fault) => format!("{:?}", fault.kind),
        };
        let injected = Injected(trouble, stale);
        self.trace.note(
            sent_at,
            format_args!("  request {name} -> {answer_text}{injected}"),
        );
        self.failpoints.pass(Failpoint::AfterRequest).await;
        if self.clock.now() - sent_at > timeout {
            // Whoever wakes up after so long finds the timeout first.
            return Err(TransportFault::new(Phase::AfterSend, FaultKind::Timeout));
        }
        answer
    }

    /// Makes the sandbox do this to the next call, which is ours.
    fn arm(&self, trouble: Option<Trouble>, stale: Option<u32>) {
        let fault = |when, what| Fault {
            operation: None,
            reservation: None,
            when,
            what,
            times: 1,
            skip: 0,
            per_mille: None,
        };
        let stale = stale.map(|seconds| {
            fault(
                When::BeforeEffect,
                What::StaleDetails {
                    reads: None,
                    seconds: Some(seconds),
                },
            )
        });
        let answer = match trouble {
            Some(Trouble::Fault(when, what)) => Some(fault(when, what)),
            Some(Trouble::NoConnection) | None => None,
        };
        self.world.lock().faults().calls = answer.into_iter().chain(stale).collect();
    }
}
