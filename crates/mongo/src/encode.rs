//! Write commands as raw BSON, put together from documents that are encoded already.
//!
//! The documents of a barrier are bytes; a command that holds a thousand of them is those bytes
//! with a few more between them. So nothing is decoded on the way to the server, and a document
//! costs one copy here. Layout by the BSON specification, version 1.1.

use bson::RawDocumentBuf;
use std::io::Write as _;

const DOUBLE_ONE: [u8; 8] = 1.0_f64.to_le_bytes();
const TYPE_STRING: u8 = 0x02;
const TYPE_DOCUMENT: u8 = 0x03;
const TYPE_ARRAY: u8 = 0x04;
const TYPE_BOOLEAN: u8 = 0x08;
const TYPE_INT32: u8 = 0x10;
const TYPE_DOUBLE: u8 = 0x01;

/// A write command in the making: a name, a collection and a growing array of statements.
pub(crate) struct WriteCommand {
    bytes: Vec<u8>,
    array_start: usize,
    count: usize,
}

impl WriteCommand {
    /// `insert` of whole documents.
    pub(crate) fn insert(collection: &str, capacity: usize) -> Self {
        Self::open("insert", collection, "documents", capacity)
    }

    /// `update` with replacements.
    pub(crate) fn update(collection: &str, capacity: usize) -> Self {
        Self::open("update", collection, "updates", capacity)
    }

    fn open(command: &str, collection: &str, array: &str, capacity: usize) -> Self {
        let mut bytes = Vec::with_capacity(capacity + 128);
        bytes.extend_from_slice(&[0; 4]);
        push_string(&mut bytes, command, collection);
        push_key(&mut bytes, TYPE_ARRAY, array);
        let array_start = bytes.len();
        bytes.extend_from_slice(&[0; 4]);
        Self {
            bytes,
            array_start,
            count: 0,
        }
    }

    /// How many statements there are.
    pub(crate) fn count(&self) -> usize {
        self.count
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Bytes so far.
    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// A document to insert.
    pub(crate) fn push_document(&mut self, document: &[u8]) {
        self.push_index();
        self.bytes.extend_from_slice(document);
    }

    /// A document to insert, put together from its `_id` (as a document of that one field) and the
    /// rest of its fields.
    pub(crate) fn push_document_of(&mut self, id: &[u8], content: &[u8]) {
        self.push_index();
        let length = id.len() + content.len() - 5;
        self.bytes.extend_from_slice(&length_bytes(length));
        self.bytes.extend_from_slice(fields(id));
        self.bytes.extend_from_slice(fields(content));
        self.bytes.push(0);
    }

    /// A document that replaces the one of this `_id` (as a document of that one field), or is
    /// inserted where there is none.
    pub(crate) fn push_upsert(&mut self, id: &[u8], document: &[u8]) {
        self.push_index();
        let start = open(&mut self.bytes);
        push_key(&mut self.bytes, TYPE_DOCUMENT, "q");
        self.bytes.extend_from_slice(id);
        push_key(&mut self.bytes, TYPE_DOCUMENT, "u");
        self.bytes.extend_from_slice(document);
        push_key(&mut self.bytes, TYPE_BOOLEAN, "upsert");
        self.bytes.push(1);
        close(&mut self.bytes, start);
    }

    /// The whole command.
    pub(crate) fn finish(mut self) -> RawDocumentBuf {
        close(&mut self.bytes, self.array_start);
        close(&mut self.bytes, 0);
        document(self.bytes)
    }

    // Array elements are keyed by their decimal index.
    fn push_index(&mut self) {
        self.bytes.push(TYPE_DOCUMENT);
        push_number(&mut self.bytes, self.count);
        self.count += 1;
    }
}

/// A list of `_id` values for `$in`, in the making.
pub(crate) struct IdList {
    bytes: Vec<u8>,
    count: usize,
}

impl IdList {
    pub(crate) fn new() -> Self {
        Self {
            bytes: vec![0; 4],
            count: 0,
        }
    }

    /// Takes the value of the only field of `{_id: value}`.
    pub(crate) fn push(&mut self, id: &[u8]) {
        self.bytes.push(id[4]);
        push_number(&mut self.bytes, self.count);
        // Length, type, `_id` with its end; the document's own end is not part of the value.
        self.bytes.extend_from_slice(&id[9..id.len() - 1]);
        self.count += 1;
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.count == 0
    }

    pub(crate) fn count(&self) -> usize {
        self.count
    }

    /// `{delete: collection, deletes: [{q: {_id: {$in: […]}}, limit: 0}]}`
    pub(crate) fn into_delete(self, collection: &str) -> RawDocumentBuf {
        let mut bytes = Vec::with_capacity(self.bytes.len() + 128);
        bytes.extend_from_slice(&[0; 4]);
        push_string(&mut bytes, "delete", collection);
        push_key(&mut bytes, TYPE_ARRAY, "deletes");
        let array = open(&mut bytes);
        push_key(&mut bytes, TYPE_DOCUMENT, "0");
        let statement = open(&mut bytes);
        push_key(&mut bytes, TYPE_DOCUMENT, "q");
        self.push_filter(&mut bytes);
        push_key(&mut bytes, TYPE_INT32, "limit");
        bytes.extend_from_slice(&0_i32.to_le_bytes());
        close(&mut bytes, statement);
        close(&mut bytes, array);
        close(&mut bytes, 0);
        document(bytes)
    }

    /// `{find: collection, filter: {_id: {$in: […]}}, projection: {_id: 1}, batchSize: …,
    /// singleBatch: true}`: which of the ids exist. The whole answer is one batch.
    pub(crate) fn into_find(self, collection: &str) -> RawDocumentBuf {
        let mut bytes = Vec::with_capacity(self.bytes.len() + 160);
        let batch = i32::try_from(self.count).expect("a list of ids fits into a command of 16 MB");
        bytes.extend_from_slice(&[0; 4]);
        push_string(&mut bytes, "find", collection);
        push_key(&mut bytes, TYPE_DOCUMENT, "filter");
        self.push_filter(&mut bytes);
        push_key(&mut bytes, TYPE_DOCUMENT, "projection");
        let projection = open(&mut bytes);
        push_key(&mut bytes, TYPE_DOUBLE, "_id");
        bytes.extend_from_slice(&DOUBLE_ONE);
        close(&mut bytes, projection);
        push_key(&mut bytes, TYPE_INT32, "batchSize");
        bytes.extend_from_slice(&batch.to_le_bytes());
        push_key(&mut bytes, TYPE_BOOLEAN, "singleBatch");
        bytes.push(1);
        close(&mut bytes, 0);
        document(bytes)
    }

    fn push_filter(mut self, bytes: &mut Vec<u8>) {
        let filter = open(bytes);
        push_key(bytes, TYPE_DOCUMENT, "_id");
        let condition = open(bytes);
        push_key(bytes, TYPE_ARRAY, "$in");
        close(&mut self.bytes, 0);
        bytes.extend_from_slice(&self.bytes);
        close(bytes, condition);
        close(bytes, filter);
    }
}

/// The fields of an encoded document, without its length and its end.
pub(crate) fn fields(document: &[u8]) -> &[u8] {
    &document[4..document.len() - 1]
}

fn document(bytes: Vec<u8>) -> RawDocumentBuf {
    RawDocumentBuf::from_bytes(bytes).expect("a closed document begins with its length")
}

fn open(bytes: &mut Vec<u8>) -> usize {
    let start = bytes.len();
    bytes.extend_from_slice(&[0; 4]);
    start
}

fn close(bytes: &mut Vec<u8>, start: usize) {
    bytes.push(0);
    let length = length_bytes(bytes.len() - start);
    bytes[start..start + 4].copy_from_slice(&length);
}

fn length_bytes(length: usize) -> [u8; 4] {
    i32::try_from(length)
        .expect("a command is closed long before 2 GiB")
        .to_le_bytes()
}

fn push_key(bytes: &mut Vec<u8>, kind: u8, key: &str) {
    bytes.push(kind);
    bytes.extend_from_slice(key.as_bytes());
    bytes.push(0);
}

fn push_number(bytes: &mut Vec<u8>, number: usize) {
    write!(bytes, "{number}").expect("a Vec takes every write");
    bytes.push(0);
}

fn push_string(bytes: &mut Vec<u8>, key: &str, value: &str) {
    push_key(bytes, TYPE_STRING, key);
    bytes.extend_from_slice(&length_bytes(value.len() + 1));
    bytes.extend_from_slice(value.as_bytes());
    bytes.push(0);
}

#[cfg(test)]
mod tests {
    use super::*;
    use bson::{Document, doc};

    fn encoded(document: &Document) -> Vec<u8> {
        document.to_vec().unwrap()
    }

    fn decoded(raw: &RawDocumentBuf) -> Document {
        Document::try_from(raw.as_ref()).unwrap()
    }

    #[test]
    fn an_insert_holds_its_documents_in_order() {
        let mut command = WriteCommand::insert("orders", 0);
        for number in 0..12 {
            command.push_document(&encoded(&doc! { "_id": number, "a": "x" }));
        }
        let documents: Vec<_> = (0..12)
            .map(|number| doc! { "_id": number, "a": "x" })
            .collect();
        assert_eq!(
            decoded(&command.finish()),
            doc! { "insert": "orders", "documents": documents }
        );
    }

    #[test]
    fn an_upsert_replaces_by_id() {
        let mut command = WriteCommand::update("orders", 0);
        let id = doc! { "_id": { "a": 1, "b": "x" } };
        let document = doc! { "_id": { "a": 1, "b": "x" }, "c": 2 };
        command.push_upsert(&encoded(&id), &encoded(&document));
        assert_eq!(
            decoded(&command.finish()),
            doc! { "update": "orders", "updates": [{ "q": id, "u": document, "upsert": true }] }
        );
    }

    #[test]
    fn a_document_is_put_together_from_its_id_and_its_content() {
        let mut command = WriteCommand::insert("rows", 0);
        command.push_document_of(
            &encoded(&doc! { "_id": { "hash": 7_i64, "n": 1_i64 } }),
            &encoded(&doc! { "c": 2 }),
        );
        assert_eq!(
            decoded(&command.finish()),
            doc! { "insert": "rows", "documents": [{ "_id": { "hash": 7_i64, "n": 1_i64 }, "c": 2 }] }
        );
    }

    #[test]
    fn ids_of_every_type_become_one_list() {
        let ids = || {
            let mut list = IdList::new();
            list.push(&encoded(&doc! { "_id": 1 }));
            list.push(&encoded(&doc! { "_id": "text" }));
            list.push(&encoded(&doc! { "_id": { "a": 1, "b": true } }));
            list
        };
        let list = doc! { "_id": { "$in": [1, "text", { "a": 1, "b": true }] } };
        assert_eq!(
            decoded(&ids().into_delete("orders")),
            doc! { "delete": "orders", "deletes": [{ "q": list.clone(), "limit": 0 }] }
        );
        assert_eq!(
            decoded(&ids().into_find("orders")),
            doc! { "find": "orders", "filter": list, "projection": { "_id": 1.0 }, "batchSize": 3, "singleBatch": true }
        );
    }
}
