//! What has to be decided before a table can be copied: names that MongoDB doesn't take, keys that can't identify documents, no key at all.
//! Each problem that `mapping` names is answered with the choice that keeps every value, and `mapping` is asked again, so that what is written is what it accepts.

use std::collections::{BTreeMap, BTreeSet};

use change::{ColumnKind, Schema, TableDescription, TableName};
use mapping::{FormChoice, IdentityChoice, Mapper, MappingConfig, Problem, TableChoices};

/// Longest name of a collection that the configuration takes, in bytes.
const LONGEST_COLLECTION: usize = 120;

/// Whether a table can be copied.
pub(super) enum Verdict {
    Taken(Decided),
    /// No choice helps; the reason.
    LeftOut(String),
}

/// The choices for a table, each with its reason.
#[derive(Debug, Default)]
pub(super) struct Decided {
    pub(super) choices: TableChoices,
    pub(super) identity_reason: Option<String>,
    pub(super) collection_reason: Option<String>,
    pub(super) column_reasons: BTreeMap<String, String>,
}

impl Decided {
    /// Every decision as a sentence.
    pub(super) fn reasons(&self) -> impl Iterator<Item = String> {
        let collection = self.collection_reason.iter().cloned();
        let identity = self.identity_reason.iter().cloned();
        let columns = self
            .column_reasons
            .iter()
            .map(|(column, reason)| format!("column {column}: {reason}"));
        collection.chain(identity).chain(columns)
    }

    /// Another collection than that of a table of the same name in another database.
    pub(super) fn stand_apart(&mut self, table: &TableName) {
        let base = match &self.choices.collection {
            None => fitted_collection(&format!("{}_{}", table.database, table.table)),
            Some(collection) => fitted_collection(&format!("{collection}_2")),
        };
        self.collection_reason = Some(format!(
            "another table would share its collection; it becomes {base}"
        ));
        self.choices.collection = Some(base);
    }
}

/// Decides for one table; `database` is the target's, where it is one for all.
pub(super) fn decide(table: &TableDescription, database: Option<&str>) -> Verdict {
    let schema = &table.schema;
    let mut decided = Decided::default();
    // Each round answers at least one problem, and a column can have two.
    for _ in 0..2 * schema.columns.len() + 4 {
        let tables = BTreeMap::from([(schema.name.clone(), decided.choices.clone())]);
        let mapper = Mapper::new(MappingConfig {
            database: database.map(str::to_owned),
            tables,
            ..MappingConfig::default()
        });
        let Err(problems) = mapper.compile(schema) else {
            return Verdict::Taken(decided);
        };
        for problem in problems.iter() {
            if !answer(problem, schema, &mut decided) {
                return Verdict::LeftOut(problem.message.clone());
            }
        }
    }
    Verdict::LeftOut("no choice of columns and identity makes it fit".to_owned())
}

/// Whether there is a choice that answers the problem.
fn answer(problem: &Problem, schema: &Schema, decided: &mut Decided) -> bool {
    match (problem.code, &problem.column) {
        ("LS5001" | "LS5002" | "LS5003", Some(column)) => {
            let name = free_field(column, schema, &decided.choices);
            let reason = format!("{} It becomes {name}.", problem.message);
            decided.column_reasons.insert(column.to_string(), reason);
            let choice = decided.choices.columns.entry(column.to_string());
            choice.or_default().rename = Some(name);
            true
        }
        ("LS5004", Some(column)) => {
            let kind = schema
                .column(column)
                .map(|index| &schema.columns[index].kind);
            let choice = decided
                .choices
                .columns
                .entry(column.to_string())
                .or_default();
            let numbered = matches!(kind, Some(ColumnKind::Enum { .. } | ColumnKind::Set { .. }));
            if numbered && choice.form.is_none() {
                choice.form = Some(FormChoice::Number);
                let reason = "as part of the key it is the number that MySQL stores";
                decided
                    .column_reasons
                    .insert(column.to_string(), reason.to_owned());
                return true;
            }
            if decided.choices.identity == IdentityChoice::Key {
                decided.choices.identity = IdentityChoice::ObjectId;
                decided.identity_reason = Some(format!("the key {column}: {}", problem.message));
                return true;
            }
            false
        }
        ("LS5005", _) if decided.choices.identity != IdentityChoice::Row => {
            decided.choices.identity = IdentityChoice::Row;
            let reason = "it has no key: equal rows are counted (identity = \"row\")";
            decided.identity_reason = Some(reason.to_owned());
            true
        }
        ("LS5009", _) if decided.choices.collection.is_none() => {
            let name = fitted_collection(&schema.name.table);
            decided.collection_reason = Some(format!("{} It becomes {name}.", problem.message));
            decided.choices.collection = Some(name);
            true
        }
        _ => false,
    }
}

/// A name for the column's field that MongoDB takes and no other field has.
fn free_field(column: &str, schema: &Schema, choices: &TableChoices) -> String {
    let renamed = choices.columns.iter();
    let taken: BTreeSet<&str> = renamed
        .filter(|(name, _)| *name != column)
        .filter_map(|(_, choice)| choice.rename.as_deref())
        .chain(schema.columns.iter().map(|other| &*other.name))
        .collect();
    let plain = column.trim_start_matches('$').replace(['.', '\0'], "_");
    let base = match plain.as_str() {
        "_id" => "mysql_id",
        "" => "column",
        plain => plain,
    };
    let numbered = (2..).map(|number| format!("{base}_{number}"));
    std::iter::once(base.to_owned())
        .chain(numbered)
        .find(|name| !taken.contains(name.as_str()))
        .expect("a table has fewer columns than there are numbers")
}

fn fitted_collection(name: &str) -> String {
    let plain = name.replace(['$', '\0'], "_");
    let plain = plain.trim_matches('.');
    let plain = match plain.strip_prefix("system.") {
        Some(rest) => format!("system_{rest}"),
        None => plain.to_owned(),
    };
    let mut fitted = String::new();
    for character in plain.chars() {
        // Room for a number behind it.
        if fitted.len() + character.len_utf8() > LONGEST_COLLECTION - 20 {
            break;
        }
        fitted.push(character);
    }
    let fitted = fitted.trim_end_matches('.');
    if fitted.is_empty() {
        "table".to_owned()
    } else {
        fitted.to_owned()
    }
}
