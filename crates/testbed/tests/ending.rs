//! No server outlives the process that started it, however that process ends.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use testbed::servers::{MySql, MySqlOptions};
use testbed::waiting::until;

const GONE_WITHIN: Duration = Duration::from_secs(20);

/// Whether the process is there and not merely waiting to be collected.
fn lives(process: u64) -> bool {
    std::fs::read_to_string(format!("/proc/{process}/stat")).is_ok_and(|stat| {
        stat.rsplit_once(')')
            .is_some_and(|(_, rest)| !rest.starts_with(" Z"))
    })
}

async fn gone(process: u64) {
    until("the server is gone", GONE_WITHIN, async || {
        (!lives(process)).then_some(())
    })
    .await;
}

/// Starts the program that holds servers, and tells their processes.
fn holder() -> (Child, Vec<u64>) {
    // A shell without job control has what it puts into the background ignore interrupts, and that
    // is inherited: tests that run so would wait for ever.
    let mut holder = Command::new("env")
        .args(["--default-signal=INT", env!("CARGO_BIN_EXE_testbed")])
        .args(["servers", "hold"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(holder.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    let held: serde_json::Value = serde_json::from_str(&line).unwrap();
    let processes = ["MYSQL_URL", "MONGODB_URL"]
        .map(|kind| held[kind]["process"].as_u64().unwrap())
        .to_vec();
    (holder, processes)
}

#[tokio::test]
async fn servers_die_with_a_process_that_is_killed() {
    let (mut holder, processes) = holder();
    assert!(processes.iter().all(|process| lives(*process)));
    holder.kill().unwrap();
    holder.wait().unwrap();
    for process in processes {
        gone(process).await;
    }
}

#[tokio::test]
async fn servers_die_with_a_process_that_is_interrupted() {
    let (mut holder, processes) = holder();
    let interrupted = Command::new("sh")
        .args(["-c", &format!("kill -INT {}", holder.id())])
        .status()
        .unwrap();
    assert!(interrupted.success());
    holder.wait().unwrap();
    for process in processes {
        gone(process).await;
    }
}

#[tokio::test]
async fn a_server_and_its_data_are_gone_after_a_panic() {
    let panicked = tokio::spawn(async {
        let server = MySql::start(MySqlOptions::default()).await.unwrap();
        let facts = (server.process_id().unwrap(), server.data_folder());
        assert!(lives(u64::from(facts.0)) && facts.1.is_dir());
        std::panic::panic_any(facts);
    })
    .await
    .unwrap_err()
    .into_panic();
    let (process, data) = *panicked.downcast::<(u32, std::path::PathBuf)>().unwrap();
    assert!(!lives(u64::from(process)));
    assert!(!Path::new(&data).exists());
}
