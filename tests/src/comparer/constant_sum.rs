//! One look at a sum that every transaction of the workload keeps constant.
//!
//! The sum and the pipeline's checkpoint are read in one snapshot of MongoDB: whenever the
//! checkpoint is whole, the documents of that instant must add up, because they equal MySQL at that
//! position. A torn checkpoint promises nothing.

use super::CompareError;
use bson::{Bson, Document, doc};
use futures::TryStreamExt;

/// Fields whose values are added up.
#[derive(Clone, Debug)]
pub struct Summand {
    pub database: String,
    pub collection: String,
    pub field: String,
}

/// Where a pipeline keeps its checkpoint.
#[derive(Clone, Debug)]
pub struct CheckpointPlace {
    pub control_database: String,
    pub pipeline: String,
}

/// What one look saw.
#[derive(Clone, Debug)]
pub struct Look {
    pub checkpoint: Option<Document>,
    pub sum: i64,
    pub documents: i64,
}

impl Look {
    /// Whether the checkpoint lies inside a transaction.
    pub fn is_torn(&self) -> bool {
        let torn = self.checkpoint.as_ref().and_then(|found| found.get("torn"));
        !matches!(torn, None | Some(Bson::Null))
    }
}

/// Reads checkpoint and sum in one snapshot.
pub async fn look(
    mongo: &mongodb::Client,
    place: &CheckpointPlace,
    summands: &[Summand],
) -> Result<Look, CompareError> {
    let mut session = mongo.start_session().await?;
    session
        .start_transaction()
        .read_concern(mongodb::options::ReadConcern::snapshot())
        .await?;
    let checkpoint = mongo
        .database(&place.control_database)
        .collection::<Document>("checkpoints")
        .find_one(doc! { "_id": &place.pipeline })
        .session(&mut session)
        .await?;
    let (mut sum, mut documents) = (0, 0);
    for summand in summands {
        let total = doc! {
            "_id": null,
            "sum": { "$sum": format!("${}", summand.field) },
            "documents": { "$sum": 1 },
        };
        let mut cursor = mongo
            .database(&summand.database)
            .collection::<Document>(&summand.collection)
            .aggregate([doc! { "$group": total }])
            .session(&mut session)
            .await?;
        while let Some(found) = cursor.stream(&mut session).try_next().await? {
            sum += whole(found.get("sum"));
            documents += whole(found.get("documents"));
        }
    }
    session.abort_transaction().await?;
    Ok(Look {
        checkpoint,
        sum,
        documents,
    })
}

fn whole(value: Option<&Bson>) -> i64 {
    match value {
        Some(Bson::Int32(number)) => i64::from(*number),
        Some(Bson::Int64(number)) => *number,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_checkpoint_that_says_so_is_torn() {
        let look = |checkpoint| Look {
            checkpoint,
            sum: 0,
            documents: 0,
        };
        assert!(!look(None).is_torn());
        assert!(!look(Some(doc! { "ordinal": 1 })).is_torn());
        assert!(!look(Some(doc! { "torn": Bson::Null })).is_torn());
        assert!(look(Some(doc! { "torn": { "part": 1 } })).is_torn());
    }
}
