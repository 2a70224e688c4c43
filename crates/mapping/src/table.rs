//! One table's rows, as its schema has them, into effects on documents.
//!
//! Everything that can be decided before the first row was decided when this was compiled: which
//! column goes where, under which name, by which encoding. A row is then written into a single
//! buffer, first its identity and behind it its document, both of which are slices of it.

use crate::element;
use crate::encoding::Encoding;
use crate::multiset::{self, ContentHash, RowCounter};
use crate::problem::{MappingError, Refusal};
use bytes::Bytes;
use change::{Action, ChangeKind, Collection, DocumentId, Effect, Identity, Row, Schema, Value};
use sha2::{Digest, Sha256};
use std::sync::Arc;

/// Bytes of an ObjectId.
const OBJECT_ID_BYTES: usize = 12;

/// Maps the rows that were read with one schema.
#[derive(Clone, Debug)]
pub struct TableMapper {
    pub(crate) schema: Arc<Schema>,
    pub(crate) collection: Arc<Collection>,
    /// One for each column of the schema.
    pub(crate) encodings: Vec<Encoding>,
    pub(crate) identity: IdentityPlan,
    pub(crate) fields: Vec<Field>,
    /// Columns of unique indexes of the target.
    pub(crate) unique: Vec<usize>,
    /// What names, lengths and numbers of a document take at most, in bytes.
    pub(crate) fixed_bytes: usize,
    /// Choices that lose something, as (column, word).
    pub(crate) lossy: Vec<(Arc<str>, &'static str)>,
}

/// A column among the document's fields.
#[derive(Clone, Debug)]
pub(crate) struct Field {
    pub(crate) column: usize,
    /// With its closing zero byte.
    pub(crate) name: Box<[u8]>,
    /// NULL leaves the field out.
    pub(crate) absent: bool,
}

/// What `_id` is made of.
#[derive(Clone, Debug)]
pub(crate) enum IdentityPlan {
    Single(usize),
    Composite(Vec<Field>),
    ObjectId(Vec<usize>),
    Row,
}

/// A refusal with the column it happened in, if it was one column's.
struct Refused {
    column: Option<usize>,
    refusal: Refusal,
}

impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Self {
        Self {
            column: None,
            refusal,
        }
    }
}

impl TableMapper {
    /// The collection that the effects are on.
    pub fn collection(&self) -> &Arc<Collection> {
        &self.collection
    }

    /// The schema that the rows must have been read with.
    pub fn schema(&self) -> &Arc<Schema> {
        &self.schema
    }

    /// Names the columns that unique indexes of the collection stand on, so that an update tells
    /// whether it changes one of them. Names that the schema does not have are passed over.
    pub fn with_unique<'a>(mut self, columns: impl IntoIterator<Item = &'a str>) -> Self {
        self.unique = columns
            .into_iter()
            .filter_map(|name| self.schema.column(name))
            .collect();
        self.unique.sort_unstable();
        self.unique.dedup();
        self
    }

    /// The choices that lose something on this table, as (column, word).
    pub fn lossy(&self) -> &[(Arc<str>, &'static str)] {
        &self.lossy
    }

    /// The identity of the document that this row becomes; for `identity = "row"` the identity
    /// `{_id: {hash}}` that all its equals share.
    pub fn document_id(&self, row: &Row) -> Result<DocumentId, MappingError> {
        self.checked(row, |row| match self.identity {
            IdentityPlan::Row => {
                let content = self.content(row)?;
                Ok(adjusted_id(&multiset::hash_of(&content))?)
            }
            IdentityPlan::Single(_) | IdentityPlan::Composite(_) | IdentityPlan::ObjectId(_) => {
                self.id(row)
            }
        })
    }

    /// Appends the effects of one change, in the order in which they take effect. `counter` is
    /// the barrier's own; only snapshot reads of tables without a key use it.
    ///
    /// On an error nothing was appended: the row has to be kept aside or its table stopped.
    pub fn effects(
        &self,
        change: &ChangeKind<Row>,
        counter: &mut RowCounter,
        out: &mut Vec<Effect>,
    ) -> Result<(), MappingError> {
        if matches!(self.identity, IdentityPlan::Row) {
            return self.multiset_effects(change, counter, out);
        }
        match change {
            ChangeKind::Insert { after } => out.push(self.put(after, true, false)?),
            ChangeKind::Read { row } => out.push(self.put(row, false, false)?),
            ChangeKind::Delete { before: key } | ChangeKind::Gone { key } => {
                out.push(self.remove(key)?);
            }
            ChangeKind::Update { before, after } => {
                let unique_changed = self
                    .unique
                    .iter()
                    .any(|&column| before.get(column) != after.get(column));
                let put = self.put(after, false, unique_changed)?;
                if self.same_key(before, after) {
                    out.push(put);
                    return Ok(());
                }
                let remove = self.remove(before)?;
                if remove.id == put.id {
                    out.push(put);
                } else {
                    out.push(remove);
                    out.push(self.put(after, true, false)?);
                }
            }
        }
        Ok(())
    }

    fn put(&self, row: &Row, fresh: bool, unique_changed: bool) -> Result<Effect, MappingError> {
        let (id, document) = self.checked(row, |row| self.document(row))?;
        Ok(self.effect(
            id,
            Action::Put {
                document,
                fresh,
                unique_changed,
            },
        ))
    }

    fn remove(&self, row: &Row) -> Result<Effect, MappingError> {
        let id = self.checked(row, |row| self.id(row))?;
        Ok(self.effect(id, Action::Remove))
    }

    fn multiset_effects(
        &self,
        change: &ChangeKind<Row>,
        counter: &mut RowCounter,
        out: &mut Vec<Effect>,
    ) -> Result<(), MappingError> {
        match change {
            ChangeKind::Read { row } => {
                let (id, document) = self.checked(row, |row| {
                    let content = self.content(row)?;
                    let hash = multiset::hash_of(&content);
                    let number = counter.next(&hash);
                    let adjusted = adjusted_id(&hash)?;
                    let id = multiset::numbered_id(&adjusted, number);
                    let document = multiset::numbered_document(&adjusted, &content, number);
                    id.zip(document).ok_or_else(|| {
                        Refused::from(Refusal::TooLarge {
                            bytes: content.len() + element::NUMBERED_ID_BYTES,
                            limit: element::MAX_DOCUMENT_BYTES,
                        })
                    })
                })?;
                out.push(self.effect(
                    id,
                    Action::Put {
                        document,
                        fresh: false,
                        unique_changed: false,
                    },
                ));
            }
            ChangeKind::Insert { after } => out.push(self.adjust(after, 1)?),
            ChangeKind::Delete { before } => out.push(self.adjust(before, -1)?),
            ChangeKind::Gone { .. } => {
                unreachable!("rows without a key have none that could be gone")
            }
            ChangeKind::Update { before, after } => {
                let (less, more) = (self.adjust(before, -1)?, self.adjust(after, 1)?);
                if less.id != more.id {
                    out.push(less);
                    out.push(more);
                }
            }
        }
        Ok(())
    }

    fn adjust(&self, row: &Row, delta: i64) -> Result<Effect, MappingError> {
        let (id, content) = self.checked(row, |row| {
            let content = self.content(row)?;
            Ok((adjusted_id(&multiset::hash_of(&content))?, content))
        })?;
        let content = Bytes::from(content);
        Ok(self.effect(id, Action::Adjust { delta, content }))
    }

    fn effect(&self, id: DocumentId, action: Action) -> Effect {
        Effect {
            collection: self.collection.clone(),
            id,
            action,
        }
    }

    /// Whether both images surely have the same identity. Values that compare equal with other
    /// bytes (0.0 and -0.0) are not sure.
    fn same_key(&self, before: &Row, after: &Row) -> bool {
        let same = |column: usize| {
            let (before, after) = (before.get(column), after.get(column));
            before == after && !matches!(before, Some(Value::Float(_) | Value::Double(_)))
        };
        match &self.identity {
            IdentityPlan::Single(column) => same(*column),
            IdentityPlan::Composite(parts) => parts.iter().all(|part| same(part.column)),
            IdentityPlan::ObjectId(columns) => columns.iter().all(|&column| same(column)),
            IdentityPlan::Row => false,
        }
    }

    /// The row's identity and its document, as slices of one buffer.
    fn document(&self, row: &Row) -> Result<(DocumentId, Bytes), Refused> {
        let values: usize = row.iter().map(Value::heap_bytes).sum();
        let mut out = Vec::with_capacity(self.fixed_bytes + values + values / 4);
        let start = element::open(&mut out);
        self.write_id(&mut out, row)?;
        element::close(&mut out, start)?;
        let id_bytes = out.len();
        let start = element::open(&mut out);
        out.extend_from_within(4..id_bytes - 1);
        self.write_fields(&mut out, row)?;
        element::close(&mut out, start)?;
        let bytes = Bytes::from(out);
        Ok((DocumentId(bytes.slice(..id_bytes)), bytes.slice(id_bytes..)))
    }

    fn id(&self, row: &Row) -> Result<DocumentId, Refused> {
        let mut out = Vec::with_capacity(48);
        let start = element::open(&mut out);
        self.write_id(&mut out, row)?;
        element::close(&mut out, start)?;
        Ok(DocumentId(Bytes::from(out)))
    }

    fn content(&self, row: &Row) -> Result<Vec<u8>, Refused> {
        let values: usize = row.iter().map(Value::heap_bytes).sum();
        let mut out = Vec::with_capacity(self.fixed_bytes + values);
        let start = element::open(&mut out);
        self.write_fields(&mut out, row)?;
        element::close(&mut out, start)?;
        Ok(out)
    }

    fn write_id(&self, out: &mut Vec<u8>, row: &Row) -> Result<(), Refused> {
        match &self.identity {
            IdentityPlan::Single(column) => self.write_column(out, b"_id\0", *column, row),
            IdentityPlan::Composite(parts) => {
                out.push(element::Kind::Document as u8);
                out.extend_from_slice(b"_id\0");
                let start = element::open(out);
                for part in parts {
                    self.write_column(out, &part.name, part.column, row)?;
                }
                Ok(element::close(out, start)?)
            }
            IdentityPlan::ObjectId(columns) => {
                let key = Identity::of(columns.iter().map(|&column| &row[column]));
                let digest = Sha256::digest(key.as_bytes());
                out.push(element::Kind::ObjectId as u8);
                out.extend_from_slice(b"_id\0");
                out.extend_from_slice(&digest[..OBJECT_ID_BYTES]);
                Ok(())
            }
            IdentityPlan::Row => Ok(multiset::write_id(
                out,
                &multiset::hash_of(&self.content(row)?),
                None,
            )?),
        }
    }

    fn write_fields(&self, out: &mut Vec<u8>, row: &Row) -> Result<(), Refused> {
        for field in &self.fields {
            if !(field.absent && row[field.column] == Value::Null) {
                self.write_column(out, &field.name, field.column, row)?;
            }
        }
        Ok(())
    }

    fn write_column(
        &self,
        out: &mut Vec<u8>,
        name: &[u8],
        column: usize,
        row: &Row,
    ) -> Result<(), Refused> {
        element::element(out, name, |out| match &row[column] {
            Value::Null => Ok(element::Kind::Null),
            value => self.encodings[column].write(out, value),
        })
        .map_err(|refusal| Refused {
            column: Some(column),
            refusal,
        })
    }

    /// Runs `map` on a row that has as many values as the schema has columns, and gives a refusal
    /// its table, row and column.
    fn checked<T>(
        &self,
        row: &Row,
        map: impl FnOnce(&Row) -> Result<T, Refused>,
    ) -> Result<T, MappingError> {
        let result = if row.len() == self.schema.columns.len() {
            map(row)
        } else {
            Err(Refused::from(Refusal::Mismatch {
                expected: "as many values as columns",
            }))
        };
        result.map_err(|refused| MappingError {
            code: refused.refusal.code(),
            table: self.schema.name.clone(),
            key: self.row_key(row).into(),
            column: refused
                .column
                .map(|column| self.schema.columns[column].name.clone()),
            reason: refused.refusal.reason().into(),
            remedy: refused.refusal.remedy(),
        })
    }
}

fn adjusted_id(hash: &ContentHash) -> Result<DocumentId, Refused> {
    let mut out = Vec::with_capacity(48);
    let start = element::open(&mut out);
    multiset::write_id(&mut out, hash, None)?;
    element::close(&mut out, start)?;
    Ok(DocumentId(Bytes::from(out)))
}
