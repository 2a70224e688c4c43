//! The ports and the loops between them.
//!
//! Capture turns a change stream and snapshot chunks into barriers; apply turns barriers into
//! documents. Both loops only wire: what to do is decided in `reconcile` and `mapping`, what the
//! outside does is behind the traits of [`ports`].

pub mod failure;
pub mod finding;
pub mod ports;

pub use failure::{Disposition, Failure};
pub use finding::{Finding, Severity};
