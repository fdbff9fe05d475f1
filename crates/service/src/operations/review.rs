//! Reviews as people read them: the evidence, what can be decided, and what would put a wrong effect right.

use domain::review::{
    Evidence, PastDecision, Remedy, ReviewOption, ReviewStatus, Subject, evidence, options,
    remedies,
};
use domain::{Case, Fact, Merchant, Reservation, ReviewFact, ReviewId};
use store::queue::AttemptView;
use store::{Event, Review, Stored};

use super::OperationError;
use crate::app::App;

/// How many of the newest events a review shows.
const TIMELINE: u32 = 50;

/// A review with everything that a decision about it rests on.
#[derive(Clone, Debug)]
pub struct Dossier {
    /// The review as the database has it.
    pub review: Review,
    /// What the reservation shows; `None` when it is not there, or its merchant is not configured any more.
    pub evidence: Option<Evidence>,
    /// What can be decided; empty once the review is decided.
    pub options: Vec<ReviewOption>,
    /// What would put a wrong effect right; empty once the review is decided.
    pub remedies: Vec<Remedy>,
    /// The newest events of the reservation, oldest first.
    pub timeline: Vec<Event>,
    /// The requests and runs of the review's job, oldest first.
    pub attempts: Vec<AttemptView>,
}

/// The review with this id, and everything that a decision about it rests on.
///
/// # Errors
/// There is no such review, or the database failed.
pub async fn dossier(app: &App, id: &ReviewId) -> Result<Dossier, OperationError> {
    let review = app.store.review(id).await?;
    let mut dossier = Dossier {
        review: review.ok_or(OperationError::NotFound("review"))?,
        evidence: None,
        options: Vec::new(),
        remedies: Vec::new(),
        timeline: Vec::new(),
        attempts: Vec::new(),
    };
    if let Some(job) = &dossier.review.job {
        let details = app.store.job(job).await?;
        dossier.attempts = details.map(|job| job.attempts).unwrap_or_default();
    }
    let Some(reservation) = &dossier.review.reservation else {
        return Ok(dossier);
    };
    let Some(Stored { reservation: r, .. }) = app.store.reservation(reservation).await? else {
        return Ok(dossier);
    };
    let before = (r.version - i64::from(TIMELINE)).max(0);
    let timeline = app.store.events(&r.id, TIMELINE, Some(before)).await?;
    dossier.timeline = timeline.items;
    if let Some(handle) = app.merchants.get(&r.merchant) {
        let decided = past(app.store.decisions(&r.id).await?);
        dossier.fill(app, &r, &handle.merchant, &decided);
    }
    Ok(dossier)
}

impl Dossier {
    fn fill(&mut self, app: &App, r: &Reservation, merchant: &Merchant, decided: &[PastDecision]) {
        let (case, about) = (
            Case::new(r, merchant, app.clock.now()),
            subject(r, &self.review),
        );
        self.evidence = Some(evidence(case, &about, decided));
        if self.review.status() == ReviewStatus::Open {
            self.options = options(case, &about);
            self.remedies = remedies(case, &about);
        }
    }
}

/// What a review is, or was, about.
fn subject<'r>(r: &'r Reservation, review: &Review) -> Subject<'r> {
    Subject {
        reason: review.reason,
        since: review.raised_at,
        freezes: review.freezes,
        intent: review.intent.as_ref().and_then(|id| r.intent(id)),
    }
}

/// The decisions of a journal.
fn past(events: Vec<Event>) -> Vec<PastDecision> {
    let decided = |event: Event| match event.fact {
        Fact::Review(ReviewFact::Decided {
            intent,
            reason,
            decision,
        }) => Some(PastDecision {
            seq: event.seq,
            at: event.at,
            actor: event.actor,
            intent,
            reason,
            record: decision,
        }),
        _ => None,
    };
    events.into_iter().filter_map(decided).collect()
}
