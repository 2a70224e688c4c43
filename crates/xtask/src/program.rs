//! Running other programs: quietly with their output kept for the error, openly with it passed on, and again after a failure.
//! Whatever reaches the network goes through `quietly_retried`, so that one lost packet does not end a run of twenty minutes.

use std::ffi::OsStr;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use crate::failure::Failure;

const ATTEMPTS: u32 = 3;
const FIRST_PAUSE: Duration = Duration::from_secs(2);
const KEPT_LINES_OF_OUTPUT: usize = 25;

/// Says what is being done, on the error stream: the last line of standard output belongs to `--json`.
pub(crate) fn say(text: &str) {
    eprintln!("xtask: {text}");
}

/// Whether a program of this name is on the PATH.
pub(crate) fn on_path(name: &str) -> bool {
    std::env::var_os("PATH")
        .is_some_and(|path| std::env::split_paths(&path).any(|folder| folder.join(name).is_file()))
}

/// Runs to the end and gives standard output; on failure the end of both streams is in the error.
pub(crate) fn quietly(command: &mut Command) -> Result<String, Failure> {
    let output = command
        .stdin(Stdio::null())
        .output()
        .map_err(|source| Failure::NotStarted {
            command: as_typed(command),
            source,
        })?;
    let standard = String::from_utf8_lossy(&output.stdout).into_owned();
    if output.status.success() {
        return Ok(standard);
    }
    let both = format!("{standard}{}", String::from_utf8_lossy(&output.stderr));
    let lines: Vec<&str> = both.lines().collect();
    let kept = &lines[lines.len().saturating_sub(KEPT_LINES_OF_OUTPUT)..];
    Err(Failure::Command {
        command: as_typed(command),
        status: output.status.to_string(),
        output: if kept.is_empty() {
            String::new()
        } else {
            format!(":\n{}", kept.join("\n"))
        },
    })
}

/// Like [`quietly`], up to three times with growing pauses; `make` builds the command anew each time.
pub(crate) fn quietly_retried(
    what: &str,
    mut make: impl FnMut() -> Command,
) -> Result<String, Failure> {
    say(what);
    let mut pause = FIRST_PAUSE;
    let mut attempt = 1;
    loop {
        match quietly(&mut make()) {
            Ok(output) => return Ok(output),
            Err(failure) if attempt < ATTEMPTS => {
                say(&format!(
                    "{failure}\nxtask: attempt {attempt} of {ATTEMPTS} failed, trying again in {} s",
                    pause.as_secs()
                ));
                thread::sleep(pause);
                pause *= 4;
                attempt += 1;
            }
            Err(failure) => return Err(failure),
        }
    }
}

/// Runs with this process's own streams, for whatever a person wants to watch.
pub(crate) fn openly(command: &mut Command) -> Result<(), Failure> {
    let status = command.status().map_err(|source| Failure::NotStarted {
        command: as_typed(command),
        source,
    })?;
    if status.success() {
        return Ok(());
    }
    Err(Failure::Ended {
        command: as_typed(command),
        code: status.code().unwrap_or(1),
    })
}

/// The command as one would type it.
fn as_typed(command: &Command) -> String {
    std::iter::once(command.get_program())
        .chain(command.get_args())
        .map(quoted)
        .collect::<Vec<_>>()
        .join(" ")
}

fn quoted(word: &OsStr) -> String {
    let word = word.to_string_lossy();
    if word.is_empty() || word.contains([' ', '*', '"', '$']) {
        format!("'{word}'")
    } else {
        word.into_owned()
    }
}
