//! The ports in memory keep their laws, and each suite catches adapters that do not.
//!
//! Time stands still here unless all wait, so a law that waits in vain fails at once.

mod broken_controls;
mod broken_logs;
mod broken_sinks;
mod broken_snapshots;
mod broken_sources;
mod settings;

use settings::{Controls, Logs, Server, Sinks};
use testbed::conformance::{Verdict, control, log, sink, snapshot, source};

#[tokio::test(start_paused = true)]
async fn the_sink_in_memory_keeps_its_laws() {
    sink::check(async || Sinks::new(|sink| sink)).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn the_control_in_memory_keeps_its_laws() {
    let fresh = async || Controls::new(|control| control);
    control::check(fresh).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn the_log_in_memory_keeps_its_laws() {
    let fresh = async || Logs::new(|writer| writer, |reader| reader);
    log::check(fresh).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn the_source_in_memory_keeps_its_laws() {
    let fresh = async || Server::new(1, |source| source, |reader| reader);
    source::check(fresh).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn the_snapshot_in_memory_keeps_its_laws_however_far_the_engine_lags() {
    for seed in 0..50 {
        let fresh = async || Server::new(seed, |source| source, |reader| reader);
        snapshot::check(fresh).await.unwrap();
    }
}

/// Demands that a suite caught a broken adapter, by this law.
#[track_caller]
fn caught(verdict: Verdict, by: &str) {
    let breach = verdict.expect_err("a broken adapter passed");
    assert_eq!(breach.law, by, "{breach}");
}
