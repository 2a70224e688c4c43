//! A real schema registry: Apicurio, by its interface that is Confluent's, with nothing but memory behind it.

use std::sync::{Arc, Mutex, PoisonError};

use super::data_folder::DataFolder;
use super::process::{Readiness, Recipe, ServerProcess, Tie, on_a_free_port};
use super::{Provisioned, ServerError, beside, port};

/// It logs it once its storage is ready and its port is open.
const STARTED: &str = "Listening on:";

/// A running registry; it ends with this value.
#[derive(Debug)]
pub struct Registry {
    process: Arc<Mutex<ServerProcess>>,
    port: u16,
    _folder: DataFolder,
}

impl Registry {
    /// Starts it, empty.
    ///
    /// # Errors
    /// Every reason that a server does not come up, with the end of its log.
    pub async fn start() -> Result<Self, ServerError> {
        beside(|| {
            let provisioned = Provisioned::locate()?;
            let folder = DataFolder::temporary(&provisioned, "registry")?;
            Self::start_in(&provisioned, folder, Tie::Tied)
        })
        .await
    }

    pub(super) fn start_in(
        provisioned: &Provisioned,
        folder: DataFolder,
        tie: Tie,
    ) -> Result<Self, ServerError> {
        let home = provisioned.registry()?;
        let (process, port) = on_a_free_port(|port| {
            let recipe = Recipe {
                what: "Apicurio",
                program: home.join("java").join("bin").join("java"),
                arguments: vec![
                    "-Xmx256m".into(),
                    "-XX:+UseSerialGC".into(),
                    "-XX:TieredStopAtLevel=1".into(),
                    "-Dquarkus.http.host=127.0.0.1".into(),
                    format!("-Dquarkus.http.port={port}").into(),
                    "-Dquarkus.management.host=127.0.0.1".into(),
                    format!("-Dquarkus.management.port={}", port::free_port()).into(),
                    "-jar".into(),
                    home.join("app").join("quarkus-run.jar").into(),
                ],
                folder: folder.path().to_path_buf(),
                log: folder.path().join("registry.log"),
                tie,
            };
            Ok((ServerProcess::start(recipe, started)?, port))
        })?;
        Ok(Self {
            process: Arc::new(Mutex::new(process)),
            port,
            _folder: folder,
        })
    }

    /// The address of the interface that is Confluent's.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}/apis/ccompat/v7", self.port)
    }

    /// The process, for measuring it; none while it does not run.
    #[must_use]
    pub fn process_id(&self) -> Option<u32> {
        let process = self.process.lock();
        // A panic while the lock was held leaves a process that is one still.
        process.unwrap_or_else(PoisonError::into_inner).id()
    }

    /// Kills it as a power failure would.
    pub fn kill(&self) {
        let process = self.process.lock();
        process.unwrap_or_else(PoisonError::into_inner).kill();
    }

    /// Starts the killed registry on the same port; what it knew is forgotten.
    ///
    /// # Errors
    /// Every reason that a server does not come up, with the end of its log.
    pub async fn restart(&self) -> Result<(), ServerError> {
        let process = Arc::clone(&self.process);
        beside(move || {
            let mut process = process.lock().unwrap_or_else(PoisonError::into_inner);
            process.kill();
            process.start_again(started)
        })
        .await
    }
}

fn started(log: &str) -> Readiness {
    if log.contains(STARTED) {
        Readiness::Ready
    } else {
        Readiness::NotYet
    }
}
