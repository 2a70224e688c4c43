//! A real Kafka Connect, one worker by itself, with connectors that are not ours.
//!
//! Connectors are given at its start, as files; what they do is seen in topics and databases alone.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::data_folder::DataFolder;
use super::kafka::{LOGGING, small_java};
use super::process::{Readiness, Recipe, ServerProcess, Tie, on_a_free_port};
use super::{Provisioned, ServerError, beside};

/// It logs it when the worker runs; connectors are made after it.
const STARTED: &str = "Kafka Connect started";
/// It logs one of them when a connector or a task of it has given up.
const FAILED: [&str; 3] = [
    "Failed to create connector",
    "Task threw an uncaught and unrecoverable exception",
    "Task is being killed and will not recover",
];

/// A connector: its name, and its settings.
#[derive(Clone, Debug)]
pub struct Connector {
    /// The name, by which its consumer group is called too.
    pub name: String,
    /// Names and values. `FOLDER` in a value is a folder for its files.
    pub settings: Vec<(String, String)>,
}

/// A running worker; it ends with this value.
#[derive(Debug)]
pub struct Connect {
    process: Arc<Mutex<ServerProcess>>,
    _folder: DataFolder,
}

impl Connect {
    /// Starts a worker with these connectors, which use JSON with or without schemas.
    ///
    /// # Errors
    /// Every reason that a server does not come up, with the end of its log.
    pub async fn start(
        brokers: String,
        with_schemas: bool,
        connectors: Vec<Connector>,
    ) -> Result<Self, ServerError> {
        beside(move || {
            let provisioned = Provisioned::locate()?;
            let home = provisioned.connect()?;
            let folder = DataFolder::temporary(&provisioned, "connect")?;
            let logging = folder.path().join("log4j2.properties");
            fs::write(&logging, LOGGING).map_err(ServerError::file("write", &logging))?;
            let (process, _) = on_a_free_port(|port| {
                let mut arguments =
                    small_java(&home.join("lib").join("*").into_os_string(), &logging);
                arguments.push("org.apache.kafka.connect.cli.ConnectStandalone".into());
                let worker = worker(port, &brokers, with_schemas, &home, folder.path());
                arguments.push(written(folder.path(), "worker", &worker)?.into());
                for connector in &connectors {
                    let text = settings(connector, folder.path());
                    arguments.push(written(folder.path(), &connector.name, &text)?.into());
                }
                let recipe = Recipe {
                    what: "Kafka Connect",
                    program: "java".into(),
                    arguments,
                    folder: folder.path().to_path_buf(),
                    log: folder.path().join("connect.log"),
                    tie: Tie::Tied,
                };
                Ok((ServerProcess::start(recipe, started)?, port))
            })?;
            Ok(Self {
                process: Arc::new(Mutex::new(process)),
                _folder: folder,
            })
        })
        .await
    }

    /// Whether it has logged these words.
    #[must_use]
    pub fn has_logged(&self, words: &str) -> bool {
        locked(&self.process).log().contains(words)
    }

    /// What it has logged of a connector that has given up.
    #[must_use]
    pub fn failure(&self) -> Option<String> {
        let log = locked(&self.process).log();
        let at = FAILED.iter().filter_map(|words| log.find(words)).min()?;
        Some(log[at..].lines().take(30).collect::<Vec<_>>().join("\n"))
    }

    /// The end of its log, for a test that has failed.
    #[must_use]
    pub fn last_words(&self) -> String {
        locked(&self.process).last_words()
    }
}

/// A panic while the lock was held leaves a process that can still be killed.
fn locked(process: &Mutex<ServerProcess>) -> MutexGuard<'_, ServerProcess> {
    process.lock().unwrap_or_else(PoisonError::into_inner)
}

fn started(log: &str) -> Readiness {
    if log.contains(STARTED) {
        Readiness::Ready
    } else {
        Readiness::NotYet
    }
}

/// Topics are read as any consumer that wants committed changes alone does, and looked for often.
fn worker(port: u16, brokers: &str, with_schemas: bool, home: &Path, folder: &Path) -> String {
    let mut text = format!(
        "bootstrap.servers={brokers}\n\
         listeners=http://127.0.0.1:{port}\n\
         plugin.path={}\n\
         plugin.discovery=service_load\n\
         offset.storage.file.filename={}\n\
         offset.flush.interval.ms=1000\n\
         producer.max.request.size=16777216\n\
         consumer.isolation.level=read_committed\n\
         consumer.auto.offset.reset=earliest\n\
         consumer.metadata.max.age.ms=1000\n",
        home.join("plugins").display(),
        folder.join("offsets").display(),
    );
    for part in ["key", "value"] {
        // Writing into a String cannot fail.
        let _ = write!(
            text,
            "{part}.converter=org.apache.kafka.connect.json.JsonConverter\n\
             {part}.converter.schemas.enable={with_schemas}\n"
        );
    }
    text
}

fn settings(connector: &Connector, folder: &Path) -> String {
    let mut text = format!("name={}\n", connector.name);
    for (name, value) in &connector.settings {
        let value = value.replace("FOLDER", &folder.display().to_string());
        // In a file of properties a backslash is written twice.
        let _ = writeln!(text, "{name}={}", value.replace('\\', "\\\\"));
    }
    text
}

fn written(folder: &Path, name: &str, text: &str) -> Result<PathBuf, ServerError> {
    let file = folder.join(format!("{name}.properties"));
    fs::write(&file, text).map_err(ServerError::file("write", &file))?;
    Ok(file)
}
