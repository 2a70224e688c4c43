//! Numbers as text: whole ones, floating ones with the fewest digits that read back as the same
//! bits, and decimals with their scale.

use change::Decimal;

#[inline]
pub(crate) fn integer(out: &mut Vec<u8>, number: impl itoa::Integer) {
    out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
}

/// A finite number; it always has a point or an exponent.
#[inline]
pub(crate) fn float(out: &mut Vec<u8>, number: impl zmij::Float) {
    out.extend_from_slice(zmij::Buffer::new().format_finite(number).as_bytes());
}

/// The number padded with zeros to so many digits.
#[inline]
pub(crate) fn padded(out: &mut Vec<u8>, number: u32, width: usize) {
    let mut digits = [b'0'; 10];
    let mut rest = number;
    for digit in digits.iter_mut().rev() {
        *digit += (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[digits.len() - width..]);
}

#[inline]
pub(crate) fn two_digits(out: &mut Vec<u8>, number: u8) {
    out.extend_from_slice(&[b'0' + number / 10 % 10, b'0' + number % 10]);
}

/// The number as MySQL prints it, without quotes.
pub(crate) fn decimal(out: &mut Vec<u8>, number: &Decimal) {
    let short = number
        .unscaled()
        .and_then(|unscaled| Some((unscaled < 0, u64::try_from(unscaled.unsigned_abs()).ok()?)));
    let Some((negative, digits)) = short else {
        out.extend_from_slice(number.to_string().as_bytes());
        return;
    };
    let scale = usize::from(number.scale());
    let mut buffer = itoa::Buffer::new();
    let digits = buffer.format(digits).as_bytes();
    if negative {
        out.push(b'-');
    }
    if digits.len() > scale {
        let (whole, fraction) = digits.split_at(digits.len() - scale);
        out.extend_from_slice(whole);
        if scale > 0 {
            out.push(b'.');
            out.extend_from_slice(fraction);
        }
    } else {
        out.extend_from_slice(b"0.");
        out.resize(out.len() + scale - digits.len(), b'0');
        out.extend_from_slice(digits);
    }
}

/// Reads what [`decimal`] writes, and nothing else.
pub(crate) fn read_decimal(text: &[u8]) -> Option<Decimal> {
    if text.len() > 18 {
        let number = Decimal::parse(std::str::from_utf8(text).ok()?).ok()?;
        return (number.to_string().as_bytes() == text).then_some(number);
    }
    let (negative, digits) = match text.split_first() {
        Some((b'-', rest)) => (true, rest),
        Some(_) | None => (false, text),
    };
    let mut unscaled: i64 = 0;
    let mut point = None;
    for (index, &byte) in digits.iter().enumerate() {
        match byte {
            b'0'..=b'9' => {
                unscaled = unscaled
                    .checked_mul(10)?
                    .checked_add(i64::from(byte - b'0'))?
            }
            b'.' if point.is_none() => point = Some(index),
            _ => return None,
        }
    }
    let whole = point.unwrap_or(digits.len());
    let scale = point.map_or(0, |point| digits.len() - point - 1);
    let spelled = whole > 0
        && (whole == 1 || digits[0] != b'0')
        && (point.is_none() || scale > 0)
        && !(negative && unscaled == 0);
    let unscaled = if negative { -unscaled } else { unscaled };
    spelled.then(|| Decimal::new(i128::from(unscaled), scale as u8))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_are_written_as_they_print_and_read_back() {
        for (unscaled, scale) in [
            (0, 0),
            (0, 3),
            (-1, 0),
            (5, 2),
            (-5, 2),
            (150, 2),
            (12, 2),
            (i128::from(u64::MAX), 4),
            (i128::from(u64::MAX) + 1, 30),
            (i128::MAX, 255),
            (1, 255),
            (-999_999_999_999_999_999, 18),
        ] {
            let number = Decimal::new(unscaled, scale);
            let mut out = Vec::new();
            decimal(&mut out, &number);
            assert_eq!(String::from_utf8(out.clone()).unwrap(), number.to_string());
            assert_eq!(read_decimal(&out), Some(number));
        }
    }

    #[test]
    fn other_spellings_of_a_decimal_are_refused() {
        for text in [
            "",
            "-",
            "-0",
            "-0.0",
            "01",
            "00.5",
            ".5",
            "5.",
            "1.2.3",
            "1e3",
            "+1",
            "000000000000000000000000001",
        ] {
            assert_eq!(read_decimal(text.as_bytes()), None, "{text}");
        }
    }
}
