//! Provider text made fit for records: bounded, and without what may be personal.

/// The longest message or sentence that is kept.
const MAX_SENTENCE: usize = 200;
/// The longest text in one word that is taken for a key of the provider rather than for personal data.
const MAX_KEY: usize = 100;
/// From this many digits on, a run of them may be a phone or a personal number.
const LONG_RUN: usize = 6;

/// A message as it is compared: lower case, letters and digits only, so that `Order Not Found` is `orderNotFound`.
#[must_use]
pub fn normalise(message: &str) -> String {
    let kept = message
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .take(MAX_KEY);
    kept.map(|c| c.to_ascii_lowercase()).collect()
}

/// A sentence without e-mail addresses and long numbers, on one line, at most 200 characters of it.
pub(crate) fn redact(sentence: &str) -> String {
    let words = sentence.split_whitespace().map(|word| {
        if word.contains('@') {
            "…".to_owned()
        } else {
            shorten(word)
        }
    });
    let mut line = String::new();
    for word in words {
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(&word);
        if line.len() > 4 * MAX_SENTENCE {
            break;
        }
    }
    line.chars()
        .filter(|c| !c.is_control())
        .take(MAX_SENTENCE)
        .collect()
}

/// Replaces every long run of digits in a word.
fn shorten(word: &str) -> String {
    let mut kept = String::new();
    let mut run = String::new();
    // The space after the end closes the last run.
    for c in word.chars().take(MAX_SENTENCE).chain([' ']) {
        if c.is_ascii_digit() {
            run.push(c);
            continue;
        }
        kept.push_str(if run.len() >= LONG_RUN { "…" } else { &run });
        run.clear();
        kept.push(c);
    }
    kept.pop();
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_styles_of_a_message_are_the_same_key() {
        assert_eq!(normalise("Order Not Found"), normalise("orderNotFound"));
        assert_eq!(normalise("Something Went Wrong"), "somethingwentwrong");
        assert_eq!(normalise(&"ab ".repeat(500)).len(), MAX_KEY);
    }

    #[test]
    fn addresses_and_long_numbers_do_not_survive() {
        for (sentence, kept) in [
            (
                "The order date does not match the format d M, Y.",
                "The order date does not match the format d M, Y.",
            ),
            ("kari@example.no is taken", "… is taken"),
            ("call +4746567468 now", "call +… now"),
            ("At: PAR156", "At: PAR156"),
            ("a\nb\tc", "a b c"),
            ("19635464524", "…"),
        ] {
            assert_eq!(redact(sentence), kept);
        }
        assert_eq!(redact(&"å".repeat(5_000)).chars().count(), MAX_SENTENCE);
        assert_eq!(redact(&"å ".repeat(5_000)).chars().count(), MAX_SENTENCE);
    }
}
