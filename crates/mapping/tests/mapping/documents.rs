//! Identity, fields and effects.

use crate::table::{
    INT, choice, column, config, document, effects, integer, mapper, members, name, nullable,
    parsed, parsed_id, refused, row, schema, text_kind,
};
use bson::{Bson, bson, doc};
use change::{Action, ChangeKind, Column, ColumnKind, IntegerWidth, TableName, Value};
use mapping::{IdentityChoice, Mapper, MappingConfig, TableChoices};

fn text(text: &str) -> Value {
    Value::Text(text.into())
}

fn three_columns() -> Vec<Column> {
    vec![
        column("a", INT),
        column("b", text_kind()),
        nullable("c", INT),
    ]
}

fn values(a: i64, b: &str, c: Value) -> change::Row {
    row([Value::Int(a), text(b), c])
}

fn identity(identity: IdentityChoice) -> TableChoices {
    TableChoices {
        identity,
        ..TableChoices::default()
    }
}

#[test]
fn a_key_of_one_column_is_the_identity_and_not_repeated() {
    let mapper = mapper(&schema(three_columns(), &[0]), TableChoices::default());
    assert_eq!(
        document(&mapper, values(7, "x", Value::Null)).unwrap(),
        doc! { "_id": 7, "b": "x", "c": null }
    );
}

#[test]
fn a_key_of_several_columns_is_a_document_in_key_order() {
    let mapper = mapper(&schema(three_columns(), &[1, 0]), TableChoices::default());
    assert_eq!(
        document(&mapper, values(7, "x", Value::Int(1))).unwrap(),
        doc! { "_id": { "b": "x", "a": 7 }, "c": 1 }
    );
}

#[test]
fn key_columns_are_repeated_where_the_configuration_says_so() {
    let keep = TableChoices {
        keep_key_columns: true,
        ..TableChoices::default()
    };
    let row = || values(7, "x", Value::Null);
    let single = mapper(&schema(three_columns(), &[0]), keep.clone());
    assert_eq!(
        document(&single, row()).unwrap(),
        doc! { "_id": 7, "a": 7, "b": "x", "c": null }
    );
    let named_id = schema(vec![column("_id", INT)], &[0]);
    let named_id = mapper(&named_id, keep.clone());
    assert_eq!(
        document(&named_id, crate::table::row([Value::Int(1)])).unwrap(),
        doc! { "_id": 1 }
    );
    let composite = mapper(&schema(three_columns(), &[0, 1]), keep);
    assert_eq!(
        document(&composite, row()).unwrap(),
        doc! { "_id": { "a": 7, "b": "x" }, "a": 7, "b": "x", "c": null }
    );
}

#[test]
fn columns_that_are_named_as_identity_take_the_place_of_the_key() {
    let choices = TableChoices {
        identity_columns: vec!["b".into()],
        ..TableChoices::default()
    };
    let mapper = mapper(&schema(three_columns(), &[]), choices);
    assert_eq!(
        document(&mapper, values(7, "x", Value::Null)).unwrap(),
        doc! { "_id": "x", "a": 7, "c": null }
    );
}

#[test]
fn renamed_columns_stand_under_their_new_names_in_order() {
    let mut renamed = choice("long");
    renamed.rename = Some("first".into());
    let choices = TableChoices {
        columns: [("a".into(), renamed)].into(),
        ..TableChoices::default()
    };
    let mapper = mapper(&schema(three_columns(), &[0, 1]), choices);
    assert_eq!(
        document(&mapper, values(7, "x", Value::Null)).unwrap(),
        doc! { "_id": { "first": 7_i64, "b": "x" }, "c": null }
    );
}

#[test]
fn an_object_id_comes_from_the_key_alone_and_is_the_same_each_time() {
    let mapper = mapper(
        &schema(three_columns(), &[0]),
        identity(IdentityChoice::ObjectId),
    );
    let first = document(&mapper, values(7, "x", Value::Null)).unwrap();
    let again = document(&mapper, values(7, "y", Value::Int(1))).unwrap();
    let other = document(&mapper, values(8, "x", Value::Null)).unwrap();
    assert!(matches!(first.get("_id"), Some(Bson::ObjectId(_))));
    assert_eq!(first.get("_id"), again.get("_id"));
    assert_ne!(first.get("_id"), other.get("_id"));
    assert_eq!(again.get("a"), Some(&Bson::Int32(7)));
}

#[test]
fn an_insert_is_fresh_and_a_snapshot_row_is_not() {
    let mapper = mapper(&schema(three_columns(), &[0]), TableChoices::default());
    for (change, expected) in [
        (
            ChangeKind::Insert {
                after: values(1, "x", Value::Null),
            },
            true,
        ),
        (
            ChangeKind::Read {
                row: values(1, "x", Value::Null),
            },
            false,
        ),
    ] {
        let effects = effects(&mapper, &change).unwrap();
        let Action::Put {
            fresh,
            unique_changed,
            ..
        } = effects[0].action
        else {
            panic!("a row that is there puts")
        };
        assert_eq!((fresh, unique_changed), (expected, false));
    }
}

#[test]
fn an_update_puts_and_tells_whether_a_unique_column_changed() {
    let mapper = mapper(&schema(three_columns(), &[0]), TableChoices::default());
    let mapper = mapper.with_unique(["b", "gone"]);
    for (b, c, expected) in [("x", 2, false), ("y", 1, true)] {
        let change = ChangeKind::Update {
            before: values(1, "x", Value::Int(1)),
            after: values(1, b, Value::Int(c)),
        };
        let effects = effects(&mapper, &change).unwrap();
        let [effect] = effects.as_slice() else {
            panic!("one effect: {effects:?}")
        };
        let Action::Put {
            fresh,
            unique_changed,
            ..
        } = effect.action
        else {
            panic!("an update puts")
        };
        assert_eq!((fresh, unique_changed), (false, expected));
    }
}

#[test]
fn a_change_of_the_key_removes_and_puts_even_if_only_the_case_changes() {
    let mapper = mapper(&schema(three_columns(), &[1]), TableChoices::default());
    let change = ChangeKind::Update {
        before: values(1, "x", Value::Null),
        after: values(1, "X", Value::Null),
    };
    let effects = effects(&mapper, &change).unwrap();
    let [removed, put] = effects.as_slice() else {
        panic!("two effects: {effects:?}")
    };
    assert_eq!(removed.action, Action::Remove);
    assert_eq!(parsed_id(&removed.id), bson!("x"));
    assert_eq!(parsed_id(&put.id), bson!("X"));
    assert!(matches!(put.action, Action::Put { fresh: true, .. }));
}

#[test]
fn a_key_that_compares_equal_with_other_bytes_is_still_a_change_of_the_key() {
    let table = schema(vec![column("k", ColumnKind::Double)], &[0]);
    let mapper = mapper(&table, TableChoices::default());
    let change = ChangeKind::Update {
        before: row([Value::Double(0.0)]),
        after: row([Value::Double(-0.0)]),
    };
    assert_eq!(effects(&mapper, &change).unwrap().len(), 2);
    let same = ChangeKind::Update {
        before: row([Value::Double(0.5)]),
        after: row([Value::Double(0.5)]),
    };
    assert_eq!(effects(&mapper, &same).unwrap().len(), 1);
}

#[test]
fn a_delete_removes_by_the_identity_that_the_insert_had() {
    let mapper = mapper(&schema(three_columns(), &[0, 1]), TableChoices::default());
    let image = || values(1, "x", Value::Null);
    let put = effects(&mapper, &ChangeKind::Insert { after: image() }).unwrap();
    let gone = effects(&mapper, &ChangeKind::Delete { before: image() }).unwrap();
    assert_eq!(gone[0].action, Action::Remove);
    assert_eq!(gone[0].id, put[0].id);
    assert_eq!(mapper.document_id(&image()).unwrap(), put[0].id);
    parsed(&gone[0].id.0);
}

#[test]
fn a_rows_error_names_the_key_and_no_other_value() {
    let mapper = mapper(&schema(three_columns(), &[0]), TableChoices::default());
    let bad = row([
        Value::Int(42),
        Value::Malformed(b"secret\xff".to_vec().into()),
        Value::Int(1234),
    ]);
    let error = document(&mapper, bad).unwrap_err();
    let shown = error.to_string();
    assert!(
        shown.contains("LS5020: table shop.orders, row a = 42, column b:"),
        "{shown}"
    );
    assert!(
        !shown.contains("secret") && !shown.contains("1234"),
        "{shown}"
    );
    // Who stores it tells code and remedy beside it, once.
    let message = error.message();
    assert!(
        !message.contains(error.code()) && !message.contains(error.remedy),
        "{message}"
    );
}

#[test]
fn a_row_of_another_width_is_refused_whatever_happened_to_it() {
    let mapper = mapper(&schema(three_columns(), &[0, 1]), TableChoices::default());
    let short = || row([Value::Int(1)]);
    for change in [
        ChangeKind::Insert { after: short() },
        ChangeKind::Read { row: short() },
        ChangeKind::Delete { before: short() },
        ChangeKind::Update {
            before: short(),
            after: values(1, "x", Value::Null),
        },
    ] {
        assert_eq!(effects(&mapper, &change).unwrap_err().code(), "LS5022");
    }
}

#[test]
fn names_that_mongodb_cannot_hold_are_all_found_at_once() {
    let columns = |names: &[&str]| names.iter().map(|name| column(name, INT)).collect();
    let none = TableChoices::default;
    let renamed = |from: &str, to: &str| {
        let mut choice = choice("");
        choice.rename = Some(to.into());
        TableChoices {
            columns: [(from.into(), choice)].into(),
            ..none()
        }
    };
    for (names, choices, expected) in [
        (vec!["id", "_id"], none(), vec!["LS5001"]),
        (
            vec!["id", "$a", "b.c", "d\0"],
            none(),
            vec!["LS5002", "LS5002", "LS5002"],
        ),
        (vec!["id", "a", "b"], renamed("a", "b"), vec!["LS5003"]),
        (vec!["id", "a"], renamed("a", "_id"), vec!["LS5001"]),
        (vec!["id", "a"], renamed("gone", "x"), vec!["LS5008"]),
        (vec!["id", "$a"], renamed("$a", "a"), vec![]),
        (vec!["_id", "a"], none(), vec![]),
        (
            vec!["id", "_id"],
            identity(IdentityChoice::Row),
            vec!["LS5001"],
        ),
    ] {
        let key: &[usize] = if choices.identity == IdentityChoice::Row {
            &[]
        } else {
            &[0]
        };
        assert_eq!(
            refused(&schema(columns(&names), key), choices),
            expected,
            "{names:?}"
        );
    }
}

#[test]
fn keys_that_cannot_tell_documents_apart_are_refused() {
    let flags = ColumnKind::Set {
        members: members(&["a", "b"]),
    };
    let blank = ColumnKind::Enum {
        members: members(&["", "a"]),
    };
    let micro = ColumnKind::DateTime { fraction: 6 };
    let chosen = |words| TableChoices {
        columns: [("k".into(), choice(words))].into(),
        ..TableChoices::default()
    };
    for (column, words, expected) in [
        (nullable("k", INT), "", vec!["LS5004"]),
        (column("k", flags.clone()), "", vec!["LS5004"]),
        (column("k", flags), "number", vec![]),
        (column("k", blank.clone()), "", vec!["LS5004"]),
        (column("k", blank), "number", vec![]),
        (column("k", micro.clone()), "", vec![]),
        (column("k", micro), "date", vec!["LS5004"]),
        (column("k", ColumnKind::Date), "epoch", vec!["LS5004"]),
    ] {
        let case = format!("{column:?} {words}");
        assert_eq!(
            refused(&schema(vec![column], &[0]), chosen(words)),
            expected,
            "{case}"
        );
    }
    assert_eq!(
        refused(
            &schema(vec![column("a", INT)], &[]),
            TableChoices::default()
        ),
        ["LS5005"]
    );
}

#[test]
fn tables_that_would_share_a_collection_are_refused() {
    let tables = [TableName::new("a", "t"), TableName::new("b", "t")];
    let one = MappingConfig {
        database: Some("all".into()),
        ..MappingConfig::default()
    };
    let found = Mapper::new(one).check_collections(&tables).unwrap_err();
    assert_eq!(found.code(), "LS5007");
    assert!(
        Mapper::new(MappingConfig::default())
            .check_collections(&tables)
            .is_ok()
    );
    let spelled = [TableName::new("Shop", "t"), TableName::new("shop", "u")];
    let found = Mapper::new(MappingConfig::default()).check_collections(&spelled);
    assert_eq!(found.unwrap_err().code(), "LS5007");
}

#[test]
fn collection_names_that_mongodb_refuses_are_refused_before() {
    let table = schema(vec![column("id", integer(IntegerWidth::Big, false))], &[0]);
    for collection in ["", "a$b", "system.users", &"x".repeat(300)] {
        let choices = TableChoices {
            collection: Some(collection.into()),
            ..TableChoices::default()
        };
        assert_eq!(refused(&table, choices), ["LS5009"], "{collection:?}");
    }
    for database in ["a.b", "admin", "", &"x".repeat(64)] {
        let mut config = config(TableChoices::default());
        config.database = Some(database.into());
        let problems = Mapper::new(config).compile(&table).unwrap_err();
        assert_eq!(problems.code(), "LS5009", "{database:?}");
    }
    let mapper = mapper(
        &table,
        TableChoices {
            collection: Some("x".into()),
            ..TableChoices::default()
        },
    );
    assert_eq!(
        mapper.collection().to_string(),
        format!("{}.x", name().database)
    );
}
