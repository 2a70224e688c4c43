//! Proposals of tables that need every kind of decision, read back the way a configuration is read.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use change::{Column, ColumnKind, IntegerWidth, Schema, TableDescription, TableName, Text};
use mapping::Mapper;

use super::*;
use crate::config::{Configuration, Needs, Surroundings};

fn column(name: &str, declared: &str, kind: ColumnKind) -> (FoundColumn, Column) {
    let is_text = matches!(kind, ColumnKind::Text { .. });
    let found = FoundColumn {
        name: name.to_owned(),
        declared: declared.to_owned(),
        collation: is_text.then(|| "utf8mb4_0900_ai_ci".to_owned()),
    };
    let described = Column {
        name: name.into(),
        kind,
        nullable: false,
    };
    (found, described)
}

fn number(name: &str) -> (FoundColumn, Column) {
    let kind = ColumnKind::Integer {
        width: IntegerWidth::Int,
        unsigned: false,
    };
    column(name, "int", kind)
}

fn text(name: &str) -> (FoundColumn, Column) {
    let charset = "utf8mb4".into();
    column(name, "varchar(20)", ColumnKind::Text { charset })
}

fn table(
    database: &str,
    name: &str,
    key: &[usize],
    columns: Vec<(FoundColumn, Column)>,
) -> FoundTable {
    let name = TableName::new(database, name);
    let (found, described): (Vec<_>, Vec<_>) = columns.into_iter().unzip();
    let schema = Schema {
        name: name.clone(),
        columns: described,
        key: key.to_vec(),
    };
    FoundTable {
        name,
        description: Ok(TableDescription {
            schema: Arc::new(schema),
            indexes: Vec::new(),
            rows_estimated: 1_234,
            row_bytes_estimated: 100,
        }),
        columns: found,
        rows: 1_234,
        bytes: 123_400,
        zero_dates: BTreeSet::new(),
    }
}

fn stores() -> Stores {
    Stores {
        source: SourceAddress::parse("mysql://lockstep:hunter2@db.example:3306").unwrap(),
        source_version: "9.7.0".to_owned(),
        source_password: true,
        target: Some(
            TargetAddress::parse("mongodb://lockstep:hunter2@mongo.example/?replicaSet=rs0")
                .unwrap(),
        ),
        brokers: None,
        patterns: Vec::new(),
    }
}

/// The configuration that the text is; `init` asks for nothing but the two variables.
fn read(text: &str) -> Configuration {
    let variable = |name: &str| {
        [SOURCE_VARIABLE, TARGET_VARIABLE]
            .contains(&name)
            .then(|| "hunter2".to_owned())
    };
    let surroundings = Surroundings {
        variable: &variable,
        file: &|_| Err(std::io::ErrorKind::NotFound.into()),
        folder: "".into(),
    };
    match Configuration::parse(text, Path::new("made.toml"), Needs::BOTH, &surroundings) {
        Ok(configuration) => configuration,
        Err(error) => panic!("{error:?}\n{text}"),
    }
}

/// Exactly these tables are taken, and all of them can be mapped.
fn assert_fits(tables: &[FoundTable], left_out: &[&str]) -> Proposal {
    let proposal = propose(&stores(), tables);
    let configuration = read(&proposal.text);
    let mapper = Mapper::new(configuration.mapping.clone());
    let mut taken = Vec::new();
    for table in tables {
        let name = &table.name;
        let takes = configuration
            .source
            .tables
            .takes(&name.database, &name.table);
        assert_eq!(takes, !left_out.contains(&&*name.to_string()), "{name}");
        if takes {
            mapper
                .compile(&table.description.as_ref().unwrap().schema)
                .unwrap();
            taken.push(name.clone());
        }
    }
    mapper.check_collections(&taken).unwrap();
    assert!(!proposal.text.contains("hunter2"), "{}", proposal.text);
    proposal
}

#[test]
fn every_kind_of_column_that_asks_for_a_choice_gets_one_written_out() {
    let big = ColumnKind::Integer {
        width: IntegerWidth::Big,
        unsigned: true,
    };
    let tiny = ColumnKind::Integer {
        width: IntegerWidth::Tiny,
        unsigned: false,
    };
    let mut orders = table(
        "shop",
        "orders",
        &[0],
        vec![
            column("id", "bigint unsigned", big),
            column("paid", "tinyint(1)", tiny),
            column("placed", "datetime", ColumnKind::DateTime { fraction: 0 }),
            column(
                "changed",
                "datetime(3)",
                ColumnKind::DateTime { fraction: 3 },
            ),
            column("shipped", "datetime", ColumnKind::DateTime { fraction: 0 }),
            column(
                "seen",
                "timestamp(6)",
                ColumnKind::Timestamp { fraction: 6 },
            ),
            column("birthday", "date", ColumnKind::Date),
            column("opens", "time", ColumnKind::Time { fraction: 0 }),
            column("uuid", "binary(16)", ColumnKind::Binary { fixed: Some(16) }),
            column("place", "point", ColumnKind::Geometry),
            column(
                "exact",
                "decimal(40,2)",
                ColumnKind::Decimal {
                    precision: 40,
                    scale: 2,
                },
            ),
        ],
    );
    orders.zero_dates.insert("shipped".to_owned());
    let plain = table("shop", "plain", &[0], vec![number("id"), text("label")]);
    let keyed = table(
        "shop",
        "sessions",
        &[0, 1],
        vec![
            text("user"),
            number("device"),
            column("at", "date", ColumnKind::Date),
        ],
    );
    let log = table("shop", "log", &[], vec![text("line")]);
    let mut unknown = table("shop", "unknown", &[0], vec![number("id")]);
    unknown.description = Err("column x has a type that is not known here".to_owned());
    let proposal = assert_fits(&[orders, plain, keyed, log, unknown], &["shop.unknown"]);
    insta::assert_snapshot!(proposal.text);
}

#[test]
fn names_that_mongodb_does_not_take_get_others() {
    let members: Arc<[Text]> = ["", "a"]
        .map(|member| Text::from_utf8(member.into()).unwrap())
        .into();
    let tables = [
        table(
            "shop",
            "o'rd\"ers\\$",
            &[0],
            vec![
                number("id"),
                number("_id"),
                number("$price"),
                number("price"),
                number("a.b"),
                number("ü \"x\""),
            ],
        ),
        table("shop", "system.log", &[0], vec![number("_id")]),
        table(
            "shop",
            "tags",
            &[0],
            vec![column(
                "set",
                "set('a')",
                ColumnKind::Set {
                    members: members.clone(),
                },
            )],
        ),
        table(
            "shop",
            "kinds",
            &[0],
            vec![column("kind", "enum('','a')", ColumnKind::Enum { members })],
        ),
    ];
    let proposal = assert_fits(&tables, &[]);
    insta::assert_snapshot!(proposal.text);
}

#[test]
fn databases_that_mongodb_does_not_take_go_into_one() {
    let tables = [
        table("sh op.ü", "orders", &[0], vec![number("id")]),
        table("sh op.ü", "keyless", &[], vec![number("id")]),
        table("shop", "orders", &[0], vec![number("id")]),
        table("shop", "sh_orders", &[0], vec![number("id")]),
        table("!odd", "orders", &[0], vec![number("id")]),
    ];
    let proposal = assert_fits(&tables, &["sh op.ü.keyless", "sh op.ü.orders"]);
    insta::assert_snapshot!(proposal.text);

    let cased = [
        table("Shop", "orders", &[0], vec![number("id")]),
        table("shop", "orders", &[0], vec![number("id")]),
        table("shop", "Orders", &[0], vec![number("id")]),
    ];
    assert_fits(&cased, &[]);
    let reserved = [table("LockStep", "orders", &[0], vec![number("id")])];
    let proposal = assert_fits(&reserved, &[]);
    assert_eq!(
        read(&proposal.text).target.control_database,
        "lockstep_control"
    );
}

#[test]
fn leaving_one_table_out_takes_no_other_with_it() {
    let mut unknown = table("shop", "a*", &[0], vec![number("id")]);
    unknown.description = Err("it has no columns".to_owned());
    let tables = [
        unknown,
        table("shop", "ab", &[0], vec![number("id")]),
        table("shop", "a", &[0], vec![number("id")]),
    ];
    assert_fits(&tables, &["shop.a*"]);
}
