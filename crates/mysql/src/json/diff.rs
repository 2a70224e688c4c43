//! The differences that a partial update logs instead of a whole document.
//!
//! With `binlog_row_value_options = PARTIAL_JSON` an update that only sets, replaces or removes
//! parts of a document logs a list of (operation, path, value); applied in order to the document
//! before the update, they give the one after it.

use super::document::read_document;
use crate::wire::{Cursor, Malformed};
use bytes::Bytes;
use change::{Json, Text};

const NOT_THERE: Malformed =
    Malformed("a partial update names a place that the document does not have");
const BAD_PATH: Malformed = Malformed("the path of a partial update can't be read");

/// MySQL refuses documents that are deeper than 100, and so paths that are longer.
const LONGEST_PATH: usize = 100;

#[derive(Debug, PartialEq)]
enum Step {
    Member(Text),
    Element(usize),
}

#[derive(Clone, Copy)]
enum Operation {
    Replace,
    Insert,
    Remove,
}

/// Applies a list of differences.
pub(crate) fn apply_diffs(document: &mut Json, diffs: Bytes) -> Result<(), Malformed> {
    let mut cursor = Cursor::new(diffs);
    while !cursor.is_empty() {
        let operation = match cursor.u8()? {
            0 => Operation::Replace,
            1 => Operation::Insert,
            2 => Operation::Remove,
            _ => return Err(Malformed("a partial update has an unknown operation")),
        };
        let path = parse_path(&cursor.length_encoded_bytes()?)?;
        let value = match operation {
            Operation::Replace | Operation::Insert => {
                Some(read_document(cursor.length_encoded_bytes()?)?)
            }
            Operation::Remove => None,
        };
        apply(document, operation, &path, value)?;
    }
    Ok(())
}

fn apply(
    document: &mut Json,
    operation: Operation,
    path: &[Step],
    value: Option<Json>,
) -> Result<(), Malformed> {
    let Some((last, ahead)) = path.split_last() else {
        let (Operation::Replace, Some(value)) = (operation, value) else {
            return Err(NOT_THERE);
        };
        *document = value;
        return Ok(());
    };
    let mut parent = document;
    for step in ahead {
        parent = child(parent, step)?;
    }
    match (operation, value) {
        (Operation::Replace, Some(value)) => *child(parent, last)? = value,
        (Operation::Insert, Some(value)) => insert(parent, last, value)?,
        (Operation::Remove, _) => remove(parent, last)?,
        (Operation::Replace | Operation::Insert, None) => return Err(NOT_THERE),
    }
    Ok(())
}

fn child<'a>(parent: &'a mut Json, step: &Step) -> Result<&'a mut Json, Malformed> {
    match (parent, step) {
        (Json::Object(members), Step::Member(name)) => members
            .iter_mut()
            .find(|(member, _)| member == name)
            .map(|(_, value)| value)
            .ok_or(NOT_THERE),
        (Json::Array(elements), Step::Element(index)) => elements.get_mut(*index).ok_or(NOT_THERE),
        _ => Err(NOT_THERE),
    }
}

fn insert(parent: &mut Json, step: &Step, value: Json) -> Result<(), Malformed> {
    match (parent, step) {
        (Json::Object(members), Step::Member(name)) => {
            // The server keeps members by the length of their names, then by their bytes.
            let rank = |name: &Text| (name.as_bytes().len(), name.clone());
            let place = members.partition_point(|(member, _)| rank(member) < rank(name));
            if members.get(place).is_some_and(|(member, _)| member == name) {
                return Err(NOT_THERE);
            }
            members.insert(place, (name.clone(), value));
            Ok(())
        }
        (Json::Array(elements), Step::Element(index)) => {
            elements.insert((*index).min(elements.len()), value);
            Ok(())
        }
        _ => Err(NOT_THERE),
    }
}

fn remove(parent: &mut Json, step: &Step) -> Result<(), Malformed> {
    match (parent, step) {
        (Json::Object(members), Step::Member(name)) => {
            let place = members
                .iter()
                .position(|(member, _)| member == name)
                .ok_or(NOT_THERE)?;
            members.remove(place);
            Ok(())
        }
        (Json::Array(elements), Step::Element(index)) if *index < elements.len() => {
            elements.remove(*index);
            Ok(())
        }
        _ => Err(NOT_THERE),
    }
}

/// Reads `$.name`, `$."quoted name"` and `$[index]`, in any number.
fn parse_path(bytes: &[u8]) -> Result<Vec<Step>, Malformed> {
    let text = std::str::from_utf8(bytes).map_err(|_| BAD_PATH)?;
    let mut rest = text.strip_prefix('$').ok_or(BAD_PATH)?;
    let mut path = Vec::new();
    while !rest.is_empty() {
        if path.len() == LONGEST_PATH {
            return Err(BAD_PATH);
        }
        if let Some(after) = rest.strip_prefix('[') {
            let (index, after) = after.split_once(']').ok_or(BAD_PATH)?;
            path.push(Step::Element(index.parse().map_err(|_| BAD_PATH)?));
            rest = after;
        } else if let Some(after) = rest.strip_prefix(".\"") {
            let (name, after) = quoted_name(after)?;
            path.push(Step::Member(Text::from(name)));
            rest = after;
        } else if let Some(after) = rest.strip_prefix('.') {
            let end = after.find(['.', '[']).unwrap_or(after.len());
            let (name, after) = after.split_at(end);
            if name.is_empty() {
                return Err(BAD_PATH);
            }
            path.push(Step::Member(Text::from(name)));
            rest = after;
        } else {
            return Err(BAD_PATH);
        }
    }
    Ok(path)
}

/// A name in double quotes with JSON's escapes, from behind the first quote.
fn quoted_name(text: &str) -> Result<(String, &str), Malformed> {
    let mut name = String::new();
    let mut rest = text;
    loop {
        let mut characters = rest.chars();
        let character = characters.next().ok_or(BAD_PATH)?;
        rest = characters.as_str();
        match character {
            '"' => return Ok((name, rest)),
            '\\' => {
                let escape = characters.next().ok_or(BAD_PATH)?;
                rest = characters.as_str();
                let plain = match escape {
                    '"' | '\\' | '/' => escape,
                    'b' => '\u{8}',
                    'f' => '\u{c}',
                    'n' => '\n',
                    'r' => '\r',
                    't' => '\t',
                    'u' => {
                        let (character, after) = unicode_escape(rest)?;
                        rest = after;
                        character
                    }
                    _ => return Err(BAD_PATH),
                };
                name.push(plain);
            }
            _ => name.push(character),
        }
    }
}

fn unicode_escape(text: &str) -> Result<(char, &str), Malformed> {
    let unit = |text: &str| {
        text.get(..4)
            .and_then(|digits| u32::from_str_radix(digits, 16).ok())
    };
    let first = unit(text).ok_or(BAD_PATH)?;
    let rest = &text[4..];
    if let Some(character) = char::from_u32(first) {
        return Ok((character, rest));
    }
    let low = rest.strip_prefix("\\u").and_then(unit).ok_or(BAD_PATH)?;
    if !(0xd800..0xdc00).contains(&first) || !(0xdc00..0xe000).contains(&low) {
        return Err(BAD_PATH);
    }
    let code = 0x1_0000 + ((first - 0xd800) << 10) + (low - 0xdc00);
    Ok((char::from_u32(code).ok_or(BAD_PATH)?, &rest[6..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_with_quoted_names_are_read() {
        let path = parse_path(br#"$.a[3]."b \"c\"\ud83d\ude00".d"#).unwrap();
        let expected = [
            Step::Member("a".into()),
            Step::Element(3),
            Step::Member("b \"c\"😀".into()),
            Step::Member("d".into()),
        ];
        assert_eq!(path, expected);
        for wrong in ["", "a", "$a", "$.", "$[x]", "$[1", "$.\"a", "$.\"\\ud83d\""] {
            assert!(parse_path(wrong.as_bytes()).is_err(), "{wrong}");
        }
    }

    #[test]
    fn members_are_inserted_in_the_servers_order() {
        let mut document = Json::Object(vec![("b".into(), Json::Null), ("aa".into(), Json::Null)]);
        for name in ["c", "a", "ab", "z"] {
            insert(&mut document, &Step::Member(name.into()), Json::Null).unwrap();
        }
        let Json::Object(members) = document else {
            panic!("it stays an object")
        };
        let names: Vec<&str> = members.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["a", "b", "c", "z", "aa", "ab"]);
    }

    #[test]
    fn a_difference_at_a_place_that_is_not_there_is_an_error() {
        let mut document = Json::Array(vec![Json::Int(1)]);
        assert!(apply_diffs(&mut document, Bytes::from_static(b"\x02\x04$[1]")).is_err());
        assert!(
            apply_diffs(
                &mut document,
                Bytes::from_static(b"\x00\x03$.a\x02\x04\x00")
            )
            .is_err()
        );
        apply_diffs(
            &mut document,
            Bytes::from_static(b"\x00\x04$[0]\x02\x04\x01\x01\x04$[1]\x02\x04\x00"),
        )
        .unwrap();
        assert_eq!(document, Json::Array(vec![Json::Bool(true), Json::Null]));
    }
}
