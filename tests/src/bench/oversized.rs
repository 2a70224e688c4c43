//! Transactions that no memory should have to hold: one of very many rows, one of very many bytes.

use std::time::Duration;

use bson::Document;

use super::BenchError;
use super::binary::{Lockstep, Run};
use super::ledger::{DATABASE, Version};
use super::scale::Scale;
use super::stand::{Stand, execute};

const AT_MOST: Duration = Duration::from_secs(300);
/// A multiple of the 32 bytes that it repeats.
const WIDE_ROW_BYTES: u64 = 250_016;
/// Beyond every version of the backlog.
const VERSION: u32 = 1_900_000_000;

/// Both transactions, drained one after the other.
#[derive(Clone, Copy, Debug, Default)]
pub struct Oversized {
    pub rows: u64,
    pub of_rows: Run,
    pub bytes: u64,
    pub of_bytes: Run,
}

/// Commits each while no pipeline runs, and drains it.
///
/// # Errors
/// When a server or the pipeline fails, or what arrived differs.
pub async fn measure(
    stand: &Stand,
    lockstep: &Lockstep,
    scale: Scale,
) -> Result<Oversized, BenchError> {
    stand.durable_commits(false).await?;
    let mut connection = stand.source().await?;
    let assignments = Version(VERSION).assignments();
    execute(
        &mut connection,
        &format!(
            "UPDATE bench.ledger SET {assignments} ORDER BY id LIMIT {}",
            scale.oversized_rows
        ),
    )
    .await?;
    let of_rows = lockstep.catch_up(stand, AT_MOST).await?;
    stand.require_equal(DATABASE).await?;

    execute(
        &mut connection,
        "CREATE TABLE bench.wide (id INT NOT NULL PRIMARY KEY, body MEDIUMBLOB NOT NULL)",
    )
    .await?;
    // The table has to be followed before the transaction, or a copy would bring its rows.
    lockstep.catch_up(stand, AT_MOST).await?;
    execute(
        &mut connection,
        &format!(
            "SET cte_max_recursion_depth = 1000000; \
             INSERT INTO bench.wide WITH RECURSIVE numbers (id) AS \
             (SELECT 1 UNION ALL SELECT id + 1 FROM numbers WHERE id < {}) \
             SELECT id, REPEAT(UNHEX(SHA2(id, 256)), {}) FROM numbers",
            scale.wide_rows,
            WIDE_ROW_BYTES / 32
        ),
    )
    .await?;
    connection.disconnect().await?;
    let of_bytes = lockstep.catch_up(stand, AT_MOST).await?;
    stand.durable_commits(true).await?;
    let client = stand.target().await?;
    let wide = client.database(DATABASE).collection::<Document>("wide");
    let arrived = wide.count_documents(Document::new()).await?;
    if arrived != scale.wide_rows {
        let sent = scale.wide_rows;
        return Err(BenchError::Different(format!(
            "{sent} wide rows were sent, {arrived} arrived"
        )));
    }
    Ok(Oversized {
        rows: scale.oversized_rows,
        of_rows,
        bytes: scale.wide_rows * WIDE_ROW_BYTES,
        of_bytes,
    })
}
