//! A real MongoDB: a replica set of one or several members, or a standalone server.
//! Members are started without accounts, joined, and only then restarted with authentication when a password is asked for, because a fresh server takes its first account from anyone.

use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use bson::{Bson, Document, doc};

use super::data_folder::DataFolder;
use super::process::{Readiness, Recipe, ServerProcess, Tie, on_a_free_port};
use super::{Provisioned, ServerError, beside, mongo_wire};

const REPLICA_SET: &str = "rs0";
const PRIMARY_WITHIN: Duration = Duration::from_secs(60);
const ADMINISTRATOR: &str = "lockstep_root";

/// What makes a server a member of the replica set; `docker-compose.yml` gives the same.
pub const MONGO_OPTIONS: &[&str] = &["--replSet", REPLICA_SET];

/// How a MongoDB differs from the usual one.
#[derive(Clone, Debug)]
pub struct MongoOptions {
    /// Members of the replica set; none makes a standalone server.
    pub members: usize,
    /// Memory for WiredTiger's cache, of each member.
    pub cache_gib: f64,
    /// Room for the oplog, of each member.
    pub oplog_mib: u32,
    /// With a password, access control is on and [`Mongo::url`] carries an administrator's account.
    pub password: Option<String>,
    /// `--setParameter` values, such as `enableTestCommands=1`.
    pub parameters: Vec<String>,
    /// Further options of mongod.
    pub arguments: Vec<String>,
}

impl Default for MongoOptions {
    fn default() -> Self {
        Self {
            members: 1,
            cache_gib: 0.25,
            oplog_mib: 128,
            password: None,
            parameters: Vec::new(),
            arguments: Vec::new(),
        }
    }
}

/// A running MongoDB; it ends with this value.
#[derive(Debug)]
pub struct Mongo {
    members: Vec<Member>,
    standalone: bool,
    password: Option<String>,
    folder: DataFolder,
}

#[derive(Debug)]
struct Member {
    process: Arc<Mutex<ServerProcess>>,
    port: u16,
}

impl Mongo {
    /// Starts it and waits until there is a primary.
    ///
    /// # Errors
    /// Every reason that a server does not come up, with the end of its log.
    pub async fn start(options: MongoOptions) -> Result<Self, ServerError> {
        beside(move || {
            let provisioned = Provisioned::locate()?;
            let folder = DataFolder::temporary(&provisioned, "mongodb")?;
            Self::start_in(&provisioned, folder, &options, Tie::Tied)
        })
        .await
    }

    pub(super) fn start_in(
        provisioned: &Provisioned,
        folder: DataFolder,
        options: &MongoOptions,
        tie: Tie,
    ) -> Result<Self, ServerError> {
        let program = provisioned.mongod()?;
        let members = (0..options.members.max(1))
            .map(|number| Member::start(&program, folder.path(), number, options, tie))
            .collect::<Result<Vec<_>, _>>()?;
        let mongo = Self {
            members,
            standalone: options.members == 0,
            password: options.password.clone(),
            folder,
        };
        if !mongo.standalone {
            mongo.initiate()?;
        }
        mongo.wait_for_primary()?;
        if let Some(password) = &options.password {
            mongo.turn_access_control_on(password)?;
        }
        Ok(mongo)
    }

    /// The address of the whole set, with the administrator's account if there is access control.
    #[must_use]
    pub fn url(&self) -> String {
        let hosts = self
            .members
            .iter()
            .map(Member::host)
            .collect::<Vec<_>>()
            .join(",");
        let account = self
            .password
            .as_ref()
            .map(|password| format!("{ADMINISTRATOR}:{password}@"))
            .unwrap_or_default();
        let set = if self.standalone {
            String::new()
        } else {
            format!("?replicaSet={REPLICA_SET}")
        };
        format!("mongodb://{account}{hosts}/{set}")
    }

    /// The ports of the members on 127.0.0.1; the same after a restart.
    #[must_use]
    pub fn ports(&self) -> Vec<u16> {
        self.members.iter().map(|member| member.port).collect()
    }

    /// The number of the member that takes writes.
    #[must_use]
    pub fn primary(&self) -> Option<usize> {
        self.members.iter().position(Member::takes_writes)
    }

    /// Where a member keeps its data and log.
    #[must_use]
    pub fn member_folder(&self, member: usize) -> PathBuf {
        member_folder(self.folder.path(), member)
    }

    /// The process of a member, for measuring it; none while it does not run.
    #[must_use]
    pub fn process_id(&self, member: usize) -> Option<u32> {
        self.members.get(member)?.process().id()
    }

    /// Kills all members as a power failure would.
    pub fn kill(&self) {
        for member in &self.members {
            member.process().kill();
        }
    }

    /// Kills one member.
    pub fn kill_member(&self, member: usize) {
        if let Some(member) = self.members.get(member) {
            member.process().kill();
        }
    }

    /// Stops one member in its tracks, without closing a connection.
    ///
    /// # Errors
    /// [`ServerError::NotRunning`].
    pub fn pause_member(&self, member: usize) -> Result<(), ServerError> {
        self.member(member)?.process().pause()
    }

    /// Lets a paused member go on.
    ///
    /// # Errors
    /// [`ServerError::NotRunning`].
    pub fn resume_member(&self, member: usize) -> Result<(), ServerError> {
        self.member(member)?.process().resume()
    }

    /// Shuts all members down in order.
    ///
    /// # Errors
    /// [`ServerError::NotRunning`], or that one does not end.
    pub async fn stop(&self) -> Result<(), ServerError> {
        let processes = self.processes();
        beside(move || {
            processes
                .iter()
                .try_for_each(|(process, _)| locked(process).stop())
        })
        .await
    }

    /// Starts all members again on the same ports and data, and waits for a primary; running ones are killed first.
    ///
    /// # Errors
    /// Every reason that a server does not come up, with the end of its log.
    pub async fn restart(&self) -> Result<(), ServerError> {
        let processes = self.processes();
        beside(move || {
            for (process, port) in &processes {
                start_again(process, *port)?;
            }
            let ports: Vec<u16> = processes.iter().map(|(_, port)| *port).collect();
            wait_for_primary(&ports)
        })
        .await
    }

    /// Starts one member again; a running one is killed first.
    ///
    /// # Errors
    /// Every reason that a server does not come up, with the end of its log.
    pub async fn restart_member(&self, member: usize) -> Result<(), ServerError> {
        let member = self.member(member)?;
        let (process, port) = (Arc::clone(&member.process), member.port);
        beside(move || start_again(&process, port)).await
    }

    fn member(&self, number: usize) -> Result<&Member, ServerError> {
        self.members
            .get(number)
            .ok_or(ServerError::NotRunning { what: "mongod" })
    }

    fn processes(&self) -> Vec<(Arc<Mutex<ServerProcess>>, u16)> {
        self.members
            .iter()
            .map(|member| (Arc::clone(&member.process), member.port))
            .collect()
    }

    fn initiate(&self) -> Result<(), ServerError> {
        let members: Vec<Bson> = (0_i32..)
            .zip(&self.members)
            .map(|(id, member)| Bson::from(doc! { "_id": id, "host": member.host() }))
            .collect();
        mongo_wire::command(
            self.members[0].port,
            "replSetInitiate",
            &doc! {
                "replSetInitiate": { "_id": REPLICA_SET, "members": members },
                "$db": "admin",
            },
        )?;
        Ok(())
    }

    fn wait_for_primary(&self) -> Result<(), ServerError> {
        wait_for_primary(&self.ports())
    }

    fn turn_access_control_on(&self, password: &str) -> Result<(), ServerError> {
        let primary = self.primary().unwrap_or(0);
        mongo_wire::command(
            self.members[primary].port,
            "createUser",
            &doc! {
                "createUser": ADMINISTRATOR,
                "pwd": password,
                "roles": ["root"],
                "writeConcern": { "w": self.members.len() as i64 },
                "$db": "admin",
            },
        )?;
        let key = self.folder.path().join("key");
        fs::write(&key, "bG9ja3N0ZXAgdGVzdCBrZXk=").map_err(ServerError::file("write", &key))?;
        fs::set_permissions(&key, fs::Permissions::from_mode(0o600))
            .map_err(ServerError::file("protect", &key))?;
        for member in &self.members {
            let mut process = member.process();
            process.stop()?;
            let arguments = &mut process.recipe_mut().arguments;
            arguments.push("--auth".into());
            if !self.standalone {
                arguments.push("--keyFile".into());
                arguments.push(key.clone().into());
            }
            process.start_again(|_| answers(member.port))?;
        }
        self.wait_for_primary()
    }
}

impl Member {
    fn start(
        program: &Path,
        folder: &Path,
        number: usize,
        options: &MongoOptions,
        tie: Tie,
    ) -> Result<Self, ServerError> {
        let folder = member_folder(folder, number);
        let data = folder.join("data");
        fs::create_dir_all(&data).map_err(ServerError::file("create", &data))?;
        let (process, port) = on_a_free_port(|port| {
            let mut arguments: Vec<OsString> = vec![
                "--bind_ip".into(),
                "127.0.0.1".into(),
                "--port".into(),
                port.to_string().into(),
                "--dbpath".into(),
                data.clone().into(),
                "--nounixsocket".into(),
                "--wiredTigerCacheSizeGB".into(),
                options.cache_gib.to_string().into(),
                "--setParameter".into(),
                "diagnosticDataCollectionEnabled=false".into(),
            ];
            if options.members > 0 {
                arguments.extend(MONGO_OPTIONS.iter().map(OsString::from));
                arguments.push("--oplogSize".into());
                arguments.push(options.oplog_mib.to_string().into());
            }
            for parameter in &options.parameters {
                arguments.push("--setParameter".into());
                arguments.push(parameter.into());
            }
            arguments.extend(options.arguments.iter().map(OsString::from));
            let recipe = Recipe {
                what: "mongod",
                program: program.to_path_buf(),
                arguments,
                folder: folder.clone(),
                log: folder.join("mongod.log"),
                tie,
            };
            Ok((ServerProcess::start(recipe, |_| answers(port))?, port))
        })?;
        Ok(Self {
            process: Arc::new(Mutex::new(process)),
            port,
        })
    }

    fn host(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    fn takes_writes(&self) -> bool {
        takes_writes(self.port)
    }

    fn process(&self) -> MutexGuard<'_, ServerProcess> {
        locked(&self.process)
    }
}

fn member_folder(folder: &Path, number: usize) -> PathBuf {
    folder.join(format!("member-{number}"))
}

/// A panic while the lock was held leaves a process that can still be killed.
fn locked(process: &Mutex<ServerProcess>) -> MutexGuard<'_, ServerProcess> {
    process.lock().unwrap_or_else(PoisonError::into_inner)
}

fn start_again(process: &Mutex<ServerProcess>, port: u16) -> Result<(), ServerError> {
    let mut process = locked(process);
    process.kill();
    process.start_again(|_| answers(port))
}

fn wait_for_primary(ports: &[u16]) -> Result<(), ServerError> {
    let deadline = Instant::now() + PRIMARY_WITHIN;
    while Instant::now() < deadline {
        if ports.iter().any(|port| takes_writes(*port)) {
            return Ok(());
        }
        thread::sleep(Duration::from_millis(20));
    }
    Err(ServerError::NotReady {
        what: "a primary of MongoDB",
        waited: PRIMARY_WITHIN,
        last_words: format!("members on ports {ports:?}"),
    })
}

fn answers(port: u16) -> Readiness {
    match hello(port) {
        Ok(_) => Readiness::Ready,
        Err(_) => Readiness::NotYet,
    }
}

fn takes_writes(port: u16) -> bool {
    hello(port).is_ok_and(|answer| answer.get_bool("isWritablePrimary").unwrap_or(false))
}

fn hello(port: u16) -> Result<Document, ServerError> {
    mongo_wire::command(port, "hello", &doc! { "hello": 1, "$db": "admin" })
}
