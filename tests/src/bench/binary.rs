//! Running the `lockstep` binary as a user does, and what that took.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use tokio::process::{Child, Command};

use super::BenchError;
use super::arrival::LastChange;
use super::ledger::{DATABASE, TABLE};
use super::machine::{self, Look, Used};
use super::stand::Stand;

/// Often enough for the memory's peak to be seen shortly before the end.
const LOOK_EVERY: Duration = Duration::from_millis(10);
const UNTIL_CAUGHT_UP: &[&str] = &["--until", "caught-up"];
const LAST_WORDS: usize = 2_000;

/// One run that has ended well.
#[derive(Clone, Copy, Debug, Default)]
pub struct Run {
    pub used: Used,
    pub peak_resident_bytes: u64,
}

/// What a process does of a pipeline.
#[derive(Clone, Copy, Debug)]
pub enum Part {
    /// Everything.
    Run,
    /// From MySQL into the log.
    Capture,
    /// From the log into MongoDB.
    Sink,
}

/// Both halves, each a process of its own, started in this order.
pub const HALVES: &[Part] = &[Part::Capture, Part::Sink];

/// The binary with the configuration of one pipeline.
#[derive(Debug)]
pub struct Lockstep {
    binary: PathBuf,
    folder: PathBuf,
    pipeline: String,
    /// Where in MongoDB it writes.
    pub database: String,
}

impl Part {
    fn command(self) -> &'static str {
        match self {
            Part::Run => "run",
            Part::Capture => "capture",
            Part::Sink => "sink",
        }
    }
}

impl Lockstep {
    /// A pipeline with the direct log, which writes where nothing else tells it to.
    ///
    /// The binary is the one named by `LOCKSTEP_BIN`, or the one beside this one; the configuration
    /// lies in `folder`.
    ///
    /// # Errors
    /// When there is no binary, or the folder cannot be written to.
    pub fn direct(folder: &Path, stand: &Stand) -> Result<Self, BenchError> {
        Self::configured(folder, "bench", DATABASE, &direct_text(stand))
    }

    /// A pipeline through Kafka: its name makes topics of its own, and so that rounds need not empty
    /// anything, it has a database of its own too.
    ///
    /// # Errors
    /// When there is no binary, or the folder cannot be written to.
    pub fn through_kafka(folder: &Path, stand: &Stand, name: &str) -> Result<Self, BenchError> {
        let pipeline = format!("bench-{name}");
        let database = pipeline.replace('-', "_");
        let text = kafka_text(stand, &pipeline, &database);
        Self::configured(folder, &pipeline, &database, &text)
    }

    fn configured(
        folder: &Path,
        pipeline: &str,
        database: &str,
        text: &str,
    ) -> Result<Self, BenchError> {
        let binary = match std::env::var_os("LOCKSTEP_BIN") {
            Some(path) => PathBuf::from(path),
            None => std::env::current_exe()
                .map_err(BenchError::file("find", "this program"))?
                .with_file_name("lockstep"),
        };
        if !binary.is_file() {
            return Err(BenchError::NoBinary(binary));
        }
        let lockstep = Self {
            binary,
            folder: folder.to_owned(),
            pipeline: pipeline.to_owned(),
            database: database.to_owned(),
        };
        let configuration = lockstep.configuration();
        std::fs::write(&configuration, text).map_err(BenchError::file("write", configuration))?;
        Ok(lockstep)
    }

    /// The topic of the measured table, if there is one.
    #[must_use]
    pub fn topic(&self) -> String {
        format!("{}.{DATABASE}.{TABLE}", self.pipeline)
    }

    /// `lockstep run --until caught-up`, from its start to its end.
    ///
    /// # Errors
    /// When it does not end well, or not within `at_most`.
    pub async fn catch_up(&self, stand: &Stand, at_most: Duration) -> Result<Run, BenchError> {
        self.catch_up_with(&[Part::Run], stand, at_most).await
    }

    /// These parts side by side, each until it has caught up; the memory is the sum of their peaks.
    ///
    /// # Errors
    /// When one does not end well, or not within `at_most`.
    pub async fn catch_up_with(
        &self,
        parts: &[Part],
        stand: &Stand,
        at_most: Duration,
    ) -> Result<Run, BenchError> {
        let before = stand.look()?;
        let mut children = Vec::new();
        for part in parts {
            let child = self.start(*part, UNTIL_CAUGHT_UP)?;
            children.push(self.wait_for(*part, child, at_most));
        }
        let peaks = futures::future::try_join_all(children).await?;
        let after = stand.look()?;
        Ok(Run {
            used: before.used_by_child(&after),
            peak_resident_bytes: peaks.into_iter().sum(),
        })
    }

    /// Both halves side by side until what is waited for has arrived; the sink runs on until then,
    /// since by itself it would end where the log ended when it began.
    ///
    /// # Errors
    /// When one fails, or it does not arrive within `at_most`.
    pub async fn side_by_side(
        &self,
        stand: &Stand,
        awaited: LastChange,
        at_most: Duration,
    ) -> Result<Run, BenchError> {
        let before = stand.look()?;
        let began = Instant::now();
        let capture = self.start(Part::Capture, UNTIL_CAUGHT_UP)?;
        let sink = Following {
            child: self.start(Part::Sink, &[])?,
        };
        let of_capture = self.wait_for(Part::Capture, capture, at_most).await?;
        let mut looks = tokio::time::interval(LOOK_EVERY);
        while !awaited.arrived(stand, &self.database).await? {
            looks.tick().await;
            if began.elapsed() > at_most {
                return Err(self.endless(Part::Sink, at_most));
            }
        }
        let after = stand.look()?;
        let run = Run {
            used: before.used_by_children(&after, sink.processor_time()?),
            peak_resident_bytes: of_capture + sink.peak_resident_bytes(),
        };
        sink.kill().await?;
        Ok(run)
    }

    /// Waits until it has ended well, and says how much memory it had at most.
    async fn wait_for(
        &self,
        part: Part,
        mut child: Child,
        at_most: Duration,
    ) -> Result<u64, BenchError> {
        let began = Instant::now();
        let mut peak_resident_bytes = 0;
        let mut looks = tokio::time::interval(LOOK_EVERY);
        let status = loop {
            tokio::select! {
                ended = child.wait() => break ended.map_err(BenchError::file("wait for", &self.binary))?,
                _ = looks.tick() => {
                    let now = child.id().and_then(machine::peak_resident_bytes);
                    peak_resident_bytes = peak_resident_bytes.max(now.unwrap_or(0));
                    if began.elapsed() > at_most {
                        return Err(self.endless(part, at_most));
                    }
                }
            }
        };
        if !status.success() {
            return Err(BenchError::Run {
                what: part.command().to_owned(),
                status: status.to_string(),
                last_words: self.last_words(part),
            });
        }
        Ok(peak_resident_bytes)
    }

    /// `lockstep run` until it is stopped.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn follow(&self) -> Result<Following, BenchError> {
        let child = self.start(Part::Run, &[])?;
        Ok(Following { child })
    }

    /// The end of what the latest run said.
    #[must_use]
    pub fn last_words(&self, part: Part) -> String {
        let words = std::fs::read(self.log(part)).unwrap_or_default();
        let from = words.len().saturating_sub(LAST_WORDS);
        String::from_utf8_lossy(&words[from..]).into_owned()
    }

    fn endless(&self, part: Part, at_most: Duration) -> BenchError {
        BenchError::Endless {
            what: part.command().to_owned(),
            waited: at_most,
            last_words: self.last_words(part),
        }
    }

    fn configuration(&self) -> PathBuf {
        self.folder.join(format!("{}.toml", self.pipeline))
    }

    fn log(&self, part: Part) -> PathBuf {
        let name = format!("{}-{}.log", self.pipeline, part.command());
        self.folder.join(name)
    }

    fn start(&self, part: Part, arguments: &[&str]) -> Result<Child, BenchError> {
        let log = self.log(part);
        let log = std::fs::File::create(&log).map_err(BenchError::file("write", &log))?;
        Command::new(&self.binary)
            .arg(part.command())
            .args(arguments)
            .arg("--config")
            .arg(self.configuration())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .kill_on_drop(true)
            .spawn()
            .map_err(BenchError::file("start", &self.binary))
    }
}

/// A pipeline that follows.
#[derive(Debug)]
pub struct Following {
    child: Child,
}

impl Following {
    /// What it has used so far.
    ///
    /// # Errors
    /// When it has ended by itself.
    pub fn processor_time(&self) -> Result<Duration, BenchError> {
        machine::of_process(self.child.id().ok_or(BenchError::Gone("pipeline"))?)
    }

    /// The most memory that it ever had.
    #[must_use]
    pub fn peak_resident_bytes(&self) -> u64 {
        let peak = self.child.id().and_then(machine::peak_resident_bytes);
        peak.unwrap_or(0)
    }

    /// Ends it as a power failure would.
    ///
    /// # Errors
    /// When it cannot be ended.
    pub async fn kill(mut self) -> Result<(), BenchError> {
        let killed = self.child.kill().await;
        killed.map_err(BenchError::file("end", "lockstep"))
    }
}

fn direct_text(stand: &Stand) -> String {
    format!(
        "[pipeline]\nname = \"bench\"\n\n\
         [source]\nurl = \"{}\"\ntables = [\"bench.*\"]\n\n\
         [log]\nkind = \"direct\"\n\n\
         [target]\nurl = \"{}\"\n",
        stand.mysql.url(),
        stand.mongo.url(),
    )
}

fn kafka_text(stand: &Stand, pipeline: &str, database: &str) -> String {
    format!(
        "[pipeline]\nname = \"{pipeline}\"\n\n\
         [source]\nurl = \"{}\"\ntables = [\"bench.*\"]\n\n\
         [log]\nkind = \"kafka\"\nbrokers = \"{}\"\n\n\
         [target]\nurl = \"{}\"\ndatabase = \"{database}\"\n",
        stand.mysql.url(),
        stand.kafka.brokers(),
        stand.mongo.url(),
    )
}

/// Looks at the processor time of a pipeline that runs on, over some work.
///
/// # Errors
/// When it has ended meanwhile.
pub fn used_meanwhile(
    following: &Following,
    before: (&Look, Duration),
    after: &Look,
) -> Result<Used, BenchError> {
    let process = following.processor_time()?.saturating_sub(before.1);
    Ok(before.0.used_by(after, process))
}
