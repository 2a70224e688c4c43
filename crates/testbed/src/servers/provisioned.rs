//! Finds the servers that `cargo xtask servers fetch` has put into the cache.
//! A folder counts only with its record in it, because the record is written last.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::ServerError;
use super::product::Product;

const RECORD: &str = "provisioned.json";

/// The cache of fetched servers.
#[derive(Clone, Debug)]
pub struct Provisioned {
    servers: PathBuf,
}

impl Provisioned {
    /// The cache of this checkout, or the one that `LOCKSTEP_SERVERS_DIR` names.
    ///
    /// # Errors
    /// [`ServerError::NotProvisioned`] when nothing was ever fetched there.
    pub fn locate() -> Result<Self, ServerError> {
        let located = Self::folder();
        if located.cache().is_dir() {
            Ok(located)
        } else {
            Err(located.missing("mysql"))
        }
    }

    /// The same place, whether or not anything was fetched: enough to see and stop what runs.
    pub(super) fn folder() -> Self {
        let workspace = Path::new(env!("CARGO_MANIFEST_DIR"))
            .ancestors()
            .nth(2)
            .unwrap_or(Path::new("."));
        let servers = std::env::var_os("LOCKSTEP_SERVERS_DIR").map_or_else(
            || workspace.join("target").join("servers"),
            // A relative path is meant from the workspace, wherever a test runs; an absolute one replaces it.
            |chosen| workspace.join(chosen),
        );
        Self { servers }
    }

    /// The folder that holds the cache, the data of servers and the state of detached ones.
    #[must_use]
    pub fn servers_folder(&self) -> &Path {
        &self.servers
    }

    pub(super) fn cache(&self) -> PathBuf {
        self.servers.join("cache")
    }

    pub(super) fn mysql(&self, product: Product) -> Result<MySqlHome, ServerError> {
        let folder = self.home(product.folder())?;
        Ok(MySqlHome { folder, product })
    }

    /// The server's executable.
    pub(super) fn mongod(&self) -> Result<PathBuf, ServerError> {
        Ok(self.home("mongodb")?.join("bin").join("mongod"))
    }

    /// Java's class path of Kafka.
    pub(super) fn kafka_class_path(&self) -> Result<OsString, ServerError> {
        Ok(self.home("kafka")?.join("lib").join("*").into_os_string())
    }

    /// What `PYTHONPATH` has to name for programs that use Kafka's client for Python.
    ///
    /// # Errors
    /// [`ServerError::NotProvisioned`] when it was not fetched.
    pub fn python_clients(&self) -> Result<PathBuf, ServerError> {
        Ok(self.home("python-clients")?.join("packages"))
    }

    /// The folder of Kafka Connect and its connectors.
    pub(super) fn connect(&self) -> Result<PathBuf, ServerError> {
        self.home("connect")
    }

    /// The folder of the schema registry and its Java.
    pub(super) fn registry(&self) -> Result<PathBuf, ServerError> {
        self.home("registry")
    }

    /// The complete folder of this kind; of several versions the last one fetched.
    fn home(&self, kind: &'static str) -> Result<PathBuf, ServerError> {
        let cache = self.cache();
        let entries = std::fs::read_dir(&cache).map_err(|_| self.missing(kind))?;
        entries
            .filter_map(|entry| Some(entry.ok()?.path()))
            .filter(|path| {
                path.file_name()
                    .and_then(|name| name.to_str())
                    .is_some_and(|name| {
                        name == kind
                            || name
                                .strip_prefix(kind)
                                .is_some_and(|rest| rest.starts_with('-'))
                    })
            })
            .filter_map(|path| {
                let fetched = path.join(RECORD).metadata().ok()?.modified().ok()?;
                Some((fetched, path))
            })
            .max()
            .map(|(_, path)| path)
            .ok_or_else(|| self.missing(kind))
    }

    fn missing(&self, kind: &'static str) -> ServerError {
        ServerError::NotProvisioned {
            kind,
            cache: self.cache(),
        }
    }
}

/// The unpacked MySQL or MariaDB, whose programs run through its own loader and libraries.
#[derive(Clone, Debug)]
pub(super) struct MySqlHome {
    folder: PathBuf,
    product: Product,
}

impl MySqlHome {
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    pub(super) fn product(&self) -> Product {
        self.product
    }

    fn root(&self) -> PathBuf {
        self.folder.join("root")
    }

    /// Older releases have their C library outside `usr`.
    pub(super) fn loader(&self) -> PathBuf {
        const LOADER: &str = "lib/x86_64-linux-gnu/ld-linux-x86-64.so.2";
        let newer = self.root().join("usr").join(LOADER);
        if newer.exists() {
            newer
        } else {
            self.root().join(LOADER)
        }
    }

    /// What comes between the loader and a program's own arguments.
    pub(super) fn loader_arguments(&self, program: &str) -> Vec<OsString> {
        let root = self.root();
        let mut libraries = root.join("usr/lib/x86_64-linux-gnu").into_os_string();
        for further in ["lib/x86_64-linux-gnu", "usr/lib/mysql/private"] {
            libraries.push(":");
            libraries.push(root.join(further));
        }
        vec![
            "--library-path".into(),
            libraries,
            root.join(program).into_os_string(),
        ]
    }

    /// Where messages, character sets and the system tables' statements are.
    pub(super) fn share(&self) -> PathBuf {
        let folders = ["usr/share/mariadb", "usr/share/mysql"].map(|share| self.root().join(share));
        let [newer, older] = folders;
        if self.product.is_mariadb() && newer.exists() {
            newer
        } else {
            older
        }
    }

    /// What every server of this folder needs to find its own files.
    pub(super) fn own_files(&self) -> Vec<OsString> {
        let user = rustix::process::geteuid()
            .is_root()
            .then(|| OsString::from("--user=root"));
        let option = |name: &str, path: PathBuf| {
            let mut option = OsString::from(name);
            option.push(path);
            option
        };
        let share = self.share();
        let more: &[&str] = if self.product.is_mariadb() {
            &[]
        } else {
            &["--secure-file-priv=NULL", "--mysqlx=OFF"]
        };
        [
            "--no-defaults".into(),
            option("--basedir=", self.root().join("usr")),
            option("--character-sets-dir=", share.join("charsets")),
            option("--lc-messages-dir=", share),
            option("--plugin-dir=", self.root().join("usr/lib/mysql/plugin")),
        ]
        .into_iter()
        .chain(more.iter().map(OsString::from))
        .chain(user)
        .collect()
    }
}
