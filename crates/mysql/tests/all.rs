//! Everything of this crate that needs a real server, in one binary: linking one is quicker.

#![allow(clippy::unwrap_used, reason = "a test that can't go on has failed")]

mod binlog;
mod conformance;
mod mariadb;
mod snapshot;
