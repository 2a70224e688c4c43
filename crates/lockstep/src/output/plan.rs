//! `plan` as text: the whole first, then every table field by field.

use super::columns::{Align, broken, lay_out};
use super::words;
use crate::plan::{Built, IndexPlan, Plan, TablePlan};

/// What the text is laid out for where nobody knows how wide the screen is.
pub(super) const USUAL_WIDTH: usize = 120;
/// No line is laid out narrower or wider than this.
pub(super) const WIDTHS: std::ops::RangeInclusive<usize> = 60..=160;

pub(super) fn render(plan: &Plan, width: usize) -> String {
    let width = width.clamp(*WIDTHS.start(), *WIDTHS.end());
    let mut lines = head(plan, width);
    lines.push(String::new());
    lines.extend(overview(plan, width));
    for table in &plan.tables {
        lines.push(String::new());
        lines.extend(one(table, width));
    }
    lines.join("\n")
}

fn head(plan: &Plan, width: usize) -> Vec<String> {
    let totals = &plan.totals;
    let estimate = &plan.estimate;
    let counted = |number: u64, noun: &str| match number {
        1 => format!("1 {noun}"),
        _ => format!("{} {noun}s", words::count(number)),
    };
    let tables = counted(totals.tables as u64, "table");
    let chunks = counted(totals.chunks, "chunk");
    let mut sentences = vec![
        format!(
            "{}: {} -> {}, log {}",
            plan.pipeline, plan.source, plan.target, plan.log
        ),
        format!(
            "{tables}, about {} rows, {}, in {chunks}.",
            words::count(totals.rows_estimated),
            words::bytes(totals.bytes_estimated),
        ),
        format!(
            "The copy takes about {}, an estimate: {}.",
            words::seconds(estimate.copy_seconds.max(1) as f64),
            estimate.basis
        ),
    ];
    if totals.refused > 0 {
        sentences.push(format!(
            "{} can't be copied as configured; `lockstep check` says what to do.",
            words::count(totals.refused as u64)
        ));
    }
    let lines = sentences.iter().flat_map(|line| broken(line, width));
    lines.collect()
}

fn overview(plan: &Plan, width: usize) -> Vec<String> {
    let title = ["table", "rows", "size", "chunks", "collection", "_id"];
    let mut rows = vec![title.map(str::to_owned).to_vec()];
    rows.extend(plan.tables.iter().map(|table| {
        vec![
            table.table.clone(),
            words::count(table.rows_estimated),
            words::bytes(table.bytes_estimated),
            words::count(table.chunks),
            table.collection.clone(),
            table.identity.clone(),
        ]
    }));
    let aligns = [
        Align::Left,
        Align::Right,
        Align::Right,
        Align::Right,
        Align::Left,
        Align::Left,
    ];
    lay_out(&rows, &aligns, 0, width)
}

fn one(table: &TablePlan, width: usize) -> Vec<String> {
    let mut lines = broken(&format!("{} -> {}", table.table, table.collection), width);
    for problem in &table.problems {
        let text = format!("can't be copied: {} [{}]", problem.message, problem.code);
        lines.extend(indented(&text, width));
        lines.extend(indented(&format!("remedy: {}", problem.remedy), width));
    }
    if !table.columns.is_empty() {
        let title = ["column", "MySQL", "field", "MongoDB"];
        let mut rows = vec![title.map(str::to_owned).to_vec()];
        rows.extend(table.columns.iter().map(|column| {
            let null = match (column.nullable, column.null) {
                (true, "absent") => "; NULL is left out",
                (true, _) => ", null",
                (false, _) => "",
            };
            let lossy = if column.lossy.is_empty() {
                String::new()
            } else {
                format!(" (lossy: {})", column.lossy.join(", "))
            };
            vec![
                column.column.clone(),
                column.mysql.clone(),
                if column.fields.is_empty() {
                    "in _id".to_owned()
                } else {
                    column.fields.join(", ")
                },
                format!("{}{null}{lossy}", column.bson),
            ]
        }));
        lines.extend(lay_out(&rows, &[Align::Left; 4], 2, width));
    }
    if !table.indexes.is_empty() {
        let mut rows = vec![vec![
            "index".to_owned(),
            "on".to_owned(),
            "built".to_owned(),
        ]];
        rows.extend(table.indexes.iter().map(index));
        lines.extend(lay_out(&rows, &[Align::Left; 3], 2, width));
    }
    if let Some(topic) = &table.topic {
        let partitions = if topic.partitions == 1 {
            "1 partition".to_owned()
        } else {
            format!("{} partitions", topic.partitions)
        };
        lines.extend(indented(
            &format!("topic {}, {partitions}, {}", topic.name, topic.format),
            width,
        ));
    }
    lines
}

fn index(index: &IndexPlan) -> Vec<String> {
    let keys: Vec<String> = index
        .keys
        .iter()
        .map(|(path, direction)| format!("{path}: {direction}"))
        .collect();
    let on = match (index.unique, index.partial) {
        _ if keys.is_empty() => String::new(),
        (true, true) => format!("{{ {} }} unique, NULL left out", keys.join(", ")),
        (true, false) => format!("{{ {} }} unique", keys.join(", ")),
        (false, _) => format!("{{ {} }}", keys.join(", ")),
    };
    let built = match (index.built, &index.reason) {
        (Built::BeforeTheCopy, _) => "before the copy".to_owned(),
        (Built::AfterTheCopy, _) => "after the copy".to_owned(),
        (Built::NotAtAll, Some(reason)) => format!("not built: {reason}"),
        (Built::NotAtAll, None) => "not built".to_owned(),
    };
    vec![index.name.clone(), on, built]
}

fn indented(text: &str, width: usize) -> impl Iterator<Item = String> {
    let lines = broken(text, width - 2);
    lines.into_iter().map(|line| format!("  {line}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{ColumnPlan, Estimate, Problem, TopicPlan, Totals};

    fn column(column: &str, mysql: &str, field: &str, bson: &str) -> ColumnPlan {
        ColumnPlan {
            column: column.to_owned(),
            mysql: mysql.to_owned(),
            nullable: column.ends_with("_time"),
            fields: field.split_whitespace().map(str::to_owned).collect(),
            bson: bson.to_owned(),
            null: "null",
            lossy: Vec::new(),
        }
    }

    fn plan() -> Plan {
        let mut lossy = column(
            "seen_time",
            "datetime(6)",
            "seen_time",
            "Date; off the calendar String",
        );
        lossy.lossy.push("date");
        lossy.null = "absent";
        let index = |name: &str, built, unique, reason: Option<&str>| IndexPlan {
            name: name.to_owned(),
            built,
            keys: if reason.is_some() {
                Vec::new()
            } else {
                vec![("user_id".to_owned(), 1), ("seen_time".to_owned(), -1)]
            },
            unique,
            partial: unique,
            reason: reason.map(str::to_owned),
        };
        let messages = TablePlan {
            table: "chat.messages".to_owned(),
            collection: "chat.messages".to_owned(),
            rows_estimated: 1_234_567,
            bytes_estimated: 300 << 20,
            chunks: 124,
            key: vec!["server".to_owned(), "message_id".to_owned()],
            identity: "{ server, message_id }".to_owned(),
            columns: vec![
                column("server", "varchar(64)", "_id.server", "String"),
                column(
                    "message_id",
                    "bigint unsigned",
                    "_id.message_id",
                    "Int64; above 2^63-1 Decimal128",
                ),
                column(
                    "kind",
                    "enum('text','picture','voice','video','location','custom','quote','merged')",
                    "kind",
                    "String",
                ),
                lossy,
            ],
            indexes: vec![
                index("one_per_user", Built::BeforeTheCopy, true, None),
                index("by_user", Built::AfterTheCopy, false, None),
                index(
                    "words",
                    Built::NotAtAll,
                    false,
                    Some("a FULLTEXT index: create a text or search index by hand"),
                ),
            ],
            topic: Some(TopicPlan {
                name: "chat.chat.messages".to_owned(),
                partitions: 6,
                format: "protobuf".to_owned(),
            }),
            problems: Vec::new(),
        };
        let refused = TablePlan {
            table: "chat.lines".to_owned(),
            collection: "chat.lines".to_owned(),
            rows_estimated: 12,
            bytes_estimated: 16 << 10,
            chunks: 1,
            key: Vec::new(),
            identity: String::new(),
            columns: Vec::new(),
            indexes: Vec::new(),
            topic: None,
            problems: vec![Problem {
                code: "LS5005",
                message: "it has no key that could tell its rows apart.".to_owned(),
                remedy: "Name columns that are unique together (identity_columns = […]), choose identity = \"row\", or leave the table out.".to_owned(),
            }],
        };
        let tables = vec![messages, refused];
        let totals = Totals::of(&tables);
        Plan {
            pipeline: "chat".to_owned(),
            source: "mysql://lockstep@db.example:3306".to_owned(),
            target: "mongodb://mongo.example:27017".to_owned(),
            log: "kafka",
            estimate: Estimate::of(totals.rows_estimated, totals.bytes_estimated),
            totals,
            tables,
        }
    }

    #[test]
    fn a_plan_is_laid_out_for_80_columns() {
        let text = render(&plan(), 80);
        assert!(
            text.lines().all(|line| line.chars().count() <= 80),
            "{text}"
        );
        insta::assert_snapshot!(text);
    }

    #[test]
    fn a_plan_is_laid_out_for_120_columns() {
        let text = render(&plan(), 120);
        assert!(
            text.lines().all(|line| line.chars().count() <= 120),
            "{text}"
        );
        insta::assert_snapshot!(text);
    }
}
