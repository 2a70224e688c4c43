//! The MongoDB adapter on a real mongod.
//!
//! Each test has a server of its own, since faults are injected by the server's `failCommand`,
//! which knows one fault at a time.

#![allow(
    clippy::unwrap_used,
    reason = "what a test stands on panics like the test itself"
)]

mod applying;
mod checking;
mod conformance;
mod fencing;
mod leasing;
mod multisets;
mod refusals;
mod setting;
mod splitting;
