//! Tables that need a decision before they can be copied.

use super::Wishes;
use crate::describe::CatalogueTable;
use change::ColumnKind;
use flow::Finding;

pub(super) fn check(
    table: &CatalogueTable,
    identity_columns: Option<&[String]>,
    wishes: &Wishes,
) -> Vec<Finding> {
    let name = &table.name;
    // A column of an unknown type is reported by describing the table.
    let Ok(description) = table.description(identity_columns) else {
        return Vec::new();
    };
    let schema = &description.schema;
    let mut findings = Vec::new();
    if schema.key.is_empty() && !wishes.keyless.contains(name) {
        findings.push(
            Finding::forbids(
                "LS2526",
                "no primary key, and no unique index of columns that are all NOT NULL",
                format!(
                    "under [tables.\"{name}\"], name columns that are unique (identity_columns = \
                     [\"…\"]), or take equal rows as a multiset (identity = \"row\"); or leave the \
                     table out (\"!{name}\" in source.tables)"
                ),
            )
            .about(name),
        );
    }
    if !table.engine.eq_ignore_ascii_case("InnoDB") {
        findings.push(
            Finding::warns(
                "LS2527",
                format!(
                    "it is a {} table, whose changes no transaction holds together",
                    table.engine
                ),
                "ALTER TABLE … ENGINE = InnoDB, if its writers allow it",
            )
            .about(name),
        );
    }
    for &index in &schema.key {
        let column = &schema.columns[index];
        if column.nullable {
            findings.push(
                Finding::forbids(
                    "LS2535",
                    format!("{name}: identity column {} may be NULL", column.name),
                    "name other columns in identity_columns, which are NOT NULL and unique together",
                )
                .about(name),
            );
        }
        if matches!(column.kind, ColumnKind::Float | ColumnKind::Double) {
            findings.push(
                Finding::warns(
                    "LS2528",
                    format!("key column {} is a floating point number", column.name),
                    "0.0 and -0.0 are one key to MySQL and two to MongoDB; name other columns \
                     (identity_columns) where there are such",
                )
                .about(name),
            );
        }
    }
    for column in table
        .columns
        .iter()
        .filter(|column| column.members_may_be_garbled())
    {
        findings.push(
            Finding::warns(
                "LS2532",
                format!(
                    "a member of column {} holds a ?, which may stand for a character \
                         that the server's catalogue cannot hold",
                    column.name
                ),
                "compare with SHOW CREATE TABLE; take the column as a number (type = \"number\") \
                 if the member is another",
            )
            .about(name),
        );
    }
    findings
}
