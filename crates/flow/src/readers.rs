//! The chunk readers: a task each, idle until capture gives them something to do.
//!
//! A reader that meets a passing failure tries the same request again; since a window stays open
//! meanwhile and records on, a later read of the same range is as good as the first.

use crate::failure::{Disposition, Failure};
use crate::ports::{Chunk, ChunkRequest, CopyPlan, SnapshotReader};
use change::{Position, TableDescription, TableName};
use reconcile::{Task, WindowId};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;

/// How tables are cut.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    pub max_chunk_rows: usize,
    pub max_chunk_bytes: usize,
    /// A table is split into at most so many ranges.
    pub ranges_per_table: usize,
    /// No chunk is begun while those that wait for the log hold so many bytes.
    pub max_read_ahead_bytes: usize,
    /// So often a passing failure is tried again before it counts.
    pub attempts: u32,
}

/// What came of a task.
#[derive(Debug)]
pub(crate) enum Answer {
    Described {
        table: TableName,
        result: Result<Option<TableDescription>, Failure>,
    },
    Planned {
        description: Arc<TableDescription>,
        result: Result<CopyPlan, Failure>,
    },
    Read {
        table: TableName,
        window: WindowId,
        result: Result<Option<Chunk>, Failure>,
    },
}

/// The readers and who of them is idle.
#[derive(Debug)]
pub(crate) struct Readers {
    tasks: Vec<tokio::task::JoinHandle<()>>,
    inboxes: Vec<mpsc::Sender<(Task, Position)>>,
    idle: Vec<usize>,
    answers: mpsc::Receiver<(usize, Answer)>,
}

impl Readers {
    pub(crate) fn start<R: SnapshotReader + 'static>(readers: Vec<R>, settings: Settings) -> Self {
        let (send, answers) = mpsc::channel(readers.len().max(1));
        let mut tasks = Vec::new();
        let mut inboxes = Vec::new();
        for (index, mut reader) in readers.into_iter().enumerate() {
            let (give, mut inbox) = mpsc::channel(1);
            let send = send.clone();
            inboxes.push(give);
            tasks.push(tokio::spawn(async move {
                while let Some((task, position)) = inbox.recv().await {
                    let answer = work(&mut reader, task, position, settings).await;
                    if send.send((index, answer)).await.is_err() {
                        return;
                    }
                }
            }));
        }
        let idle = (0..tasks.len()).collect();
        Self {
            tasks,
            inboxes,
            idle,
            answers,
        }
    }

    pub(crate) fn has_idle(&self) -> bool {
        !self.idle.is_empty()
    }

    pub(crate) fn all_idle(&self) -> bool {
        self.idle.len() == self.tasks.len()
    }

    /// Gives a task to an idle reader.
    pub(crate) async fn give(&mut self, task: Task, position: Position) {
        let index = self
            .idle
            .pop()
            .expect("a task is given only while a reader is idle");
        let sent = self.inboxes[index].send((task, position)).await;
        assert!(sent.is_ok(), "a reader ends only when its inbox is dropped");
    }

    /// The next answer. Cancel safe.
    pub(crate) async fn next(&mut self) -> Answer {
        let answer = self.answers.recv().await;
        let (index, answer) = answer.expect("a reader that is busy answers before it ends");
        self.idle.push(index);
        answer
    }

    pub(crate) async fn stop(self) {
        for task in self.tasks {
            task.abort();
            // An aborted task's result says only that it was aborted.
            let _ = task.await;
        }
    }
}

async fn work<R: SnapshotReader>(
    reader: &mut R,
    task: Task,
    position: Position,
    settings: Settings,
) -> Answer {
    let mut attempt = 1;
    loop {
        let answer = try_once(reader, &task, &position, settings).await;
        if attempt >= settings.attempts || !answer.may_pass() {
            return answer;
        }
        tokio::time::sleep(Duration::from_millis(100) * 2u32.pow(attempt.min(6))).await;
        attempt += 1;
    }
}

async fn try_once<R: SnapshotReader>(
    reader: &mut R,
    task: &Task,
    position: &Position,
    settings: Settings,
) -> Answer {
    match task {
        Task::Describe(table) => Answer::Described {
            table: table.clone(),
            result: reader.describe(table).await,
        },
        Task::Plan(table) => Answer::Planned {
            description: table.clone(),
            result: reader.plan(table, settings.ranges_per_table).await,
        },
        Task::Read {
            window,
            table,
            extent,
        } => {
            let request = ChunkRequest {
                table: table.clone(),
                extent: extent.clone(),
                after: position.clone(),
                max_rows: settings.max_chunk_rows,
                max_bytes: settings.max_chunk_bytes,
            };
            Answer::Read {
                table: table.schema.name.clone(),
                window: *window,
                result: reader.read(&request).await,
            }
        }
    }
}

impl Answer {
    fn may_pass(&self) -> bool {
        let failure = match self {
            Answer::Described { result, .. } => result.as_ref().err(),
            Answer::Planned { result, .. } => result.as_ref().err(),
            Answer::Read { result, .. } => result.as_ref().err(),
        };
        failure.is_some_and(|failure| failure.disposition == Disposition::Transient)
    }
}
