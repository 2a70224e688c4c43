//! Forgetting a pipeline, so that it starts over.
//!
//! Fences are the exception: they stay, raised, so that a writer of before can never match again.

use crate::connect::Target;
use crate::control::STATUS;
use crate::error::Error;
use crate::fence;
use crate::indexes::INDEXES;
use crate::lease::LEASES;
use crate::quarantine::QUARANTINE;
use crate::reply::{Fault, code};
use crate::retry::repeat;
use bson::doc;
use change::Collection;

impl Target {
    /// For whoever is about to remove what a running process needs.
    ///
    /// # Errors
    /// [`Error::Running`] while a process of the pipeline lives.
    pub async fn refuse_running(&self) -> Result<(), Error> {
        // Not the whole status: a checkpoint that cannot be read is a reason to reset.
        let parts = self.parts().await?;
        match parts.into_iter().find(|part| part.running) {
            Some(part) => Err(Error::Running {
                pipeline: self.pipeline.to_string(),
                holder: part.holder.unwrap_or(part.part),
            }),
            None => Ok(()),
        }
    }

    /// Removes the pipeline's checkpoint, tables, quarantine, requests, status and leases, and drops these
    /// collections. Repeatable: a reset that broke off is done again.
    ///
    /// # Errors
    /// [`Error::Running`] while a process of the pipeline lives.
    pub async fn reset(&self, drop_target: Option<&[Collection]>) -> Result<(), Error> {
        self.refuse_running().await?;
        fence::shut(self).await?;
        for collection in drop_target.unwrap_or_default() {
            let action = format!("dropping {collection}");
            repeat(self, &action, || async {
                let dropped = self
                    .client
                    .database(&collection.database)
                    .run_command(
                        doc! { "drop": &*collection.name, "writeConcern": { "w": "majority" } },
                    )
                    .await
                    .map_err(Fault::from);
                match dropped {
                    Ok(_) => Ok(()),
                    Err(Fault::Server(fault)) if fault.code == code::NAMESPACE_NOT_FOUND => Ok(()),
                    Err(fault) => Err(fault),
                }
            })
            .await?;
        }
        // The checkpoint goes last: while it is there, the documents are known to be ours.
        for (collection, filter) in [
            ("tables", doc! { "_id.pipeline": &*self.pipeline }),
            ("requests", doc! { "pipeline": &*self.pipeline }),
            (QUARANTINE, doc! { "_id.pipeline": &*self.pipeline }),
            (INDEXES, doc! { "_id.pipeline": &*self.pipeline }),
            (STATUS, doc! { "_id.pipeline": &*self.pipeline }),
            (LEASES, doc! { "_id.pipeline": &*self.pipeline }),
            ("checkpoints", doc! { "_id": &*self.pipeline }),
        ] {
            let action = format!("forgetting the pipeline's {collection}");
            repeat(self, &action, || async {
                self.collection(collection)
                    .delete_many(filter.clone())
                    .await?;
                Ok(())
            })
            .await?;
        }
        Ok(())
    }
}
