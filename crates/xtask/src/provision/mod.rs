//! Fetches each kind of server once into the cache.
//! A lock on the kind makes two tasks at a time safe; a folder is built under another name and renamed when it is whole, so that whatever stands under its final name is complete, whenever a task was killed.

mod apt;
mod checksum;
mod connect;
mod kafka;
mod mariadb;
mod maven;
mod mongodb;
mod mysql;
mod python;
mod registry;

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::failure::Failure;
use crate::folders;
use crate::machine::{self, Need};
use crate::program::say;

/// The file whose presence says that a cached folder is complete; it records what was fetched.
const RECORD: &str = "provisioned.json";

/// A kind of server, or what else tests need beside them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Kind {
    Mysql,
    #[value(name = "mariadb-10.11")]
    MariaDb1011,
    #[value(name = "mariadb-11.8")]
    MariaDb118,
    Mongodb,
    Kafka,
    Registry,
    /// Kafka Connect with connectors that are not ours.
    Connect,
    /// Not a server: Kafka's client for Python.
    PythonClients,
}

/// What was fetched, for the record in the cache.
#[derive(Serialize)]
struct Record {
    version: String,
    files: Vec<RecordedFile>,
}

#[derive(Serialize)]
struct RecordedFile {
    name: String,
    sha256: String,
}

impl Kind {
    /// What the tests need.
    pub(crate) const ALL: [Self; 8] = [
        Self::Mysql,
        Self::MariaDb1011,
        Self::MariaDb118,
        Self::Mongodb,
        Self::Kafka,
        Self::Registry,
        Self::Connect,
        Self::PythonClients,
    ];

    /// What a pipeline needs. The schema registry is for one of its formats alone.
    pub(crate) const USUAL: [Self; 3] = [Self::Mysql, Self::Mongodb, Self::Kafka];

    /// What judges the topics by clients that are not ours.
    pub(crate) const COMPAT: [Self; 4] = [Self::Mysql, Self::Mongodb, Self::Kafka, Self::Connect];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Mysql => "mysql",
            Self::MariaDb1011 => "mariadb-10.11",
            Self::MariaDb118 => "mariadb-11.8",
            Self::Mongodb => "mongodb",
            Self::Kafka => "kafka",
            Self::Registry => "registry",
            Self::Connect => "connect",
            Self::PythonClients => "python-clients",
        }
    }

    /// The cached folder; a pinned version is part of the name, so that a new pin is fetched anew.
    fn folder(self) -> String {
        match self {
            Self::Mysql | Self::MariaDb1011 | Self::MariaDb118 => self.name().to_owned(),
            Self::Mongodb => format!("{}-{}", self.name(), mongodb::VERSION),
            Self::Kafka => format!("{}-{}", self.name(), kafka::VERSION),
            Self::Registry => format!("{}-{}", self.name(), registry::VERSION),
            Self::Connect => format!("{}-{}", self.name(), connect::VERSION),
            Self::PythonClients => format!("{}-{}", self.name(), python::VERSION),
        }
    }

    fn needs(self) -> &'static [Need] {
        match self {
            Self::Mysql | Self::MariaDb1011 | Self::MariaDb118 => machine::FOR_MYSQL,
            Self::Mongodb => machine::FOR_MONGODB,
            Self::Kafka => machine::FOR_KAFKA,
            Self::Registry => machine::FOR_REGISTRY,
            Self::Connect => machine::FOR_CONNECT,
            Self::PythonClients => machine::FOR_PYTHON_CLIENTS,
        }
    }
}

/// Sees to it that these kinds are in the cache and can be started.
pub(crate) fn provision(kinds: &[Kind]) -> Result<(), Failure> {
    if !cfg!(all(target_os = "linux", target_arch = "x86_64")) {
        return Err(Failure::Unsupported(
            "servers are fetched for Linux on x86-64 only; elsewhere start them with `docker compose up`".to_owned(),
        ));
    }
    let mut needs = vec![machine::TO_START_SERVERS];
    needs.extend(kinds.iter().map(|kind| kind.needs()));
    let cache = folders::cache()?;
    let _preparing = lock(&cache.join("machine.lock"))?;
    machine::prepare(&needs)?;
    drop(_preparing);
    for &kind in kinds {
        fetch_once(kind, &cache)?;
    }
    Ok(())
}

fn fetch_once(kind: Kind, cache: &Path) -> Result<(), Failure> {
    let home = cache.join(kind.folder());
    if home.join(RECORD).is_file() {
        return Ok(());
    }
    let _fetching = lock(&cache.join(format!("{}.lock", kind.name())))?;
    if home.join(RECORD).is_file() {
        return Ok(());
    }
    let unfinished = cache.join(format!("{}.unfinished", kind.name()));
    empty(&unfinished)?;
    let record = match kind {
        Kind::Mysql => mysql::fetch(&unfinished)?,
        Kind::MariaDb1011 => mariadb::fetch(&unfinished, mariadb::STABLE)?,
        Kind::MariaDb118 => mariadb::fetch(&unfinished, mariadb::UNSTABLE)?,
        Kind::Mongodb => mongodb::fetch(&unfinished)?,
        Kind::Kafka => kafka::fetch(&unfinished)?,
        Kind::Registry => registry::fetch(&unfinished)?,
        Kind::Connect => connect::fetch(&unfinished)?,
        Kind::PythonClients => python::fetch(&unfinished)?,
    };
    let text = serde_json::to_string_pretty(&record).map_err(|error| Failure::Unexpected {
        what: "the record of what was fetched".to_owned(),
        problem: error.to_string(),
    })?;
    let record_file = unfinished.join(RECORD);
    fs::write(&record_file, text).map_err(Failure::file("write", &record_file))?;
    if home.exists() {
        fs::remove_dir_all(&home).map_err(Failure::file("remove", &home))?;
    }
    fs::rename(&unfinished, &home).map_err(Failure::file("rename to", &home))?;
    say(&format!(
        "{} {} is ready in {}",
        kind.name(),
        record.version,
        home.display()
    ));
    Ok(())
}

/// Takes the lock, waiting for another task if there is one; it is free again when the file is dropped.
fn lock(path: &Path) -> Result<File, Failure> {
    let file = File::create(path).map_err(Failure::file("create", path))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            say(&format!(
                "another task holds {}, waiting for it",
                path.display()
            ));
            file.lock().map_err(Failure::file("lock", path))?;
        }
        Err(TryLockError::Error(source)) => return Err(Failure::file("lock", path)(source)),
    }
    Ok(file)
}

fn empty(folder: &Path) -> Result<(), Failure> {
    if folder.exists() {
        fs::remove_dir_all(folder).map_err(Failure::file("remove", folder))?;
    }
    fs::create_dir_all(folder).map_err(Failure::file("create", folder))
}

fn make_folder(folder: PathBuf) -> Result<PathBuf, Failure> {
    fs::create_dir_all(&folder).map_err(Failure::file("create", &folder))?;
    Ok(folder)
}

/// The files of a folder in order of their names.
fn files_of(folder: &Path, extension: &str) -> Result<Vec<PathBuf>, Failure> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).map_err(Failure::file("read", folder))? {
        let path = entry.map_err(Failure::file("read", folder))?.path();
        if path.extension().is_some_and(|found| found == extension) {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}
