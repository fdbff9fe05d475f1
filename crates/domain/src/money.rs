//! Money: integer øre, exact at every edge.

use std::fmt;
use std::iter::Sum;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// The only currency of a reservation (the provider has no currency field; NOK is implied).
pub const CURRENCY: &str = "NOK";

/// The largest amount that is taken at an edge: one milliard kroner. It keeps every sum of
/// [`MAX_LINES`](crate::reservation::MAX_LINES) lines far from the end of `i64`.
pub const MAX_AMOUNT: Money = Money(100_000_000_000);

/// A non-negative amount of money in minor units (øre).
///
/// Its text form is a decimal string in major units with two decimals, `"1000.00"`.
/// As JSON it is written so; a JSON number with at most two decimals is read too.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Money(i64);

/// Why a text or number is no amount of money.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MoneyError {
    /// Not digits with an optional decimal point.
    #[error("is not a decimal amount like \"1000.00\"")]
    NotDecimal,
    /// A third decimal: nothing is ever rounded away in silence.
    #[error("has more than two decimals; amounts are in kroner and øre")]
    TooFine,
    /// Below zero.
    #[error(
        "is negative; take a discount off the amounts of the lines that it is for, in øre and without a remainder"
    )]
    Negative,
    /// Above [`MAX_AMOUNT`].
    #[error("is more than 1000000000.00")]
    TooLarge,
}

impl Money {
    /// No money.
    pub const ZERO: Self = Self(0);

    /// The amount of so many øre.
    ///
    /// # Errors
    /// [`MoneyError::Negative`] and [`MoneyError::TooLarge`].
    pub fn from_minor(minor: i64) -> Result<Self, MoneyError> {
        match minor {
            i64::MIN..0 => Err(MoneyError::Negative),
            _ if minor > MAX_AMOUNT.0 => Err(MoneyError::TooLarge),
            _ => Ok(Self(minor)),
        }
    }

    /// The amount in øre.
    #[must_use]
    pub const fn minor(self) -> i64 {
        self.0
    }

    /// Whole kroner, for tests and tables.
    #[must_use]
    pub const fn kroner(kroner: u32) -> Self {
        Self(kroner as i64 * 100)
    }

    /// Is this nothing?
    #[must_use]
    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }

    /// This less `other`, or nothing when `other` is more.
    #[must_use]
    pub const fn saturating_sub(self, other: Self) -> Self {
        if self.0 > other.0 {
            Self(self.0 - other.0)
        } else {
            Self::ZERO
        }
    }

    /// This less `other`; `None` when `other` is more.
    #[must_use]
    pub const fn checked_sub(self, other: Self) -> Option<Self> {
        if self.0 >= other.0 {
            Some(Self(self.0 - other.0))
        } else {
            None
        }
    }

    /// The tax contained in this gross amount at `percent`, rounded half up to the øre.
    #[must_use]
    pub const fn tax_within(self, percent: u8) -> Self {
        // MAX_AMOUNT leaves room for both factors.
        let divisor = 100 + percent as i64;
        Self((2 * self.0 * percent as i64 + divisor) / (2 * divisor))
    }
}

impl std::ops::Add for Money {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl std::ops::AddAssign for Money {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl Sum for Money {
    fn sum<I: Iterator<Item = Self>>(amounts: I) -> Self {
        amounts.fold(Self::ZERO, |sum, amount| sum + amount)
    }
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{}.{:02}", self.0 / 100, self.0 % 100))
    }
}

impl FromStr for Money {
    type Err = MoneyError;

    fn from_str(text: &str) -> Result<Self, MoneyError> {
        if text.starts_with('-') {
            return Err(MoneyError::Negative);
        }
        let (whole, fraction) = match text.split_once('.') {
            Some((_, "")) => return Err(MoneyError::NotDecimal),
            Some(parts) => parts,
            None => (text, ""),
        };
        let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        if whole.is_empty() || !digits(whole) || !digits(fraction) {
            return Err(MoneyError::NotDecimal);
        }
        // "10.500" says nothing that "10.50" does not; only a third decimal that counts is refused.
        let fraction = fraction.trim_end_matches('0');
        if fraction.len() > 2 {
            return Err(MoneyError::TooFine);
        }
        let kroner: i64 = whole.parse().map_err(|_| MoneyError::TooLarge)?;
        let ore: i64 = format!("{fraction:0<2}")
            .parse()
            .map_err(|_| MoneyError::NotDecimal)?;
        let minor = kroner
            .checked_mul(100)
            .and_then(|m| m.checked_add(ore))
            .ok_or(MoneyError::TooLarge)?;
        Self::from_minor(minor)
    }
}

impl Serialize for Money {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Money {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(
            untagged,
            expecting = "is not an amount: a decimal string like \"1000.00\", or a number"
        )]
        enum Input {
            Text(String),
            Number(serde_json::Number),
        }
        // The shortest text of a JSON number is its exact decimal up to 15 significant digits, more than
        // the largest amount has.
        let text = match Input::deserialize(deserializer)? {
            Input::Text(text) => text,
            Input::Number(number) => plain_decimal(&number.to_string()),
        };
        text.parse().map_err(de::Error::custom)
    }
}

/// `"1e3"` and `"5.0e-1"` without the exponent; a text that is no number comes back as it is.
fn plain_decimal(text: &str) -> String {
    let Some((mantissa, exponent)) = text.split_once(['e', 'E']) else {
        return text.to_owned();
    };
    let Ok(exponent @ -20..=20) = exponent.parse::<i32>() else {
        return text.to_owned();
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let (sign, whole) = whole
        .strip_prefix('-')
        .map_or(("", whole), |rest| ("-", rest));
    let digits = format!("{whole}{fraction}");
    let point = i32::try_from(whole.len())
        .unwrap_or(i32::MAX)
        .saturating_add(exponent);
    match usize::try_from(point) {
        Err(_) | Ok(0) => {
            let zeros = usize::try_from(point.unsigned_abs()).unwrap_or(0);
            format!("{sign}0.{}{digits}", "0".repeat(zeros))
        }
        Ok(point) if point >= digits.len() => {
            format!("{sign}{digits}{}", "0".repeat(point - digits.len()))
        }
        Ok(point) => format!("{sign}{}.{}", &digits[..point], &digits[point..]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Result<Money, String> {
        serde_json::from_str(json).map_err(|error| error.to_string())
    }

    #[test]
    fn text_and_numbers_are_read_exactly() {
        for (json, minor) in [
            ("\"1000.00\"", 100_000),
            ("\"0\"", 0),
            ("\"0.1\"", 10),
            ("1000", 100_000),
            ("1000.5", 100_050),
            ("4017.86", 401_786),
            ("0.07", 7),
            ("1e3", 100_000),
            ("5.0e-1", 50),
            ("1.5e1", 1_500),
            ("\"10.500\"", 1_050),
            ("1000000000", 100_000_000_000),
        ] {
            assert_eq!(read(json).map(Money::minor), Ok(minor), "{json}");
        }
    }

    #[test]
    fn what_is_no_amount_is_refused_with_its_reason() {
        for (json, reason) in [
            ("\"1.005\"", "two decimals"),
            ("10.005", "two decimals"),
            ("-1", "negative"),
            ("\"-0.01\"", "negative"),
            ("\"NaN\"", "decimal"),
            ("\"1,5\"", "decimal"),
            ("\"\"", "decimal"),
            ("\".5\"", "decimal"),
            ("\"5.\"", "decimal"),
            ("\"1e3\"", "decimal"),
            ("1e300", "decimal"),
            ("\"1000000000.01\"", "more than"),
            ("\"99999999999999999999\"", "more than"),
            ("null", "not an amount"),
            ("true", "not an amount"),
            ("[1]", "not an amount"),
        ] {
            let error = read(json).expect_err(json);
            assert!(error.contains(reason), "{json}: {error}");
        }
    }

    #[test]
    fn writing_and_reading_is_the_identity() {
        for minor in [0, 1, 9, 10, 99, 100, 101, 123_456_789] {
            let money = Money::from_minor(minor).expect("in bounds");
            assert_eq!(
                read(&serde_json::to_string(&money).expect("text")),
                Ok(money)
            );
        }
    }

    #[test]
    fn case_015_tax_inside_a_gross_amount_is_computed_in_ore() {
        let gross: Money = "4500.00".parse().expect("amount");
        assert_eq!(gross.tax_within(12).to_string(), "482.14");
        assert_eq!(
            gross.saturating_sub(gross.tax_within(12)).to_string(),
            "4017.86"
        );
        assert_eq!(gross.tax_within(0), Money::ZERO);
        assert_eq!(Money::kroner(125).tax_within(25), Money::kroner(25));
    }
}
