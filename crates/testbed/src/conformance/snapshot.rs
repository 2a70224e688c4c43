//! The laws of a snapshot reader: ranges that hold every row once, and windows that say the truth.

use super::source::SourceSetting;
use super::{Evidence, Verdict, ensure, ensure_equal, law};
use crate::memory::{Statement, keyed_table, keyless_table, labelled_row};
use change::{KeyRange, Position, Row, TableDescription, TableName, Value};
use flow::ports::{ChangeSource, Chunk, ChunkRequest, SnapshotReader};
use reconcile::{Extent, Low};
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::sync::Arc;

/// How often a window is read while others commit.
const WINDOWS: i64 = 30;

/// A server whose tables can also be read.
pub trait SnapshotSetting: SourceSetting {
    type Reader: SnapshotReader;

    fn reader(&self) -> Self::Reader;
}

/// Checks all laws of a snapshot reader, each in a fresh setting.
pub async fn check<S: SnapshotSetting>(fresh: impl AsyncFn() -> S) -> Verdict {
    let new = async || fresh().await;
    law("tables are what they are", described(new().await)).await?;
    law("chunks hold every row once", covered(new().await)).await?;
    law("keys have their rows or none", keys(new().await)).await?;
    law(
        "a window tells what is visible",
        windows(new().await, false),
    )
    .await?;
    law("a view without keys is exact", windows(new().await, true)).await?;
    law("a request for what is gone is void", void(new().await)).await
}

async fn described<S: SnapshotSetting>(mut setting: S) -> Result<(), Evidence> {
    let (items, plain) = (setting.table("items"), setting.table("a_plain_one"));
    let mut reader = setting.reader();
    ensure_equal("tables", &reader.tables().await?, &Vec::new())?;
    let (keyed, keyless) = (keyed_table(&items, true), keyless_table(&plain));
    setting.commit(&[Statement::Create(keyed.clone())]).await;
    setting.commit(&[Statement::Create(keyless.clone())]).await;
    let mut names = vec![plain.clone(), items.clone()];
    names.sort();
    ensure_equal("tables", &reader.tables().await?, &names)?;
    for expected in [keyed, keyless] {
        let name = &expected.schema.name;
        let found = describe(&mut reader, name).await?;
        ensure_equal("schema", &found.schema, &expected.schema)?;
        let unique = |table: &TableDescription| -> Vec<bool> {
            table.indexes.iter().map(|index| index.unique).collect()
        };
        ensure_equal("indexes", &unique(&found), &unique(&expected))?;
    }
    let absent = reader.describe(&setting.table("absent")).await?;
    ensure(absent.is_none(), || format!("{absent:?}"))
}

async fn covered<S: SnapshotSetting>(mut setting: S) -> Result<(), Evidence> {
    let table = setting.table("items");
    setting
        .commit(&[Statement::Create(keyed_table(&table, false))])
        .await;
    let ids: Vec<i64> = (0..400).map(|number| number * number - 5_000).collect();
    let rows = ids
        .iter()
        .map(|id| Statement::insert(&table, labelled_row(*id, "x")));
    setting.commit(&rows.collect::<Vec<_>>()).await;
    let mut reader = setting.reader();
    let described = describe(&mut reader, &table).await?;
    for parts in [1, 5] {
        let plan = reader.plan(&described, parts).await?;
        ensure(plan.ranges.len() <= parts.max(1), || {
            format!("{} ranges", plan.ranges.len())
        })?;
        let mut seen = Vec::new();
        for range in plan.ranges {
            let mut rest = Some(Extent::Range(range));
            let mut max_rows = 1;
            while let Some(extent) = rest {
                max_rows = 1 + (max_rows * 7) % 60;
                let after = setting.source().head().await?;
                let request = ChunkRequest {
                    max_rows,
                    ..request(&described, extent, after)
                };
                let chunk = whole(reader.read(&request).await?)?;
                ensure(chunk.rows.len() <= max_rows, || {
                    format!("{} rows where {max_rows} were asked for", chunk.rows.len())
                })?;
                let chunk_ids: Vec<i64> = chunk.rows.iter().map(id_of).collect();
                ensure(chunk_ids.is_sorted(), || format!("{chunk_ids:?}"))?;
                seen.extend(chunk_ids);
                rest = chunk.rest;
            }
        }
        let distinct: BTreeSet<i64> = seen.iter().copied().collect();
        ensure_equal("rows", &seen.len(), &ids.len())?;
        ensure_equal("rows", &distinct.into_iter().collect(), &ids)?;
    }
    Ok(())
}

async fn keys<S: SnapshotSetting>(mut setting: S) -> Result<(), Evidence> {
    let table = setting.table("items");
    let create = Statement::Create(keyed_table(&table, false));
    setting.commit(&[create]).await;
    let rows = (0..20).map(|id| Statement::insert(&table, labelled_row(id * 2, "x")));
    setting.commit(&rows.collect::<Vec<_>>()).await;
    let mut reader = setting.reader();
    let described = describe(&mut reader, &table).await?;
    let after = setting.source().head().await?;
    let asked: Vec<i64> = (0..10).chain([1_000, -7]).collect();
    let keys = asked.iter().map(|id| vec![Value::Int(*id)]);
    let mut rest = Some(Extent::Keys(keys.collect()));
    let (mut found, mut cuts) = (BTreeSet::new(), 0);
    while let Some(extent) = rest {
        let request = ChunkRequest {
            // No more than a row or two at a time.
            max_bytes: 1,
            ..request(&described, extent, after.clone())
        };
        let chunk = whole(reader.read(&request).await?)?;
        found.extend(chunk.rows.iter().map(id_of));
        cuts += usize::from(chunk.rest.is_some());
        ensure(cuts < 100, || "reading keys does not end".to_owned())?;
        rest = chunk.rest;
    }
    ensure_equal("rows", &found, &BTreeSet::from([0, 2, 4, 6, 8]))
}

/// A state of the table and the position after the transaction that made it.
type Moment = (Vec<Row>, Position);

/// Reads whole chunks while transactions go on, each of which changes a row that tells its number.
async fn windows<S: SnapshotSetting>(mut setting: S, keyless: bool) -> Result<(), Evidence> {
    let table = setting.table("items");
    let description = if keyless {
        keyless_table(&table)
    } else {
        keyed_table(&table, false)
    };
    setting.commit(&[Statement::Create(description)]).await;
    setting
        .commit(&[Statement::insert(&table, labelled_row(0, "0"))])
        .await;
    let mut source = setting.source();
    let head = source.head().await?;
    let mut reader = setting.reader();
    let described = describe(&mut reader, &table).await?;
    let moments: RefCell<Vec<Moment>> = RefCell::new(vec![(vec![labelled_row(0, "0")], head)]);
    for round in 0..WINDOWS {
        let known = moments.borrow().len() - 1;
        let after = moments.borrow()[known].1.clone();
        let extent = Extent::Range(KeyRange::default());
        let request = request(&described, extent, after);
        let committing = async {
            for _ in 0..2 {
                let mut rows = moments.borrow()[moments.borrow().len() - 1].0.clone();
                let number = moments.borrow().len();
                let label = number.to_string();
                let from = rows[0].clone();
                rows[0] = labelled_row(0, &label);
                let more = labelled_row(number as i64, &label);
                rows.push(more.clone());
                setting
                    .commit(&[
                        Statement::update(&table, from, rows[0].clone()),
                        Statement::insert(&table, more),
                    ])
                    .await;
                let head = source.head().await?;
                moments.borrow_mut().push((rows, head));
                // Other moments of the reading each time.
                for _ in 0..round % 3 {
                    tokio::task::yield_now().await;
                }
            }
            Ok::<_, Evidence>(())
        };
        let (chunk, committed) = tokio::join!(reader.read(&request), committing);
        committed?;
        let chunk = whole(chunk?)?;
        check_window(&chunk, known, &moments.borrow(), keyless)?;
    }
    Ok(())
}

/// The rows are those of one moment; it lies at or after C, holds all of `low`, and lies at or
/// before `high`.
fn check_window(
    chunk: &Chunk,
    known: usize,
    moments: &[Moment],
    keyless: bool,
) -> Result<(), Evidence> {
    let mut rows = chunk.rows.clone();
    rows.sort_by_key(id_of);
    let shown = moments.iter().position(|(state, _)| *state == rows);
    let shown = shown.ok_or_else(|| Evidence(format!("no moment had the rows {rows:?}")))?;
    ensure(shown >= known, || {
        format!("the view shows moment {shown}, which is before {known}")
    })?;
    let (_, position) = &moments[shown];
    let (low, high) = (&chunk.bounds.low, &chunk.bounds.high);
    ensure(high.has_reached(position.log()), || {
        format!("high is {high}, and the view shows {position}")
    })?;
    match (low, position) {
        (Low::Transactions(low), Position::MySql(shown)) => {
            ensure(low.is_subset_of(&shown.gtid_set), || {
                format!("low is {low}, and the view shows only {position}")
            })?;
            let exact = shown.gtid_set.is_subset_of(low);
            ensure(exact || !keyless, || {
                format!("low is {low}, and the view shows {position}")
            })?;
        }
        (Low::Transactions(low), _) => {
            return Err(Evidence(format!("low is {low} on a server without such")));
        }
        (Low::High, _) => {
            let next = moments.get(shown + 1);
            ensure(
                next.is_none_or(|(_, next)| !high.has_reached(next.log())),
                || format!("all up to {high} is to be visible, and the view shows {position}"),
            )?;
        }
    }
    ensure_equal("server", &chunk.bounds.server, position.server())
}

async fn void<S: SnapshotSetting>(mut setting: S) -> Result<(), Evidence> {
    let table = setting.table("items");
    setting
        .commit(&[Statement::Create(keyed_table(&table, false))])
        .await;
    let mut reader = setting.reader();
    let described = describe(&mut reader, &table).await?;
    let after = setting.source().head().await?;
    let request = |after| request(&described, Extent::Range(KeyRange::default()), after);
    let before = reader.read(&request(after)).await?;
    ensure(before.is_some(), || "a table was not read".to_owned())?;
    setting.commit(&[Statement::Drop(table)]).await;
    let after = setting.source().head().await?;
    let answer = reader.read(&request(after)).await?;
    ensure(answer.is_none(), || format!("{answer:?}"))
}

async fn describe(
    reader: &mut impl SnapshotReader,
    table: &TableName,
) -> Result<Arc<TableDescription>, Evidence> {
    let found = reader.describe(table).await?;
    let missing = || Evidence(format!("{table} is not found"));
    Ok(Arc::new(found.ok_or_else(missing)?))
}

fn request(table: &Arc<TableDescription>, extent: Extent, after: Position) -> ChunkRequest {
    ChunkRequest {
        table: table.clone(),
        extent,
        after,
        max_rows: 10_000,
        max_bytes: 1 << 24,
    }
}

fn whole(chunk: Option<Chunk>) -> Result<Chunk, Evidence> {
    chunk.ok_or_else(|| Evidence("the request was void".to_owned()))
}

fn id_of(row: &Row) -> i64 {
    match row[0] {
        Value::Int(id) => id,
        _ => i64::MIN,
    }
}
