//! Running the `lockstep` binary as a user does, and what that took.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use tokio::process::{Child, Command};

use super::BenchError;
use super::machine::{self, Look, Used};
use super::stand::Stand;

/// Often enough for the memory's peak to be seen shortly before the end.
const LOOK_EVERY: Duration = Duration::from_millis(10);
const LAST_WORDS: usize = 2_000;

/// One run that has ended well.
#[derive(Clone, Copy, Debug, Default)]
pub struct Run {
    pub used: Used,
    pub peak_resident_bytes: u64,
}

/// The binary with a configuration for these servers.
#[derive(Debug)]
pub struct Lockstep {
    binary: PathBuf,
    configuration: PathBuf,
    log: PathBuf,
}

impl Lockstep {
    /// The binary named by `LOCKSTEP_BIN`, or the one beside this one; the configuration lies in `folder`.
    ///
    /// # Errors
    /// When there is no binary, or the folder cannot be written to.
    pub fn new(folder: &Path, stand: &Stand) -> Result<Self, BenchError> {
        let binary = match std::env::var_os("LOCKSTEP_BIN") {
            Some(path) => PathBuf::from(path),
            None => std::env::current_exe()
                .map_err(BenchError::file("find", "this program"))?
                .with_file_name("lockstep"),
        };
        if !binary.is_file() {
            return Err(BenchError::NoBinary(binary));
        }
        let configuration = folder.join("lockstep.toml");
        std::fs::write(&configuration, configuration_text(stand))
            .map_err(BenchError::file("write", &configuration))?;
        Ok(Self {
            binary,
            configuration,
            log: folder.join("lockstep.log"),
        })
    }

    /// `lockstep run --until caught-up`, from its start to its end.
    ///
    /// # Errors
    /// When it does not end well, or not within `at_most`.
    pub async fn catch_up(&self, stand: &Stand, at_most: Duration) -> Result<Run, BenchError> {
        let arguments = ["run", "--until", "caught-up"];
        let before = stand.look()?;
        let began = Instant::now();
        let mut child = self.start(&arguments)?;
        let mut peak_resident_bytes = 0;
        let mut looks = tokio::time::interval(LOOK_EVERY);
        let status = loop {
            tokio::select! {
                ended = child.wait() => break ended.map_err(BenchError::file("wait for", &self.binary))?,
                _ = looks.tick() => {
                    let now = child.id().and_then(machine::peak_resident_bytes);
                    peak_resident_bytes = peak_resident_bytes.max(now.unwrap_or(0));
                    if began.elapsed() > at_most {
                        return Err(BenchError::Endless {
                            what: arguments.join(" "),
                            waited: at_most,
                            last_words: self.last_words(),
                        });
                    }
                }
            }
        };
        let after = stand.look()?;
        if !status.success() {
            return Err(BenchError::Run {
                what: arguments.join(" "),
                status: status.to_string(),
                last_words: self.last_words(),
            });
        }
        Ok(Run {
            used: before.used_by_child(&after),
            peak_resident_bytes,
        })
    }

    /// `lockstep run` until it is stopped.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn follow(&self) -> Result<Following, BenchError> {
        let child = self.start(&["run"])?;
        Ok(Following { child })
    }

    /// The end of what the latest run said.
    #[must_use]
    pub fn last_words(&self) -> String {
        let words = std::fs::read(&self.log).unwrap_or_default();
        let from = words.len().saturating_sub(LAST_WORDS);
        String::from_utf8_lossy(&words[from..]).into_owned()
    }

    fn start(&self, arguments: &[&str]) -> Result<Child, BenchError> {
        let log = std::fs::File::create(&self.log).map_err(BenchError::file("write", &self.log))?;
        Command::new(&self.binary)
            .args(arguments)
            .arg("--config")
            .arg(&self.configuration)
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

    /// Ends it.
    ///
    /// # Errors
    /// When it cannot be ended.
    pub async fn stop(mut self) -> Result<(), BenchError> {
        let killed = self.child.kill().await;
        killed.map_err(BenchError::file("end", "lockstep"))
    }
}

fn configuration_text(stand: &Stand) -> String {
    format!(
        "[pipeline]\nname = \"bench\"\n\n\
         [source]\nurl = \"{}\"\ntables = [\"bench.*\"]\n\n\
         [log]\nkind = \"direct\"\n\n\
         [target]\nurl = \"{}\"\n",
        stand.mysql.url(),
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
