//! Runs the built command in an empty folder with an empty environment.

use std::path::Path;
use std::process::{Command, Stdio};

/// Exit code, stdout and stderr of one call, in a folder where nothing is.
pub fn lockstep(arguments: &[&str]) -> String {
    let folder = tempfile::tempdir().unwrap();
    lockstep_in(folder.path(), arguments)
}

/// The same, in a folder that was prepared.
pub fn lockstep_in(folder: &Path, arguments: &[&str]) -> String {
    lockstep_with(folder, arguments, &[])
}

/// The same, with these environment variables and no others.
pub fn lockstep_with(folder: &Path, arguments: &[&str], variables: &[(&str, &str)]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_lockstep"))
        .args(arguments)
        .current_dir(folder)
        .env_clear()
        .envs(variables.iter().copied())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let code = output.status.code().unwrap();
    let stdout = String::from_utf8(output.stdout).unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    format!("exit: {code}\n--- stdout\n{stdout}--- stderr\n{stderr}")
}
