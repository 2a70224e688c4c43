//! The value that a document must hold, written as BSON by this module alone.
//!
//! The encoder is forty lines over the public BSON specification, so that no driver's idea of
//! equality (`1 == 1.0`, `0.0 == -0.0`) can hide a difference: two values are equal when their type
//! bytes and their bytes are.

/// A BSON value, exactly as it must stand in the collection.
#[derive(Clone, Debug, PartialEq)]
pub enum Expected {
    Null,
    Boolean(bool),
    Int32(i32),
    Int64(i64),
    Double(f64),
    /// As printed: the number of digits after the point is part of the value.
    Decimal128(String),
    String(String),
    Binary {
        subtype: u8,
        bytes: Vec<u8>,
    },
    /// Milliseconds since 1970-01-01T00:00:00Z.
    Date(i64),
    Array(Vec<Expected>),
    Document(Vec<(String, Expected)>),
}

/// What was printed is not a number that a Decimal128 holds.
#[derive(Debug, thiserror::Error)]
#[error("{printed:?} is not a decimal number of at most 34 digits")]
pub struct NotADecimal {
    printed: String,
}

impl Expected {
    /// The type byte of the BSON specification.
    pub fn type_byte(&self) -> u8 {
        match self {
            Self::Double(_) => 0x01,
            Self::String(_) => 0x02,
            Self::Document(_) => 0x03,
            Self::Array(_) => 0x04,
            Self::Binary { .. } => 0x05,
            Self::Boolean(_) => 0x08,
            Self::Date(_) => 0x09,
            Self::Null => 0x0a,
            Self::Int32(_) => 0x10,
            Self::Int64(_) => 0x12,
            Self::Decimal128(_) => 0x13,
        }
    }

    fn write(&self, out: &mut Vec<u8>) -> Result<(), NotADecimal> {
        match self {
            Self::Null => {}
            Self::Boolean(value) => out.push(u8::from(*value)),
            Self::Int32(value) => out.extend_from_slice(&value.to_le_bytes()),
            Self::Int64(value) | Self::Date(value) => out.extend_from_slice(&value.to_le_bytes()),
            Self::Double(value) => out.extend_from_slice(&value.to_bits().to_le_bytes()),
            Self::Decimal128(printed) => out.extend_from_slice(&decimal128(printed)?),
            Self::String(text) => {
                out.extend_from_slice(&length(text.len() + 1));
                out.extend_from_slice(text.as_bytes());
                out.push(0);
            }
            Self::Binary { subtype, bytes } => {
                out.extend_from_slice(&length(bytes.len()));
                out.push(*subtype);
                out.extend_from_slice(bytes);
            }
            Self::Array(items) => {
                let names = (0..items.len()).map(|index| index.to_string());
                write_document(out, names.zip(items))?;
            }
            Self::Document(fields) => {
                write_document(out, fields.iter().map(|(name, value)| (name, value)))?;
            }
        }
        Ok(())
    }
}

/// A whole document as bytes.
pub fn document_bytes<'a>(
    fields: impl IntoIterator<Item = (&'a str, &'a Expected)>,
) -> Result<Vec<u8>, NotADecimal> {
    let mut out = Vec::with_capacity(256);
    write_document(&mut out, fields)?;
    Ok(out)
}

fn write_document<'a, N: AsRef<str>>(
    out: &mut Vec<u8>,
    fields: impl IntoIterator<Item = (N, &'a Expected)>,
) -> Result<(), NotADecimal> {
    let start = out.len();
    out.extend_from_slice(&[0; 4]);
    for (name, value) in fields {
        out.push(value.type_byte());
        out.extend_from_slice(name.as_ref().as_bytes());
        out.push(0);
        value.write(out)?;
    }
    out.push(0);
    let total = length(out.len() - start);
    out[start..start + 4].copy_from_slice(&total);
    Ok(())
}

fn length(bytes: usize) -> [u8; 4] {
    i32::try_from(bytes)
        .expect("a document is far below 2 GiB")
        .to_le_bytes()
}

/// IEEE 754-2008 decimal128 in the binary integer encoding that BSON uses: sign, a biased exponent
/// of 14 bits, a coefficient of 113 bits. 34 digits fit the coefficient, so the second form of the
/// encoding never occurs.
fn decimal128(printed: &str) -> Result<[u8; 16], NotADecimal> {
    let refuse = || NotADecimal {
        printed: printed.to_owned(),
    };
    let (negative, digits) = match printed.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, printed),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let mut coefficient: u128 = 0;
    for digit in whole.bytes().chain(fraction.bytes()) {
        if !digit.is_ascii_digit() {
            return Err(refuse());
        }
        coefficient = coefficient
            .checked_mul(10)
            .and_then(|shifted| shifted.checked_add(u128::from(digit - b'0')))
            .filter(|grown| *grown < 10u128.pow(34))
            .ok_or_else(refuse)?;
    }
    if whole.is_empty() {
        return Err(refuse());
    }
    let exponent = 6176 - u128::try_from(fraction.len()).expect("a length is not negative");
    let bits = (u128::from(negative) << 127) | (exponent << 113) | coefficient;
    Ok(bits.to_le_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_agree_with_the_driver_s_text_for_every_sign_and_scale() {
        for printed in [
            "0",
            "0.00",
            "1.50",
            "-1.50",
            "12345678901234567890123456789012.34",
            "-0.0000000001",
            "9999999999999999999999999999999999",
        ] {
            let ours = bson::Decimal128::from_bytes(decimal128(printed).unwrap());
            let theirs: bson::Decimal128 = printed.parse().unwrap();
            assert_eq!(ours.bytes(), theirs.bytes(), "{printed}");
        }
        assert!(decimal128("12345678901234567890123456789012345").is_err());
        assert!(decimal128("1e5").is_err());
    }

    #[test]
    fn a_document_has_the_bytes_that_the_driver_reads_back() {
        let fields = [
            ("a", Expected::Int32(-1)),
            ("b", Expected::String("é".into())),
            (
                "c",
                Expected::Array(vec![Expected::Null, Expected::Boolean(true)]),
            ),
            (
                "d",
                Expected::Document(vec![("x".into(), Expected::Double(-0.0))]),
            ),
            (
                "e",
                Expected::Binary {
                    subtype: 4,
                    bytes: vec![7; 16],
                },
            ),
            ("f", Expected::Date(-1)),
            ("g", Expected::Int64(i64::MIN)),
        ];
        let bytes = document_bytes(fields.iter().map(|(name, value)| (*name, value))).unwrap();
        let read = bson::RawDocumentBuf::from_bytes(bytes.clone()).unwrap();
        let again = bson::serialize_to_vec(&bson::Document::try_from(&*read).unwrap()).unwrap();
        assert_eq!(bytes, again);
    }
}
