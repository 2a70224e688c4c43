//! A real MySQL or MariaDB server with GTIDs, full row metadata and an administrator's account.

use std::ffi::OsString;
use std::io::Read;
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::data_folder::DataFolder;
use super::mysql_template::{self, ADMINISTRATOR, PASSWORD};
use super::process::{Readiness, Recipe, ServerProcess, Tie, on_a_free_port};
use super::product::Product;
use super::provisioned::MySqlHome;
use super::{Provisioned, ServerError, beside};

/// How a MySQL server differs from the usual one.
#[derive(Clone, Debug, Default)]
pub struct MySqlOptions {
    pub product: Product,
    /// Options of the server after the usual ones, which they override.
    pub arguments: Vec<String>,
}

/// A running server; it ends with this value.
#[derive(Debug)]
pub struct MySql {
    process: Arc<Mutex<ServerProcess>>,
    home: MySqlHome,
    port: u16,
    folder: DataFolder,
}

impl MySql {
    /// Starts a server with an empty GTID history.
    ///
    /// # Errors
    /// Every reason that a server does not come up, with the end of its log.
    pub async fn start(options: MySqlOptions) -> Result<Self, ServerError> {
        beside(move || {
            let provisioned = Provisioned::locate()?;
            let folder = DataFolder::temporary(&provisioned, options.product.folder())?;
            Self::start_in(&provisioned, folder, &options, Tie::Tied)
        })
        .await
    }

    pub(super) fn start_in(
        provisioned: &Provisioned,
        folder: DataFolder,
        options: &MySqlOptions,
        tie: Tie,
    ) -> Result<Self, ServerError> {
        let home = provisioned.mysql(options.product)?;
        mysql_template::copy_to(&home, &folder.path().join("data"))?;
        let (process, port) = on_a_free_port(|port| {
            let recipe = recipe(&home, folder.path(), port, options, tie);
            Ok((ServerProcess::start(recipe, |_| greets(port))?, port))
        })?;
        Ok(Self {
            process: Arc::new(Mutex::new(process)),
            home,
            port,
            folder,
        })
    }

    /// What it is.
    #[must_use]
    pub fn product(&self) -> Product {
        self.home.product()
    }

    /// The port on 127.0.0.1; the same after a restart.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The address of the account with all rights.
    #[must_use]
    pub fn url(&self) -> String {
        self.url_of(ADMINISTRATOR, PASSWORD)
    }

    /// The address of another account.
    #[must_use]
    pub fn url_of(&self, user: &str, password: &str) -> String {
        format!("mysql://{user}:{password}@127.0.0.1:{}", self.port)
    }

    /// The certificate of the authority that signed the server's own one; it names no host.
    #[must_use]
    pub fn authority_certificate(&self) -> PathBuf {
        self.data_folder().join("ca.pem")
    }

    /// Where the server keeps tables and binary logs.
    #[must_use]
    pub fn data_folder(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// The process, for measuring it; none while it does not run.
    #[must_use]
    pub fn process_id(&self) -> Option<u32> {
        self.process().id()
    }

    /// What the server has logged since its latest start.
    #[must_use]
    pub fn log(&self) -> String {
        self.process().log()
    }

    /// Kills the server as a power failure would.
    pub fn kill(&self) {
        self.process().kill();
    }

    /// Stops the server in its tracks, without closing a connection.
    ///
    /// # Errors
    /// [`ServerError::NotRunning`].
    pub fn pause(&self) -> Result<(), ServerError> {
        self.process().pause()
    }

    /// Lets a paused server go on.
    ///
    /// # Errors
    /// [`ServerError::NotRunning`].
    pub fn resume(&self) -> Result<(), ServerError> {
        self.process().resume()
    }

    /// Shuts the server down in order.
    ///
    /// # Errors
    /// [`ServerError::NotRunning`], or that it does not end.
    pub async fn stop(&self) -> Result<(), ServerError> {
        let process = Arc::clone(&self.process);
        beside(move || locked(&process).stop()).await
    }

    /// Starts the killed or stopped server on the same port and data; a running one is killed first.
    ///
    /// # Errors
    /// Every reason that a server does not come up, with the end of its log.
    pub async fn restart(&self) -> Result<(), ServerError> {
        let process = Arc::clone(&self.process);
        let port = self.port;
        beside(move || {
            let mut process = locked(&process);
            process.kill();
            process.start_again(|_| greets(port))
        })
        .await
    }

    /// A client program of the same release (`mysql`, `mysqlbinlog`, `mysqldump`), logged in as administrator.
    #[must_use]
    pub fn client_program(&self, name: &str) -> Command {
        let program = self.home.product().client_program(name);
        let mut command = Command::new(self.home.loader());
        command
            .args(self.home.loader_arguments(&format!("usr/bin/{program}")))
            .args(["--no-defaults", "--protocol=TCP", "--host=127.0.0.1"])
            .arg(format!("--port={}", self.port))
            .arg(format!("--user={ADMINISTRATOR}"))
            // Not an argument: the programs warn about a password on the command line.
            .env("MYSQL_PWD", PASSWORD);
        command
    }

    fn process(&self) -> MutexGuard<'_, ServerProcess> {
        locked(&self.process)
    }
}

/// A panic while the lock was held leaves a process that can still be killed.
fn locked(process: &Mutex<ServerProcess>) -> MutexGuard<'_, ServerProcess> {
    process.lock().unwrap_or_else(PoisonError::into_inner)
}

fn recipe(home: &MySqlHome, folder: &Path, port: u16, options: &MySqlOptions, tie: Tie) -> Recipe {
    let mut data = OsString::from("--datadir=");
    data.push(folder.join("data"));
    let mut arguments = home.loader_arguments(home.product().server_program());
    arguments.extend(home.own_files());
    arguments.push(data);
    arguments.extend(home.product().source_options().iter().map(OsString::from));
    arguments.extend([
        "--bind-address=127.0.0.1".into(),
        format!("--port={port}").into(),
        // Relative to the data folder: the path of a socket may not be long.
        "--socket=mysql.sock".into(),
        "--pid-file=mysqld.pid".into(),
    ]);
    arguments.extend(options.arguments.iter().map(OsString::from));
    Recipe {
        what: "mysqld",
        program: home.loader(),
        arguments,
        folder: folder.to_path_buf(),
        log: folder.join("mysqld.log"),
        tie,
    }
}

/// Whether the server sends the greeting of protocol version 10 to a new connection.
fn greets(port: u16) -> Readiness {
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    let timeout = Duration::from_secs(2);
    let greeted = TcpStream::connect_timeout(&address, timeout).and_then(|mut stream| {
        stream.set_read_timeout(Some(timeout))?;
        let mut start_of_greeting = [0; 5];
        stream.read_exact(&mut start_of_greeting)?;
        Ok(start_of_greeting[4] == 10)
    });
    match greeted {
        Ok(true) => Readiness::Ready,
        Ok(false) | Err(_) => Readiness::NotYet,
    }
}
