//! End to end, chaos, architecture: one binary, because linking one is quicker than linking one for each subject.

#![allow(clippy::unwrap_used, reason = "in a test, an unwrap is an assertion")]

mod architecture;
mod bad_input;
mod compat;
mod compose;
mod consumers;
mod deployment;
mod e2e;
mod e2e_catalogue;
mod e2e_outages;
mod fixtures_on_servers;
mod formats;
mod halves;
mod init;
mod kills;
mod limits;
mod partial_images;
mod plan;
mod quarantine;
mod readme;
mod recopy;
mod schema_changes;
mod sessions;
mod terminal;
mod topics_judge;
mod topics_proof;
mod type_choices;
mod values_matrix;
mod xa;
mod zombies;
