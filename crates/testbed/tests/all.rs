//! What the rest relies on from real servers: that they come up, come back, and never outlive their test.

#![allow(clippy::unwrap_used, reason = "in a test, an unwrap is an assertion")]

mod ending;
#[cfg(feature = "ports")]
mod ports;
mod returning;
mod running;
