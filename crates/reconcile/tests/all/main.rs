//! The rules against naive models: folding against the changes applied one by one, chunk windows
//! against every order of events that a small server can produce.

mod folding;
mod windows;
