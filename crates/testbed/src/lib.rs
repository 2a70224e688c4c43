//! Development only: what the tests of all crates share.
//! Real servers are always there; whatever knows the pipeline's ports stands behind the feature `ports`, so that starting a server builds in seconds.

#[cfg(feature = "ports")]
pub mod conformance;
#[cfg(feature = "ports")]
pub mod faults;
#[cfg(feature = "ports")]
pub mod memory;
pub mod servers;
pub mod waiting;
