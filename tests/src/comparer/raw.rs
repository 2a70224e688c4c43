//! Walks raw BSON: type byte, name, bytes.
//!
//! Reading the bytes ourselves keeps every type and every bit visible; a length that does not fit
//! is an error and never a shorter value.

/// One field of a document: its type byte, its name and the bytes of its value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Field<'a> {
    pub type_byte: u8,
    pub name: &'a str,
    pub bytes: &'a [u8],
}

/// The bytes are not a BSON document.
#[derive(Debug, thiserror::Error)]
#[error("the bytes are no BSON document: {0}")]
pub struct Malformed(&'static str);

/// The fields of a document in the order in which they are stored.
pub fn fields(document: &[u8]) -> Result<Vec<Field<'_>>, Malformed> {
    let stated = document.get(..4).ok_or(Malformed("no length"))?;
    let stated = u32::from_le_bytes([stated[0], stated[1], stated[2], stated[3]]);
    if usize::try_from(stated) != Ok(document.len()) || document.last() != Some(&0) {
        return Err(Malformed("the length is not that of the bytes"));
    }
    let mut rest = &document[4..document.len() - 1];
    let mut found = Vec::new();
    while let Some((&type_byte, after)) = rest.split_first() {
        let end = after
            .iter()
            .position(|byte| *byte == 0)
            .ok_or(Malformed("a name without an end"))?;
        let name =
            std::str::from_utf8(&after[..end]).map_err(|_| Malformed("a name is not UTF-8"))?;
        let value = &after[end + 1..];
        let size = size(type_byte, value)?;
        let bytes = value
            .get(..size)
            .ok_or(Malformed("a value is longer than its document"))?;
        found.push(Field {
            type_byte,
            name,
            bytes,
        });
        rest = &value[size..];
    }
    Ok(found)
}

fn size(type_byte: u8, value: &[u8]) -> Result<usize, Malformed> {
    let prefixed = |extra: usize| -> Result<usize, Malformed> {
        let prefix = value
            .get(..4)
            .ok_or(Malformed("a value without a length"))?;
        let length = u32::from_le_bytes([prefix[0], prefix[1], prefix[2], prefix[3]]);
        usize::try_from(length)
            .map(|length| length + extra)
            .map_err(|_| Malformed("a length beyond memory"))
    };
    match type_byte {
        0x06 | 0x0a | 0x7f | 0xff => Ok(0),
        0x08 => Ok(1),
        0x10 => Ok(4),
        0x01 | 0x09 | 0x11 | 0x12 => Ok(8),
        0x07 => Ok(12),
        0x13 => Ok(16),
        0x03 | 0x04 => prefixed(0),
        0x02 | 0x0d | 0x0e => prefixed(4),
        0x05 => prefixed(5),
        _ => Err(Malformed("a type that no column becomes")),
    }
}

/// The name of a BSON type.
pub fn type_name(type_byte: u8) -> String {
    match type_byte {
        0x01 => "Double",
        0x02 => "String",
        0x03 => "Document",
        0x04 => "Array",
        0x05 => "Binary",
        0x07 => "ObjectId",
        0x08 => "Boolean",
        0x09 => "Date",
        0x0a => "null",
        0x10 => "Int32",
        0x11 => "Timestamp",
        0x12 => "Int64",
        0x13 => "Decimal128",
        other => return format!("type 0x{other:02x}"),
    }
    .to_owned()
}

/// A value for people: its type and what it holds, shortened.
pub fn shown(field: &Field<'_>) -> String {
    let bytes = field.bytes;
    let eight = || -> Option<[u8; 8]> { bytes.try_into().ok() };
    let text = match field.type_byte {
        0x01 => eight().map(|raw| format!("{:?}", f64::from_le_bytes(raw))),
        0x02 => bytes
            .get(4..bytes.len().saturating_sub(1))
            .map(|text| format!("{:?}", String::from_utf8_lossy(text))),
        0x08 => Some((bytes == [1]).to_string()),
        0x09 | 0x12 => eight().map(|raw| i64::from_le_bytes(raw).to_string()),
        0x0a => Some(String::new()),
        0x10 => bytes
            .try_into()
            .ok()
            .map(|raw| i32::from_le_bytes(raw).to_string()),
        0x13 => bytes
            .try_into()
            .ok()
            .map(|raw| bson::Decimal128::from_bytes(raw).to_string()),
        0x03 | 0x04 => fields(bytes).ok().map(|inner| {
            let inner: Vec<String> = inner
                .iter()
                .map(|field| format!("{}: {}", field.name, shown(field)))
                .collect();
            format!("{{{}}}", inner.join(", "))
        }),
        _ => None,
    };
    let text = text.unwrap_or_else(|| bytes.iter().map(|byte| format!("{byte:02x}")).collect());
    let mut short: String = text.chars().take(160).collect();
    if short.len() < text.len() {
        short.push_str(&format!("… ({} bytes)", bytes.len()));
    }
    format!("{} {short}", type_name(field.type_byte))
        .trim_end()
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_is_found_in_its_order_and_a_cut_document_is_refused() {
        let document = bson::doc! { "b": 1_i32, "a": [true, bson::Bson::Null], "c": "x" };
        let bytes = bson::serialize_to_vec(&document).unwrap();
        let names: Vec<&str> = fields(&bytes)
            .unwrap()
            .iter()
            .map(|field| field.name)
            .collect();
        assert_eq!(names, ["b", "a", "c"]);
        assert!(fields(&bytes[..bytes.len() - 2]).is_err());
    }
}
