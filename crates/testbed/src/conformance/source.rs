//! The laws of a change stream: every transaction whole, once, in order, and again from anywhere.

use super::{Evidence, Verdict, ensure, ensure_equal, law};
use crate::memory::{Statement, keyed_table, labelled_row};
use change::{
    ChangeKind, Checkpoint, GtidSet, LogPosition, MariaDbGtid, MariaDbGtids, MariaDbPosition,
    MySqlPosition, Ordinal, Place, Position, Row, Schema, TableEventKind, TableName, Torn,
};
use flow::Disposition;
use flow::ports::{ChangeSource, ChangeStream, SourceEvent};
use std::collections::HashSet;
use std::future::Future;
use std::sync::Arc;

/// A server with no tables in its selected database.
pub trait SourceSetting {
    type Source: ChangeSource;

    fn source(&self) -> Self::Source;

    /// A table of the selected database.
    fn table(&self, name: &str) -> TableName;

    /// Commits one transaction; a statement about a table as a whole stands alone.
    fn commit(&mut self, statements: &[Statement]) -> impl Future<Output = ()>;
}

/// What a transaction says, as far as laws go.
#[derive(Clone, PartialEq, Debug)]
enum Told {
    Row(TableName, ChangeKind<Row>),
    Table(TableName, TableEventKind),
}

/// A transaction: its name, what it says and where, and the position after it.
#[derive(Clone, PartialEq, Debug)]
struct Transaction {
    name: Arc<str>,
    told: Vec<Told>,
    file: Arc<str>,
    places: Vec<Place>,
    position: Position,
}

/// A transaction whose commit has not come.
struct Open {
    name: Arc<str>,
    file: Arc<str>,
    told: Vec<Told>,
    places: Vec<Place>,
}

/// Checks all laws of a source, each in a fresh setting.
pub async fn check<S: SourceSetting>(fresh: impl AsyncFn() -> S) -> Verdict {
    let new = async || fresh().await;
    law("transactions come whole and in order", told(new().await)).await?;
    law("a large transaction comes whole", large(new().await)).await?;
    law("each row has a place of its own", placed(new().await)).await?;
    law("any position can be resumed from", resumed(new().await)).await?;
    law("a torn transaction comes again", torn(new().await)).await?;
    law("a stream that is open goes on", live(new().await)).await?;
    law("a foreign history is refused", foreign(new().await)).await
}

async fn told<S: SourceSetting>(mut setting: S) -> Result<(), Evidence> {
    let begin = setting.source().head().await?;
    let script = script(&setting);
    for statements in &script {
        setting.commit(statements).await;
    }
    let found = read(&mut setting.source(), &checkpoint(begin.clone(), None)).await?;
    ensure_equal("transactions", &says(&found), &expected(&script))?;
    let mut names = HashSet::new();
    let mut before = begin;
    for transaction in &found {
        let name = transaction.name.clone();
        ensure(names.insert(name), || {
            format!("{} came twice", transaction.name)
        })?;
        let forward = transaction.position.covers(&before) && transaction.position != before;
        ensure(forward, || {
            format!("{} follows {before}", transaction.position)
        })?;
        before = transaction.position.clone();
    }
    Ok(())
}

async fn large<S: SourceSetting>(mut setting: S) -> Result<(), Evidence> {
    let table = setting.table("items");
    setting.commit(&[create(&table)]).await;
    let begin = setting.source().head().await?;
    let rows = (0..700).map(|id| Statement::insert(&table, labelled_row(id, "a label")));
    let script = vec![rows.collect::<Vec<_>>()];
    setting.commit(&script[0]).await;
    let found = read(&mut setting.source(), &checkpoint(begin, None)).await?;
    ensure_equal("transactions", &says(&found), &expected(&script))
}

async fn placed<S: SourceSetting>(mut setting: S) -> Result<(), Evidence> {
    let begin = setting.source().head().await?;
    for statements in script(&setting) {
        setting.commit(&statements).await;
    }
    let mut last: Option<(Arc<str>, Place)> = None;
    for transaction in read(&mut setting.source(), &checkpoint(begin, None)).await? {
        ensure(!transaction.file.is_empty(), || {
            format!("{} is in no file", transaction.name)
        })?;
        for place in transaction.places {
            let here = Some((transaction.file.clone(), place));
            ensure(here > last, || format!("{here:?} follows {last:?}"))?;
            last = here;
        }
    }
    ensure(last.is_some(), || "no row came".to_owned())
}

async fn resumed<S: SourceSetting>(mut setting: S) -> Result<(), Evidence> {
    let begin = setting.source().head().await?;
    for statements in script(&setting) {
        setting.commit(&statements).await;
    }
    let all = read(&mut setting.source(), &checkpoint(begin, None)).await?;
    for (index, transaction) in all.iter().enumerate() {
        let after = checkpoint(transaction.position.clone(), None);
        let rest = read(&mut setting.source(), &after).await?;
        ensure_equal("the rest", &rest.as_slice(), &&all[index + 1..])?;
    }
    Ok(())
}

async fn torn<S: SourceSetting>(mut setting: S) -> Result<(), Evidence> {
    let table = setting.table("items");
    setting.commit(&[create(&table)]).await;
    let begin = setting.source().head().await?;
    let rows = (0..20).map(|id| Statement::insert(&table, labelled_row(id, "a label")));
    setting.commit(&rows.collect::<Vec<_>>()).await;
    let whole = read(&mut setting.source(), &checkpoint(begin.clone(), None)).await?;
    let name = whole.first().map(|transaction| transaction.name.clone());
    let name = name.ok_or_else(|| Evidence("the transaction did not come".to_owned()))?;
    let torn = Torn {
        transaction: name,
        parts: 1,
        changes_before: 7,
    };
    let again = read(&mut setting.source(), &checkpoint(begin, Some(torn))).await?;
    ensure_equal("the transaction", &again, &whole)
}

async fn live<S: SourceSetting>(mut setting: S) -> Result<(), Evidence> {
    let table = setting.table("items");
    setting.commit(&[create(&table)]).await;
    let mut source = setting.source();
    let begin = source.head().await?;
    let mut stream = source.open(&checkpoint(begin, None)).await?;
    for id in 0..5 {
        let statement = Statement::insert(&table, labelled_row(id, "new"));
        let committing = setting.commit(std::slice::from_ref(&statement));
        let (next, ()) = tokio::join!(next_transaction(&mut stream), committing);
        let expected = expected(&[vec![statement]]);
        ensure_equal("transaction", &says(&[next?]), &expected)?;
    }
    Ok(())
}

async fn foreign<S: SourceSetting>(mut setting: S) -> Result<(), Evidence> {
    let table = setting.table("items");
    setting.commit(&[create(&table)]).await;
    let log = LogPosition::new("binlog.999999", 4);
    let never = match setting.source().head().await? {
        Position::MySql(head) => {
            let mut gtid_set = GtidSet::clone(&head.gtid_set);
            let other = "3e11fa47-71ca-11e1-9e33-c80aa9429562:1-5".parse();
            gtid_set.extend(&other.map_err(|error| Evidence(format!("{error}")))?);
            Position::MySql(MySqlPosition {
                gtid_set: Arc::new(gtid_set),
                log,
                ..head
            })
        }
        Position::MariaDb(head) => {
            let mut gtids = MariaDbGtids::clone(&head.gtids);
            let other = MariaDbGtid {
                domain: 9,
                server_id: 9,
                sequence: 9,
            };
            let unordered = |error| Evidence(format!("{error}"));
            gtids.advance(other).map_err(unordered)?;
            Position::MariaDb(MariaDbPosition {
                gtids: Arc::new(gtids),
                log,
                ..head
            })
        }
    };
    match setting.source().open(&checkpoint(never, None)).await {
        Ok(_) => Err(Evidence("it was opened".to_owned())),
        Err(failure) => ensure_equal("answer", &failure.disposition, &Disposition::Halt),
    }
}

/// Transactions with every kind of change.
fn script<S: SourceSetting>(setting: &S) -> Vec<Vec<Statement>> {
    let (items, others) = (setting.table("items"), setting.table("others"));
    let row = labelled_row;
    vec![
        vec![create(&items)],
        vec![create(&others)],
        vec![
            Statement::insert(&items, row(1, "one")),
            Statement::insert(&items, row(2, "zwei ä")),
            Statement::insert(&others, row(1, "")),
        ],
        vec![Statement::update(&items, row(1, "one"), row(1, "uno"))],
        vec![
            Statement::update(&items, row(1, "uno"), row(5, "uno")),
            Statement::delete(&items, row(2, "zwei ä")),
            Statement::insert(&items, row(2, "again")),
            Statement::insert(&others, row(-3, "below")),
        ],
        vec![Statement::Truncate(others.clone())],
        vec![Statement::insert(&others, row(9, "after"))],
        vec![Statement::Drop(others.clone())],
        vec![create(&others)],
        vec![Statement::insert(&others, row(10, "new"))],
    ]
}

fn create(table: &TableName) -> Statement {
    Statement::Create(keyed_table(table, false))
}

fn expected(script: &[Vec<Statement>]) -> Vec<Vec<Told>> {
    let of = |statement: &Statement| match statement.clone() {
        Statement::Create(table) => Told::Table(table.schema.name.clone(), TableEventKind::Created),
        Statement::Truncate(table) => Told::Table(table, TableEventKind::Truncated),
        Statement::Drop(table) => Told::Table(table, TableEventKind::Dropped),
        Statement::Insert { table, row } => Told::Row(table, ChangeKind::Insert { after: row }),
        Statement::Delete { table, row } => Told::Row(table, ChangeKind::Delete { before: row }),
        Statement::Update { table, from, to } => Told::Row(
            table,
            ChangeKind::Update {
                before: from,
                after: to,
            },
        ),
    };
    let transactions = script.iter();
    transactions
        .map(|statements| statements.iter().map(of).collect())
        .collect()
}

fn says(transactions: &[Transaction]) -> Vec<Vec<Told>> {
    let all = transactions.iter();
    all.map(|transaction| transaction.told.clone()).collect()
}

fn checkpoint(position: Position, torn: Option<Torn>) -> Checkpoint {
    Checkpoint {
        format: Checkpoint::FORMAT,
        ordinal: Ordinal::default(),
        position,
        torn,
        committed_at_ms: 0,
    }
}

/// All transactions up to where the head is now; those that say nothing are left out.
async fn read<S: ChangeSource>(
    source: &mut S,
    after: &Checkpoint,
) -> Result<Vec<Transaction>, Evidence> {
    let head = source.head().await?;
    let mut stream = source.open(after).await?;
    let mut transactions = Vec::new();
    if after.position.covers(&head) {
        return Ok(transactions);
    }
    let mut open = None;
    loop {
        let event = stream.next().await?;
        let reached = match &event {
            SourceEvent::Commit { position } | SourceEvent::Heartbeat { position } => {
                position.covers(&head)
            }
            SourceEvent::Begin { .. }
            | SourceEvent::Rows { .. }
            | SourceEvent::Partial { .. }
            | SourceEvent::Table(_) => false,
        };
        transactions.extend(add(&mut open, event)?);
        if reached {
            transactions.retain(|transaction: &Transaction| !transaction.told.is_empty());
            return Ok(transactions);
        }
    }
}

async fn next_transaction(stream: &mut impl ChangeStream) -> Result<Transaction, Evidence> {
    let mut open = None;
    loop {
        let event = stream.next().await?;
        if let Some(transaction) = add(&mut open, event)? {
            return Ok(transaction);
        }
    }
}

/// Adds an event to the transaction that is open; gives the one that it completes.
fn add(open: &mut Option<Open>, event: SourceEvent) -> Result<Option<Transaction>, Evidence> {
    let stray = |what: &str| Evidence(format!("{what} out of place"));
    match event {
        SourceEvent::Begin { origin } => {
            let transaction = origin.transaction.clone();
            let transaction = transaction.ok_or_else(|| stray("a transaction without a name"))?;
            let begun = Open {
                name: transaction,
                file: origin.file.clone(),
                told: Vec::new(),
                places: Vec::new(),
            };
            match open.replace(begun) {
                Some(_) => Err(stray("a begin")),
                None => Ok(None),
            }
        }
        SourceEvent::Rows { schema, rows } => {
            let open = open.as_mut().ok_or_else(|| stray("rows"))?;
            check_schema(&schema)?;
            let table = &schema.name;
            open.places.extend(rows.iter().map(|row| row.place));
            let rows = rows.into_iter();
            open.told
                .extend(rows.map(|row| Told::Row(table.clone(), row.kind)));
            Ok(None)
        }
        SourceEvent::Partial { .. } => Err(stray("a row without all of its columns")),
        SourceEvent::Table(event) => {
            let open = open.as_mut().ok_or_else(|| stray("a table event"))?;
            open.told.push(Told::Table(event.table, event.kind));
            Ok(None)
        }
        SourceEvent::Commit { position } => {
            let open = open.take().ok_or_else(|| stray("a commit"))?;
            Ok(Some(Transaction {
                name: open.name,
                told: open.told,
                file: open.file,
                places: open.places,
                position,
            }))
        }
        SourceEvent::Heartbeat { .. } => match open {
            Some(_) => Err(stray("a heartbeat")),
            None => Ok(None),
        },
    }
}

/// Rows come with the columns and the key of their table.
fn check_schema(schema: &Schema) -> Result<(), Evidence> {
    let expected = keyed_table(&schema.name, false);
    ensure_equal("schema", schema, &expected.schema)
}
