//! The sink: barriers into MongoDB, each with its checkpoint.
//!
//! Stream work is one transaction of lane 0, checkpoint included. Rows of a copy go over all lanes
//! side by side ([`Copying`]) and their checkpoint follows in a transaction of its own once all are
//! acknowledged, so that a crash between leaves rows which the replay meets as upserts. All lanes
//! come to rest before stream work begins. What does not fit into one transaction is cut; then the
//! checkpoint says `torn` from the first piece to the last, and keeps saying so over a restart until
//! what was begun is complete.

use crate::checkpoint::{self, Stored};
use crate::closing::{Closing, closing_writes, torn_mark};
use crate::collections;
use crate::connect::Target;
use crate::copying::Copying;
use crate::empty;
use crate::error::Error;
use crate::fence::{self, Lane};
use crate::indexes;
use crate::operation::{self, Operation, Stage};
use crate::quarantine;
use crate::retry::repeat;
use crate::transaction::{Body, ControlWrite, Refusal};
use bson::{Document, doc};
use change::{Collection, Effect, Ordinal, TableProgress};
use flow::Failure;
use flow::ports::{ApplyBatch, Sink, Tail, Work};
use futures::TryStreamExt;
use mapping::CollectionPlan;
use std::ops::Range;
use std::sync::Arc;

/// The target as the apply loop sees it.
pub struct MongoSink {
    target: Target,
    /// At rest; empty while they copy.
    lanes: Vec<Lane>,
    copying: Option<Copying>,
    /// The end of a barrier of which only a part is there.
    torn_through: Option<Ordinal>,
}

impl Target {
    /// The sink of this pipeline. It writes nothing before [`Sink::take_over`].
    pub fn sink(&self) -> MongoSink {
        MongoSink {
            target: self.clone(),
            lanes: Vec::new(),
            copying: None,
            torn_through: None,
        }
    }
}

impl Sink for MongoSink {
    async fn take_over(&mut self) -> Result<Tail, Failure> {
        if let Some(copying) = self.copying.take() {
            copying.abandon().await;
        }
        self.lanes = fence::take_over(&self.target).await?;
        let stored = read_checkpoint(&self.target).await?;
        let tables = read_tables(&self.target).await?;
        let quarantine = quarantine::read(&self.target).await?;
        self.torn_through = stored.as_ref().and_then(|stored| stored.torn_through);
        let (checkpoint, mapping) = stored
            .map(|stored| (stored.checkpoint, stored.mapping))
            .unwrap_or_default();
        Ok(Tail {
            checkpoint,
            tables,
            mapping,
            quarantine,
        })
    }

    async fn prepare(&mut self, plan: &CollectionPlan) -> Result<(), Failure> {
        Ok(collections::prepare(&self.target, plan).await?)
    }

    async fn finish(&mut self, plan: &CollectionPlan) -> Result<(), Failure> {
        Ok(indexes::finish(&self.target, plan).await?)
    }

    async fn loosen(&mut self, collection: &Collection) -> Result<(), Failure> {
        Ok(indexes::loosen(&self.target, collection).await?)
    }

    async fn apply(&mut self, batch: &ApplyBatch) -> Result<(), Failure> {
        self.rest().await?;
        let closing = Closing {
            checkpoint: &batch.checkpoint,
            progress: &batch.progress,
            mapping: &batch.mapping,
            quarantine: &batch.quarantine,
        };
        match &batch.work {
            Work::Atomic(effects) => self.apply_atomic(effects, closing).await?,
            Work::Chunks(_) => {
                self.copy(Arc::new(batch.clone())).await?;
                self.rest().await?;
            }
            Work::Empty(collections) => {
                for collection in collections {
                    self.empty(collection, closing.checkpoint.ordinal).await?;
                }
                self.close(&[], closing, true).await?;
            }
        }
        Ok(())
    }

    async fn copy(&mut self, batch: Arc<ApplyBatch>) -> Result<(), Failure> {
        if self.copying.as_ref().is_some_and(Copying::has_failed) {
            self.rest().await?;
        }
        let pieces = match &batch.work {
            Work::Chunks(effects) => self.pieces(effects),
            Work::Atomic(_) | Work::Empty(_) => {
                return Err(Error::Unexpected {
                    action: "copying rows".to_owned(),
                    problem: "the batch holds something else than rows".to_owned(),
                }
                .into());
            }
        };
        if self.copying.is_none() {
            self.first_lane()?;
            let lanes = std::mem::take(&mut self.lanes);
            self.copying = Some(Copying::start(&self.target, lanes, self.torn_through));
        }
        if let Some(copying) = &mut self.copying {
            copying.take(batch, pieces).await;
        }
        Ok(())
    }

    async fn copied(&mut self) -> Result<Option<Ordinal>, Failure> {
        let Some(copying) = &mut self.copying else {
            return Ok(None);
        };
        match copying.copied().await {
            Ok(Some(ordinal)) => {
                self.closed(ordinal);
                Ok(Some(ordinal))
            }
            Ok(None) => Ok(None),
            Err(_) => {
                // They have been joined already, so this gives the failure and does not wait.
                self.rest().await?;
                Ok(None)
            }
        }
    }
}

impl MongoSink {
    /// Brings all lanes to rest, with all that they were given durable.
    async fn rest(&mut self) -> Result<(), Error> {
        let Some(copying) = self.copying.take() else {
            return Ok(());
        };
        let through = copying.taken();
        let (lanes, outcome) = copying.end().await;
        self.lanes = lanes;
        outcome?;
        if let Some(through) = through {
            self.closed(through);
        }
        Ok(())
    }

    async fn apply_atomic(
        &mut self,
        effects: &[Effect],
        closing: Closing<'_>,
    ) -> Result<(), Error> {
        let operations = operation::in_order(effects)?;
        let control = closing_writes(&self.target, self.torn_through, closing);
        let body = Body {
            operations: &operations,
            control: &control,
            repeated: false,
        };
        match self.transact(body).await {
            Ok(()) => {
                self.closed(closing.checkpoint.ordinal);
                Ok(())
            }
            Err(Refusal::TooLarge { problem }) => {
                tracing::info!(
                    operations = operations.len(),
                    problem,
                    "the barrier is too large for one transaction of this target and is applied in several"
                );
                self.apply_in_pieces(&operations, closing).await
            }
            Err(Refusal::Failed(error)) => Err(error),
        }
    }

    /// Adjustments are not repeatable, so they stay together with the checkpoint; all before them is.
    async fn apply_in_pieces(
        &mut self,
        operations: &[Operation<'_>],
        closing: Closing<'_>,
    ) -> Result<(), Error> {
        let adjustments = operations.partition_point(|operation| operation.stage < Stage::Adjust);
        let (repeatable, last) = operations.split_at(adjustments);
        let mark = self.mark_torn(closing.checkpoint.ordinal);
        let half = repeatable.len().div_ceil(2).max(1);
        let pieces: Vec<_> = repeatable.chunks(half).collect();
        for piece in pieces {
            shrinking(&mut self.lanes[0], &self.target, piece, &mark, true).await?;
        }
        self.close(last, closing, true).await
    }

    async fn empty(&mut self, collection: &Collection, through: Ordinal) -> Result<(), Error> {
        let mark = self.mark_torn(through);
        while let Some(effects) = empty::next_documents(&self.target, collection).await? {
            let operations = operation::in_order(&effects)?;
            self.first_lane()?;
            shrinking(&mut self.lanes[0], &self.target, &operations, &mark, false).await?;
        }
        Ok(())
    }

    /// The last transaction of a barrier.
    async fn close(
        &mut self,
        operations: &[Operation<'_>],
        closing: Closing<'_>,
        repeated: bool,
    ) -> Result<(), Error> {
        let control = closing_writes(&self.target, self.torn_through, closing);
        let body = Body {
            operations,
            control: &control,
            repeated,
        };
        match self.transact(body).await {
            Ok(()) => {
                self.closed(closing.checkpoint.ordinal);
                Ok(())
            }
            Err(Refusal::TooLarge { problem }) => Err(too_large(operations, problem)),
            Err(Refusal::Failed(error)) => Err(error),
        }
    }

    async fn transact(&mut self, body: Body<'_>) -> Result<(), Refusal> {
        let target = self.target.clone();
        self.first_lane()?.transact(&target, body).await
    }

    fn first_lane(&mut self) -> Result<&mut Lane, Error> {
        self.lanes.first_mut().ok_or_else(|| Error::Unexpected {
            action: "writing to MongoDB".to_owned(),
            problem: "the sink has not taken over".to_owned(),
        })
    }

    /// Cuts rows of a copy into transactions by count and by bytes; at least one, which may be empty.
    fn pieces(&self, effects: &[Effect]) -> Vec<(Range<usize>, usize)> {
        let options = &self.target.options;
        let mut pieces = Vec::new();
        let mut start = 0;
        let mut bytes = 0;
        for (index, effect) in effects.iter().enumerate() {
            let more = operation::bytes(effect);
            let full = index - start >= options.chunk_batch_documents.max(1)
                || bytes + more > options.chunk_batch_bytes;
            if full && index > start {
                pieces.push((start..index, bytes));
                (start, bytes) = (index, 0);
            }
            bytes += more;
        }
        pieces.push((start..effects.len(), bytes));
        pieces
    }

    /// Says in the checkpoint document that it is not whole. The position stays where it was.
    fn mark_torn(&mut self, through: Ordinal) -> Vec<ControlWrite> {
        let through = self
            .torn_through
            .map_or(through, |begun| begun.max(through));
        self.torn_through = Some(through);
        vec![torn_mark(&self.target, through)]
    }

    fn closed(&mut self, ordinal: Ordinal) {
        self.torn_through = self.torn_through.filter(|through| *through > ordinal);
    }
}

/// Does it in as few transactions as the server takes, each with the control writes.
pub(crate) async fn shrinking(
    lane: &mut Lane,
    target: &Target,
    operations: &[Operation<'_>],
    control: &[ControlWrite],
    repeated: bool,
) -> Result<(), Error> {
    let mut rest = vec![operations];
    while let Some(piece) = rest.pop() {
        let body = Body {
            operations: piece,
            control,
            repeated,
        };
        match lane.transact(target, body).await {
            Ok(()) => {}
            Err(Refusal::TooLarge { problem }) if piece.len() < 2 => {
                return Err(too_large(piece, problem));
            }
            Err(Refusal::TooLarge { .. }) => {
                let (first, second) = piece.split_at(piece.len() / 2);
                rest.extend([second, first]);
            }
            Err(Refusal::Failed(error)) => return Err(error),
        }
    }
    Ok(())
}

pub(crate) fn too_large(operations: &[Operation<'_>], problem: String) -> Error {
    match operations.first() {
        Some(operation) => Error::TooLargeForTransaction {
            collection: (*operation.effect.collection).clone(),
            id: operation.effect.id.clone(),
            problem,
        },
        None => Error::Unexpected {
            action: "storing the checkpoint".to_owned(),
            problem,
        },
    }
}

pub(crate) async fn read_checkpoint(target: &Target) -> Result<Option<Stored>, Error> {
    let document = repeat(target, "reading the checkpoint", || async {
        let filter = doc! { "_id": &*target.pipeline };
        Ok(target.collection("checkpoints").find_one(filter).await?)
    })
    .await?;
    document.as_ref().map(checkpoint::decode).transpose()
}

pub(crate) async fn read_tables(target: &Target) -> Result<Vec<TableProgress>, Error> {
    let documents: Vec<Document> = repeat(target, "reading the tables' progress", || async {
        let filter = doc! { "_id.pipeline": &*target.pipeline };
        let found = target
            .collection("tables")
            .find(filter)
            .sort(doc! { "_id": 1 })
            .await?;
        Ok(found.try_collect().await?)
    })
    .await?;
    documents.iter().map(checkpoint::decode_progress).collect()
}
