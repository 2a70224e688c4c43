//! The loops over ports in memory: no server, no time, every fault that a script can make.

#![allow(
    clippy::unwrap_used,
    reason = "what a test stands on panics like the test itself"
)]

mod direct_log;
mod halves;
mod judge;
mod quarantine;
mod refusals;
mod survival;
mod world;
