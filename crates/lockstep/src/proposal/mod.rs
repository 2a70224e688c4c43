//! The configuration that `init` proposes: from the tables that were found to the text of a file.
//! Everything here is pure. What a person has to decide stands in the file as a choice with its reason; what may be left as it is stands there as a comment with what is allowed, so that deciding is deleting a `#`.

mod advice;
mod decisions;
mod quoting;
mod selection;
#[cfg(test)]
mod tests;
mod writing;

use std::collections::{BTreeMap, BTreeSet};

use change::{TableDescription, TableName};
use mapping::{Mapper, MappingConfig, TableChoices};

use crate::config::{SourceAddress, TargetAddress};
use decisions::{Decided, Verdict};

/// Where the file says that MySQL's password is.
pub const SOURCE_VARIABLE: &str = "LOCKSTEP_MYSQL_PASSWORD";
/// Where the file says that MongoDB's password is.
pub const TARGET_VARIABLE: &str = "LOCKSTEP_MONGODB_PASSWORD";

/// A table as the source has it.
#[derive(Debug, Clone)]
pub struct FoundTable {
    pub name: TableName,
    /// Or why the table can't be copied.
    pub description: Result<TableDescription, String>,
    pub columns: Vec<FoundColumn>,
    pub rows: u64,
    pub bytes: u64,
    /// Columns that hold a date that no calendar has, as far as was looked.
    pub zero_dates: BTreeSet<String>,
}

/// A column as it was declared.
#[derive(Debug, Clone)]
pub struct FoundColumn {
    pub name: String,
    pub declared: String,
    pub collation: Option<String>,
}

/// What the file says of the stores.
#[derive(Debug, Clone)]
pub struct Stores {
    pub source: SourceAddress,
    pub source_version: String,
    /// Whether the account was used with a password.
    pub source_password: bool,
    /// `None`: nobody said where MongoDB is.
    pub target: Option<TargetAddress>,
    /// Without brokers the log is direct.
    pub brokers: Option<String>,
    /// As they were asked for; empty for all tables.
    pub patterns: Vec<String>,
}

/// A configuration file, and what a person has to know about it.
#[derive(Debug, Clone)]
pub struct Proposal {
    pub text: String,
    pub tables: usize,
    pub rows: u64,
    pub bytes: u64,
    /// What had to be decided, table by table.
    pub decisions: Vec<(TableName, String)>,
    /// Environment variables that the file names.
    pub variables: Vec<&'static str>,
}

/// The whole mapping that the file stands for.
struct Plan<'a> {
    database: Option<selection::TargetDatabase>,
    control_database: Option<&'static str>,
    taken: Vec<(&'a FoundTable, &'a TableDescription, Decided)>,
    left_out: Vec<(&'a FoundTable, String)>,
    patterns: Vec<String>,
}

/// Proposes a configuration for these tables.
pub fn propose(stores: &Stores, tables: &[FoundTable]) -> Proposal {
    let plan = plan(stores, tables);
    let mut decisions: Vec<(TableName, String)> = Vec::new();
    for (table, reason) in &plan.left_out {
        decisions.push((table.name.clone(), format!("left out: {reason}")));
    }
    for (table, _, decided) in &plan.taken {
        let reasons = decided.reasons();
        decisions.extend(reasons.map(|reason| (table.name.clone(), reason)));
    }
    decisions.sort();
    let target_password = stores
        .target
        .as_ref()
        .is_some_and(|target| target.password().is_some());
    let variables = [
        (stores.source_password, SOURCE_VARIABLE),
        (target_password, TARGET_VARIABLE),
    ];
    Proposal {
        text: writing::write(stores, &plan),
        tables: plan.taken.len(),
        rows: plan.taken.iter().map(|(table, ..)| table.rows).sum(),
        bytes: plan.taken.iter().map(|(table, ..)| table.bytes).sum(),
        decisions,
        variables: variables
            .into_iter()
            .filter(|(used, _)| *used)
            .map(|(_, variable)| variable)
            .collect(),
    }
}

fn plan<'a>(stores: &Stores, tables: &'a [FoundTable]) -> Plan<'a> {
    let database = selection::target_database(tables);
    let name = database.as_ref().map(|database| database.name.as_str());
    let mut plan = Plan {
        control_database: selection::control_database(name, tables),
        taken: Vec::new(),
        left_out: Vec::new(),
        patterns: Vec::new(),
        database: database.clone(),
    };
    for table in tables {
        let described = match &table.description {
            Ok(described) => described,
            Err(reason) => {
                plan.left_out.push((table, reason.clone()));
                continue;
            }
        };
        match decisions::decide(described, name) {
            Verdict::Taken(decided) => plan.taken.push((table, described, decided)),
            Verdict::LeftOut(reason) => plan.left_out.push((table, reason)),
        }
    }
    part_collections(&mut plan);
    // The name of a section ends its database at the first dot.
    let (nameable, nameless): (Vec<_>, Vec<_>) =
        plan.taken.into_iter().partition(|(table, _, decided)| {
            !table.name.database.contains('.') || decided.choices == TableChoices::default()
        });
    plan.taken = nameable;
    let reason = "it needs choices, and a database with a dot in its name can't have them";
    let nameless = nameless
        .into_iter()
        .map(|(table, ..)| (table, reason.to_owned()));
    plan.left_out.extend(nameless);
    plan.left_out.sort_by(|a, b| a.0.name.cmp(&b.0.name));
    let taken: BTreeSet<&TableName> = plan.taken.iter().map(|(table, ..)| &table.name).collect();
    let found: Vec<(&TableName, bool)> = tables
        .iter()
        .map(|table| (&table.name, taken.contains(&table.name)))
        .collect();
    plan.patterns = selection::patterns(&stores.patterns, &found);
    plan
}

/// Gives tables that would share a collection one each.
fn part_collections(plan: &mut Plan<'_>) {
    let database = plan.database.as_ref().map(|database| database.name.clone());
    for _ in 0..=plan.taken.len() {
        let tables: BTreeMap<TableName, TableChoices> = plan
            .taken
            .iter()
            .map(|(table, _, decided)| (table.name.clone(), decided.choices.clone()))
            .collect();
        let names: Vec<TableName> = tables.keys().cloned().collect();
        let mapper = Mapper::new(MappingConfig {
            database: database.clone(),
            tables,
            ..MappingConfig::default()
        });
        let Err(problems) = mapper.check_collections(&names) else {
            return;
        };
        let colliding: BTreeSet<TableName> = problems
            .iter()
            .map(|problem| problem.table.clone())
            .collect();
        for (table, _, decided) in &mut plan.taken {
            if colliding.contains(&table.name) {
                decided.stand_apart(&table.name);
            }
        }
    }
}
