//! Turns what serde says of a wrong input into the path of a field and a sentence without the value.

use domain::FieldError;

/// The longest path and the longest sentence that are shown; both may hold what somebody sent.
const MAX_SHOWN: usize = 200;

/// What is the matter with a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// It has to be there.
    Missing,
    /// The key or word is not one that the configuration or the API has.
    Unknown,
    /// It stands there twice.
    Twice,
    /// Its value does not fit.
    Wrong,
}

/// What serde says, in our words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Decoded {
    pub(crate) kind: Kind,
    pub(crate) fault: FieldError,
}

/// Reads serde's message about the value at `path`.
///
/// The messages are not an interface of serde's, so one that is not known is reported as "does not have the right form".
pub(crate) fn describe(path: &str, message: &str) -> Decoded {
    let path = if path == "." { "" } else { path };
    let message = message
        .rsplit_once(" at line ")
        .map_or(message, |(text, _)| text);
    let (kind, field, sentence) = if let Some(name) = quoted(message, "missing field `") {
        (Kind::Missing, join(path, name), "is missing".to_owned())
    } else if let Some(name) = quoted(message, "duplicate field `") {
        (
            Kind::Twice,
            join(path, name),
            "stands there twice".to_owned(),
        )
    } else if message.starts_with("unknown field `") {
        let known = expected(message).map_or("no field stands here".to_owned(), |known| {
            format!("known here: {}", known.trim_start_matches("one of "))
        });
        (
            Kind::Unknown,
            path.to_owned(),
            format!("is not known; {known}"),
        )
    } else {
        (Kind::Wrong, path.to_owned(), wrong(message))
    };
    Decoded {
        kind,
        fault: FieldError::new(cut(&field), cut(&sentence)),
    }
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() {
        name.to_owned()
    } else {
        format!("{path}.{name}")
    }
}

fn quoted<'m>(message: &'m str, prefix: &str) -> Option<&'m str> {
    message.strip_prefix(prefix)?.split('`').next()
}

/// What stands behind the last "expected": what stands before may hold the value.
fn expected(message: &str) -> Option<&str> {
    message
        .rsplit_once(", expected ")
        .map(|(_, expected)| expected)
}

/// chrono's words about a text that is no time.
const NO_TIME: [&str; 6] = [
    "input contains invalid characters",
    "premature end of input",
    "trailing input",
    "input is out of range",
    "input is not enough for unique date and time",
    "no possible date and time matching input",
];

fn wrong(message: &str) -> String {
    const GENERIC: [&str; 4] = [
        "invalid type: ",
        "invalid value: ",
        "invalid length ",
        "unknown variant ",
    ];
    if NO_TIME.contains(&message) {
        return "is not a time like \"2026-12-01T12:00:00Z\"".to_owned();
    }
    if message == "number out of range" {
        return "is a number that is out of range".to_owned();
    }
    if GENERIC.iter().any(|prefix| message.starts_with(prefix)) {
        return expected(message).map_or("does not have the right form".to_owned(), |form| {
            format!("is not {}", in_words(form))
        });
    }
    // Sentences of our own types begin with a verb; anything else is the format's parser speaking.
    let ours = ["is ", "has ", "\""]
        .iter()
        .any(|begin| message.starts_with(begin));
    if ours {
        message.to_owned()
    } else {
        "does not have the right form".to_owned()
    }
}

/// A form as serde names it, for people who do not know Rust.
fn in_words(form: &str) -> &str {
    match form {
        "u8" => "a whole number from 0 to 255",
        "u16" => "a whole number from 0 to 65535",
        "u32" => "a whole number from 0 to 4294967295",
        "i64" => "a whole number",
        "a boolean" => "true or false",
        "a sequence" => "a list",
        "string or map" | "string" | "string only" => "a string",
        "an RFC 3339 formatted date and time string" => "a time like \"2026-12-01T12:00:00Z\"",
        _ if form.starts_with("struct ") || form == "a map" => "an object",
        _ => form,
    }
}

fn cut(text: &str) -> String {
    if text.chars().count() <= MAX_SHOWN {
        return text.to_owned();
    }
    text.chars()
        .take(MAX_SHOWN)
        .chain(std::iter::once('…'))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_become_a_field_and_a_sentence_without_the_value() {
        for (path, message, kind, field, sentence) in [
            (
                ".",
                "missing field `email` at line 1 column 5",
                Kind::Missing,
                "email",
                "is missing",
            ),
            (
                "customer",
                "missing field `email`",
                Kind::Missing,
                "customer.email",
                "is missing",
            ),
            (
                ".",
                "duplicate field `a`",
                Kind::Twice,
                "a",
                "stands there twice",
            ),
            (
                "a.x",
                "unknown field `x`, expected `b`",
                Kind::Unknown,
                "a.x",
                "is not known; known here: `b`",
            ),
            (
                "a.x",
                "unknown field `x`, expected one of `b`, `c`",
                Kind::Unknown,
                "a.x",
                "is not known; known here: `b`, `c`",
            ),
            (
                "x",
                "unknown field `x`, there are no fields",
                Kind::Unknown,
                "x",
                "is not known; no field stands here",
            ),
            (
                "a",
                "invalid type: string \"4111, expected 1\", expected u8",
                Kind::Wrong,
                "a",
                "is not a whole number from 0 to 255",
            ),
            (
                "a",
                "invalid type: sequence, expected struct Customer",
                Kind::Wrong,
                "a",
                "is not an object",
            ),
            (
                "a",
                "unknown variant `x`, expected `visa` or `mastercard`",
                Kind::Wrong,
                "a",
                "is not `visa` or `mastercard`",
            ),
            (
                "a",
                "premature end of input at line 1 column 2",
                Kind::Wrong,
                "a",
                "is not a time like \"2026-12-01T12:00:00Z\"",
            ),
            ("a", "is negative", Kind::Wrong, "a", "is negative"),
            (
                "a",
                "expected value",
                Kind::Wrong,
                "a",
                "does not have the right form",
            ),
        ] {
            let decoded = describe(path, message);
            assert_eq!(
                (decoded.kind, decoded.fault),
                (kind, FieldError::new(field, sentence)),
                "{message}"
            );
        }
    }

    #[test]
    fn long_paths_and_sentences_are_cut() {
        let decoded = describe(&"x".repeat(10_000), &format!("is {}", "y".repeat(10_000)));
        assert!(decoded.fault.field.chars().count() <= MAX_SHOWN + 1);
        assert!(decoded.fault.message.chars().count() <= MAX_SHOWN + 1);
    }
}
