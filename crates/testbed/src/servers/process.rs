//! One server process: started, watched until it answers, killed, stopped, started again.
//! A tied process dies with this one whatever happens: `setpriv` asks the kernel for it. The kernel looks at the starting *thread*, therefore one thread that lives as long as this process starts them all. Each process has a process group of its own, so that Ctrl-C reaches the program under test and not the servers under it.

use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, OnceLock, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::ServerError;

const READY_WITHIN: Duration = Duration::from_secs(180);
const STOPPED_WITHIN: Duration = Duration::from_secs(60);
const POLL_EVERY: Duration = Duration::from_millis(20);
const LAST_WORDS_BYTES: u64 = 4096;

/// Whether a process ends with the one that started it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tie {
    /// It is killed when the starter ends or drops it.
    Tied,
    /// It goes on running in a session of its own.
    Detached,
}

/// How a process is started; the same again at each restart.
#[derive(Clone, Debug)]
pub(super) struct Recipe {
    pub(super) what: &'static str,
    pub(super) program: PathBuf,
    pub(super) arguments: Vec<OsString>,
    pub(super) folder: PathBuf,
    pub(super) log: PathBuf,
    pub(super) tie: Tie,
}

/// What a look at a starting server showed.
pub(super) enum Readiness {
    Ready,
    NotYet,
}

/// A server's process and how to start it again.
#[derive(Debug)]
pub(super) struct ServerProcess {
    recipe: Recipe,
    child: Option<Child>,
    /// Where in the log the words of this start begin.
    log_start: u64,
}

impl ServerProcess {
    /// Starts the process and waits until `look` finds it ready.
    pub(super) fn start(
        recipe: Recipe,
        look: impl FnMut(&str) -> Readiness,
    ) -> Result<Self, ServerError> {
        let mut process = Self {
            recipe,
            child: None,
            log_start: 0,
        };
        process.start_again(look)?;
        Ok(process)
    }

    /// Starts it again by the same recipe; it must not run.
    pub(super) fn start_again(
        &mut self,
        look: impl FnMut(&str) -> Readiness,
    ) -> Result<(), ServerError> {
        self.log_start = self.recipe.log.metadata().map_or(0, |log| log.len());
        self.child = Some(launch(&self.recipe)?);
        let ready = self.await_ready(look);
        if ready.is_err() {
            self.kill();
        }
        ready
    }

    /// Runs a tool to its end.
    pub(super) fn run_to_the_end(recipe: &Recipe) -> Result<(), ServerError> {
        let mut child = launch(recipe)?;
        let status = child
            .wait()
            .map_err(ServerError::file("wait for", &recipe.program))?;
        if status.success() {
            return Ok(());
        }
        Err(ServerError::Ended {
            what: recipe.what,
            status: status.to_string(),
            last_words: last_words(recipe, 0),
        })
    }

    pub(super) fn id(&self) -> Option<u32> {
        self.child.as_ref().map(Child::id)
    }

    /// Kills it as a power failure would (SIGKILL), and waits until it is gone.
    pub(super) fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            // Both fail only for a process that has already been waited for.
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// Asks it to end (SIGTERM) and waits for that.
    pub(super) fn stop(&mut self) -> Result<(), ServerError> {
        self.signal(Signal::TERM)?;
        let Some(child) = self.child.as_mut() else {
            return Ok(());
        };
        let deadline = Instant::now() + STOPPED_WITHIN;
        while Instant::now() < deadline {
            let ended = child
                .try_wait()
                .map_err(ServerError::file("wait for", &self.recipe.program))?;
            if ended.is_some() {
                self.child = None;
                return Ok(());
            }
            thread::sleep(POLL_EVERY);
        }
        Err(ServerError::NotReady {
            what: self.recipe.what,
            waited: STOPPED_WITHIN,
            last_words: last_words(&self.recipe, self.log_start),
        })
    }

    /// Stops it in its tracks (SIGSTOP), as an overloaded or unreachable machine would.
    pub(super) fn pause(&self) -> Result<(), ServerError> {
        self.signal(Signal::STOP)
    }

    /// Lets a paused process go on.
    pub(super) fn resume(&self) -> Result<(), ServerError> {
        self.signal(Signal::CONT)
    }

    /// The words of the latest start.
    pub(super) fn log(&self) -> String {
        words(&self.recipe, self.log_start)
    }

    /// The end of what it said, over all its starts.
    pub(super) fn last_words(&self) -> String {
        last_words(&self.recipe, 0)
    }

    pub(super) fn recipe_mut(&mut self) -> &mut Recipe {
        &mut self.recipe
    }

    fn signal(&self, signal: Signal) -> Result<(), ServerError> {
        let what = self.recipe.what;
        let id = self.id().ok_or(ServerError::NotRunning { what })?;
        let id = i32::try_from(id)
            .ok()
            .and_then(Pid::from_raw)
            .ok_or(ServerError::NotRunning { what })?;
        kill_process(id, signal).map_err(|_| ServerError::NotRunning { what })
    }

    fn await_ready(&mut self, mut look: impl FnMut(&str) -> Readiness) -> Result<(), ServerError> {
        let what = self.recipe.what;
        let deadline = Instant::now() + READY_WITHIN;
        while Instant::now() < deadline {
            let child = self
                .child
                .as_mut()
                .ok_or(ServerError::NotRunning { what })?;
            let ended = child
                .try_wait()
                .map_err(ServerError::file("wait for", &self.recipe.program))?;
            if let Some(status) = ended {
                return Err(ServerError::Ended {
                    what,
                    status: status.to_string(),
                    last_words: last_words(&self.recipe, self.log_start),
                });
            }
            match look(&self.log()) {
                Readiness::Ready => return Ok(()),
                Readiness::NotYet => thread::sleep(POLL_EVERY),
            }
        }
        Err(ServerError::NotReady {
            what,
            waited: READY_WITHIN,
            last_words: last_words(&self.recipe, self.log_start),
        })
    }
}

impl Drop for ServerProcess {
    fn drop(&mut self) {
        if self.recipe.tie == Tie::Tied {
            self.kill();
        }
    }
}

/// Starts a server on a free port, and on another one when somebody took it meanwhile.
pub(super) fn on_a_free_port<T>(
    mut start: impl FnMut(u16) -> Result<T, ServerError>,
) -> Result<T, ServerError> {
    const ATTEMPTS: u32 = 5;
    let mut attempt = 1;
    loop {
        match start(super::port::free_port()) {
            Err(ServerError::Ended { last_words, .. })
                if attempt < ATTEMPTS && last_words.contains("in use") =>
            {
                attempt += 1;
            }
            result => return result,
        }
    }
}

type Launched = Result<Child, std::io::Error>;
/// A command to start, and where to answer.
type Order = (Command, mpsc::Sender<Launched>);

/// Has the launching thread start the process.
fn launch(recipe: &Recipe) -> Result<Child, ServerError> {
    static LAUNCHER: OnceLock<Mutex<mpsc::Sender<Order>>> = OnceLock::new();
    let launcher = LAUNCHER.get_or_init(|| {
        let (orders, inbox) = mpsc::channel::<Order>();
        thread::Builder::new()
            .name("server launcher".to_owned())
            .spawn(move || {
                for (mut command, answer) in inbox {
                    // Nobody waits for the answer any more when the asker has panicked.
                    let _ = answer.send(command.spawn());
                }
            })
            .expect("the system has room for one more thread");
        Mutex::new(orders)
    });
    let (answer, launched) = mpsc::channel();
    launcher
        .lock()
        .expect("nothing panics while it holds the launcher")
        .send((command(recipe)?, answer))
        .expect("the launcher lives as long as this process");
    launched
        .recv()
        .expect("the launcher answers each order")
        .map_err(|source| ServerError::NotStarted {
            program: recipe.program.clone(),
            source,
        })
}

fn command(recipe: &Recipe) -> Result<Command, ServerError> {
    let log = OpenOptions::new()
        .create(true)
        .append(true)
        .open(&recipe.log)
        .map_err(ServerError::file("open", &recipe.log))?;
    let errors = log
        .try_clone()
        .map_err(ServerError::file("open", &recipe.log))?;
    let mut command = match recipe.tie {
        Tie::Tied => {
            let mut command = Command::new("setpriv");
            command.args(["--pdeathsig", "KILL", "--"]).process_group(0);
            command
        }
        // setsid forks only when it leads a process group, which it does not here: the process keeps its id.
        Tie::Detached => Command::new("setsid"),
    };
    command
        .arg(&recipe.program)
        .args(&recipe.arguments)
        .current_dir(&recipe.folder)
        .stdin(Stdio::null())
        .stdout(log)
        .stderr(errors);
    Ok(command)
}

fn words(recipe: &Recipe, from: u64) -> String {
    let mut bytes = Vec::new();
    if let Ok(mut log) = File::open(&recipe.log)
        && log.seek(SeekFrom::Start(from)).is_ok()
    {
        // A log that cannot be read has no words to show.
        let _ = log.read_to_end(&mut bytes);
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn last_words(recipe: &Recipe, from: u64) -> String {
    let length = recipe.log.metadata().map_or(0, |log| log.len());
    words(recipe, from.max(length.saturating_sub(LAST_WORDS_BYTES)))
}
