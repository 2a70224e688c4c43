//! Chunk windows (invariant 3).

use change::{GtidSet, LogPosition};
use std::sync::Arc;

/// What is known of a chunk's read view: everything in `low` is visible in it, and everything
/// visible in it lies at or before `high`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct WindowBounds {
    /// `@@server_uuid` of the server that was read.
    pub server_uuid: Arc<str>,
    pub low: Arc<GtidSet>,
    pub high: LogPosition,
}
