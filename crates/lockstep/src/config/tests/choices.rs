//! Choices for columns and for all columns of a type: which are taken, which are refused.

use super::*;
use mapping::{ColumnChoice, FormChoice};

#[test]
fn a_zone_is_taken_by_its_name_and_nothing_else() {
    let with = |zone: &str| GOOD.replace("null = \"absent\"", &format!("zone = {zone:?}"));
    let configuration = parse(&with("Europe/Berlin")).unwrap();
    let choices = &configuration.mapping.tables[&TableName::new("shop", "orders")];
    assert_eq!(
        choices.columns["created"].zone.as_deref(),
        Some("Europe/Berlin")
    );
    for wrong in ["CEST", "+02:00", "Europe/Bonn", ""] {
        let said = refused(&with(wrong));
        assert!(said.contains("is no time zone"), "{said}");
        assert!(said.contains("LS1005"), "{said}");
    }
}

#[test]
fn choices_for_types_are_taken_under_every_type_s_name() {
    for name in mapping::TYPES {
        let text = format!("{GOOD}\n[types]\n{name:?} = {{ null = \"absent\" }}\n");
        let expected = ColumnChoice {
            absent: Some(true),
            ..ColumnChoice::default()
        };
        assert_eq!(
            parse(&text).unwrap().mapping.types,
            [((*name).to_owned(), expected)].into()
        );
    }
    let text = format!("{GOOD}\n[types.json]\ntype = \"string\"\n");
    assert_eq!(
        parse(&text).unwrap().mapping.types["json"].form,
        Some(FormChoice::String)
    );
}

#[test]
fn a_type_that_there_is_not_and_a_name_for_all_columns_are_refused() {
    let said = refused(&format!(
        "{GOOD}\n[types]\nvarchar = {{ type = \"binary\" }}\n"
    ));
    assert!(
        said.contains("LS1003") && said.contains("varchar"),
        "{said}"
    );
    let said = refused(&format!(
        "{GOOD}\n[types]\ntext = {{ rename = \"body\" }}\n"
    ));
    assert!(said.contains("LS1003") && said.contains("rename"), "{said}");
}
