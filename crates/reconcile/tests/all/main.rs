//! The rules against naive models: folding against the changes applied one by one, chunk windows
//! against every order of a few events, quarantine and capture against random schedules of many.

mod capturing;
mod folding;
mod quarantine;
mod windows;
