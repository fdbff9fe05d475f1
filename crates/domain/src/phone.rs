//! Phone numbers as people write them, brought into the form that the provider takes.

/// The fewest and the most digits of a national number (the provider's portal's fewest, E.164's most).
const DIGITS: (usize, usize) = (8, 15);
/// The dialling code of Norway, whose numbers have eight digits.
const NORWAY: &str = "+47";
const NORWEGIAN_DIGITS: usize = 8;

/// What people put between the digits.
fn is_separator(letter: char) -> bool {
    letter.is_whitespace() || matches!(letter, '-' | '–' | '.' | '(' | ')' | '/')
}

/// Is this nothing but digits, so many at least and at most?
pub(crate) fn is_digits(text: &str, least: usize, most: usize) -> bool {
    (least..=most).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// A dialling code in the form `+47`: without spaces, with a plus where `47` or `0047` was written. A text that can mean no
/// code stays as it is, for the rule about codes to refuse.
#[must_use]
pub fn normalised_code(text: &str) -> String {
    let plain: String = text.chars().filter(|c| !is_separator(*c)).collect();
    let digits = plain
        .strip_prefix('+')
        .or_else(|| plain.strip_prefix("00"))
        .unwrap_or(&plain);
    if is_digits(digits, 1, usize::MAX) && !digits.starts_with('0') {
        format!("+{digits}")
    } else {
        text.to_owned()
    }
}

/// A national number as digits: without separators, and without the dialling code where it was written too. `code` is in
/// the form `+47`. A text that can mean no number, or more than one, stays as it is, for the rule about numbers to refuse.
#[must_use]
pub fn normalised_number(code: &str, text: &str) -> String {
    let plain: String = text.chars().filter(|c| !is_separator(*c)).collect();
    let international = plain.strip_prefix('+').or_else(|| plain.strip_prefix("00"));
    let code = code.trim_start_matches('+');
    let national = match international {
        Some(whole) => whole.strip_prefix(code).filter(|_| !code.is_empty()),
        // A Norwegian number has eight digits, so that ten can only hold its code.
        None if code == NORWAY.trim_start_matches('+')
            && plain.len() == code.len() + NORWEGIAN_DIGITS =>
        {
            plain.strip_prefix(code).or(Some(plain.as_str()))
        }
        None => Some(plain.as_str()),
    };
    match national {
        Some(number) if is_digits(number, 1, usize::MAX) => number.to_owned(),
        _ => text.to_owned(),
    }
}

/// Is this a national number of the country with this code: 8 to 15 digits, in Norway 8?
#[must_use]
pub fn is_number(code: &str, text: &str) -> bool {
    let (least, most) = if code == NORWAY {
        (NORWEGIAN_DIGITS, NORWEGIAN_DIGITS)
    } else {
        DIGITS
    };
    is_digits(text, least, most)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_read_as_people_write_them() {
        for text in ["+47", "47", "0047", " +47 ", "00 47"] {
            assert_eq!(normalised_code(text), "+47", "{text}");
        }
        for text in ["", "+", "++47", "Norway", "+4a", "٤٧", "000", "+047"] {
            assert_eq!(normalised_code(text), text, "is left to be refused");
        }
    }

    #[test]
    fn numbers_are_read_as_people_write_them() {
        for text in [
            "46567468",
            "46 56 74 68",
            "465-67-468",
            "465.67.468",
            "(465) 67 468",
            "46\u{a0}567\u{a0}468",
            "+47 46567468",
            "0047 46567468",
            "004746567468",
            "4746567468",
        ] {
            assert_eq!(normalised_number("+47", text), "46567468", "{text}");
        }
        assert_eq!(normalised_number("+46", "+46 70 123 45 67"), "701234567");
        // Whose number it is cannot be told from these.
        for text in ["+46 701234567", "46567468a", "٤٦٥٦٧٤٦٨", "", "--"] {
            assert_eq!(normalised_number("+47", text), text);
            assert!(!is_number("+47", text), "{text}");
        }
    }

    #[test]
    fn a_number_has_8_to_15_digits_and_in_norway_8() {
        let table = [
            ("+47", "46567468", true),
            ("+47", "4656746", false),
            ("+47", "465674680", false),
            ("+46", "70123456", true),
            ("+46", "701234567890123", true),
            ("+46", "7012345678901234", false),
            ("+46", "7012345", false),
            ("+47", "12345", false),
        ];
        for (code, number, is_one) in table {
            assert_eq!(is_number(code, number), is_one, "{code} {number}");
        }
    }
}
