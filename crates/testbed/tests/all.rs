//! What the rest relies on from real servers: that they come up, come back, and never outlive their test.

#![allow(clippy::unwrap_used, reason = "in a test, an unwrap is an assertion")]

mod ending;
mod returning;
mod running;
