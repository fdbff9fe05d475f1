//! Money on the wire: written as a JSON number with at most two decimals, read from numbers and numeric strings.

use domain::Money;
use serde::{Deserialize as _, Deserializer, Serialize as _, Serializer, de, ser};
use serde_json::{Number, Value};

/// The JSON number of an amount: `1000`, `1000.5`, `4017.86`.
///
/// # Errors
/// Never for an amount within [`domain::MAX_AMOUNT`], whose fifteen digits a JSON number holds exactly.
fn number(amount: Money) -> Result<Number, serde_json::Error> {
    match amount.minor() % 100 {
        0 => Ok(Number::from(amount.minor() / 100)),
        _ => amount.to_string().parse(),
    }
}

/// The amount that a JSON value holds; `None` for null and for an empty string.
fn read<E: de::Error>(value: &Value) -> Result<Option<Money>, E> {
    match value {
        Value::Null => Ok(None),
        Value::String(text) if text.trim().is_empty() => Ok(None),
        Value::String(text) => text.trim().parse().map(Some).map_err(E::custom),
        other => Money::deserialize(other).map(Some).map_err(E::custom),
    }
}

/// Writes an amount as a JSON number.
///
/// # Errors
/// Those of the serializer.
pub fn serialize<S: Serializer>(amount: &Money, serializer: S) -> Result<S::Ok, S::Error> {
    number(*amount)
        .map_err(ser::Error::custom)?
        .serialize(serializer)
}

/// Reads an amount from a number or a numeric string.
///
/// # Errors
/// When it is no amount: negative, a third decimal, not a number.
pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Money, D::Error> {
    let value = Value::deserialize(deserializer)?;
    read(&value)?.ok_or_else(|| de::Error::custom("is not an amount"))
}

/// The same for an amount that may be null or missing.
pub mod option {
    use super::{Deserializer, Money, Serializer, Value, read};
    use serde::Deserialize as _;

    /// Writes an amount as a JSON number, nothing as null.
    ///
    /// # Errors
    /// Those of the serializer.
    pub fn serialize<S: Serializer>(
        amount: &Option<Money>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match amount {
            Some(amount) => super::serialize(amount, serializer),
            None => serializer.serialize_none(),
        }
    }

    /// Reads an amount, null and the empty string as nothing.
    ///
    /// # Errors
    /// When something is there that is no amount.
    pub fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Money>, D::Error> {
        read(&Value::deserialize(deserializer)?)
    }
}

/// An amount as the provider prints one, with its sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Printed {
    /// The amount without its sign.
    pub(crate) amount: Money,
    /// Is it below zero?
    pub(crate) negative: bool,
}

impl Printed {
    /// The amount, unless it is below zero.
    pub(crate) fn positive(self) -> Option<Money> {
        (!self.negative).then_some(self.amount)
    }
}

/// The decimals beyond the øre that tell rounding noise from a third decimal: less than a ten-thousandth of an øre.
const NOISE: usize = 4;

/// Reads what the provider prints: `1000`, `"1000.00"`, `"1,000.00"`, and the noise of sums of floats, `300.29999999999995`,
/// which is the nearest øre. `None` for everything else, a third decimal that counts included.
pub(crate) fn printed(text: &str) -> Option<Printed> {
    let text = text.trim();
    let plain = if text.contains(['e', 'E']) {
        without_exponent(text)?
    } else {
        text.to_owned()
    };
    let (signed, digits) = match plain.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, plain.as_str()),
    };
    let (whole, fraction) = match digits.split_once('.') {
        Some((_, "")) => return None,
        Some(parts) => parts,
        None => (digits, ""),
    };
    let whole = match whole.contains(',') {
        true if fraction.len() == 2 => without_groups(whole)?,
        true => return None,
        false => whole.to_owned(),
    };
    let all_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !all_digits(&whole) || !all_digits(fraction) {
        return None;
    }
    let padded = format!("{fraction:0<width$}", width = 2 + NOISE);
    let (ore, beyond) = padded.split_at_checked(2)?;
    let up = match beyond.get(..NOISE)? {
        "0000" => 0,
        "9999" => 1,
        _ => return None,
    };
    let kroner: i64 = whole.parse().ok()?;
    let ore: i64 = ore.parse().ok()?;
    let minor = kroner.checked_mul(100)?.checked_add(ore)?.checked_add(up)?;
    let amount = Money::from_minor(minor).ok()?;
    Some(Printed {
        amount,
        negative: signed && !amount.is_zero(),
    })
}

/// `1,234,567` without its commas, each of which has to stand before three digits.
fn without_groups(whole: &str) -> Option<String> {
    let mut groups = whole.split(',');
    let first = groups.next()?;
    let fits = (1..=3).contains(&first.len())
        && !first.starts_with('0')
        && groups.all(|group| group.len() == 3);
    fits.then(|| whole.replace(',', ""))
}

/// The most digits of a number with an exponent.
const MAX_DIGITS: usize = 64;
/// The farthest that an exponent moves the point; what goes farther is no amount.
const MAX_EXPONENT: i32 = 400;

/// `1e3` and `5.7e-14` in plain decimals, digit by digit.
fn without_exponent(text: &str) -> Option<String> {
    let (mantissa, exponent) = text.split_once(['e', 'E'])?;
    let exponent: i32 = exponent.parse().ok()?;
    let (sign, mantissa) = match mantissa.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", mantissa),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{whole}{fraction}");
    if whole.is_empty() || exponent.abs() > MAX_EXPONENT || digits.len() > MAX_DIGITS {
        return None;
    }
    let point = i32::try_from(whole.len()).ok()? + exponent;
    let zeros = |count: i32| "0".repeat(usize::try_from(count).unwrap_or(0));
    let length = i32::try_from(digits.len()).ok()?;
    let plain = if point <= 0 {
        format!("0.{}{digits}", zeros(-point))
    } else if point >= length {
        format!("{digits}{}", zeros(point - length))
    } else {
        let (whole, fraction) = digits.split_at_checked(usize::try_from(point).ok()?)?;
        format!("{whole}.{fraction}")
    };
    Some(format!("{sign}{plain}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_provider_prints_is_the_nearest_ore_or_nothing() {
        for (text, minor) in [
            ("1000", Some(100_000)),
            ("1000.5", Some(100_050)),
            (" 1000.00 ", Some(100_000)),
            ("1,000.00", Some(100_000)),
            ("12,345,678.90", Some(1_234_567_890)),
            ("300.29999999999995", Some(30_030)),
            ("300.30000000000001", Some(30_030)),
            ("0.99999999999", Some(100)),
            ("999.99999999999", Some(100_000)),
            ("10.500", Some(1_050)),
            ("1e3", Some(100_000)),
            ("5.684341886080802e-14", Some(0)),
            ("-5.684341886080802e-14", Some(0)),
            ("-0.0", Some(0)),
            ("1000000000", Some(100_000_000_000)),
            // More than noise.
            ("400.555", None),
            ("999.999", None),
            ("300.2999", None),
            ("400.00001", None),
            // A comma before the decimals in Norway, one between the thousands elsewhere.
            ("1,000", None),
            ("1,5", None),
            ("1000,000.00", None),
            ("0,100.00", None),
            ("1,00.00", None),
            ("1,000.000", None),
            ("1.000,00", None),
            ("1 000.00", None),
            ("1000.00 kr", None),
            ("NaN", None),
            ("inf", None),
            ("1e999", None),
            ("1e30", None),
            ("1000000000.01", None),
            ("99999999999999999999", None),
            (".5", None),
            ("5.", None),
            ("+5", None),
            ("--5", None),
            ("-", None),
            ("٣", None),
            ("", None),
        ] {
            let read = printed(text).and_then(Printed::positive).map(Money::minor);
            assert_eq!(read, minor, "{text}");
        }
        let negative = printed("-100.00").expect("an amount");
        assert_eq!(
            (negative.amount, negative.negative),
            (Money::kroner(100), true)
        );
        assert_eq!(negative.positive(), None);
    }
}
