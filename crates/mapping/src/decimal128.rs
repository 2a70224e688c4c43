//! Decimal numbers as BSON's Decimal128.
//!
//! IEEE 754-2008 decimal128 in its binary integer form: one sign bit, 14 bits of exponent biased
//! by 6176, 113 bits of coefficient. The coefficient of up to 34 digits is below 2^113, so the
//! form with a shifted exponent never occurs; the exponent is minus the scale, so `1.50` keeps its
//! zero; and a zero is always positive, since MySQL knows no other.

use crate::element::{self, Kind};
use crate::problem::Refusal;
use change::Decimal;

/// The digits that a Decimal128 holds.
pub(crate) const MAX_DIGITS: u8 = 34;

const LIMIT: u128 = 10u128.pow(MAX_DIGITS as u32);
const BIAS: u128 = 6176;

/// Appends a Decimal128; `None`, and nothing appended, when the number has more than 34 digits.
pub(crate) fn write(out: &mut Vec<u8>, unscaled: i128, scale: u8) -> Option<Kind> {
    let coefficient = unscaled.unsigned_abs();
    if coefficient >= LIMIT {
        return None;
    }
    let sign = u128::from(unscaled < 0) << 127;
    let exponent = (BIAS - u128::from(scale)) << 113;
    out.extend_from_slice(&(sign | exponent | coefficient).to_le_bytes());
    Some(Kind::Decimal128)
}

/// A Decimal128 where the number has at most 34 digits, otherwise the text that MySQL prints.
pub(crate) fn write_or_text(out: &mut Vec<u8>, number: &Decimal) -> Result<Kind, Refusal> {
    let exact = number
        .unscaled()
        .and_then(|unscaled| write(out, unscaled, number.scale()));
    match exact {
        Some(kind) => Ok(kind),
        None => element::string(out, number.to_string().as_bytes()),
    }
}

/// Int64 where the number fits, otherwise Decimal128: MongoDB compares both as numbers.
pub(crate) fn write_unsigned(out: &mut Vec<u8>, number: u64) -> Kind {
    match i64::try_from(number) {
        Ok(number) => element::int64(out, number),
        Err(_) => write(out, i128::from(number), 0)
            .expect("an unsigned 64-bit number has at most 20 digits"),
    }
}
