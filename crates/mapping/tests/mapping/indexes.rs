//! The table's indexes in MongoDB's terms.

use crate::table::{INT, choice, column, config, members, nullable, schema, text_kind};
use change::{Column, ColumnKind, Index, IndexPart, TableDescription};
use mapping::{CollectionPlan, IdentityChoice, Mapper, TableChoices};

fn index(name: &str, unique: bool, columns: &[&str]) -> Index {
    let parts = columns.iter().map(|column| IndexPart {
        column: Some(column.trim_start_matches('-').into()),
        descending: column.starts_with('-'),
        prefix: None,
    });
    Index {
        name: name.into(),
        unique,
        parts: parts.collect(),
        kind: "BTREE".into(),
    }
}

fn described(columns: Vec<Column>, key: &[usize], indexes: Vec<Index>) -> TableDescription {
    TableDescription {
        schema: schema(columns, key),
        indexes,
        rows_estimated: 0,
        row_bytes_estimated: 0,
    }
}

fn plan(table: &TableDescription, choices: TableChoices) -> CollectionPlan {
    Mapper::new(config(choices))
        .collection_plan(table)
        .expect("the table can be mapped")
}

fn planned(plan: &CollectionPlan) -> Vec<String> {
    let all = plan.unique.iter().chain(&plan.secondary);
    all.map(|index| {
        let keys: Vec<_> = index
            .keys
            .iter()
            .map(|(path, way)| format!("{path}:{way}"))
            .collect();
        let partial: Vec<_> = index
            .partial
            .iter()
            .map(|(path, kinds)| format!("{path} in {}", kinds.join("|")))
            .collect();
        let unique = if index.unique { "unique " } else { "" };
        let filter = if partial.is_empty() {
            String::new()
        } else {
            format!(" if {}", partial.join(", "))
        };
        format!("{unique}{} {}{filter}", index.name, keys.join(" "))
    })
    .collect()
}

fn told(plan: &CollectionPlan) -> Vec<&str> {
    plan.inexpressible.iter().map(|(name, _)| &**name).collect()
}

fn columns() -> Vec<Column> {
    vec![
        column("id", INT),
        column("mail", text_kind()),
        nullable("phone", text_kind()),
        nullable("born", ColumnKind::Date),
        column(
            "flags",
            ColumnKind::Set {
                members: members(&["a"]),
            },
        ),
        column(
            "more",
            ColumnKind::Set {
                members: members(&["a"]),
            },
        ),
        column("made", ColumnKind::DateTime { fraction: 6 }),
    ]
}

#[test]
fn unique_indexes_come_first_and_let_several_nulls_pass() {
    let table = described(
        columns(),
        &[0],
        vec![
            index("by_made", false, &["-made", "mail"]),
            index("by_mail", true, &["mail"]),
            index("by_phone", true, &["phone", "mail", "born"]),
        ],
    );
    let found = plan(&table, TableChoices::default());
    assert_eq!(
        planned(&found),
        [
            "unique by_mail mail:1",
            "unique by_phone phone:1 mail:1 born:1 if phone in string, born in date|string",
            "by_made made:-1 mail:1",
        ]
    );
    assert!(found.inexpressible.is_empty());
    let mapper = Mapper::new(config(TableChoices::default()));
    let unique = mapper.unique_columns(&table).unwrap();
    assert_eq!(
        unique.iter().map(|name| &**name).collect::<Vec<_>>(),
        ["born", "mail", "phone"]
    );
}

#[test]
fn columns_of_the_key_are_found_inside_the_identity() {
    let indexes = || {
        vec![
            index("by_mail", false, &["mail", "made"]),
            index("alone", false, &["id"]),
            index("key_again", true, &["-id"]),
        ]
    };
    let single = plan(
        &described(columns(), &[0], indexes()),
        TableChoices::default(),
    );
    assert_eq!(planned(&single), ["by_mail mail:1 made:1"]);
    assert_eq!(told(&single), ["key_again", "alone"]);
    let composite = plan(
        &described(columns(), &[0, 1], indexes()),
        TableChoices::default(),
    );
    assert_eq!(
        planned(&composite),
        [
            "unique key_again _id.id:-1",
            "by_mail _id.mail:1 made:1",
            "alone _id.id:1"
        ]
    );
}

#[test]
fn an_object_id_leaves_the_key_under_a_unique_index_of_its_own() {
    let choices = TableChoices {
        identity: IdentityChoice::ObjectId,
        ..TableChoices::default()
    };
    let table = described(columns(), &[0, 1], vec![index("by_id", false, &["id"])]);
    assert_eq!(
        planned(&plan(&table, choices)),
        ["unique PRIMARY id:1 mail:1", "by_id id:1"]
    );
}

#[test]
fn what_mongodb_cannot_express_is_told_and_not_built() {
    let mut text = index("words", false, &["mail"]);
    text.kind = "FULLTEXT".into();
    let mut place = index("place", false, &["mail"]);
    place.kind = "SPATIAL".into();
    let mut function = index("lower", true, &["mail"]);
    function.parts[0].column = None;
    let mut prefix = index("start", true, &["mail"]);
    prefix.parts[0].prefix = Some(10);
    let table = described(
        columns(),
        &[0],
        vec![
            text,
            place,
            function,
            index("flag", true, &["flags"]),
            index("both", false, &["flags", "more"]),
            index("one", false, &["flags"]),
            index("made", true, &["made"]),
            prefix,
            index("start_again", true, &["mail"]),
            index("gone", false, &["gone"]),
        ],
    );
    let choices = TableChoices {
        columns: [("made".into(), choice("date"))].into(),
        ..TableChoices::default()
    };
    let found = plan(&table, choices);
    assert_eq!(planned(&found), ["unique start mail:1", "one flags:1"]);
    assert_eq!(
        told(&found),
        [
            "lower",
            "flag",
            "made",
            "start_again",
            "words",
            "place",
            "both",
            "gone"
        ]
    );
}

#[test]
fn an_index_named_like_the_identitys_own_gets_another_name() {
    let table = described(columns(), &[0], vec![index("_id_", false, &["mail"])]);
    assert_eq!(
        planned(&plan(&table, TableChoices::default())),
        ["_id__mysql mail:1"]
    );
}

#[test]
fn no_more_indexes_are_planned_than_a_collection_can_have() {
    let columns: Vec<Column> = (0..70)
        .map(|number| column(&format!("c{number}"), INT))
        .collect();
    let indexes = (1..65).map(|number| {
        index(
            &format!("i{number}"),
            number == 64,
            &[&format!("c{number}")],
        )
    });
    let found = plan(
        &described(columns, &[0], indexes.collect()),
        TableChoices::default(),
    );
    assert_eq!(found.unique.len() + found.secondary.len(), 63);
    assert_eq!(found.unique.len(), 1, "the unique one is among them");
    assert_eq!(told(&found), ["i63"]);
}
