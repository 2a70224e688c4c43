//! Exact decimal numbers as MySQL stores them: up to 65 digits with a fixed scale.
//!
//! The scale is part of the value: `1.50` is not `1.5`. Numbers of up to 38 digits are two machine
//! words and need no allocation; wider ones keep their digits as text.

use serde::{Deserialize, Serialize};

/// A decimal number with its scale (the count of digits after the point).
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Decimal(Form);

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
enum Form {
    // Split in halves so that a `Value` stays 8-byte aligned and 40 bytes long.
    Narrow { high: i64, low: u64, scale: u8 },
    Wide(Box<str>),
}

/// The text is not a decimal number.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a decimal number of at most 255 fractional digits")]
pub struct ParseDecimalError(String);

impl Decimal {
    /// The number `unscaled / 10^scale`.
    pub fn new(unscaled: i128, scale: u8) -> Self {
        Self(Form::Narrow {
            high: (unscaled >> 64) as i64,
            low: unscaled as u64,
            scale,
        })
    }

    /// Reads what MySQL prints: an optional sign, digits, and perhaps a point and more digits.
    pub fn parse(text: &str) -> Result<Self, ParseDecimalError> {
        let error = || ParseDecimalError(text.to_owned());
        let (negative, digits) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let all_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        if whole.is_empty() && fraction.is_empty() || !all_digits(whole) || !all_digits(fraction) {
            return Err(error());
        }
        let scale = u8::try_from(fraction.len()).map_err(|_| error())?;
        let mut unscaled: i128 = 0;
        for digit in whole.bytes().chain(fraction.bytes()) {
            let next = unscaled
                .checked_mul(10)
                .and_then(|number| number.checked_add(i128::from(digit - b'0')));
            match next {
                Some(number) => unscaled = number,
                None => return Ok(Self::wide(negative, whole, fraction)),
            }
        }
        Ok(Self::new(
            if negative { -unscaled } else { unscaled },
            scale,
        ))
    }

    /// The count of digits after the point.
    pub fn scale(&self) -> u8 {
        match &self.0 {
            Form::Narrow { scale, .. } => *scale,
            Form::Wide(text) => text
                .split_once('.')
                .map_or(0, |(_, fraction)| fraction.len() as u8),
        }
    }

    /// The number times `10^scale`, where 127 bits hold it.
    pub fn unscaled(&self) -> Option<i128> {
        match &self.0 {
            Form::Narrow { high, low, .. } => Some((i128::from(*high) << 64) | i128::from(*low)),
            Form::Wide(_) => None,
        }
    }

    fn wide(negative: bool, whole: &str, fraction: &str) -> Self {
        let whole = whole.trim_start_matches('0');
        let whole = if whole.is_empty() { "0" } else { whole };
        let sign = if negative { "-" } else { "" };
        let point = if fraction.is_empty() { "" } else { "." };
        Self(Form::Wide(
            format!("{sign}{whole}{point}{fraction}").into_boxed_str(),
        ))
    }
}

impl std::fmt::Display for Decimal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Some(unscaled) = self.unscaled() else {
            let Form::Wide(text) = &self.0 else {
                unreachable!("only the wide form has no unscaled number")
            };
            return f.write_str(text);
        };
        let scale = usize::from(self.scale());
        let digits = format!("{:0>width$}", unscaled.unsigned_abs(), width = scale + 1);
        let (whole, fraction) = digits.split_at(digits.len() - scale);
        let sign = if unscaled < 0 { "-" } else { "" };
        let point = if scale == 0 { "" } else { "." };
        write!(f, "{sign}{whole}{point}{fraction}")
    }
}

impl TryFrom<String> for Decimal {
    type Error = ParseDecimalError;
    fn try_from(text: String) -> Result<Self, ParseDecimalError> {
        Self::parse(&text)
    }
}

impl From<Decimal> for String {
    fn from(decimal: Decimal) -> Self {
        decimal.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_decimal_prints_what_it_was_read_from() {
        for text in [
            "0",
            "-1.50",
            "0.05",
            "-0.001",
            "170141183460469231731687303715884105727",
            "99999999999999999999999999999999999.999999999999999999999999999999",
        ] {
            assert_eq!(Decimal::parse(text).unwrap().to_string(), text);
        }
    }

    #[test]
    fn what_is_not_a_number_is_refused() {
        for text in ["", "-", ".", "1e5", "1.2.3", "+1", " 1"] {
            assert!(Decimal::parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn scale_is_part_of_the_value() {
        assert_ne!(
            Decimal::parse("1.5").unwrap(),
            Decimal::parse("1.50").unwrap()
        );
        assert_eq!(Decimal::parse("1.50").unwrap(), Decimal::new(150, 2));
    }
}
