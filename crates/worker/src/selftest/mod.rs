//! `holdfast selftest`: a deterministic simulation of the whole service, judged by a checker of its own.

mod dice;
mod drive;
mod history;
mod operator;
mod plan;
mod points;
mod stage;
mod trace;
mod weather;

/// Plays.
pub fn try_one(seed: u64) -> String {
    let rt = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    rt.block_on(async {
        let played = history::play(plan::Plan::draw(seed, false), false).await.unwrap();
        let _ = (&played.asked, played.decisions, &played.plan.bookings);
        format!(
            "{}\nruns {} crashes {} faults {:?} {:?}\n{}",
            played.stage.trace.text(),
            played.crew.runs,
            played.crew.crashes,
            played.crew.faults,
            played.stage.weather.counts(),
            played.stage.trace.hash()
        )
    })
}
