//! Sets of servers that go on running after the command that started them: started, shown, stopped, each by the set's name.
//! A process is known by its id and the moment it started, so that `stop` never kills a stranger that was given the id of a server long gone.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde::{Deserialize, Serialize};

use super::data_folder::DataFolder;
use super::process::Tie;
use super::{
    Kafka, KafkaOptions, Mongo, MongoOptions, MySql, MySqlOptions, Product, Provisioned, Registry,
    ServerError,
};

const STATE: &str = "state.json";
const GONE_WITHIN: Duration = Duration::from_secs(20);

/// A kind of server.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, clap::ValueEnum,
)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// MySQL.
    Mysql,
    /// MariaDB 10.11.
    #[serde(rename = "mariadb-10.11")]
    #[value(name = "mariadb-10.11")]
    MariaDb1011,
    /// MariaDB 11.8.
    #[serde(rename = "mariadb-11.8")]
    #[value(name = "mariadb-11.8")]
    MariaDb118,
    /// MongoDB.
    Mongodb,
    /// Apache Kafka.
    Kafka,
    /// A schema registry.
    Registry,
}

impl Kind {
    /// What a pipeline needs.
    pub const USUAL: [Self; 3] = [Self::Mysql, Self::Mongodb, Self::Kafka];

    /// The name under which the address of such a server is printed.
    #[must_use]
    pub fn variable(self) -> &'static str {
        match self {
            Self::Mysql => "MYSQL_URL",
            Self::MariaDb1011 => "MARIADB_10_11_URL",
            Self::MariaDb118 => "MARIADB_11_8_URL",
            Self::Mongodb => "MONGODB_URL",
            Self::Kafka => "KAFKA_BROKERS",
            Self::Registry => "SCHEMA_REGISTRY_URL",
        }
    }

    fn folder(self) -> &'static str {
        match self {
            Self::Mysql => "mysql",
            Self::MariaDb1011 => "mariadb-10.11",
            Self::MariaDb118 => "mariadb-11.8",
            Self::Mongodb => "mongodb",
            Self::Kafka => "kafka",
            Self::Registry => "registry",
        }
    }
}

/// A server that was started to go on running.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Detached {
    /// Where clients reach it.
    pub address: String,
    process: u32,
    /// In the kernel's clock ticks since the machine started.
    started: u64,
}

impl Detached {
    /// Whether it still runs.
    #[must_use]
    pub fn runs(&self) -> bool {
        started_at(self.process) == Some(self.started)
    }
}

/// A set's servers by kind.
pub type Servers = BTreeMap<Kind, Detached>;

/// Starts what of these kinds does not run yet in the set of this name, side by side, and tells all that run.
///
/// # Errors
/// Every reason that a server does not come up; those that did are kept.
pub fn start(name: &str, kinds: &[Kind]) -> Result<Servers, ServerError> {
    let provisioned = Provisioned::locate()?;
    let home = set_folder(&provisioned, name);
    let _alone = lock(&provisioned)?;
    fs::create_dir_all(&home).map_err(ServerError::file("create", &home))?;
    let mut servers = load(&home)?;
    servers.retain(|_, server| server.runs());
    let missing: Vec<Kind> = kinds
        .iter()
        .copied()
        .filter(|kind| !servers.contains_key(kind))
        .collect();
    let results: Vec<(Kind, Result<Detached, ServerError>)> = thread::scope(|scope| {
        let starts: Vec<_> = missing
            .iter()
            .map(|&kind| {
                let (provisioned, home) = (&provisioned, &home);
                (
                    kind,
                    scope.spawn(move || start_one(provisioned, home, kind)),
                )
            })
            .collect();
        starts
            .into_iter()
            .map(|(kind, start)| match start.join() {
                Ok(result) => (kind, result),
                Err(panic) => std::panic::resume_unwind(panic),
            })
            .collect()
    });
    let mut failure = None;
    for (kind, result) in results {
        match result {
            Ok(server) => {
                servers.insert(kind, server);
            }
            Err(error) => failure = Some(error),
        }
    }
    save(&home, &servers)?;
    match failure {
        None => Ok(servers),
        Some(failure) => Err(failure),
    }
}

/// Ends the servers of this set, or of every set, and removes their data; tells how many ran.
///
/// # Errors
/// That a state cannot be read, or a server cannot be ended.
pub fn stop(name: Option<&str>) -> Result<usize, ServerError> {
    let provisioned = Provisioned::folder();
    let _alone = lock(&provisioned)?;
    let homes = match name {
        Some(name) => vec![set_folder(&provisioned, name)],
        None => set_folders(&provisioned)?,
    };
    let mut stopped = 0;
    for home in homes.iter().filter(|home| home.is_dir()) {
        for server in load(home)?.values().filter(|server| server.runs()) {
            end(server)?;
            stopped += 1;
        }
        fs::remove_dir_all(home).map_err(ServerError::file("remove", home))?;
    }
    Ok(stopped)
}

/// Every set with its servers, also those that have ended by themselves.
///
/// # Errors
/// That a state cannot be read.
pub fn status() -> Result<BTreeMap<String, Servers>, ServerError> {
    let provisioned = Provisioned::folder();
    set_folders(&provisioned)?
        .into_iter()
        .map(|home| {
            let name = home
                .file_name()
                .map(|name| name.to_string_lossy().into_owned())
                .unwrap_or_default();
            Ok((name, load(&home)?))
        })
        .collect()
}

fn start_one(provisioned: &Provisioned, home: &Path, kind: Kind) -> Result<Detached, ServerError> {
    let folder = DataFolder::lasting(home.join(kind.folder()))?;
    let tie = Tie::Detached;
    let (address, process) = match kind {
        Kind::Mysql | Kind::MariaDb1011 | Kind::MariaDb118 => {
            let options = MySqlOptions {
                product: match kind {
                    Kind::MariaDb1011 => Product::MariaDb1011,
                    Kind::MariaDb118 => Product::MariaDb118,
                    _ => Product::MySql,
                },
                arguments: Vec::new(),
            };
            let server = MySql::start_in(provisioned, folder, &options, tie)?;
            (server.url(), server.process_id())
        }
        Kind::Mongodb => {
            let server = Mongo::start_in(provisioned, folder, &MongoOptions::default(), tie)?;
            (server.url(), server.process_id(0))
        }
        Kind::Kafka => {
            let server = Kafka::start_in(provisioned, folder, &KafkaOptions::default(), tie)?;
            (server.brokers(), server.process_id())
        }
        Kind::Registry => {
            let server = Registry::start_in(provisioned, folder, tie)?;
            (server.url(), server.process_id())
        }
    };
    let not_running = || ServerError::NotRunning {
        what: kind.folder(),
    };
    let process = process.ok_or_else(not_running)?;
    Ok(Detached {
        address,
        process,
        started: started_at(process).ok_or_else(not_running)?,
    })
}

fn end(server: &Detached) -> Result<(), ServerError> {
    let id = i32::try_from(server.process).ok().and_then(Pid::from_raw);
    if let Some(id) = id {
        // Its data is removed next, hence no need for an orderly end; a process that is gone already is fine.
        let _ = kill_process(id, Signal::KILL);
    }
    let deadline = Instant::now() + GONE_WITHIN;
    while server.runs() {
        if Instant::now() > deadline {
            return Err(ServerError::NotReady {
                what: "the end of a killed server",
                waited: GONE_WITHIN,
                last_words: format!("process {} at {}", server.process, server.address),
            });
        }
        thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}

/// When a living process started; none for one that is gone or only waits to be collected.
fn started_at(process: u32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The name in parentheses may hold anything; the fields after it are numbered from the state, the third.
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_whitespace();
    let state = fields.next()?;
    if matches!(state, "Z" | "X") {
        return None;
    }
    fields.nth(18)?.parse().ok()
}

fn sets_folder(provisioned: &Provisioned) -> PathBuf {
    provisioned.servers_folder().join("run")
}

fn set_folder(provisioned: &Provisioned, name: &str) -> PathBuf {
    sets_folder(provisioned).join(name)
}

fn set_folders(provisioned: &Provisioned) -> Result<Vec<PathBuf>, ServerError> {
    let sets = sets_folder(provisioned);
    if !sets.is_dir() {
        return Ok(Vec::new());
    }
    let mut folders = Vec::new();
    for entry in fs::read_dir(&sets).map_err(ServerError::file("read", &sets))? {
        let path = entry.map_err(ServerError::file("read", &sets))?.path();
        if path.is_dir() {
            folders.push(path);
        }
    }
    folders.sort();
    Ok(folders)
}

/// One command at a time changes what runs.
fn lock(provisioned: &Provisioned) -> Result<File, ServerError> {
    let sets = sets_folder(provisioned);
    fs::create_dir_all(&sets).map_err(ServerError::file("create", &sets))?;
    let path = sets.join(".lock");
    let file = File::create(&path).map_err(ServerError::file("create", &path))?;
    file.lock().map_err(ServerError::file("lock", &path))?;
    Ok(file)
}

fn load(home: &Path) -> Result<Servers, ServerError> {
    let path = home.join(STATE);
    match fs::read_to_string(&path) {
        Ok(text) => serde_json::from_str(&text).map_err(|error| ServerError::State {
            path,
            problem: error.to_string(),
        }),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Servers::new()),
        Err(error) => Err(ServerError::file("read", &path)(error)),
    }
}

fn save(home: &Path, servers: &Servers) -> Result<(), ServerError> {
    let path = home.join(STATE);
    let text = serde_json::to_string_pretty(servers).map_err(|error| ServerError::State {
        path: path.clone(),
        problem: error.to_string(),
    })?;
    let unfinished = home.join("state.unfinished");
    fs::write(&unfinished, text).map_err(ServerError::file("write", &unfinished))?;
    fs::rename(&unfinished, &path).map_err(ServerError::file("rename to", &path))
}
