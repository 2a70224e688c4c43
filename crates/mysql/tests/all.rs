//! Everything of this crate that needs a real server, in one binary: linking one is quicker.

mod binlog;
mod snapshot;
