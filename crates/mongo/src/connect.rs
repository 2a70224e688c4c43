//! Where the target is, and the connection to it that everything here shares.
//!
//! The address and the password come apart, and the password goes nowhere but into the driver's
//! credential: no error, no log and no `Debug` output holds it. What the driver says about an
//! address that it cannot parse is not passed on, since it may quote a password that was pasted
//! into the wrong place.

use crate::error::Error;
use crate::reply::{Fault, Verdict};
use bson::{Document, doc};
use mongodb::options::{
    ClientOptions, ReadConcern, ReadPreference, SelectionCriteria, WriteConcern,
};
use mongodb::{Client, Database};
use std::sync::Arc;
use std::time::Duration;

/// How to reach and use the target.
#[derive(Clone)]
pub struct TargetOptions {
    /// `mongodb://user@host:port/?replicaSet=…`, or `mongodb+srv://…`.
    pub url: String,
    /// The password of the address's user, where the address does not hold it.
    pub password: Option<String>,
    /// Where fences, checkpoints and state live.
    pub control_database: String,
    /// The pipeline's name.
    pub pipeline: String,
    /// Parallel writers, at least 1.
    pub lanes: usize,
    /// For how long a call is tried again while the target is away.
    pub retry_limit: Duration,
    /// Documents in one transaction of a copy.
    pub chunk_batch_documents: usize,
    /// Bytes of documents in one transaction of a copy.
    pub chunk_batch_bytes: usize,
    /// The limit of a barrier, for `check` to hold against the server's cache.
    pub max_barrier_bytes: u64,
}

impl TargetOptions {
    /// The defaults: control database `lockstep`, four lanes, one minute of retries.
    pub fn new(url: impl Into<String>, pipeline: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            password: None,
            control_database: "lockstep".to_owned(),
            pipeline: pipeline.into(),
            lanes: 4,
            retry_limit: Duration::from_secs(60),
            chunk_batch_documents: 1_000,
            chunk_batch_bytes: 4 << 20,
            max_barrier_bytes: 8 << 20,
        }
    }
}

impl std::fmt::Debug for TargetOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TargetOptions")
            .field("control_database", &self.control_database)
            .field("pipeline", &self.pipeline)
            .field("lanes", &self.lanes)
            .finish_non_exhaustive()
    }
}

/// The target of one pipeline. Cheap to clone; all clones share one connection pool.
#[derive(Clone, Debug)]
pub struct Target {
    pub(crate) client: Client,
    pub(crate) control: Database,
    pub(crate) pipeline: Arc<str>,
    pub(crate) options: Arc<TargetOptions>,
    pub(crate) driver_options: Arc<ClientOptions>,
    /// For messages: the hosts without the account.
    pub(crate) hosts: Arc<str>,
}

// Short, so that the retries here decide when to give up, not the driver's half minute.
const SERVER_SELECTION: Duration = Duration::from_secs(5);
const CONNECT: Duration = Duration::from_secs(5);
// After an election, or a server that said it shuts down and then did not, the driver waits for the
// next heartbeat.
const HEARTBEAT: Duration = Duration::from_secs(2);

impl Target {
    /// Prepares the connection. Nothing is sent yet, except the name queries of `mongodb+srv`.
    ///
    /// # Errors
    /// [`Error::Address`].
    pub async fn connect(options: TargetOptions) -> Result<Self, Error> {
        let mut driver = ClientOptions::parse(&options.url).await.map_err(|error| {
            // The driver may quote what stands before an `@`.
            let problem = if options.url.contains('@') {
                "it cannot be parsed; a user name or a password with special characters must be percent-encoded".to_owned()
            } else {
                error.to_string()
            };
            Error::Address { problem }
        })?;
        if let Some(password) = &options.password {
            let Some(credential) = driver.credential.as_mut() else {
                return Err(Error::Address {
                    problem: "there is a password but no user; write mongodb://USER@HOST"
                        .to_owned(),
                });
            };
            credential.password = Some(password.clone());
        } else if let Some(credential) = &driver.credential
            && credential.username.is_some()
            && credential.password.is_none()
            && credential.mechanism.is_none()
        {
            return Err(Error::Address {
                problem: "there is a user but no password; set target.password_env or target.password_file".to_owned(),
            });
        }
        driver.app_name.get_or_insert_with(|| "lockstep".to_owned());
        driver
            .server_selection_timeout
            .get_or_insert(SERVER_SELECTION);
        driver.connect_timeout.get_or_insert(CONNECT);
        driver.heartbeat_freq.get_or_insert(HEARTBEAT);
        // Everything here needs the primary and a majority, whatever the address asks for.
        driver.selection_criteria =
            Some(SelectionCriteria::ReadPreference(ReadPreference::Primary));
        driver.write_concern = Some(WriteConcern::majority());
        driver.read_concern = Some(ReadConcern::majority());
        driver.retry_reads = Some(true);
        driver.retry_writes = Some(true);
        let hosts = driver
            .hosts
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join(",");
        let client = Client::with_options(driver.clone()).map_err(|error| Error::Address {
            problem: error.to_string(),
        })?;
        Ok(Self {
            control: client.database(&options.control_database),
            client,
            pipeline: options.pipeline.as_str().into(),
            options: Arc::new(options),
            driver_options: Arc::new(driver),
            hosts: hosts.into(),
        })
    }

    /// The driver's client, for reading the target beside the pipeline.
    pub fn client(&self) -> &Client {
        &self.client
    }

    pub(crate) fn collection(&self, name: &str) -> mongodb::Collection<Document> {
        self.control.collection(name)
    }

    /// The `_id` of this pipeline's documents that are kept once per part or table.
    pub(crate) fn id_of(&self, field: &str, value: &str) -> Document {
        doc! { "pipeline": &*self.pipeline, field: value }
    }

    /// A fault that no retry mends, as an error.
    pub(crate) fn refusal(&self, action: &str, fault: &Fault) -> Error {
        let problem = fault.to_string();
        let action = action.to_owned();
        let hosts = self.hosts.to_string();
        match fault.verdict() {
            Verdict::AccessDenied => Error::AccessDenied { hosts, problem },
            Verdict::NotAllowed => Error::NotAllowed { action, problem },
            Verdict::Again
            | Verdict::TooLarge
            | Verdict::Duplicate
            | Verdict::Refused
            | Verdict::DocumentTooLarge
            | Verdict::NotACollection
            | Verdict::Unknown => Error::Unexpected { action, problem },
        }
    }

    /// A fault of a call that the caller repeats by itself.
    pub(crate) fn interruption(&self, action: &str, fault: &Fault) -> Error {
        match fault.verdict() {
            Verdict::Again => Error::Interrupted {
                action: action.to_owned(),
                problem: fault.to_string(),
            },
            Verdict::AccessDenied
            | Verdict::NotAllowed
            | Verdict::TooLarge
            | Verdict::Duplicate
            | Verdict::Refused
            | Verdict::DocumentTooLarge
            | Verdict::NotACollection
            | Verdict::Unknown => self.refusal(action, fault),
        }
    }
}
