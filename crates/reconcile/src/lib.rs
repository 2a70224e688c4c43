//! Decides, never does IO.
//!
//! The rules that make the copy exact live here as plain functions and state machines: which chunk
//! rows a window lets through, where a transaction is split, what a barrier's changes come to, and
//! whether a position may be resumed from. Nothing here waits or reads a clock.

mod ahead;
mod altering;
mod capture;
mod copy;
mod fold;
mod keys;
mod quarantine;
mod resume;
mod table_copy;
mod window;

pub use capture::{Capture, Limits, ReadChunk, TornMismatch};
pub use copy::{Extent, Task, WindowId};
pub use fold::fold;
pub use quarantine::{Arrival, Decided, Passage, Quarantine, QuarantineFull, Refused, left_out};
pub use resume::{
    MappingChanged, MariaDbHistory, MariaDbRefusal, ResumePoint, ResumeRefusal, ServerHistory,
    may_resume, may_resume_mariadb, same_mapping,
};
pub use window::{Low, Standing, Void, Window, WindowBounds};
