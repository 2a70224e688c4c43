//! The topics beside Debezium's own, and read by connectors that are not ours; `cargo xtask compat`
//! does the same with more rows.

use std::collections::BTreeSet;
use tests::compat::{KNOWN, Size, compared, entries_of_the_page, sorted};

/// Far fewer would mean that something was not compared.
const LEAST_MESSAGES: usize = 3_000;
const LEAST_DOCUMENTS: usize = 500;

#[test]
fn the_page_lists_what_differs_from_debezium() {
    let known: BTreeSet<String> = KNOWN.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(entries_of_the_page(), known);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_topics_differ_from_debeziums_only_where_the_page_says_and_other_connectors_read_them()
{
    let compared = compared(Size::SHORT).await.unwrap();
    assert!(compared.messages > LEAST_MESSAGES, "{}", compared.messages);
    assert!(
        compared.documents > LEAST_DOCUMENTS,
        "{}",
        compared.documents
    );
    let (unknown, counts) = sorted(&compared.differences);
    for (name, count) in &counts {
        println!("{count:8} {name}");
    }
    let shown: Vec<String> = unknown.iter().take(40).map(ToString::to_string).collect();
    assert!(unknown.is_empty(), "{} more: {shown:#?}", unknown.len());
    // What differs no more has to leave the page.
    let gone: Vec<_> = counts.iter().filter(|(_, count)| **count == 0).collect();
    assert!(gone.is_empty(), "{gone:?}");
}
