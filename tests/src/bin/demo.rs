//! The demonstration: a chat server's database moves to MongoDB through Kafka while it is written
//! to. Another program's consumer reads the topics meanwhile; capture and sink are killed with
//! kill -9 one after the other and go on; at the end every value is compared.
//!
//! It runs the real `lockstep` binary as a user would, with its own output on the terminal; the
//! verdict comes from the comparer, which knows nothing of Lockstep. `--direct` shows the same
//! without Kafka: one process, killed once.

use std::error::Error;
use std::path::PathBuf;
use std::process::{ExitCode, Stdio};
use std::time::{Duration, Instant};

use bson::{Document, doc};
use rustix::process::{Pid, Signal, kill_process};
use testbed::servers::{Kafka, KafkaOptions, Mongo, MongoOptions, MySql, MySqlOptions};
use tests::comparer::{Identity, Pair, TableRules, compare};
use tests::openim::{self, Writers};
use tests::topics::{Following, Record};
use tokio::process::{Child, Command};

const ROWS: u64 = 500_000;
const WRITERS: u64 = 2;
const TRANSACTIONS_PER_SECOND: u32 = 150;
const NAME: &str = "demo";
/// The one process, or capture, is killed once this many documents of a hundred stand in MongoDB.
const KILLED_AT_PERCENT: u64 = 40;
const CAPTURE_KILLED_AT_PERCENT: u64 = 10;
const SINK_KILLED_AT_PERCENT: u64 = 50;
/// What the other consumer is watched for, and how much of it is shown.
const RECORDS_WATCHED: usize = 300;
const RECORDS_SHOWN: usize = 6;
const SHOWN_CHARACTERS: usize = 160;
const LOOK_EVERY: Duration = Duration::from_millis(100);
const COPY_AT_MOST: Duration = Duration::from_secs(150);

type Result<T> = std::result::Result<T, Box<dyn Error>>;

#[tokio::main]
async fn main() -> ExitCode {
    let (mut keep, mut direct) = (false, false);
    for argument in std::env::args().skip(1) {
        match argument.as_str() {
            "--keep" => keep = true,
            "--direct" => direct = true,
            _ => {
                eprintln!("usage: demo [--keep] [--direct]");
                return ExitCode::from(2);
            }
        }
    }
    let done = tokio::select! {
        done = demonstrate(keep, direct) => done,
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

/// What the whole demonstration works on.
struct Stage {
    began: Instant,
    lockstep: PathBuf,
    configuration: PathBuf,
    mysql: MySql,
    mongo: Mongo,
    /// None: the log is direct.
    kafka: Option<Kafka>,
    client: mongodb::Client,
    rows: u64,
}

async fn demonstrate(keep: bool, direct: bool) -> Result<()> {
    let began = Instant::now();
    let lockstep = binary()?;
    let names = if direct {
        "MySQL and a MongoDB"
    } else {
        "MySQL, a MongoDB and a Kafka"
    };
    heading(began, &format!("Starting a {names} of its own"));
    let mysql = MySql::start(MySqlOptions::default()).await?;
    let mongo = Mongo::start(MongoOptions::default()).await?;
    let kafka = match direct {
        true => None,
        false => Some(Kafka::start(KafkaOptions::default()).await?),
    };

    heading(began, "Filling the tables of a chat server (OpenIM 3.4)");
    let rows = openim::fill(&mysql.url(), ROWS).await?;
    println!("{rows} rows in {} tables", openim::TABLES);
    let writers = Writers::start(&mysql.url(), 1, WRITERS, TRANSACTIONS_PER_SECOND).await?;
    println!("{WRITERS} writers keep changing them until the end");

    let folder = Folder::create()?;
    let configuration = folder.0.join("lockstep.toml");
    std::fs::write(
        &configuration,
        configuration_text(&mysql, &mongo, kafka.as_ref()),
    )?;
    let stage = Stage {
        began,
        lockstep,
        configuration,
        client: mongodb::Client::with_uri_str(mongo.url()).await?,
        mysql,
        mongo,
        kafka,
        rows,
    };
    match &stage.kafka {
        None => stage.one_process().await?,
        Some(kafka) => stage.two_processes(kafka).await?,
    }

    heading(began, "The writers stop; what they wrote last is applied");
    let changes = writers.stop().await?;
    println!(
        "{} transactions changed {} rows meanwhile",
        changes.transactions, changes.rows
    );
    stage.finish("run").await?;

    heading(began, "Comparing every value of every table");
    stage.compare().await?;
    heading(began, "Both stores are equal");
    if keep {
        stage.explore().await?;
    } else {
        println!("Run it with --keep to look around in both databases afterwards.");
    }
    Ok(())
}

impl Stage {
    /// Over a direct log: killed in the middle of the copy, started again.
    async fn one_process(&self) -> Result<()> {
        self.heading("lockstep run, killed with kill -9 in the middle of the copy");
        let mut first = self.start(&["run"])?;
        let copied = self.reach(&mut first, KILLED_AT_PERCENT).await?;
        first.kill().await?;
        println!("\nKilled with {copied} documents in MongoDB.");
        if copied >= self.rows {
            return Err("the copy was complete before it could be killed".into());
        }
        self.heading("lockstep run again: it goes on where it was");
        self.finish("run").await
    }

    /// Over Kafka: each half killed while the other goes on.
    async fn two_processes(&self, kafka: &Kafka) -> Result<()> {
        self.heading("lockstep capture fills topics, lockstep sink empties them into MongoDB");
        let mut capture = self.start(&["capture", "--quiet"])?;
        let mut sink = self.start(&["sink"])?;
        let copied = self.reach(&mut sink, CAPTURE_KILLED_AT_PERCENT).await?;
        capture.kill().await?;
        self.heading(&format!(
            "Capture killed with kill -9, {copied} documents in MongoDB; started again"
        ));
        let mut capture = self.start(&["capture", "--quiet"])?;
        let copied = self.reach(&mut sink, SINK_KILLED_AT_PERCENT).await?;
        sink.kill().await?;
        if copied >= self.rows {
            return Err("the copy was complete before the sink could be killed".into());
        }
        self.heading(&format!(
            "The sink killed with kill -9, {copied} documents in MongoDB; capture goes on, and \
             Kafka's own consumer reads"
        ));
        watch_topics(kafka).await?;

        self.heading("lockstep sink again: it goes on where it was");
        self.finish("sink").await?;
        end(&mut capture).await
    }

    fn heading(&self, text: &str) {
        heading(self.began, text);
    }

    fn start(&self, arguments: &[&str]) -> Result<Child> {
        let child = Command::new(&self.lockstep)
            .args(arguments)
            .arg("--config")
            .arg(&self.configuration)
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .spawn()?;
        Ok(child)
    }

    /// Runs a command until it has caught up.
    async fn finish(&self, command: &str) -> Result<()> {
        let mut child = self.start(&[command, "--until", "caught-up"])?;
        let status = tokio::time::timeout(COPY_AT_MOST, child.wait()).await??;
        if status.success() {
            Ok(())
        } else {
            Err(format!("lockstep {command} ended with {status}").into())
        }
    }

    /// Looks at MongoDB until it holds so many documents of a hundred; the process must not end
    /// before.
    async fn reach(&self, child: &mut Child, percent: u64) -> Result<u64> {
        let wanted = self.rows * percent / 100;
        let target = self.client.database(openim::DATABASE);
        let began = Instant::now();
        let mut looks = tokio::time::interval(LOOK_EVERY);
        while began.elapsed() < COPY_AT_MOST {
            looks.tick().await;
            if let Some(status) = child.try_wait()? {
                return Err(format!("lockstep ended by itself with {status}").into());
            }
            let statistics = target.run_command(doc! { "dbStats": 1 }).await?;
            let documents = whole(&statistics, "objects");
            if documents >= wanted {
                return Ok(documents);
            }
        }
        Err(format!("{wanted} documents were not copied within {COPY_AT_MOST:?}").into())
    }

    async fn compare(&self) -> Result<()> {
        let rules = TableRules {
            identity: Identity::Row,
            ..TableRules::default()
        };
        let pair = Pair::same_name(openim::DATABASE).with_rules(openim::KEYLESS_TABLE, rules);
        let report = compare(&self.mysql.url(), &self.client, &[pair]).await?;
        println!("{report}");
        for table in &report.tables {
            println!(
                "  {:<36} {:>8} rows = {:>8} documents",
                table.table, table.rows, table.documents
            );
        }
        Ok(report.require_equal(openim::TABLES, ROWS / 2)?)
    }

    /// Leaves everything running until Ctrl-C.
    async fn explore(&self) -> Result<()> {
        let mut pipeline = self.start(&["run"])?;
        println!("lockstep follows; change a row in MySQL and read its document in MongoDB.");
        println!("  MySQL     {}", self.mysql.url());
        println!("  MongoDB   {}", self.mongo.url());
        if let Some(kafka) = &self.kafka {
            println!("  Kafka     {}, topics {NAME}.*", kafka.brokers());
        }
        println!(
            "  status    {} status --config {}",
            self.lockstep.display(),
            self.configuration.display()
        );
        println!("Ctrl-C ends everything.");
        let status = pipeline.wait().await?;
        Err(format!("lockstep run ended with {status}").into())
    }
}

/// Shows what a consumer that is not ours reads just now.
async fn watch_topics(kafka: &Kafka) -> Result<()> {
    let mut consumer = Following::start(kafka, &format!("{NAME}.{}.", openim::DATABASE))?;
    let watching = async {
        let mut shown = Vec::new();
        for count in 0..RECORDS_WATCHED {
            let record = consumer.next().await?;
            if count % (RECORDS_WATCHED / RECORDS_SHOWN) == 0 {
                shown.push(described(&record));
            }
        }
        Ok::<_, Box<dyn Error>>(shown)
    };
    let shown = tokio::time::timeout(COPY_AT_MOST, watching).await??;
    println!("{RECORDS_WATCHED} records came in meanwhile; some of them:");
    for line in shown {
        println!("  {line}");
    }
    Ok(())
}

fn described(record: &Record) -> String {
    let text = |bytes: &Option<Vec<u8>>| match bytes {
        Some(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        None => "null".to_owned(),
    };
    let line = format!(
        "{}[{}]@{} {} {}",
        record.topic,
        record.partition,
        record.offset,
        text(&record.key),
        text(&record.value)
    );
    if line.chars().count() <= SHOWN_CHARACTERS {
        return line;
    }
    line.chars().take(SHOWN_CHARACTERS).chain(['…']).collect()
}

/// Asks a process to stop, as Ctrl-C does, and waits until it has.
async fn end(process: &mut Child) -> Result<()> {
    let pid = process.id().and_then(|id| i32::try_from(id).ok());
    let pid = pid
        .and_then(Pid::from_raw)
        .ok_or("capture ended by itself")?;
    kill_process(pid, Signal::TERM)?;
    let status = tokio::time::timeout(COPY_AT_MOST, process.wait()).await??;
    match status.code() {
        Some(130) => Ok(()),
        _ => Err(format!("lockstep capture ended with {status}").into()),
    }
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

fn configuration_text(mysql: &MySql, mongo: &Mongo, kafka: Option<&Kafka>) -> String {
    let database = openim::DATABASE;
    let log = match kafka {
        None => "kind = \"direct\"".to_owned(),
        Some(kafka) => format!("kind = \"kafka\"\nbrokers = \"{}\"", kafka.brokers()),
    };
    format!(
        "[pipeline]\nname = \"{NAME}\"\n\n\
         [source]\nurl = \"{}\"\ntables = [\"{database}.*\"]\n\n\
         [log]\n{log}\n\n\
         [target]\nurl = \"{}\"\n\n\
         [tables.\"{database}.{}\"]\nidentity = \"row\"\n",
        mysql.url(),
        mongo.url(),
        openim::KEYLESS_TABLE,
    )
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
