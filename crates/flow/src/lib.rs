//! The ports and the loops between them.
//!
//! Capture turns a change stream and snapshot chunks into barriers; apply turns barriers into
//! documents. Both loops only wire: what to do is decided in `reconcile` and `mapping`, what the
//! outside does is behind the traits of [`ports`].

pub mod apply;
pub mod capture;
pub mod direct;
pub mod ending;
pub mod failure;
pub mod finding;
mod given_up;
pub mod group;
pub mod pipeline;
pub mod ports;
mod readers;
mod recopies;
mod retry;
pub mod stops;
pub mod translate;
pub mod watch;

pub use failure::{Disposition, Failure};
pub use finding::{Finding, Severity};
pub use readers::Settings as ReaderSettings;
pub use recopies::{Recopied, Recopy};
pub use watch::{Look, Watch};

// Part of what the loops are called with.
pub use reconcile::Limits;
pub use tokio_util::sync::CancellationToken;

/// The codes that this crate can say, each with a page: `lockstep explain CODE`.
pub const CODES: &[&str] = &[
    "LS4001", "LS4002", "LS4003", "LS4004", "LS4006", "LS4007", "LS4020",
];
