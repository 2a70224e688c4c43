//! The floors: what the same server takes from a bare driver that does nothing else.
//!
//! Everything that can be made ahead is made before the clock starts, so that a floor measures the
//! server and the driver alone: no reading, no decoding, no checkpoints, no order kept for the copy.

use std::collections::BTreeMap;
use std::time::Duration;

use bson::{Document, RawDocumentBuf, doc};
use mongodb::options::{Acknowledgment, InsertManyOptions, WriteConcern};
use mongodb::{Client, ClientSession, Database};

use super::BenchError;
use super::backlog::{Backlog, Change};
use super::ledger::{DATABASE, Row, TABLE};
use super::machine::Used;
use super::stand::Stand;

const CONNECTIONS: usize = 4;
const DOCUMENTS_PER_BATCH: usize = 1_000;
/// Source changes that are folded into one transaction.
const CHANGES_PER_TRANSACTION: u64 = 10_000;

/// Inserts the documents of all rows: 4 connections, unordered batches of 1,000, majority.
///
/// # Errors
/// When the server refuses.
pub async fn inserts(stand: &Stand, rows: u64) -> Result<Used, BenchError> {
    let client = stand.target().await?;
    let database = client.database(DATABASE);
    database.create_collection(TABLE).await?;
    let collection = database.collection::<RawDocumentBuf>(TABLE);
    let mut of_connection: Vec<Vec<Vec<RawDocumentBuf>>> = vec![Vec::new(); CONNECTIONS];
    let mut batch = Vec::with_capacity(DOCUMENTS_PER_BATCH);
    for id in 1..=rows {
        batch.push(Row { id, version: 1 }.document()?);
        if batch.len() == DOCUMENTS_PER_BATCH || id == rows {
            let place = (id as usize / DOCUMENTS_PER_BATCH) % CONNECTIONS;
            of_connection[place].push(std::mem::take(&mut batch));
        }
    }
    let before = stand.look()?;
    let mut connections = Vec::new();
    for batches in of_connection {
        let collection = collection.clone();
        connections.push(tokio::spawn(async move {
            let options = InsertManyOptions::builder()
                .ordered(false)
                .write_concern(WriteConcern::builder().w(Acknowledgment::Majority).build())
                .build();
            for batch in batches {
                let inserting = collection.insert_many(batch);
                inserting.with_options(options.clone()).await?;
            }
            Ok::<(), BenchError>(())
        }));
    }
    for connection in connections {
        connection.await??;
    }
    Ok(before.used_here(&stand.look()?))
}

/// Drains the backlog's folded writes in order: about 10,000 changes a transaction, majority.
///
/// # Errors
/// When the server refuses.
pub async fn transactions(stand: &Stand, backlog: &Backlog) -> Result<Used, BenchError> {
    let client = stand.target().await?;
    let mut writer = Writer::new(&client).await?;
    let mut total = Used::default();
    let mut fold = Fold::default();
    for transaction in &backlog.transactions {
        if fold.changes > 0 && fold.changes + transaction.len() > CHANGES_PER_TRANSACTION {
            total += writer.write(stand, &std::mem::take(&mut fold)).await?;
        }
        for index in 0..transaction.len() {
            if fold.changes == CHANGES_PER_TRANSACTION {
                total += writer.write(stand, &std::mem::take(&mut fold)).await?;
            }
            let change = transaction.change(index);
            fold.add(change.expect("the index is below the transaction's length"));
        }
    }
    if fold.changes > 0 {
        total += writer.write(stand, &fold).await?;
    }
    Ok(total)
}

/// The net effect of some changes.
#[derive(Debug, Default)]
struct Fold {
    changes: u64,
    net: BTreeMap<u64, Change>,
}

impl Fold {
    fn add(&mut self, change: Change) {
        self.changes += 1;
        let net = match (self.net.get(&change.id()), change) {
            (Some(Change::Inserted(_)), Change::Updated(row)) => Change::Inserted(row),
            _ => change,
        };
        self.net.insert(change.id(), net);
    }
}

struct Writer {
    database: Database,
    session: ClientSession,
}

impl Writer {
    async fn new(client: &Client) -> Result<Self, BenchError> {
        let mut session = client.start_session().await?;
        let database = client.database(DATABASE);
        // The first command of a session opens its connection, which is not to be measured.
        database
            .run_command(doc! { "ping": 1 })
            .session(&mut session)
            .await?;
        Ok(Self { database, session })
    }

    /// Only the transaction is measured; its commands are made before.
    async fn write(&mut self, stand: &Stand, fold: &Fold) -> Result<Used, BenchError> {
        let commands = commands(fold)?;
        let before = stand.look()?;
        self.session
            .start_transaction()
            .write_concern(WriteConcern::majority())
            .await?;
        for command in commands {
            let running = self.database.run_raw_command(command);
            require_written(&running.session(&mut self.session).await?)?;
        }
        self.session.commit_transaction().await?;
        Ok(before.used_here(&stand.look()?))
    }
}

/// Deletes, then inserts, then updates, one command each.
fn commands(fold: &Fold) -> Result<Vec<RawDocumentBuf>, BenchError> {
    let (mut deletes, mut inserts, mut updates) = (Vec::new(), Vec::new(), Vec::new());
    for change in fold.net.values() {
        match change {
            Change::Deleted(id) => {
                let id = i64::try_from(*id).expect("the ids count rows of a table");
                deletes.push(doc! { "q": { "_id": id }, "limit": 1 });
            }
            Change::Inserted(row) => inserts.push(Document::try_from(row.document()?.as_ref())?),
            Change::Updated(row) => {
                let document = Document::try_from(row.document()?.as_ref())?;
                let id = document.get_i64("_id").unwrap_or_default();
                updates.push(doc! { "q": { "_id": id }, "u": document, "upsert": true });
            }
        }
    }
    let named = [
        ("delete", "deletes", deletes),
        ("insert", "documents", inserts),
        ("update", "updates", updates),
    ];
    let mut commands = Vec::new();
    for (command, list, statements) in named {
        if !statements.is_empty() {
            let command = doc! { command: TABLE, list: statements };
            commands.push(RawDocumentBuf::try_from(&command)?);
        }
    }
    Ok(commands)
}

/// An answer that says ok may still hide errors.
fn require_written(answer: &Document) -> Result<(), BenchError> {
    match answer.get_array("writeErrors") {
        Ok(errors) if !errors.is_empty() => Err(BenchError::Different(format!(
            "the bare driver's writes were refused: {:?}",
            errors.first()
        ))),
        Ok(_) | Err(_) => Ok(()),
    }
}

/// Rows a second.
#[must_use]
pub fn rate(rows: u64, wall: Duration) -> f64 {
    rows as f64 / wall.as_secs_f64().max(1e-9)
}

#[cfg(test)]
mod tests {
    use super::{Change, Fold, Row};

    #[test]
    fn a_row_that_is_inserted_and_updated_is_inserted_as_it_was_last() {
        let mut fold = Fold::default();
        let row = |version| Row { id: 1, version };
        fold.add(Change::Inserted(row(1)));
        fold.add(Change::Updated(row(2)));
        assert_eq!(fold.net.get(&1), Some(&Change::Inserted(row(2))));
        assert_eq!(fold.changes, 2);
    }
}
