//! Names: which collection a table becomes, and which names MongoDB cannot hold.
//!
//! Names are kept as they are. Where MongoDB would refuse one, or would read it as something else
//! (`$` begins an operator, `.` a path), a person is asked for another name; none is ever made up.

use crate::config::{MappingConfig, TableChoices};
use crate::problem::Problem;
use change::{Collection, TableName};
use std::collections::HashMap;
use std::sync::Arc;

/// Longest `database.collection`, in bytes (MongoDB manual, "MongoDB Limits and Thresholds").
const MAX_NAMESPACE_BYTES: usize = 255;
/// Longest name of a database, in bytes.
const MAX_DATABASE_BYTES: usize = 63;
/// What a database's name must not hold, by the stricter of the manual's two lists.
const DATABASE_STOPS: &[char] = &[
    '/', '\\', '.', ' ', '"', '$', '*', '<', '>', ':', '|', '?', '\0',
];

/// The collection that a table becomes.
pub(crate) fn collection_of(config: &MappingConfig, table: &TableName) -> Collection {
    let choices = config.tables.get(table);
    let name = choices.and_then(|choices: &TableChoices| choices.collection.as_deref());
    Collection {
        database: match &config.database {
            Some(database) => database.as_str().into(),
            None => table.database.clone(),
        },
        name: name.map_or_else(|| table.table.clone(), Arc::from),
    }
}

/// Why MongoDB would refuse this collection's name.
pub(crate) fn check_collection(table: &TableName, collection: &Collection) -> Option<Problem> {
    let (database, name) = (&*collection.database, &*collection.name);
    let reason = if database.is_empty() || name.is_empty() {
        "a name is empty"
    } else if database.contains(DATABASE_STOPS) {
        "the database's name holds one of / \\ . \" $ * < > : | ? or a blank"
    } else if database.len() > MAX_DATABASE_BYTES {
        "the database's name is longer than 63 bytes"
    } else if matches!(database, "admin" | "local" | "config") {
        "the database is one that MongoDB keeps for itself"
    } else if name.contains(['$', '\0']) {
        "the collection's name holds $ or a zero byte"
    } else if name.starts_with("system.") || name.starts_with('.') || name.ends_with('.') {
        "the collection's name begins with system. or stands next to a dot"
    } else if database.len() + 1 + name.len() > MAX_NAMESPACE_BYTES {
        "the full name is longer than 255 bytes"
    } else {
        return None;
    };
    Some(Problem {
        code: "LS5009",
        table: table.clone(),
        column: None,
        message: format!("MongoDB cannot have a collection {collection}: {reason}."),
        remedy: "Name another with collection = \"…\" for the table, or database = \"…\" under [target]."
            .into(),
    })
}

/// Why a column's field name would be refused or misread.
pub(crate) fn check_field(table: &TableName, column: &Arc<str>, field: &str) -> Option<Problem> {
    let reason = if field.is_empty() {
        "is empty"
    } else if field.starts_with('$') {
        "begins with $, which begins an operator in MongoDB"
    } else if field.contains('.') {
        "holds a dot, which MongoDB reads as a path"
    } else if field.contains('\0') {
        "holds a zero byte"
    } else {
        return None;
    };
    Some(Problem {
        code: "LS5002",
        table: table.clone(),
        column: Some(column.clone()),
        message: format!("the field's name {field:?} {reason}."),
        remedy: format!("Choose another: columns.{column:?} = {{ rename = \"…\" }}."),
    })
}

/// Tables that would meet in one collection, or whose databases differ in case alone, which
/// MongoDB refuses.
pub(crate) fn collisions<'a>(
    config: &MappingConfig,
    tables: impl IntoIterator<Item = &'a TableName>,
) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut taken: HashMap<Collection, &TableName> = HashMap::new();
    let mut spelled: HashMap<String, (Arc<str>, &TableName)> = HashMap::new();
    for table in tables {
        let collection = collection_of(config, table);
        let (first_spelling, first_table) = spelled
            .entry(collection.database.to_lowercase())
            .or_insert_with(|| (collection.database.clone(), table));
        if *first_spelling != collection.database {
            problems.push(Problem {
                code: "LS5007",
                table: table.clone(),
                column: None,
                message: format!(
                    "its database {} and {first_spelling} of table {first_table} differ in case alone, which MongoDB refuses.",
                    collection.database
                ),
                remedy: "Migrate them into one database (database = \"…\" under [target]) or by two pipelines.".into(),
            });
        }
        match taken.get(&collection) {
            Some(other) if *other != table => problems.push(Problem {
                code: "LS5007",
                table: table.clone(),
                column: None,
                message: format!("it would share the collection {collection} with table {other}."),
                remedy: "Give one of them another with collection = \"…\".".into(),
            }),
            Some(_) => {}
            None => {
                taken.insert(collection, table);
            }
        }
    }
    problems
}
