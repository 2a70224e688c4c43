//! The laws of the wire: what was encoded comes back, and nothing else is taken.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says where")]

mod avro;
mod contract;
mod examples;
mod generate;
mod golden;
mod protobuf;
mod refusals;
mod round_trip;
