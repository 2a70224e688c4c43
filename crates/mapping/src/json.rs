//! MySQL's JSON values as BSON.
//!
//! The server's own types decide, not the look of the text: a JSON decimal becomes Decimal128, a
//! date inside a document the string that MySQL prints. Names with `.` or `$` are kept, since BSON
//! holds them below the top level; a zero byte in a name is the one thing that it cannot hold.

use crate::decimal128;
use crate::element::{self, Kind, MAX_DEPTH, subtype};
use crate::problem::Refusal;
use change::Json;

/// Appends the value; `depth` counts the containers that it lies in, below the document itself.
pub(crate) fn write(out: &mut Vec<u8>, json: &Json, depth: usize) -> Result<Kind, Refusal> {
    match json {
        Json::Null => Ok(Kind::Null),
        Json::Bool(flag) => Ok(element::boolean(out, *flag)),
        Json::Int(number) => Ok(match i32::try_from(*number) {
            Ok(number) => element::int32(out, number),
            Err(_) => element::int64(out, *number),
        }),
        Json::UInt(number) => Ok(match i32::try_from(*number) {
            Ok(number) => element::int32(out, number),
            Err(_) => decimal128::write_unsigned(out, *number),
        }),
        Json::Double(number) => Ok(element::double(out, *number)),
        Json::Decimal(number) => decimal128::write_or_text(out, number),
        Json::String(text) | Json::Temporal(text) => element::string(out, text.as_bytes()),
        Json::Opaque { bytes, .. } => element::binary(out, subtype::GENERIC, bytes),
        Json::Array(items) => {
            check_depth(depth)?;
            let start = element::open(out);
            for (index, json) in items.iter().enumerate() {
                element::item(out, index, |out| write(out, json, depth + 1))?;
            }
            element::close(out, start)?;
            Ok(Kind::Array)
        }
        Json::Object(members) => {
            check_depth(depth)?;
            let start = element::open(out);
            for (name, json) in members {
                let name = name.as_bytes();
                if name.contains(&0) {
                    return Err(Refusal::ZeroByteInName);
                }
                let at = out.len();
                out.push(0);
                out.extend_from_slice(name);
                out.push(0);
                out[at] = write(out, json, depth + 1)? as u8;
            }
            element::close(out, start)?;
            Ok(Kind::Document)
        }
    }
}

fn check_depth(depth: usize) -> Result<(), Refusal> {
    if depth >= MAX_DEPTH {
        return Err(Refusal::TooDeep { limit: MAX_DEPTH });
    }
    Ok(())
}
