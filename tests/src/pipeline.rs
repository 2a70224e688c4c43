//! The `lockstep` binary as its users meet it: a configuration file, processes over it, signals.
//!
//! A test judges by what the outside sees: exit codes, words, documents. What a process says goes to
//! files, so that no pipe fills up and a failure can show all of it. A process ends with its value,
//! and with the test's own process if that is killed.

use rustix::process::{Pid, Signal, kill_process};
use std::fs::{self, File};
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use testbed::waiting::until;

/// Long enough for a debug build on a machine that is busy with other tests, servers among them.
pub const PATIENCE: Duration = Duration::from_secs(180);

/// The binary under test could not be used.
#[derive(Debug, thiserror::Error)]
pub enum PipelineError {
    #[error("there is no lockstep binary at {}; build it or set LOCKSTEP_BIN", .0.display())]
    NoBinary(PathBuf),
    #[error("{what}: {cause}")]
    System {
        what: &'static str,
        cause: io::Error,
    },
}

fn system(what: &'static str) -> impl FnOnce(io::Error) -> PipelineError {
    move |cause| PipelineError::System { what, cause }
}

/// A configuration that processes run over, one after another or side by side.
#[derive(Debug)]
pub struct Pipeline {
    binary: PathBuf,
    folder: tempfile::TempDir,
    started: AtomicU32,
}

impl Pipeline {
    /// A pipeline with this configuration file.
    ///
    /// # Errors
    /// [`PipelineError`]
    pub fn new(configuration: &str) -> Result<Self, PipelineError> {
        let pipeline = Self {
            binary: binary()?,
            folder: tempfile::tempdir().map_err(system("making a folder"))?,
            started: AtomicU32::new(0),
        };
        pipeline.configure(configuration)?;
        Ok(pipeline)
    }

    /// Replaces the configuration file.
    ///
    /// # Errors
    /// [`PipelineError::System`]
    pub fn configure(&self, configuration: &str) -> Result<(), PipelineError> {
        fs::write(self.folder.path().join("lockstep.toml"), configuration)
            .map_err(system("writing the configuration"))
    }

    /// Starts `lockstep` with these arguments.
    ///
    /// # Errors
    /// [`PipelineError::System`]
    pub fn start(&self, arguments: &[&str]) -> Result<Process, PipelineError> {
        self.launch(arguments, None)
    }

    /// Starts `lockstep run`, or one half of it, which halts the `count`-th time it gets to a named
    /// place.
    ///
    /// # Errors
    /// [`PipelineError::System`]
    pub fn start_and_stop_at(
        &self,
        part: &str,
        place: &str,
        count: u32,
    ) -> Result<Process, PipelineError> {
        self.launch(&[part], Some(format!("{place}:{count}")))
    }

    /// Runs `lockstep` with these arguments to its end.
    ///
    /// # Errors
    /// [`PipelineError::System`]
    pub async fn finish(&self, arguments: &[&str]) -> Result<Ended, PipelineError> {
        Ok(self.start(arguments)?.ended().await)
    }

    /// Runs `lockstep` with these arguments on a terminal of its own, to its end. What it paints,
    /// control sequences included, is its standard output.
    ///
    /// # Errors
    /// [`PipelineError::System`]
    pub async fn finish_on_a_terminal(&self, arguments: &[&str]) -> Result<Ended, PipelineError> {
        let line = format!("{} {}", self.binary.display(), arguments.join(" "));
        let script = [
            "-qec",
            &format!("stty cols 120 rows 40; {line}"),
            "/dev/null",
        ];
        Ok(self
            .launch_program(Path::new("script"), &script, None)?
            .ended()
            .await)
    }

    /// `run --until caught-up`, which has to succeed.
    ///
    /// # Errors
    /// [`PipelineError::System`]
    ///
    /// # Panics
    /// When the command ends with another code than 0.
    pub async fn catch_up(&self) -> Result<Ended, PipelineError> {
        self.part_catches_up("run").await
    }

    /// `run`, `capture` or `sink` with `--until caught-up`, which has to succeed.
    ///
    /// # Errors
    /// [`PipelineError::System`]
    ///
    /// # Panics
    /// When the command ends with another code than 0.
    pub async fn part_catches_up(&self, part: &str) -> Result<Ended, PipelineError> {
        let ended = self.finish(&[part, "--until", "caught-up"]).await?;
        assert_eq!(ended.code, Some(0), "{ended}");
        Ok(ended)
    }

    fn launch(
        &self,
        arguments: &[&str],
        stop_at: Option<String>,
    ) -> Result<Process, PipelineError> {
        self.launch_program(&self.binary, arguments, stop_at)
    }

    fn launch_program(
        &self,
        program: &Path,
        arguments: &[&str],
        stop_at: Option<String>,
    ) -> Result<Process, PipelineError> {
        let number = self.started.fetch_add(1, Ordering::Relaxed);
        let path = |name: &str| self.folder.path().join(format!("{number}-{name}"));
        let (stdout, stderr) = (path("stdout"), path("stderr"));
        let create = |path: &Path| File::create(path).map_err(system("creating a file"));
        let mut command = Command::new("setpriv");
        command
            .args(["--pdeathsig", "KILL", "--"])
            .arg(program)
            .args(arguments)
            .current_dir(self.folder.path())
            .stdin(Stdio::null())
            .stdout(create(&stdout)?)
            .stderr(create(&stderr)?);
        if let Some(stop_at) = stop_at {
            command.env("LOCKSTEP_STOP_AT", stop_at);
        }
        Ok(Process {
            what: format!("lockstep {} (number {number})", arguments.join(" ")),
            child: command.spawn().map_err(system("starting lockstep"))?,
            stdout,
            stderr,
        })
    }
}

/// The binary named by the environment, or the one beside the folder of this program.
fn binary() -> Result<PathBuf, PipelineError> {
    let path = match std::env::var_os("LOCKSTEP_BIN") {
        Some(path) => PathBuf::from(path),
        None => {
            let program = std::env::current_exe().map_err(system("finding this program"))?;
            let mut folders = program.ancestors().skip(1);
            let built = folders.find(|folder| !folder.ends_with("deps"));
            built.unwrap_or(&program).join("lockstep")
        }
    };
    if path.is_file() {
        Ok(path)
    } else {
        Err(PipelineError::NoBinary(path))
    }
}

/// One process of a pipeline.
#[derive(Debug)]
pub struct Process {
    what: String,
    child: Child,
    stdout: PathBuf,
    stderr: PathBuf,
}

impl Process {
    /// Waits until it halts at the named place.
    ///
    /// # Panics
    /// When it ends or does not get there.
    pub async fn stopped_at(&mut self, place: &str) {
        let wanted = format!("stopped at {place}\n");
        let what = format!("{} is stopped at {place}", self.what);
        self.alive_until(&what, async |said| said.contains(&wanted).then_some(()))
            .await;
    }

    /// Looks until `look`, which is given what the process has said on standard error, has a value.
    ///
    /// # Panics
    /// When the process ends before, or when nothing comes for too long.
    pub async fn alive_until<T>(
        &mut self,
        what: &str,
        mut look: impl AsyncFnMut(&str) -> Option<T>,
    ) -> T {
        let found = async || {
            let ended = self.look();
            let found = look(&read(&self.stderr)).await;
            match (found, ended) {
                (Some(found), _) => Some(Ok(found)),
                (None, Some(status)) => Some(Err(status)),
                (None, None) => None,
            }
        };
        match until(what, PATIENCE, found).await {
            Ok(found) => found,
            Err(status) => panic!("waited until {what}: {}", self.told(status)),
        }
    }

    /// Waits until it ends by itself.
    ///
    /// # Panics
    /// When it does not.
    pub async fn ended(&mut self) -> Ended {
        let what = format!("{} ends", self.what);
        let status = until(&what, PATIENCE, async || self.look()).await;
        self.told(status)
    }

    /// Whether it still runs.
    pub fn is_running(&mut self) -> bool {
        self.look().is_none()
    }

    /// Kills it as a power failure would.
    pub fn kill(mut self) {
        self.end();
    }

    /// Asks it to stop, as a service manager does.
    pub fn terminate(&self) {
        self.signal(Signal::TERM);
    }

    /// Stops it in its tracks.
    pub fn pause(&self) {
        self.signal(Signal::STOP);
    }

    /// Lets it go on.
    pub fn resume(&self) {
        self.signal(Signal::CONT);
    }

    fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        let pid = pid.expect("a child has a positive process id");
        // Fails only for a process that has been waited for, whose end is then what a test sees.
        let _ = kill_process(pid, signal);
    }

    fn look(&mut self) -> Option<ExitStatus> {
        self.child
            .try_wait()
            .expect("a child that was not waited for can be")
    }

    fn told(&self, status: ExitStatus) -> Ended {
        Ended {
            what: self.what.clone(),
            code: status.code(),
            signal: status.signal(),
            stdout: read(&self.stdout),
            stderr: read(&self.stderr),
        }
    }

    fn end(&mut self) {
        // Both fail only for a process that has already been waited for.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{} has said:\n{}", self.what, read(&self.stderr));
        }
        self.end();
    }
}

fn read(path: &Path) -> String {
    fs::read(path)
        .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
        .unwrap_or_default()
}

/// How a process ended, and what it said.
#[derive(Clone, Debug)]
pub struct Ended {
    what: String,
    pub code: Option<i32>,
    pub signal: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl std::fmt::Display for Ended {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (self.code, self.signal) {
            (Some(code), _) => write!(f, "{} ended with {code}", self.what)?,
            (None, signal) => write!(f, "{} ended by signal {signal:?}", self.what)?,
        }
        write!(
            f,
            "\n--- stdout\n{}--- stderr\n{}",
            self.stdout, self.stderr
        )
    }
}
