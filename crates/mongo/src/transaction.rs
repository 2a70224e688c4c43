//! One fenced transaction, tried again until its outcome is known.
//!
//! The body is a list of operations and the control documents that go with them. An attempt passes
//! the fence, writes, and commits. After a failure the fence decides: an attempt that passes it
//! proves that no earlier one took effect, and an attempt that does not match it either finds its
//! own earlier commit (the count went on by one in this epoch) or a successor. So nothing is ever
//! done twice, however many replies are lost.

use crate::connect::Target;
use crate::encode::{IdList, WriteCommand};
use crate::error::Error;
use crate::fence::{Lane, Settled};
use crate::multiset::{self, Setback};
use crate::operation::{Operation, Stage, bytes, runs, show};
use crate::reply::{Fault, ServerFault, Verdict, written};
use crate::retry::Patience;
use bson::Document;
use change::{Action, Effect};
use flow::stops;

/// A command stays below the 16 MB of one BSON document, whatever its last document's size.
const COMMAND_BYTES: usize = 12 << 20;
/// The server's limit (maxWriteBatchSize).
const COMMAND_STATEMENTS: usize = 100_000;
/// Ids in one `$in`.
const IDS_PER_DELETE: usize = 5_000;
/// An answering server that refuses a transaction so often with "try again" does so for its size.
const REFUSALS_BEFORE_SPLIT: u32 = 6;
/// How often a commit is asked for again before the fence is asked.
const COMMIT_ATTEMPTS: u32 = 3;

/// A write into the control database, in the same transaction.
#[derive(Clone, Debug)]
pub(crate) struct ControlWrite {
    /// `update` with upserts, or `delete`.
    pub(crate) command: Document,
    /// How many statements must take effect; `None` where fewer are fine.
    pub(crate) statements: Option<usize>,
}

/// What one transaction does.
#[derive(Clone, Copy)]
pub(crate) struct Body<'a> {
    pub(crate) operations: &'a [Operation<'a>],
    pub(crate) control: &'a [ControlWrite],
    /// Documents may be there already, from an earlier, unfinished try: no plain inserts.
    pub(crate) repeated: bool,
}

/// Why a transaction did not take effect.
pub(crate) enum Refusal {
    /// The server cannot hold it; a smaller one may pass.
    TooLarge {
        problem: String,
    },
    Failed(Error),
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Refusal::Failed(error)
    }
}

/// How an attempt failed.
enum Attempt<'a> {
    /// The fence does not match.
    FenceMissed,
    /// Before the commit was asked for; the operation, where the server named it.
    Writing {
        fault: Fault,
        effect: Option<&'a Effect>,
    },
    /// The commit may or may not have taken effect.
    Committing(Fault),
    Failed(Error),
}

impl Lane {
    /// Does it, once.
    pub(crate) async fn transact(
        &mut self,
        target: &Target,
        body: Body<'_>,
    ) -> Result<(), Refusal> {
        let mut patience = Patience::new(target.options.retry_limit);
        let mut repeated = body.repeated;
        let mut in_doubt = false;
        let mut refusals = 0;
        loop {
            let mut passed = false;
            let attempt = self
                .attempt(target, Body { repeated, ..body }, &mut passed)
                .await;
            // Whoever passes the fence with the same count is the first to do so.
            in_doubt &= !passed;
            let fault = match attempt {
                Ok(()) => {
                    self.previous += 1;
                    return Ok(());
                }
                Err(Attempt::FenceMissed) => {
                    self.abort().await;
                    match (self.settle(target).await?, in_doubt) {
                        (Settled::Committed, true) => {
                            self.previous += 1;
                            return Ok(());
                        }
                        (Settled::Committed, false) => {
                            return Err(Refusal::Failed(Error::Fenced {
                                pipeline: target.pipeline.to_string(),
                                evidence: "somebody else writes with this process's epoch"
                                    .to_owned(),
                            }));
                        }
                        // A majority read may lag behind the fence that a successor is raising.
                        (Settled::NotCommitted, _) => Fault::Connection {
                            message: "the fence did not match and has not changed".to_owned(),
                        },
                    }
                }
                Err(Attempt::Committing(fault)) => {
                    in_doubt = true;
                    match fault.verdict() {
                        Verdict::Again => fault,
                        Verdict::TooLarge => {
                            return Err(Refusal::TooLarge {
                                problem: fault.to_string(),
                            });
                        }
                        Verdict::Duplicate
                        | Verdict::Refused
                        | Verdict::DocumentTooLarge
                        | Verdict::NotAllowed
                        | Verdict::NotACollection
                        | Verdict::AccessDenied
                        | Verdict::Unknown => {
                            return Err(target.refusal("committing to MongoDB", &fault).into());
                        }
                    }
                }
                Err(Attempt::Failed(error)) => {
                    self.abort().await;
                    return Err(error.into());
                }
                Err(Attempt::Writing { fault, effect }) => {
                    self.abort().await;
                    match fault.verdict() {
                        Verdict::Again => {
                            refusals += u32::from(fault.is_answer());
                            if refusals >= REFUSALS_BEFORE_SPLIT
                                && passed
                                && body.operations.len() > 1
                            {
                                return Err(Refusal::TooLarge {
                                    problem: fault.to_string(),
                                });
                            }
                            fault
                        }
                        Verdict::TooLarge => {
                            return Err(Refusal::TooLarge {
                                problem: fault.to_string(),
                            });
                        }
                        Verdict::Duplicate if !repeated && collides_by_id(&fault) => {
                            repeated = true;
                            continue;
                        }
                        Verdict::Duplicate
                        | Verdict::Refused
                        | Verdict::DocumentTooLarge
                        | Verdict::NotAllowed
                        | Verdict::NotACollection
                        | Verdict::AccessDenied
                        | Verdict::Unknown => {
                            return Err(explain(target, &fault, effect).into());
                        }
                    }
                }
            };
            tracing::debug!(lane = self.number, %fault, "the transaction is tried again");
            patience.pause("writing to MongoDB", &fault).await?;
        }
    }

    async fn attempt<'a>(
        &mut self,
        target: &Target,
        body: Body<'a>,
        passed: &mut bool,
    ) -> Result<(), Attempt<'a>> {
        self.session.start_transaction().await?;
        if !self.pass_fence(target).await? {
            return Err(Attempt::FenceMissed);
        }
        *passed = true;
        for run in runs(body.operations) {
            self.write(target, run, body.repeated).await?;
        }
        for control in body.control {
            let answer = target
                .control
                .run_command(control.command.clone())
                .session(&mut self.session)
                .await?;
            written(&answer, control.statements)?;
        }
        stops::reached(if body.control.is_empty() {
            "mid-lanes"
        } else {
            "mid-commit"
        })
        .await;
        let mut attempts = 1;
        while let Err(error) = self.session.commit_transaction().await {
            let fault = Fault::from(error);
            if attempts == COMMIT_ATTEMPTS || fault.verdict() != Verdict::Again {
                return Err(Attempt::Committing(fault));
            }
            attempts += 1;
        }
        stops::reached("committed").await;
        Ok(())
    }

    /// Operations of one stage on one collection.
    async fn write<'a>(
        &mut self,
        target: &Target,
        run: &'a [Operation<'a>],
        repeated: bool,
    ) -> Result<(), Attempt<'a>> {
        let Some(first) = run.first() else {
            return Ok(());
        };
        let collection = &first.effect.collection;
        let database = target.client.database(&collection.database);
        match first.stage {
            Stage::Delete => {
                for part in run.chunks(IDS_PER_DELETE) {
                    let mut ids = IdList::new();
                    for operation in part {
                        ids.push(&operation.effect.id.0);
                    }
                    let answer = database
                        .run_raw_command(ids.into_delete(&collection.name))
                        .session(&mut self.session)
                        .await?;
                    written(&answer, None)?;
                }
                Ok(())
            }
            Stage::Adjust => multiset::adjust(&database, &mut self.session, run)
                .await
                .map_err(|setback| match setback {
                    Setback::Fault(fault) => fault.into(),
                    Setback::Failed(error) => Attempt::Failed(error),
                }),
            stage @ (Stage::Reinsert | Stage::Insert | Stage::Upsert) => {
                let upsert = repeated || stage == Stage::Upsert;
                let mut rest = run;
                while !rest.is_empty() {
                    let (part, command) = command(&collection.name, rest, upsert);
                    let answer = database
                        .run_raw_command(command.finish())
                        .session(&mut self.session)
                        .await?;
                    if let Err(fault) = written(&answer, Some(part.len())) {
                        let effect = match &fault {
                            Fault::Server(ServerFault {
                                statement: Some(statement),
                                ..
                            }) => part.get(*statement).map(|operation| operation.effect),
                            Fault::Server(_)
                            | Fault::Connection { .. }
                            | Fault::Authentication { .. }
                            | Fault::Driver { .. } => None,
                        };
                        return Err(Attempt::Writing { fault, effect });
                    }
                    rest = &rest[part.len()..];
                }
                Ok(())
            }
        }
    }

    /// Best effort: a transaction that is left behind is ended by the next one of this session.
    async fn abort(&mut self) {
        if let Err(error) = self.session.abort_transaction().await {
            tracing::debug!(lane = self.number, error = %Fault::from(error), "the transaction was not aborted by us");
        }
    }
}

/// As many operations as one command holds.
fn command<'list, 'a>(
    collection: &str,
    operations: &'list [Operation<'a>],
    upsert: bool,
) -> (&'list [Operation<'a>], WriteCommand) {
    let mut size = 0;
    let mut count = 0;
    for operation in operations.iter().take(COMMAND_STATEMENTS) {
        // A key of the array and, for an upsert, the id again and some words.
        let bytes = bytes(operation.effect) + operation.effect.id.0.len() + 48;
        if count > 0 && size + bytes > COMMAND_BYTES {
            break;
        }
        size += bytes;
        count += 1;
    }
    let part = &operations[..count];
    let mut command = if upsert {
        WriteCommand::update(collection, size)
    } else {
        WriteCommand::insert(collection, size)
    };
    for operation in part {
        if let Action::Put { document, .. } = &operation.effect.action {
            if upsert {
                command.push_upsert(&operation.effect.id.0, document);
            } else {
                command.push_document(document);
            }
        }
    }
    (part, command)
}

fn collides_by_id(fault: &Fault) -> bool {
    match fault {
        Fault::Server(fault) => fault.index.as_deref() == Some("_id"),
        Fault::Connection { .. } | Fault::Authentication { .. } | Fault::Driver { .. } => false,
    }
}

/// A refusal that concerns a document, as an error that names it.
fn explain(target: &Target, fault: &Fault, effect: Option<&Effect>) -> Error {
    let (Fault::Server(server), Some(effect)) = (fault, effect) else {
        return target.refusal("writing to MongoDB", fault);
    };
    let collection = (*effect.collection).clone();
    let id = effect.id.clone();
    match fault.verdict() {
        Verdict::Duplicate => Error::Duplicate {
            collection,
            id,
            index: server
                .index
                .clone()
                .unwrap_or_else(|| "(unknown)".to_owned()),
        },
        Verdict::Refused => Error::DocumentRefused {
            collection,
            id,
            problem: fault.to_string(),
        },
        Verdict::DocumentTooLarge => Error::DocumentTooLarge {
            collection,
            id,
            bytes: bytes(effect) as u64,
        },
        Verdict::NotACollection => Error::NotACollection {
            collection,
            kind: "view".to_owned(),
        },
        Verdict::NotAllowed => Error::NotAllowed {
            action: format!("writing to {collection}"),
            problem: fault.to_string(),
        },
        Verdict::Again | Verdict::TooLarge | Verdict::AccessDenied | Verdict::Unknown => {
            let id = show(&id);
            target.refusal(&format!("writing document {id} to {collection}"), fault)
        }
    }
}

impl From<Fault> for Attempt<'_> {
    fn from(fault: Fault) -> Self {
        Attempt::Writing {
            fault,
            effect: None,
        }
    }
}

impl From<mongodb::error::Error> for Attempt<'_> {
    fn from(error: mongodb::error::Error) -> Self {
        Fault::from(error).into()
    }
}
