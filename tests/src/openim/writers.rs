//! Writers that change the database as a busy chat server does, at a chosen pace.

use super::{KEYLESS_TABLE, OpenImError, connect, fill::DATABASE, run};
use crate::workload::dice::Dice;
use mysql_async::Conn;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;
use tokio::task::JoinHandle;

/// Tasks that write until they are stopped.
pub struct Writers {
    stop: Arc<AtomicBool>,
    changes: Arc<Shared>,
    tasks: Vec<JoinHandle<Result<(), OpenImError>>>,
}

#[derive(Default)]
struct Shared {
    transactions: AtomicU64,
    rows: AtomicU64,
}

/// What the writers changed.
#[derive(Clone, Copy, Debug)]
pub struct Changes {
    pub transactions: u64,
    pub rows: u64,
}

impl Writers {
    /// Starts `count` writers, each beginning `per_second` transactions a second.
    pub async fn start(
        mysql_url: &str,
        seed: u64,
        count: u64,
        per_second: u32,
    ) -> Result<Self, OpenImError> {
        let (stop, changes) = (Arc::new(AtomicBool::new(false)), Arc::default());
        let mut tasks = Vec::new();
        for writer in 0..count {
            let mut connection = connect(mysql_url).await?;
            run(&mut connection, &format!("USE {DATABASE}")).await?;
            let pace = Duration::from_secs(1) / per_second.max(1);
            let dice = Dice::for_writer(seed, writer);
            let work = write(
                connection,
                dice,
                pace,
                Arc::clone(&stop),
                Arc::clone(&changes),
            );
            tasks.push(tokio::spawn(work));
        }
        Ok(Self {
            stop,
            changes,
            tasks,
        })
    }

    /// What has been changed so far.
    pub fn changes(&self) -> Changes {
        Changes {
            transactions: self.changes.transactions.load(Ordering::Relaxed),
            rows: self.changes.rows.load(Ordering::Relaxed),
        }
    }

    /// Lets every writer finish its transaction.
    pub async fn stop(self) -> Result<Changes, OpenImError> {
        self.stop.store(true, Ordering::Relaxed);
        let changes = self.changes;
        for task in self.tasks {
            task.await??;
        }
        Ok(Changes {
            transactions: changes.transactions.load(Ordering::Relaxed),
            rows: changes.rows.load(Ordering::Relaxed),
        })
    }
}

async fn write(
    mut connection: Conn,
    mut dice: Dice,
    pace: Duration,
    stop: Arc<AtomicBool>,
    changes: Arc<Shared>,
) -> Result<(), OpenImError> {
    let mut ticks = tokio::time::interval(pace);
    while !stop.load(Ordering::Relaxed) {
        ticks.tick().await;
        let statements = transaction(&mut dice);
        // A deadlock rolls the whole transaction back, so it begins anew.
        loop {
            match attempt(&mut connection, &statements).await {
                Ok(rows) => {
                    changes.transactions.fetch_add(1, Ordering::Relaxed);
                    changes.rows.fetch_add(rows, Ordering::Relaxed);
                    break;
                }
                Err(error) if is_lock_trouble(&error) => {
                    run(&mut connection, "ROLLBACK").await?;
                }
                Err(error) => return Err(error),
            }
        }
    }
    connection.disconnect().await?;
    Ok(())
}

async fn attempt(connection: &mut Conn, statements: &[String]) -> Result<u64, OpenImError> {
    run(connection, "BEGIN").await?;
    let mut rows = 0;
    for statement in statements {
        rows += run(connection, statement).await?;
    }
    run(connection, "COMMIT").await?;
    Ok(rows)
}

fn is_lock_trouble(error: &OpenImError) -> bool {
    matches!(
        error,
        OpenImError::Statement {
            cause: mysql_async::Error::Server(answer),
            ..
        } if matches!(answer.code, 1205 | 1213)
    )
}

fn transaction(dice: &mut Dice) -> Vec<String> {
    let user = dice.below(30_000);
    let group = dice.below(5_000);
    let text = *dice.pick(&[
        "'new'",
        "''",
        "NULL",
        "'😀'",
        "'spaces  '",
        "REPEAT('ü', 200)",
    ]);
    match dice.below(10) {
        0 => vec![format!(
            "UPDATE users SET name = {text} WHERE user_id = 'user-{user}'"
        )],
        1 => vec![
            format!(
                "REPLACE INTO friends VALUES ('user-{user}', 'user-{}', {text}, NOW(3), -1, NULL, '')",
                user + 9
            ),
            format!("DELETE FROM friend_requests WHERE from_user_id = 'user-{user}' LIMIT 1"),
        ],
        2 => vec![format!(
            "DELETE FROM friends WHERE owner_user_id = 'user-{user}' ORDER BY friend_user_id LIMIT 1"
        )],
        3 => vec![format!(
            "UPDATE conversations SET max_seq = COALESCE(max_seq, 0) / 2 + 1, ex = {text} WHERE owner_user_id = 'user-{user}'"
        )],
        4 => vec![
            format!(
                "REPLACE INTO group_members VALUES ('group-{group}', 'user-{user}', {text}, '', 1, NOW(3), 2, NULL, NULL, '0000-00-00', '')"
            ),
            format!(
                "UPDATE `groups` SET notification_update_time = NOW(3), introduction = {text} WHERE group_id = 'group-{group}'"
            ),
            format!(
                "REPLACE INTO conversations (owner_user_id, conversation_id, max_seq, create_time) VALUES ('user-{user}', 'sg_group-{group}', 1, NOW(3))"
            ),
        ],
        5 => vec![
            format!(
                "REPLACE INTO logs (log_id, user_id, create_time, ex) VALUES (LEFT(SHA2({}, 256), 32), 'user-{user}', NOW(3), REPEAT('l', {}))",
                dice.draw(),
                dice.below(2000)
            ),
            "DELETE FROM logs WHERE log_id < '01' LIMIT 2".to_owned(),
        ],
        6 => {
            let room = dice.below(330);
            vec![match dice.below(3) {
                0 => format!(
                    "INSERT INTO {KEYLESS_TABLE} VALUES ('room-{room}', 'https://records.example/{room}', '2024-06-06'), ('room-{room}', 'https://records.example/{room}', '2024-06-06')"
                ),
                1 => format!("DELETE FROM {KEYLESS_TABLE} WHERE room_id = 'room-{room}' LIMIT 1"),
                _ => format!(
                    "UPDATE {KEYLESS_TABLE} SET file_url = {text} WHERE room_id = 'room-{room}' LIMIT 2"
                ),
            }]
        }
        7 => vec![
            // A key that changes its case only, and back.
            format!(
                "UPDATE users SET user_id = IF(BINARY user_id = 'user-{user}', 'USER-{user}', 'user-{user}') WHERE user_id = 'user-{user}'"
            ),
        ],
        8 => vec![format!(
            "UPDATE signal_invitation SET status = COALESCE(status, 0) DIV 2 + 1, initiate_time = '2025-01-01' + INTERVAL {} MICROSECOND WHERE user_id = 'user-{user}'",
            1000 * dice.below(1_000_000)
        )],
        _ => vec![
            format!("DELETE FROM blacks WHERE owner_user_id = 'user-{user}'"),
            format!(
                "INSERT IGNORE INTO blacks VALUES ('user-{user}', 'user-{group}', NOW(3), 1, NULL, {text})"
            ),
        ],
    }
}
