//! What the demo shows: lines, with colour when a terminal takes them.

use std::io::{IsTerminal as _, Write};

use chrono::{DateTime, Datelike as _, Utc};
use chrono_tz::Europe::Oslo;

use super::timeline::{Narration, Tone};

/// Writes the demo's lines.
pub(super) struct Screen {
    out: Box<dyn Write + Send>,
    colour: bool,
}

impl Screen {
    /// The process's stdout.
    pub(super) fn stdout() -> Self {
        let out = std::io::stdout();
        Self::new(out.is_terminal(), Box::new(out))
    }

    /// The process's stderr.
    pub(super) fn stderr() -> Self {
        let out = std::io::stderr();
        Self::new(out.is_terminal(), Box::new(out))
    }

    /// Colour unless it is no terminal, or `NO_COLOR` is set.
    fn new(terminal: bool, out: Box<dyn Write + Send>) -> Self {
        let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        Self {
            out,
            colour: terminal && !refused,
        }
    }

    /// One line as it is.
    pub(super) fn line(&mut self, text: &str) {
        // Nothing can be done about a closed terminal.
        let _ = writeln!(self.out, "{text}").and_then(|()| self.out.flush());
    }

    /// One line that is good news or bad news.
    pub(super) fn result(&mut self, good: bool, text: &str) {
        let tone = if good { Tone::Good } else { Tone::Bad };
        let line = self.painted(tone, text);
        self.line(&line);
    }

    /// One line of the timeline.
    pub(super) fn tell(&mut self, stamp: &str, reference: &str, narration: &Narration) {
        let text = self.painted(narration.tone, &narration.text);
        self.line(&format!("{stamp}  {reference:<8}  {text}"));
    }

    fn painted(&self, tone: Tone, text: &str) -> String {
        let code = match tone {
            Tone::Good => "32",
            Tone::Warning => "33",
            Tone::Bad => "31",
            Tone::Plain => return text.to_owned(),
        };
        if self.colour {
            format!("\u{1b}[{code}m{text}\u{1b}[0m")
        } else {
            text.to_owned()
        }
    }
}

/// The day, counted from the one the demo began on, and the time of day in Oslo.
pub(super) fn stamp(at: DateTime<Utc>, start: DateTime<Utc>) -> String {
    let (at, start) = (at.with_timezone(&Oslo), start.with_timezone(&Oslo));
    let day = at.num_days_from_ce() - start.num_days_from_ce() + 1;
    format!("day {day:>2} {}", at.format("%H:%M"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_counted_from_the_first_one_in_oslo() {
        let time = |text: &str| text.parse::<DateTime<Utc>>().expect("time");
        let start = time("2026-11-21T22:30:00Z");
        for (at, expected) in [
            ("2026-11-21T22:30:00Z", "day  1 23:30"),
            ("2026-11-21T23:05:00Z", "day  2 00:05"),
            ("2026-12-01T11:00:00Z", "day 11 12:00"),
        ] {
            assert_eq!(stamp(time(at), start), expected);
        }
    }

    #[test]
    fn colour_is_put_around_what_is_not_plain() {
        for (colour, tone, expected) in [
            (true, Tone::Good, "\u{1b}[32mx\u{1b}[0m"),
            (true, Tone::Plain, "x"),
            (false, Tone::Bad, "x"),
        ] {
            let screen = Screen {
                out: Box::new(Vec::new()),
                colour,
            };
            assert_eq!(screen.painted(tone, "x"), expected);
        }
    }
}
