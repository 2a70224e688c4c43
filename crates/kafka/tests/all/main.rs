//! The log against a real broker.

#![allow(clippy::unwrap_used, reason = "tests say what they expect")]

mod conformance;
mod looking;
mod losses;
mod outages;
mod outsider;
mod registered;
mod setting;
mod takeover;
