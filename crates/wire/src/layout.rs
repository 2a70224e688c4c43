//! One table's messages, compiled: every byte that is the same in each of them is written once.
//!
//! Encoder and decoder share it, so that what one writes is what the other expects.

use crate::connect;
use crate::form::Form;
use crate::format::Format;
use crate::string::quoted;
use change::{Row, Schema};
use std::sync::Arc;

/// Version of the layout of messages: what stands where, and how values are spelled. A reader
/// takes its own version only.
pub const LAYOUT: u32 = 1;

/// What all messages of a pipeline have in common.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Settings {
    /// The pipeline's name; `source.name` and the beginning of every topic.
    pub pipeline: Arc<str>,
    /// The version of the program that writes, for `source.version`. Readers take any.
    pub version: Arc<str>,
    /// How key and value are written.
    pub format: Format,
}

#[derive(Debug)]
pub(crate) struct Layout {
    pub(crate) schema: Arc<Schema>,
    pub(crate) columns: Vec<Field>,
    pub(crate) key: Vec<KeyField>,
    /// Ahead of `{"before":`, and behind the closing brace; empty without schema.
    pub(crate) value_head: Vec<u8>,
    pub(crate) key_head: Vec<u8>,
    pub(crate) tail: &'static [u8],
    /// From the source's opening brace to its version, and from behind that to `ts_ms`.
    pub(crate) source_version: Vec<u8>,
    pub(crate) source_name: Vec<u8>,
    /// From `db` to `server_id`.
    pub(crate) source_table: Vec<u8>,
    version: Vec<u8>,
}

/// A column: the bytes ahead of its value, and the value's form.
#[derive(Debug)]
pub(crate) struct Field {
    pub(crate) prefix: Vec<u8>,
    pub(crate) form: Form,
}

#[derive(Debug)]
pub(crate) struct KeyField {
    pub(crate) prefix: Vec<u8>,
    pub(crate) column: usize,
}

impl Layout {
    pub(crate) fn new(schema: &Arc<Schema>, settings: &Settings) -> Self {
        let columns = schema.columns.iter().enumerate();
        let key = schema.key.iter().enumerate();
        let text = |text: &str| {
            let mut out = Vec::new();
            quoted(&mut out, text.as_bytes());
            out
        };
        let name = [
            b",\"connector\":\"mysql\",\"name\":",
            &text(&settings.pipeline)[..],
            b",\"ts_ms\":",
        ];
        let table = [
            b",\"db\":",
            &text(&schema.name.database)[..],
            b",\"table\":",
            &text(&schema.name.table)[..],
            b",\"server_id\":",
        ];
        let (mut key_head, mut value_head, mut tail) = (Vec::new(), Vec::new(), &b""[..]);
        if settings.format == Format::DebeziumJsonWithSchema {
            key_head = connect::key_head(schema, &settings.pipeline);
            value_head = connect::value_head(schema, &settings.pipeline);
            tail = b"}";
        }
        Self {
            schema: Arc::clone(schema),
            columns: columns
                .map(|(index, column)| Field {
                    prefix: prefix(index, &column.name),
                    form: Form::of(&column.kind),
                })
                .collect(),
            key: key
                .map(|(index, &column)| KeyField {
                    prefix: prefix(index, &schema.columns[column].name),
                    column,
                })
                .collect(),
            value_head,
            key_head,
            tail,
            source_version: b",\"source\":{\"version\":".to_vec(),
            source_name: name.concat(),
            source_table: table.concat(),
            version: text(&settings.version),
        }
    }

    pub(crate) fn version(&self) -> &[u8] {
        &self.version
    }

    /// Appends a row's image.
    #[inline]
    pub(crate) fn write_image(&self, row: &Row, out: &mut Vec<u8>, scratch: &mut Vec<u8>) {
        if self.columns.is_empty() {
            out.push(b'{');
        }
        for (field, value) in self.columns.iter().zip(row.iter()) {
            out.extend_from_slice(&field.prefix);
            crate::write::value(&field.form, value, out, scratch);
        }
        out.push(b'}');
    }

    /// Appends a row's key, without its schema. The table has one.
    #[inline]
    pub(crate) fn write_key(&self, row: &Row, out: &mut Vec<u8>, scratch: &mut Vec<u8>) {
        for field in &self.key {
            out.extend_from_slice(&field.prefix);
            let form = &self.columns[field.column].form;
            crate::write::value(form, &row[field.column], out, scratch);
        }
        out.push(b'}');
    }
}

fn prefix(index: usize, name: &str) -> Vec<u8> {
    let mut prefix = vec![if index == 0 { b'{' } else { b',' }];
    quoted(&mut prefix, name.as_bytes());
    prefix.push(b':');
    prefix
}
