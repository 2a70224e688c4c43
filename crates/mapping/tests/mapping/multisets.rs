//! Tables without a key: equal rows are numbered copies.

use crate::table::{INT, effects, mapper, nullable, parsed, row, schema, text_kind};
use bson::{Bson, doc};
use change::{Action, ChangeKind, DocumentId, Row, Value};
use mapping::{
    IdentityChoice, RowCounter, TableChoices, TableMapper, numbered_document, numbered_id,
};

fn keyless() -> TableMapper {
    let columns = vec![nullable("a", INT), nullable("b", text_kind())];
    let choices = TableChoices {
        identity: IdentityChoice::Row,
        ..TableChoices::default()
    };
    mapper(&schema(columns, &[]), choices)
}

fn values(a: i64) -> Row {
    row([Value::Int(a), Value::Null])
}

fn number_of(id: &DocumentId) -> Option<i64> {
    let parsed = parsed(&id.0);
    let id = parsed.get_document("_id").expect("a document");
    assert!(matches!(id.get("hash"), Some(Bson::Binary(hash)) if hash.bytes.len() == 16));
    id.get_i64("n").ok()
}

#[test]
fn snapshot_rows_are_numbered_among_their_equals() {
    let mapper = keyless();
    let (mut counter, mut out) = (RowCounter::new(), Vec::new());
    for a in [1, 2, 1, 1] {
        let change = ChangeKind::Read { row: values(a) };
        mapper.effects(&change, &mut counter, &mut out).unwrap();
    }
    let numbers: Vec<_> = out.iter().map(|effect| number_of(&effect.id)).collect();
    assert_eq!(numbers, [Some(1), Some(1), Some(2), Some(3)]);
    assert_eq!(
        out.iter()
            .map(|effect| &effect.id)
            .collect::<std::collections::HashSet<_>>()
            .len(),
        4
    );
    for effect in &out {
        let Action::Put { document, .. } = &effect.action else {
            panic!("a snapshot row puts: {effect:?}")
        };
        let document = parsed(document);
        assert_eq!(document.get("_id"), parsed(&effect.id.0).get("_id"));
        assert_eq!(document.len(), 3);
    }
}

#[test]
fn stream_changes_count_copies_up_and_down() {
    let mapper = keyless();
    let delta = |change| {
        let effects = effects(&mapper, &change).unwrap();
        let deltas: Vec<i64> = effects
            .iter()
            .map(|effect| {
                let Action::Adjust { delta, content } = &effect.action else {
                    panic!("a keyless row is adjusted: {effect:?}")
                };
                assert_eq!(number_of(&effect.id), None);
                assert_eq!(parsed(content).get("b"), Some(&Bson::Null));
                assert_eq!(parsed(content).get("_id"), None);
                *delta
            })
            .collect();
        deltas
    };
    assert_eq!(delta(ChangeKind::Insert { after: values(1) }), [1]);
    assert_eq!(delta(ChangeKind::Delete { before: values(1) }), [-1]);
    assert_eq!(
        delta(ChangeKind::Update {
            before: values(1),
            after: values(2)
        }),
        [-1, 1]
    );
    assert!(
        delta(ChangeKind::Update {
            before: values(1),
            after: values(1)
        })
        .is_empty()
    );
}

#[test]
fn the_sink_makes_the_very_documents_that_the_snapshot_makes() {
    let mapper = keyless();
    let read = effects(&mapper, &ChangeKind::Read { row: values(5) }).unwrap();
    let insert = effects(&mapper, &ChangeKind::Insert { after: values(5) }).unwrap();
    let Action::Adjust { content, .. } = &insert[0].action else {
        panic!("a keyless row is adjusted")
    };
    let Action::Put { document, .. } = &read[0].action else {
        panic!("a snapshot row puts")
    };
    assert_eq!(mapper.document_id(&values(5)).unwrap(), insert[0].id);
    assert_eq!(numbered_id(&insert[0].id, 1).as_ref(), Some(&read[0].id));
    assert_eq!(
        numbered_document(&insert[0].id, content, 1).as_ref(),
        Some(document)
    );
    let third = numbered_document(&insert[0].id, content, 2).unwrap();
    assert_eq!(
        parsed(&third)
            .get_document("_id")
            .unwrap()
            .get_i64("n")
            .unwrap(),
        2
    );
}

#[test]
fn an_identity_that_is_no_content_hash_is_not_numbered() {
    let other = DocumentId(doc! { "_id": 7 }.to_vec().unwrap().into());
    assert_eq!(numbered_id(&other, 0), None);
    assert_eq!(numbered_document(&other, &[5, 0, 0, 0, 0], 0), None);
    assert_eq!(numbered_id(&DocumentId(Default::default()), 0), None);
}
