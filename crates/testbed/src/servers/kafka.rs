//! A real Kafka broker, alone and its own controller (KRaft).

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::data_folder::DataFolder;
use super::process::{Readiness, Recipe, ServerProcess, Tie, on_a_free_port};
use super::{Provisioned, ServerError, beside, port};

/// The broker logs it once its listeners are open and its controller lets it take part.
const STARTED: &str = "Kafka Server started";

pub(super) const LOGGING: &str = "rootLogger.level = INFO
rootLogger.appenderRef.out.ref = out
appender.out.type = Console
appender.out.name = out
appender.out.layout.type = PatternLayout
appender.out.layout.pattern = %d %p %m (%c)%n
";

/// A client's standard output is data, so it complains elsewhere.
const CLIENT_LOGGING: &str = "rootLogger.level = WARN
rootLogger.appenderRef.err.ref = err
appender.err.type = Console
appender.err.name = err
appender.err.target = SYSTEM_ERR
appender.err.layout.type = PatternLayout
appender.err.layout.pattern = %d %p %m (%c)%n
";

/// What one broker alone needs; `docker-compose.yml` gives the same.
pub const KAFKA_PROPERTIES: &[(&str, &str)] = &[
    ("process.roles", "broker,controller"),
    ("node.id", "1"),
    ("controller.listener.names", "CONTROLLER"),
    (
        "listener.security.protocol.map",
        "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
    ),
    ("offsets.topic.replication.factor", "1"),
    ("transaction.state.log.replication.factor", "1"),
    ("transaction.state.log.min.isr", "1"),
    ("group.initial.rebalance.delay.ms", "0"),
];

/// Lets a killed broker come back in seconds: its old registration expires sooner.
const QUICK_RETURN: &[(&str, &str)] = &[
    ("broker.session.timeout.ms", "2000"),
    ("broker.heartbeat.interval.ms", "500"),
];

/// A Java that starts soon and takes little. The heap is a limit and not taken at once. All tests of
/// a program share a broker, whose cleaner takes 128 MiB and which keeps something for each of their
/// thousands of partitions; with a quarter of this it did nothing but look for room, and answered
/// nobody.
const SMALL_JAVA: &[&str] = &["-Xmx1g", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"];

/// What `kafka-server-start.sh` and `kafka-run-class.sh` give a broker.
const USUAL_JAVA: &[&str] = &[
    "-Xms1g",
    "-Xmx1g",
    "-server",
    "-XX:+UseG1GC",
    "-XX:MaxGCPauseMillis=20",
    "-XX:InitiatingHeapOccupancyPercent=35",
    "-XX:+ExplicitGCInvokesConcurrent",
];

/// How a broker differs from the usual one.
#[derive(Clone, Debug, Default)]
pub struct KafkaOptions {
    /// Broker properties after the usual ones, which they override.
    pub properties: Vec<(String, String)>,
    pub java: Java,
}

/// The Java that a broker runs on.
#[derive(Clone, Copy, Debug, Default)]
pub enum Java {
    /// It starts soon and takes little, and compiles in a hurry: for tests.
    #[default]
    Small,
    /// As Kafka's own scripts start a broker: for figures.
    Usual,
}

/// A running broker; it ends with this value.
#[derive(Debug)]
pub struct Kafka {
    process: Arc<Mutex<ServerProcess>>,
    port: u16,
    class_path: OsString,
    folder: DataFolder,
}

impl Kafka {
    /// Formats its storage and starts it.
    ///
    /// # Errors
    /// Every reason that a server does not come up, with the end of its log.
    pub async fn start(options: KafkaOptions) -> Result<Self, ServerError> {
        beside(move || {
            let provisioned = Provisioned::locate()?;
            let folder = DataFolder::temporary(&provisioned, "kafka")?;
            Self::start_in(&provisioned, folder, &options, Tie::Tied)
        })
        .await
    }

    pub(super) fn start_in(
        provisioned: &Provisioned,
        folder: DataFolder,
        options: &KafkaOptions,
        tie: Tie,
    ) -> Result<Self, ServerError> {
        let class_path = provisioned.kafka_class_path()?;
        let logging = folder.path().join("log4j2.properties");
        fs::write(&logging, LOGGING).map_err(ServerError::file("write", &logging))?;
        let client_logging = client_logging(folder.path());
        fs::write(&client_logging, CLIENT_LOGGING)
            .map_err(ServerError::file("write", &client_logging))?;
        let (process, port) = on_a_free_port(|port| {
            let properties = write_properties(folder.path(), port, options)?;
            let java = |what, java, program: &[&str], tie| Recipe {
                what,
                program: "java".into(),
                arguments: java_arguments(java, &class_path, &logging, program, &properties),
                folder: folder.path().to_path_buf(),
                log: folder.path().join("kafka.log"),
                tie,
            };
            let identity = cluster_identity();
            ServerProcess::run_to_the_end(&java(
                "Kafka's StorageTool",
                Java::Small,
                &["kafka.tools.StorageTool", "format", "-t", &identity, "-c"],
                Tie::Tied,
            ))?;
            let process =
                ServerProcess::start(java("Kafka", options.java, &["kafka.Kafka"], tie), started)?;
            Ok((process, port))
        })?;
        Ok(Self {
            process: Arc::new(Mutex::new(process)),
            port,
            class_path,
            folder,
        })
    }

    /// The list of brokers that a client is given.
    #[must_use]
    pub fn brokers(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Where it keeps its topics, a folder `TOPIC-PARTITION` for each partition.
    #[must_use]
    pub fn storage(&self) -> PathBuf {
        storage(self.folder.path(), self.port)
    }

    /// The process, for measuring it; none while it does not run.
    #[must_use]
    pub fn process_id(&self) -> Option<u32> {
        locked(&self.process).id()
    }

    /// Java with Kafka's own client library: a class of it or a source file is the next argument.
    #[must_use]
    pub fn client_program(&self) -> Command {
        let mut command = Command::new("java");
        command.args(small_java(
            &self.class_path,
            &client_logging(self.folder.path()),
        ));
        command
    }

    /// The end of its log, for a test that has failed.
    #[must_use]
    pub fn last_words(&self) -> String {
        locked(&self.process).last_words()
    }

    /// Kills the broker as a power failure would.
    pub fn kill(&self) {
        locked(&self.process).kill();
    }

    /// Stops the broker in its tracks, without closing a connection.
    ///
    /// # Errors
    /// [`ServerError::NotRunning`].
    pub fn pause(&self) -> Result<(), ServerError> {
        locked(&self.process).pause()
    }

    /// Lets a paused broker go on.
    ///
    /// # Errors
    /// [`ServerError::NotRunning`].
    pub fn resume(&self) -> Result<(), ServerError> {
        locked(&self.process).resume()
    }

    /// Shuts the broker down in order.
    ///
    /// # Errors
    /// [`ServerError::NotRunning`], or that it does not end.
    pub async fn stop(&self) -> Result<(), ServerError> {
        let process = Arc::clone(&self.process);
        beside(move || locked(&process).stop()).await
    }

    /// Starts the killed or stopped broker on the same port and data; a running one is killed first.
    ///
    /// # Errors
    /// Every reason that a server does not come up, with the end of its log.
    pub async fn restart(&self) -> Result<(), ServerError> {
        let process = Arc::clone(&self.process);
        beside(move || {
            let mut process = locked(&process);
            process.kill();
            process.start_again(started)
        })
        .await
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

fn storage(folder: &Path, port: u16) -> PathBuf {
    folder.join(format!("storage-{port}"))
}

/// One try's properties, with storage of its own: a port that turned out taken is also in the storage.
fn write_properties(
    folder: &Path,
    port: u16,
    options: &KafkaOptions,
) -> Result<PathBuf, ServerError> {
    let controller = port::free_port();
    let storage = storage(folder, port);
    let mut text: String = KAFKA_PROPERTIES
        .iter()
        .chain(QUICK_RETURN)
        .map(|(name, value)| format!("{name}={value}\n"))
        .collect();
    text.push_str(&format!(
        "controller.quorum.voters=1@127.0.0.1:{controller}\n\
         listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}\n\
         advertised.listeners=PLAINTEXT://127.0.0.1:{port}\n\
         log.dirs={}\n",
        storage.display()
    ));
    for (name, value) in &options.properties {
        text.push_str(&format!("{name}={value}\n"));
    }
    let file = folder.join("server.properties");
    fs::write(&file, text).map_err(ServerError::file("write", &file))?;
    Ok(file)
}

fn java_arguments(
    java: Java,
    class_path: &OsString,
    logging: &Path,
    program: &[&str],
    properties: &Path,
) -> Vec<OsString> {
    let mut arguments = match java {
        Java::Small => small_java(class_path, logging),
        Java::Usual => java_with(USUAL_JAVA, class_path, logging),
    };
    arguments.extend(program.iter().map(OsString::from));
    arguments.push(properties.into());
    arguments
}

pub(super) fn small_java(class_path: &OsString, logging: &Path) -> Vec<OsString> {
    java_with(SMALL_JAVA, class_path, logging)
}

fn java_with(options: &[&str], class_path: &OsString, logging: &Path) -> Vec<OsString> {
    let mut arguments: Vec<OsString> = options.iter().map(OsString::from).collect();
    arguments.extend([
        format!("-Dlog4j2.configurationFile=file:{}", logging.display()).into(),
        "-cp".into(),
        class_path.clone(),
    ]);
    arguments
}

fn client_logging(folder: &Path) -> PathBuf {
    folder.join("log4j2-client.properties")
}

/// Sixteen random bytes as Kafka writes them: 22 characters, the last of which carries two bits.
fn cluster_identity() -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut identity = String::from("L");
    while identity.len() < 21 {
        identity.push(char::from(ALPHABET[(port::random() % 62) as usize]));
    }
    identity.push('A');
    identity
}
