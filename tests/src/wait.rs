//! Polling a condition of another process, with a bound. The one place of the tests that sleeps: a process that is
//! only looked at has no way to signal.

use std::thread;
use std::time::Duration;

/// Time between two looks at the condition: short beside anything that a test waits for.
const PAUSE: Duration = Duration::from_millis(20);

/// Waits until `condition` holds, looking again every 20 ms.
///
/// The bound counts the pauses and not the time that `condition` itself takes.
///
/// # Panics
/// Names `what` when the condition still does not hold after `bound`.
#[track_caller]
pub fn wait_until(what: &str, bound: Duration, condition: impl FnMut() -> bool) {
    assert!(
        holds_within(bound, condition),
        "waited {bound:?} in vain until {what}"
    );
}

/// Whether `condition` held at some look within `bound`, at one every 20 ms; it is looked at once at least.
pub fn holds_within(bound: Duration, mut condition: impl FnMut() -> bool) -> bool {
    let looks = bound.as_millis().div_ceil(PAUSE.as_millis());
    for _ in 0..looks {
        if condition() {
            return true;
        }
        thread::sleep(PAUSE);
    }
    condition()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waiting_ends_at_the_look_that_finds_the_condition() {
        let mut looks = 0;
        wait_until("the third look", Duration::from_secs(10), || {
            looks += 1;
            looks == 3
        });
        assert_eq!(looks, 3);
    }

    #[test]
    fn waiting_looks_once_even_without_any_time() {
        assert!(holds_within(Duration::ZERO, || true));
    }

    #[test]
    fn waiting_gives_up_after_its_bound() {
        let mut looks = 0;
        let held = holds_within(PAUSE * 2, || {
            looks += 1;
            false
        });
        assert!(!held);
        assert_eq!(looks, 3);
    }
}
