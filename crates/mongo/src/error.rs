//! What can go wrong at the target, as one enum, and what the loops are told to do about it.
//!
//! Every variant names the thing a person has to mend and has a code with a page of its own. What
//! becomes of a failure is decided in one exhaustive function, [`Error::disposition`]. By the time
//! an error is built here everything that heals by itself has been tried again within the retry
//! limit, so that almost all of them halt.

use crate::operation::show;
use change::{Collection, DocumentId, TableName};
use flow::{Disposition, Failure};
use std::time::Duration;

/// Why the target could not do what it was asked.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    /// The address cannot be understood. Tells nothing of the address, which may hold a password.
    #[error("the target's address is not valid: {problem}")]
    Address { problem: String },
    /// No server answered.
    #[error("MongoDB at {hosts} cannot be reached: {problem}")]
    Unreachable { hosts: String, problem: String },
    /// The server did not accept the account.
    #[error("MongoDB at {hosts} refused the account: {problem}")]
    AccessDenied { hosts: String, problem: String },
    /// The account lacks a privilege.
    #[error("MongoDB does not allow {action}: {problem}")]
    NotAllowed { action: String, problem: String },
    /// A server that is no member of a replica set has no transactions.
    #[error(
        "the MongoDB server at {hosts} stands alone: without a replica set it has no transactions"
    )]
    Standalone { hosts: String },
    /// A sharded cluster.
    #[error("the MongoDB at {hosts} is a sharded cluster, which is not supported as a target yet")]
    Sharded { hosts: String },
    /// The address names another replica set.
    #[error(
        "the servers at {hosts} belong to the replica set {found:?}, the address says {asked:?}"
    )]
    OtherReplicaSet {
        hosts: String,
        found: String,
        asked: String,
    },
    /// A successor has taken over.
    #[error(
        "pipeline {pipeline}: another process has taken over ({evidence}); nothing more is written"
    )]
    Fenced { pipeline: String, evidence: String },
    /// Tried again until the limit.
    #[error("{action} did not succeed within {} s; the last problem: {problem}", limit.as_secs())]
    Lost {
        action: String,
        limit: Duration,
        problem: String,
    },
    /// A call that the caller may simply repeat.
    #[error("{action} did not succeed: {problem}")]
    Interrupted { action: String, problem: String },
    /// A unique index other than that of `_id` refuses a document.
    #[error(
        "{collection}: the document {} collides with another one on the unique index {index:?}",
        show(id)
    )]
    Duplicate {
        collection: Collection,
        id: DocumentId,
        index: String,
    },
    /// Longer than MongoDB's limit.
    #[error(
        "{collection}: the document {} has {bytes} bytes, MongoDB's limit is 16777216",
        show(id)
    )]
    DocumentTooLarge {
        collection: Collection,
        id: DocumentId,
        bytes: u64,
    },
    /// The server refuses a document for what is in it.
    #[error("{collection}: MongoDB refused the document {}: {problem}", show(id))]
    DocumentRefused {
        collection: Collection,
        id: DocumentId,
        problem: String,
    },
    /// An index of this name, or on these fields, is there and differs.
    #[error("{collection}: the index {index:?} cannot be created: {problem}")]
    IndexConflict {
        collection: Collection,
        index: String,
        problem: String,
    },
    /// Documents that are there already violate the unique index that is to be built.
    #[error(
        "{collection}: the unique index {index:?} cannot be built over the documents that are there"
    )]
    IndexViolated {
        collection: Collection,
        index: String,
    },
    /// The name belongs to something that is not a plain collection.
    #[error("{collection} is a {kind} in MongoDB, not a collection that rows can be written to")]
    NotACollection {
        collection: Collection,
        kind: String,
    },
    /// What the control database holds is not what this version writes.
    #[error("the control document {document} cannot be read: {problem}")]
    ControlUnreadable { document: String, problem: String },
    /// One single change is more than the server's cache takes in a transaction.
    #[error(
        "{collection}: the change of document {} alone is too large for a transaction: {problem}",
        show(id)
    )]
    TooLargeForTransaction {
        collection: Collection,
        id: DocumentId,
        problem: String,
    },
    /// The target holds fewer equal rows than the source removed.
    #[error(
        "{collection}: {removed} copies of the row {id} are to be removed, {present} are there"
    )]
    FewerCopies {
        collection: Collection,
        id: String,
        removed: u64,
        present: u64,
    },
    /// The pipeline runs, and what was asked for needs it stopped.
    #[error("pipeline {pipeline} is running: {holder}")]
    Running { pipeline: String, holder: String },
    /// An answer that nothing here knows how to mend.
    #[error("{action} failed: {problem}")]
    Unexpected { action: String, problem: String },
}

impl Error {
    /// The code whose page says what to do.
    pub fn code(&self) -> &'static str {
        match self {
            Error::Address { .. } => "LS3001",
            Error::Unreachable { .. } => "LS3002",
            Error::AccessDenied { .. } => "LS3003",
            Error::NotAllowed { .. } => "LS3004",
            Error::Standalone { .. } => "LS3005",
            Error::Sharded { .. } => "LS3006",
            Error::OtherReplicaSet { .. } => "LS3022",
            Error::Fenced { .. } => "LS3009",
            Error::Lost { .. } | Error::Interrupted { .. } => "LS3010",
            Error::Duplicate { .. } => "LS3011",
            Error::DocumentTooLarge { .. } => "LS3012",
            Error::DocumentRefused { .. } => "LS3013",
            Error::IndexConflict { .. } => "LS3014",
            Error::IndexViolated { .. } => "LS3015",
            Error::ControlUnreadable { .. } => "LS3016",
            Error::TooLargeForTransaction { .. } => "LS3017",
            Error::Unexpected { .. } => "LS3018",
            Error::FewerCopies { .. } => "LS3019",
            Error::NotACollection { .. } => "LS3021",
            Error::Running { .. } => "LS3023",
        }
    }

    /// What the loops do with it.
    pub fn disposition(&self) -> Disposition {
        match self {
            Error::Interrupted { .. } => Disposition::Transient,
            Error::Duplicate { id, .. }
            | Error::DocumentTooLarge { id, .. }
            | Error::DocumentRefused { id, .. }
            | Error::TooLargeForTransaction { id, .. } => {
                Disposition::Document(Box::new(id.clone()))
            }
            Error::IndexConflict { .. }
            | Error::IndexViolated { .. }
            | Error::NotACollection { .. }
            | Error::FewerCopies { .. } => Disposition::Table,
            Error::Fenced { .. } => Disposition::Fenced,
            Error::Address { .. }
            | Error::Unreachable { .. }
            | Error::AccessDenied { .. }
            | Error::NotAllowed { .. }
            | Error::Standalone { .. }
            | Error::Sharded { .. }
            | Error::OtherReplicaSet { .. }
            | Error::Lost { .. }
            | Error::ControlUnreadable { .. }
            | Error::Running { .. }
            | Error::Unexpected { .. } => Disposition::Halt,
        }
    }

    /// What the operator can do.
    pub fn remedy(&self) -> String {
        let remedy = match self {
            Error::Address { .. } => {
                "write it as mongodb://USER@HOST:PORT/?replicaSet=NAME, with the password in target.password_env"
            }
            Error::Unreachable { .. } => {
                "check that mongod runs, that this machine reaches it (`mongosh URL --eval 'db.hello()'`) and that target.url is right"
            }
            Error::AccessDenied { .. } => {
                "check the user, the password and authSource in target.url (`mongosh URL --eval 'db.runCommand({connectionStatus: 1})'`)"
            }
            Error::NotAllowed { .. } => {
                "grant the role readWrite on the target's databases and on the control database: db.getSiblingDB(\"admin\").grantRolesToUser(USER, [{role: \"readWrite\", db: DATABASE}])"
            }
            Error::Standalone { .. } => {
                "restart mongod with --replSet rs0, then run once: mongosh --eval 'rs.initiate()'"
            }
            Error::Sharded { .. } => "use a replica set as the target",
            Error::OtherReplicaSet { found, .. } => {
                return format!("write replicaSet={found} in target.url, or correct its hosts");
            }
            Error::Fenced { .. } => {
                "let the successor run; it goes on from the last checkpoint. Start with --takeover to take it back"
            }
            Error::Lost { .. } | Error::Interrupted { .. } => {
                "see that the replica set has a primary and a majority (`rs.status()`), then start again: nothing is lost"
            }
            Error::Duplicate { .. } => {
                "find the other document by that index; if this pipeline did not write it, remove it, then `lockstep quarantine retry`"
            }
            Error::DocumentTooLarge { .. } => {
                "shorten the row in MySQL, then `lockstep quarantine retry`"
            }
            Error::DocumentRefused { .. } => {
                "change the collection's validator, or the row in MySQL, then `lockstep quarantine retry`"
            }
            Error::IndexConflict { .. } => {
                "drop or rename the index that is there: db.COLLECTION.dropIndex(NAME)"
            }
            Error::IndexViolated { .. } => {
                "remove the documents that this pipeline did not write, or reset the pipeline with --drop-target"
            }
            Error::NotACollection { .. } => {
                "drop it, or give the table another collection: [tables.\"DB.TABLE\"] collection = \"…\""
            }
            Error::ControlUnreadable { .. } => {
                "run the version of Lockstep that wrote it, or start over with `lockstep reset --yes --drop-target`"
            }
            Error::TooLargeForTransaction { .. } => {
                "give mongod a larger cache (--wiredTigerCacheSizeGB), then `lockstep quarantine retry`"
            }
            Error::FewerCopies { .. } => {
                "somebody else has removed documents of this collection; recopy the table"
            }
            Error::Running { .. } => "stop it first, with SIGINT or SIGTERM",
            Error::Unexpected { .. } => {
                "look up the server's error code; start again once its cause is gone: nothing is lost"
            }
        };
        remedy.to_owned()
    }

    fn collection(&self) -> Option<&Collection> {
        match self {
            Error::Duplicate { collection, .. }
            | Error::DocumentTooLarge { collection, .. }
            | Error::DocumentRefused { collection, .. }
            | Error::IndexConflict { collection, .. }
            | Error::IndexViolated { collection, .. }
            | Error::NotACollection { collection, .. }
            | Error::TooLargeForTransaction { collection, .. }
            | Error::FewerCopies { collection, .. } => Some(collection),
            Error::Address { .. }
            | Error::Unreachable { .. }
            | Error::AccessDenied { .. }
            | Error::NotAllowed { .. }
            | Error::Standalone { .. }
            | Error::Sharded { .. }
            | Error::OtherReplicaSet { .. }
            | Error::Fenced { .. }
            | Error::Lost { .. }
            | Error::Interrupted { .. }
            | Error::ControlUnreadable { .. }
            | Error::Running { .. }
            | Error::Unexpected { .. } => None,
        }
    }
}

impl From<Error> for Failure {
    /// The failure's table has the collection's name: only the mapping knows whose it is.
    fn from(error: Error) -> Self {
        Failure {
            code: error.code(),
            disposition: error.disposition(),
            table: error.collection().map(|collection| TableName {
                database: collection.database.clone(),
                table: collection.name.clone(),
            }),
            message: error.to_string(),
            remedy: error.remedy(),
        }
    }
}
