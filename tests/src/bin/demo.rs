//! The demonstration: a chat server's database moves to MongoDB while it is written to, survives a
//! kill -9 in the middle, and is compared value by value at the end.
//!
//! It runs the real `lockstep` binary as a user would, with its own output on the terminal; the
//! verdict comes from the comparer, which knows nothing of Lockstep.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::{ExitCode, Stdio};
use std::time::{Duration, Instant};

use bson::{Document, doc};
use testbed::servers::{Mongo, MongoOptions, MySql, MySqlOptions};
use tests::comparer::{Identity, Pair, TableRules, compare};
use tests::openim::{self, Writers};
use tokio::process::{Child, Command};

const ROWS: u64 = 500_000;
const WRITERS: u64 = 2;
const TRANSACTIONS_PER_SECOND: u32 = 150;
/// The copy is killed once this many documents of a hundred stand in MongoDB.
const KILLED_AT_PERCENT: u64 = 40;
const LOOK_EVERY: Duration = Duration::from_millis(100);
const COPY_AT_MOST: Duration = Duration::from_secs(150);

type Result<T> = std::result::Result<T, Box<dyn Error>>;

#[tokio::main]
async fn main() -> ExitCode {
    let keep = match std::env::args().skip(1).collect::<Vec<_>>().as_slice() {
        [] => false,
        [flag] if flag == "--keep" => true,
        _ => {
            eprintln!("usage: demo [--keep]");
            return ExitCode::from(2);
        }
    };
    let done = tokio::select! {
        done = demonstrate(keep) => done,
        _ = tokio::signal::ctrl_c() => Err("interrupted".into()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("\nThe demonstration failed: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn demonstrate(keep: bool) -> Result<()> {
    let began = Instant::now();
    let lockstep = binary()?;
    heading(began, "Starting a MySQL and a MongoDB of its own");
    let mysql = MySql::start(MySqlOptions::default()).await?;
    let mongo = Mongo::start(MongoOptions::default()).await?;

    heading(began, "Filling the tables of a chat server (OpenIM 3.4)");
    let rows = openim::fill(&mysql.url(), ROWS).await?;
    println!("{rows} rows in {} tables", openim::TABLES);
    let writers = Writers::start(&mysql.url(), 1, WRITERS, TRANSACTIONS_PER_SECOND).await?;
    println!("{WRITERS} writers keep changing them until the end");

    let folder = Folder::create()?;
    let configuration = folder.0.join("lockstep.toml");
    std::fs::write(&configuration, configuration_text(&mysql, &mongo))?;

    heading(
        began,
        "lockstep run, killed with kill -9 in the middle of the copy",
    );
    let client = mongodb::Client::with_uri_str(mongo.url()).await?;
    let mut first = run(&lockstep, &configuration, &[])?;
    let killed_at = rows * KILLED_AT_PERCENT / 100;
    let copied = reach(&client, &mut first, killed_at).await?;
    first.kill().await?;
    println!("\nKilled with {copied} documents in MongoDB.");
    if copied >= rows {
        return Err("the copy was complete before it could be killed".into());
    }

    heading(began, "lockstep run again: it goes on where it was");
    finish(&lockstep, &configuration).await?;

    heading(began, "The writers stop; what they wrote last is applied");
    let changes = writers.stop().await?;
    println!(
        "{} transactions changed {} rows meanwhile",
        changes.transactions, changes.rows
    );
    finish(&lockstep, &configuration).await?;

    heading(began, "Comparing every value of every table");
    let rules = TableRules {
        identity: Identity::Row,
        ..TableRules::default()
    };
    let pair = Pair::same_name(openim::DATABASE).with_rules(openim::KEYLESS_TABLE, rules);
    let report = compare(&mysql.url(), &client, &[pair]).await?;
    println!("{report}");
    for table in &report.tables {
        println!(
            "  {:<36} {:>8} rows = {:>8} documents",
            table.table, table.rows, table.documents
        );
    }
    report.require_equal(openim::TABLES, ROWS / 2)?;
    heading(began, "Both stores are equal");
    if keep {
        explore(&lockstep, &configuration, &mysql, &mongo).await?;
    } else {
        println!("Run it with --keep to look around in both databases afterwards.");
    }
    Ok(())
}

fn heading(began: Instant, text: &str) {
    println!("\n== {:>3} s  {text}", began.elapsed().as_secs());
}

/// The binary named by the environment, or the one beside this one.
fn binary() -> Result<PathBuf> {
    let path = match std::env::var_os("LOCKSTEP_BIN") {
        Some(path) => PathBuf::from(path),
        None => std::env::current_exe()?.with_file_name("lockstep"),
    };
    if path.is_file() {
        Ok(path)
    } else {
        let shown = path.display();
        Err(format!("there is no lockstep binary at {shown}; build it or set LOCKSTEP_BIN").into())
    }
}

fn configuration_text(mysql: &MySql, mongo: &Mongo) -> String {
    let database = openim::DATABASE;
    format!(
        "[pipeline]\nname = \"demo\"\n\n\
         [source]\nurl = \"{}\"\ntables = [\"{database}.*\"]\n\n\
         [log]\nkind = \"direct\"\n\n\
         [target]\nurl = \"{}\"\n\n\
         [tables.\"{database}.{}\"]\nidentity = \"row\"\n",
        mysql.url(),
        mongo.url(),
        openim::KEYLESS_TABLE,
    )
}

fn run(lockstep: &Path, configuration: &Path, arguments: &[&str]) -> Result<Child> {
    let child = Command::new(lockstep)
        .arg("run")
        .arg("--config")
        .arg(configuration)
        .args(arguments)
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .spawn()?;
    Ok(child)
}

async fn finish(lockstep: &Path, configuration: &Path) -> Result<()> {
    let mut child = run(lockstep, configuration, &["--until", "caught-up"])?;
    let status = tokio::time::timeout(COPY_AT_MOST, child.wait()).await??;
    if status.success() {
        Ok(())
    } else {
        Err(format!("lockstep run ended with {status}").into())
    }
}

/// Looks at MongoDB until it holds this many documents; the process must not end before.
async fn reach(client: &mongodb::Client, child: &mut Child, wanted: u64) -> Result<u64> {
    let target = client.database(openim::DATABASE);
    let began = Instant::now();
    let mut looks = tokio::time::interval(LOOK_EVERY);
    while began.elapsed() < COPY_AT_MOST {
        looks.tick().await;
        if let Some(status) = child.try_wait()? {
            return Err(format!("lockstep run ended by itself with {status}").into());
        }
        let statistics = target.run_command(doc! { "dbStats": 1 }).await?;
        let documents = whole(&statistics, "objects");
        if documents >= wanted {
            return Ok(documents);
        }
    }
    Err(format!("{wanted} documents were not copied within {COPY_AT_MOST:?}").into())
}

fn whole(document: &Document, field: &str) -> u64 {
    use bson::Bson;
    let number = match document.get(field) {
        Some(Bson::Int32(number)) => i64::from(*number),
        Some(Bson::Int64(number)) => *number,
        Some(Bson::Double(number)) => *number as i64,
        _ => 0,
    };
    u64::try_from(number).unwrap_or(0)
}

/// Leaves everything running until Ctrl-C.
async fn explore(
    lockstep: &Path,
    configuration: &Path,
    mysql: &MySql,
    mongo: &Mongo,
) -> Result<()> {
    let mut pipeline = run(lockstep, configuration, &[])?;
    println!("lockstep follows; change a row in MySQL and read its document in MongoDB.");
    println!("  MySQL     {}", mysql.url());
    println!("  MongoDB   {}", mongo.url());
    println!(
        "  status    {} status --config {}",
        lockstep.display(),
        configuration.display()
    );
    println!("Ctrl-C ends everything.");
    let status = pipeline.wait().await?;
    Err(format!("lockstep run ended with {status}").into())
}

/// A folder that is removed with its value.
struct Folder(PathBuf);

impl Folder {
    fn create() -> Result<Self> {
        let path = std::env::temp_dir().join(format!("lockstep-demo-{}", std::process::id()));
        std::fs::create_dir_all(&path)?;
        Ok(Self(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // Nothing is lost when the folder stays: it holds one generated file.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
