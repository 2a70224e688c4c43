//! The copy of a table, end to end, beside bare inserts of the same documents.

use std::time::Duration;

use bson::RawDocumentBuf;
use bson::doc;

use super::binary::{Lockstep, Run};
use super::ledger::{DATABASE, Row, TABLE};
use super::machine::Used;
use super::scale::Scale;
use super::stand::Stand;
use super::{BenchError, floor};

const AT_MOST: Duration = Duration::from_secs(300);
/// One of so many documents is compared byte by byte with the floor's.
const COMPARED_EVERY: usize = 997;

/// All rounds.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    pub rows: u64,
    pub runs: Vec<Run>,
    pub floors: Vec<Used>,
    /// Runs that find nothing to do: what starting and ending take.
    pub start_ups: Vec<Run>,
}

/// Measures the rounds; floor and pipeline alternate, and the copy of the last round stays.
///
/// # Errors
/// When a server or the pipeline fails, or a document differs.
pub async fn measure(
    stand: &Stand,
    lockstep: &Lockstep,
    scale: Scale,
) -> Result<Snapshot, BenchError> {
    let mut snapshot = Snapshot {
        rows: scale.rows,
        ..Snapshot::default()
    };
    for _ in 0..scale.rounds {
        stand.empty_target().await?;
        snapshot
            .floors
            .push(floor::inserts(stand, scale.rows).await?);
        stand.empty_target().await?;
        snapshot.runs.push(lockstep.catch_up(stand, AT_MOST).await?);
        stand.require_equal(DATABASE).await?;
        snapshot
            .start_ups
            .push(lockstep.catch_up(stand, AT_MOST).await?);
    }
    require_same_documents(stand, scale.rows).await?;
    Ok(snapshot)
}

/// A floor that writes other documents would be no floor.
async fn require_same_documents(stand: &Stand, rows: u64) -> Result<(), BenchError> {
    let client = stand.target().await?;
    let collection = client
        .database(DATABASE)
        .collection::<RawDocumentBuf>(TABLE);
    for id in (1..=rows).step_by(COMPARED_EVERY) {
        let expected = Row { id, version: 1 }.document()?;
        let key = i64::try_from(id).expect("the ids count rows of a table");
        let found = collection.find_one(doc! { "_id": key }).await?;
        if found.as_ref() != Some(&expected) {
            return Err(BenchError::Different(format!(
                "row {id} should be {expected:?} and is {found:?}"
            )));
        }
    }
    Ok(())
}
