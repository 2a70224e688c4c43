//! Tables, rows and their documents in a few words.

use bson::{Bson, Document, RawDocument};
use change::{
    Action, ChangeKind, Column, ColumnKind, DocumentId, Effect, IntegerWidth, Row, Schema,
    TableName, Text, Value,
};
use mapping::{
    ColumnChoice, Mapper, MappingConfig, MappingError, RowCounter, TableChoices, TableMapper,
};
use std::sync::Arc;

pub const INT: ColumnKind = ColumnKind::Integer {
    width: IntegerWidth::Int,
    unsigned: false,
};

pub fn integer(width: IntegerWidth, unsigned: bool) -> ColumnKind {
    ColumnKind::Integer { width, unsigned }
}

pub fn text_kind() -> ColumnKind {
    ColumnKind::Text {
        charset: "utf8mb4".into(),
    }
}

pub fn members(names: &[&str]) -> Arc<[Text]> {
    names.iter().map(|name| Text::from(*name)).collect()
}

pub fn column(name: &str, kind: ColumnKind) -> Column {
    Column {
        name: name.into(),
        kind,
        nullable: false,
    }
}

pub fn nullable(name: &str, kind: ColumnKind) -> Column {
    Column {
        nullable: true,
        ..column(name, kind)
    }
}

pub fn name() -> TableName {
    TableName::new("shop", "orders")
}

pub fn schema(columns: Vec<Column>, key: &[usize]) -> Arc<Schema> {
    Arc::new(Schema {
        name: name(),
        columns,
        key: key.to_vec(),
    })
}

pub fn config(choices: TableChoices) -> MappingConfig {
    MappingConfig {
        tables: [(name(), choices)].into(),
        ..MappingConfig::default()
    }
}

pub fn choice(words: &str) -> ColumnChoice {
    let mut choice = ColumnChoice::default();
    for word in words.split_whitespace() {
        choice.add(word).expect("tests use known words");
    }
    choice
}

pub fn mapper(schema: &Arc<Schema>, choices: TableChoices) -> TableMapper {
    Mapper::new(config(choices))
        .compile(schema)
        .expect("the table can be mapped")
}

/// The codes that compiling the table ends with.
pub fn refused(schema: &Arc<Schema>, choices: TableChoices) -> Vec<&'static str> {
    match Mapper::new(config(choices)).compile(schema) {
        Ok(_) => Vec::new(),
        Err(problems) => problems.iter().map(|problem| problem.code).collect(),
    }
}

pub fn row(values: impl IntoIterator<Item = Value>) -> Row {
    Row::new(values.into_iter().collect())
}

/// The effects of one change.
pub fn effects(
    mapper: &TableMapper,
    change: &ChangeKind<Row>,
) -> Result<Vec<Effect>, MappingError> {
    let mut out = Vec::new();
    mapper.effects(change, &mut RowCounter::new(), &mut out)?;
    Ok(out)
}

/// The bytes as the `bson` crate reads them, and proof that it would write the same.
pub fn parsed(bytes: &[u8]) -> Document {
    let raw = RawDocument::from_bytes(bytes).expect("the bytes are a BSON document");
    let document = Document::try_from(raw).expect("every element can be read");
    let written = document.to_vec().expect("what was read can be written");
    assert_eq!(written, bytes, "another encoder writes other bytes");
    document
}

pub fn parsed_id(id: &DocumentId) -> Bson {
    let document = parsed(&id.0);
    assert_eq!(document.len(), 1);
    document.get("_id").cloned().expect("an identity has _id")
}

/// The document that an inserted row becomes.
pub fn document(mapper: &TableMapper, row: Row) -> Result<Document, MappingError> {
    let effects = effects(mapper, &ChangeKind::Insert { after: row })?;
    let [effect] = effects.as_slice() else {
        panic!("an insert is one effect: {effects:?}")
    };
    let Action::Put { document, .. } = &effect.action else {
        panic!("an insert puts: {effect:?}")
    };
    let document = parsed(document);
    assert_eq!(
        document.iter().next(),
        Some((&"_id".to_owned(), &parsed_id(&effect.id))),
        "the identity comes first"
    );
    Ok(document)
}

/// What one value becomes in a column of this kind; `None` when the field is left out.
pub fn mapped(kind: ColumnKind, words: &str, value: Value) -> Result<Option<Bson>, MappingError> {
    let schema = schema(vec![column("id", INT), nullable("value", kind)], &[0]);
    let mapper = mapper(
        &schema,
        TableChoices {
            columns: [("value".into(), choice(words))].into(),
            ..TableChoices::default()
        },
    );
    let document = document(&mapper, row([Value::Int(1), value]))?;
    Ok(document.get("value").cloned())
}

/// The code that mapping the value ends with.
pub fn refusal(kind: ColumnKind, words: &str, value: Value) -> &'static str {
    mapped(kind, words, value)
        .expect_err("the value is refused")
        .code()
}
