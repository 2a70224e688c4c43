//! Equal rows of tables without a key.

use crate::setting::{Setting, adjust, atomic};
use bson::doc;
use flow::Disposition;
use flow::ports::Sink;

#[tokio::test]
async fn copies_are_numbered_without_gaps_and_the_highest_goes_first() {
    let setting = Setting::new().await;
    let mut sink = setting.sink().await;
    let (one, two) = (doc! { "a": 1 }, doc! { "a": 2 });
    let numbers = async |content: &bson::Document| -> Vec<i64> {
        let documents = setting.documents().await;
        let of_row = documents
            .iter()
            .filter(|document| document.get("a") == content.get("a"));
        of_row
            .map(|document| document.get_document("_id").unwrap().get_i64("n").unwrap())
            .collect()
    };
    let steps: [(i64, i64, &[i64], &[i64]); 5] = [
        (1, 3, &[1], &[1, 2, 3]),
        (2, 1, &[1, 2, 3], &[1, 2, 3, 4]),
        (-1, -3, &[1, 2], &[1]),
        (-2, 1, &[], &[1, 2]),
        (1, -2, &[1], &[]),
    ];
    for (transaction, (first, second, ones, twos)) in (1..).zip(steps) {
        let effects = vec![adjust(one.clone(), first), adjust(two.clone(), second)];
        sink.apply(&atomic(transaction, effects)).await.unwrap();
        assert_eq!(numbers(&one).await, ones, "after step {transaction}");
        assert_eq!(numbers(&two).await, twos, "after step {transaction}");
    }
}

#[tokio::test]
async fn removing_more_copies_than_there_are_stops_the_table() {
    let setting = Setting::new().await;
    let mut sink = setting.sink().await;
    sink.apply(&atomic(1, vec![adjust(doc! { "a": 1 }, 2)]))
        .await
        .unwrap();
    let failure = sink
        .apply(&atomic(2, vec![adjust(doc! { "a": 1 }, -3)]))
        .await
        .unwrap_err();
    assert_eq!(
        (failure.code, failure.disposition.clone()),
        ("LS3019", Disposition::Table)
    );
    assert_eq!(setting.documents().await.len(), 2);
}

#[tokio::test]
async fn a_unique_value_may_move_from_one_row_to_another() {
    let setting = Setting::new().await;
    let mut sink = setting.sink().await;
    sink.apply(&atomic(1, vec![adjust(doc! { "code": "x", "a": 1 }, 1)]))
        .await
        .unwrap();
    let effects = vec![
        adjust(doc! { "code": "x", "a": 2 }, 1),
        adjust(doc! { "code": "x", "a": 1 }, -1),
    ];
    sink.apply(&atomic(2, effects)).await.unwrap();
    let documents = setting.documents().await;
    assert_eq!(documents.len(), 1);
    assert_eq!(documents[0].get_i32("a").unwrap(), 2);
}
