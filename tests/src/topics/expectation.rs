//! What a topic has to hold of a table's changes, by the binary log's account.

use super::account::{Account, Change, Image, Shape};
use super::change_event::{ChangeEvent, Operation};
use super::literal::Expected;
use serde_json::Value;

/// One record that a topic has to hold.
#[derive(Clone, Debug)]
pub struct Expectation<'a> {
    pub key: String,
    pub operation: Operation,
    /// Index into the account's transactions.
    pub transaction: usize,
    change: &'a Change,
}

/// A key column of a type that the judge has no rule for.
#[derive(Debug, thiserror::Error)]
#[error("the judge has no rule for the key column {column} of {table}")]
pub struct NoRule {
    table: String,
    column: String,
}

/// The records of one table, in the order of the log.
///
/// # Errors
/// [`NoRule`]
pub fn expectations<'a>(account: &'a Account, table: &str) -> Result<Vec<Expectation<'a>>, NoRule> {
    let mut expectations = Vec::new();
    for change in account
        .changes
        .iter()
        .filter(|change| change.table == table)
    {
        let key = |image: &Option<Image>| {
            let image = image.as_ref();
            image
                .map(|image| key_of(table, &change.shape, image))
                .transpose()
        };
        let mut expect = |key: String, operation| {
            expectations.push(Expectation {
                key,
                operation,
                transaction: change.transaction,
                change,
            });
        };
        match (key(&change.before)?, key(&change.after)?) {
            (Some(before), Some(after)) if before == after => expect(after, Operation::Update),
            (before, after) => {
                // A key update is a delete and an insert.
                if let Some(before) = before {
                    expect(before, Operation::Delete);
                }
                if let Some(after) = after {
                    expect(after, Operation::Create);
                }
            }
        }
    }
    Ok(expectations)
}

impl Expectation<'_> {
    /// Where the event's images are not those of the log; columns without a rule aside.
    #[must_use]
    pub fn differences(&self, event: &ChangeEvent) -> Vec<String> {
        let images = match self.operation {
            Operation::Create => [
                (None, &event.before),
                (self.change.after.as_ref(), &event.after),
            ],
            Operation::Update => [
                (self.change.before.as_ref(), &event.before),
                (self.change.after.as_ref(), &event.after),
            ],
            Operation::Delete => [
                (self.change.before.as_ref(), &event.before),
                (None, &event.after),
            ],
        };
        let mut differences = Vec::new();
        for (told, seen) in images {
            let Some(told) = told else {
                if !seen.is_null() {
                    differences.push(format!("an image that should be null is {seen}"));
                }
                continue;
            };
            let columns = &self.change.shape.columns;
            if seen.as_object().map(serde_json::Map::len) != Some(columns.len()) {
                differences.push(format!("the image has other columns: {seen}"));
            }
            for (column, literal) in columns.iter().zip(told) {
                let expected = column.expected(literal);
                let seen = seen.get(&column.name);
                if !expected.is_met(seen) {
                    differences.push(format!("{} is {seen:?}, not {expected:?}", column.name));
                }
            }
        }
        differences
    }
}

/// The key as canonical JSON text.
fn key_of(table: &str, shape: &Shape, image: &Image) -> Result<String, NoRule> {
    let mut key = serde_json::Map::new();
    for index in &shape.key {
        let column = &shape.columns[*index];
        match column.expected(&image[*index]) {
            Expected::Exactly(value) => key.insert(column.name.clone(), value),
            Expected::Unknown | Expected::Document(_) => {
                return Err(NoRule {
                    table: table.to_owned(),
                    column: format!("{} {}", column.name, column.definition),
                });
            }
        };
    }
    Ok(Value::Object(key).to_string())
}
