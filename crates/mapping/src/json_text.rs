//! MySQL's JSON values as the text that the server prints (`CAST(… AS CHAR)`), byte for byte.
//!
//! The binlog has documents in binary and a SELECT as text; both are read into the same tree, and
//! one printer for the tree keeps a document's text the same whichever way it came. The forms are
//! the server's own: a blank behind commas and colons, the shortest digits that read back as the
//! same double, in positional notation as long as that has at most 15 places too many
//! (`my_gcvt`), and opaque bytes as base64 behind the number of their type.

use change::Json;

/// Places beyond the digits up to which a double is printed without an exponent.
const MOST_PLACES: i32 = 15;
/// The server breaks base64 into lines of so many letters.
const LINE_LETTERS: usize = 76;

/// Appends the text.
pub(crate) fn print(json: &Json, out: &mut Vec<u8>) {
    match json {
        Json::Null => out.extend_from_slice(b"null"),
        Json::Bool(true) => out.extend_from_slice(b"true"),
        Json::Bool(false) => out.extend_from_slice(b"false"),
        Json::Int(number) => out.extend_from_slice(number.to_string().as_bytes()),
        Json::UInt(number) => out.extend_from_slice(number.to_string().as_bytes()),
        Json::Double(number) => print_double(*number, out),
        Json::Decimal(number) => out.extend_from_slice(number.to_string().as_bytes()),
        Json::String(text) | Json::Temporal(text) => print_string(text.as_bytes(), out),
        Json::Opaque { column_type, bytes } => {
            let text = format!("base64:type{column_type}:{}", in_base64(bytes));
            print_string(text.as_bytes(), out);
        }
        Json::Array(items) => {
            out.push(b'[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.extend_from_slice(b", ");
                }
                print(item, out);
            }
            out.push(b']');
        }
        Json::Object(members) => {
            out.push(b'{');
            for (index, (name, value)) in members.iter().enumerate() {
                if index > 0 {
                    out.extend_from_slice(b", ");
                }
                print_string(name.as_bytes(), out);
                out.extend_from_slice(b": ");
                print(value, out);
            }
            out.push(b'}');
        }
    }
}

fn print_string(text: &[u8], out: &mut Vec<u8>) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    out.push(b'"');
    for &byte in text {
        match byte {
            b'"' | b'\\' => out.extend_from_slice(&[b'\\', byte]),
            0x08 => out.extend_from_slice(b"\\b"),
            0x0c => out.extend_from_slice(b"\\f"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            0..0x20 => {
                out.extend_from_slice(b"\\u00");
                out.extend([
                    DIGITS[usize::from(byte >> 4)],
                    DIGITS[usize::from(byte & 15)],
                ]);
            }
            _ => out.push(byte),
        }
    }
    out.push(b'"');
}

/// A double of a document is finite: the server refuses any other.
fn print_double(number: f64, out: &mut Vec<u8>) {
    // Rust's exponent form has the shortest digits that read back as the same number.
    let shortest = format!("{number:e}");
    let (mantissa, exponent) = shortest.split_once('e').unwrap_or((&shortest, "0"));
    let (sign, mantissa) = match mantissa.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", mantissa),
    };
    let digits = mantissa.replace('.', "");
    // The place of the point among the digits, as `dtoa` counts it.
    let point = exponent.parse::<i32>().unwrap_or(0) + 1;
    let count = digits.len() as i32;
    out.extend_from_slice(sign.as_bytes());
    let positional = point > -MOST_PLACES && (point <= MOST_PLACES || count > point);
    let text = if !positional {
        let (first, rest) = digits.split_at(1);
        let dot = if rest.is_empty() { "" } else { "." };
        format!("{first}{dot}{rest}e{}", point - 1)
    } else if point <= 0 {
        format!("0.{}{digits}", "0".repeat(point.unsigned_abs() as usize))
    } else if count > point {
        let (whole, fraction) = digits.split_at(point as usize);
        format!("{whole}.{fraction}")
    } else {
        format!("{digits}{}.0", "0".repeat((point - count) as usize))
    };
    out.extend_from_slice(text.as_bytes());
}

fn in_base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len() / 3 * 4 + bytes.len() / 57 + 4);
    for (index, group) in bytes.chunks(3).enumerate() {
        if index > 0 && index % (LINE_LETTERS / 4) == 0 {
            text.push('\n');
        }
        let bits = group
            .iter()
            .fold(0_u32, |bits, &byte| bits << 8 | u32::from(byte))
            << (8 * (3 - group.len()));
        for place in 0..4 {
            if place <= group.len() {
                text.push(char::from(
                    LETTERS[(bits >> (18 - 6 * place) & 63) as usize],
                ));
            } else {
                text.push('=');
            }
        }
    }
    text
}
