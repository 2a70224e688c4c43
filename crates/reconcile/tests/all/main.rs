//! The rules against naive models: folding against the changes applied one by one, splitting against
//! the list of all changes, chunk windows against every order of events of a small server.

mod folding;
mod splitting;
mod windows;
