//! The provider's rules for single values.

use url::Url;

/// The longest name, reference or address line; the usual width of the provider's columns.
pub const MAX_NAME: usize = 255;
/// The longest `productId` (an older page of the provider says so, newer ones are silent).
pub const MAX_PRODUCT_ID: usize = 25;
/// The longest `additionalText` and `note`. The provider states no limit; this is the usual width of a column.
pub const MAX_TEXT: usize = 255;
/// The longest free text: customer notes, terms.
pub(crate) const MAX_LONG_TEXT: usize = 5_000;
/// The most products of one request.
pub const MAX_PRODUCTS: usize = domain::reservation::MAX_LINES;
/// The languages that the provider speaks.
pub const LANGUAGES: [&str; 5] = ["en", "no", "sv", "da", "de"];
/// The tax rates of a merchant without others of its own, in percent.
pub const DEFAULT_TAX_PERCENTS: [u8; 4] = [0, 12, 15, 25];
/// The longest identifier that is sent or believed.
const MAX_IDENTIFIER: usize = 40;
/// The longest URL that is sent, in bytes.
const MAX_URL: usize = 2_000;
/// The longest e-mail address (RFC 5321).
const MAX_EMAIL: usize = 254;

pub(crate) fn digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Whether this can stand in a path as an identifier: 1 to 40 letters and digits.
#[must_use]
pub fn is_identifier(text: &str) -> bool {
    (1..=MAX_IDENTIFIER).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// Whether this is `prefix` and digits. The provider states no length, and its samples differ.
pub(crate) fn is_uuid(text: &str, prefix: &str) -> bool {
    is_identifier(text) && text.strip_prefix(prefix).is_some_and(digits)
}

pub(crate) fn is_email(text: &str) -> bool {
    let Some((local, host)) = text.rsplit_once('@') else {
        return false;
    };
    let plain = |c: char| c.is_alphanumeric() || "!#$%&'*+-/=?^_`{|}~.".contains(c);
    let label = |label: &str| {
        !label.is_empty()
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.chars().all(|c| c.is_alphanumeric() || c == '-')
    };
    text.len() <= MAX_EMAIL
        && (1..=64).contains(&local.len())
        && local.chars().all(plain)
        && !local.split('.').any(str::is_empty)
        && host.contains('.')
        && host.split('.').all(label)
}

/// A dialling code: a plus and one to four digits, the first of them not zero.
pub(crate) fn is_country_code(text: &str) -> bool {
    text.strip_prefix('+')
        .is_some_and(|code| code.len() <= 4 && digits(code) && !code.starts_with('0'))
}

/// A national number of 8 to 15 digits, as the provider's portal takes it.
pub(crate) fn is_msisdn(text: &str) -> bool {
    digits(text) && (8..=15).contains(&text.len())
}

pub(crate) fn is_web_url(text: &str) -> bool {
    text.len() <= MAX_URL
        && Url::parse(text)
            .is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_told_from_other_text() {
        for (text, fits) in [
            ("kari@example.no", true),
            ("kari.nordmann+1@mail.example.no", true),
            ("kåre@blåbær.no", true),
            ("kari", false),
            ("kari@", false),
            ("@example.no", false),
            ("kari@example", false),
            ("kari@-example.no", false),
            ("kari@example..no", false),
            ("ka ri@example.no", false),
            (".kari@example.no", false),
            ("kari@example.no\n", false),
        ] {
            assert_eq!(is_email(text), fits, "{text:?}");
        }
    }

    #[test]
    fn uuids_are_a_prefix_and_digits() {
        for (text, fits) in [
            ("RES1943140879", true),
            ("RES1", true),
            ("RES", false),
            ("RES12x", false),
            ("ODR123", false),
            ("", false),
        ] {
            assert_eq!(is_uuid(text, "RES"), fits, "{text:?}");
        }
        assert!(!is_uuid(&format!("RES{}", "1".repeat(40)), "RES"));
        assert!(!is_identifier("../details"));
    }

    #[test]
    fn phone_numbers_have_a_plus_and_digits() {
        for (text, fits) in [
            ("+47", true),
            ("+880", true),
            ("47", false),
            ("+", false),
            ("+047", false),
            ("+47 ", false),
        ] {
            assert_eq!(is_country_code(text), fits, "{text:?}");
        }
        assert!(is_msisdn("46567468") && !is_msisdn("465 67 468") && !is_msisdn("xxxxxxxx"));
    }
}
