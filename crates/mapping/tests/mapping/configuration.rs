//! The mapping's canonical form, its hash, and the words of choices.

use crate::table::{INT, choice, column, config, mapper, schema};
use change::ColumnKind;
use mapping::{ColumnChoice, IdentityChoice, MappingConfig, TableChoices};

#[test]
fn equal_decisions_have_equal_hashes_and_others_have_not() {
    let empty = MappingConfig::default();
    let spelled_out = config(TableChoices {
        columns: [("a".into(), ColumnChoice::default())].into(),
        ..TableChoices::default()
    });
    assert_eq!(empty.hash(), spelled_out.hash());
    assert_eq!(empty.hash().len(), 64);
    let with = |choices| config(choices).hash();
    let of = |words| [("a".to_owned(), choice(words))].into();
    let mut renamed = choice("");
    renamed.rename = Some("b".into());
    let none = TableChoices::default;
    let others = [
        MappingConfig {
            database: Some("x".into()),
            ..MappingConfig::default()
        }
        .hash(),
        with(TableChoices {
            collection: Some("x".into()),
            ..none()
        }),
        with(TableChoices {
            identity: IdentityChoice::Row,
            ..none()
        }),
        with(TableChoices {
            identity: IdentityChoice::ObjectId,
            ..none()
        }),
        with(TableChoices {
            identity_columns: vec!["a".into(), "b".into()],
            ..none()
        }),
        with(TableChoices {
            identity_columns: vec!["b".into(), "a".into()],
            ..none()
        }),
        with(TableChoices {
            keep_key_columns: true,
            ..none()
        }),
        with(TableChoices {
            columns: of("date"),
            ..none()
        }),
        with(TableChoices {
            columns: of("date null"),
            ..none()
        }),
        with(TableChoices {
            columns: of("absent"),
            ..none()
        }),
        with(TableChoices {
            columns: [("a".into(), renamed)].into(),
            ..none()
        }),
        empty.hash(),
    ];
    let distinct: std::collections::HashSet<_> = others.iter().collect();
    assert_eq!(distinct.len(), others.len());
}

#[test]
fn the_hash_of_no_choices_stays_what_it_is() {
    // A change here makes every running pipeline ask for a new copy: raise the version of the
    // defaults on purpose, or not at all.
    assert_eq!(
        &*MappingConfig::default().hash(),
        "1d204966f19bdd7e244a6a74ee49b8f621d3482b32a9eced1effbbdb5e823952"
    );
}

#[test]
fn the_mapping_survives_being_stored() {
    let mut columns: std::collections::BTreeMap<String, ColumnChoice> = Default::default();
    columns.insert("a".into(), choice("date epoch absent"));
    let stored = config(TableChoices {
        columns,
        ..TableChoices::default()
    });
    let text = serde_json::to_string(&stored).unwrap();
    let loaded: MappingConfig = serde_json::from_str(&text).unwrap();
    assert_eq!(loaded, stored);
    assert_eq!(loaded.hash(), stored.hash());
}

#[test]
fn every_listed_word_is_a_choice_and_no_other() {
    for word in ColumnChoice::WORDS {
        assert_ne!(
            ColumnChoice::parse(word).unwrap(),
            ColumnChoice::default(),
            "{word}"
        );
    }
    let error = ColumnChoice::parse("dates").unwrap_err();
    assert_eq!(error.allowed(), ColumnChoice::WORDS);
    assert!(
        error.to_string().contains("\"dates\" is not a choice"),
        "{error}"
    );
}

#[test]
fn choices_that_lose_something_are_listed() {
    let columns = [
        ("kept".to_owned(), choice("micros")),
        ("made".to_owned(), choice("date null")),
        ("seen".to_owned(), choice("date")),
    ];
    let choices = TableChoices {
        columns: columns.into(),
        ..TableChoices::default()
    };
    let table = schema(
        vec![
            column("id", INT),
            column("kept", ColumnKind::Time { fraction: 6 }),
            column("made", ColumnKind::DateTime { fraction: 6 }),
            column("seen", ColumnKind::DateTime { fraction: 3 }),
        ],
        &[0],
    );
    // On a column of milliseconds `date` loses nothing.
    let mapper = mapper(&table, choices);
    assert_eq!(
        mapper.lossy(),
        [("made".into(), "date"), ("made".into(), "null")]
    );
}
