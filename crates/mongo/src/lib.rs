//! The MongoDB adapter: fenced lanes, checkpoints that travel with their data, collections and
//! indexes, leases, requests and status.
//!
//! Everything that knows the driver, the server's commands or the layout of the control database
//! is in this crate. [`Target`] is the connection; from it come the [`MongoSink`] and the
//! [`MongoControl`] that implement the ports, the look before the start ([`Target::check`]), the
//! status of a pipeline that runs or not ([`Target::status`]), and the reset.

mod checkpoint;
mod closing;
mod collections;
mod connect;
mod control;
mod copying;
mod empty;
mod encode;
mod error;
mod fence;
mod field;
mod holder;
mod indexes;
mod lease;
mod multiset;
mod operation;
mod position;
mod preflight;
mod privileges;
mod quarantine;
mod reply;
mod reset;
mod retry;
mod sink;
mod status;
mod transaction;

pub use connect::{Target, TargetOptions};
pub use control::MongoControl;
pub use error::Error;
pub use sink::MongoSink;
pub use status::{PartStatus, PipelineStatus};

/// The codes that this crate can say, in order.
pub const CODES: &[&str] = &[
    "LS3001", "LS3002", "LS3003", "LS3004", "LS3005", "LS3006", "LS3007", "LS3008", "LS3009",
    "LS3010", "LS3011", "LS3012", "LS3013", "LS3014", "LS3015", "LS3016", "LS3017", "LS3018",
    "LS3019", "LS3020", "LS3021", "LS3022", "LS3023",
];
