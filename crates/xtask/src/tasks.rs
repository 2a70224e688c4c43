//! The tasks that need the whole workspace: tests, demo, benchmark.
//! Each prepares the machine, fetches the servers, builds, and then only runs what is written elsewhere.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::failure::Failure;
use crate::program::{openly, say};
use crate::provision::{Kind, provision};
use crate::{folders, machine};

/// What building and starting servers take.
pub(crate) fn machine() -> Result<(), Failure> {
    machine::prepare(&[machine::TO_BUILD, machine::TO_START_SERVERS])
}

/// All tests of the workspace, against a `lockstep` that can be stopped at named places.
pub(crate) fn test(filter: &[String]) -> Result<(), Failure> {
    prepare(&Kind::ALL)?;
    let binary = build_lockstep(Profile::Test)?;
    say("running the tests");
    openly(
        cargo(&["test", "--workspace", "--no-fail-fast"])
            .args(filter)
            .env("LOCKSTEP_BIN", &binary),
    )
}

pub(crate) fn demo(keep: bool, direct: bool) -> Result<(), Failure> {
    let mut arguments = Vec::new();
    arguments.extend(keep.then_some("--keep"));
    arguments.extend(direct.then_some("--direct"));
    let kinds: &[Kind] = match direct {
        true => &[Kind::Mysql, Kind::Mongodb],
        false => &Kind::USUAL,
    };
    run_of_tests("demo", kinds, &arguments)
}

/// Each mutant is applied to a copy of the tree; `tests/mutants/run` says how one counts as caught.
pub(crate) fn mutants(names: &[String]) -> Result<(), Failure> {
    prepare(&Kind::ALL)?;
    openly(Command::new(folders::workspace().join("tests/mutants/run")).args(names))
}

/// The long form of what the tests do in a short one.
pub(crate) fn compat() -> Result<(), Failure> {
    run_of_tests("compat", &Kind::COMPAT, &[])
}

pub(crate) fn bench(json: bool, quick: bool, scale: Option<f64>) -> Result<(), Failure> {
    let factor = scale.map(|factor| factor.to_string());
    let mut arguments = Vec::new();
    arguments.extend(json.then_some("--json"));
    arguments.extend(quick.then_some("--quick"));
    if let Some(factor) = &factor {
        arguments.extend(["--scale", factor.as_str()]);
    }
    run_of_tests("bench", &Kind::USUAL, &arguments)
}

/// No server is asked: the events were recorded.
pub(crate) fn bench_decode() -> Result<(), Failure> {
    machine::prepare(&[machine::TO_BUILD])?;
    openly(&mut cargo(&[
        "bench",
        "--package",
        "mysql",
        "--bench",
        "decode",
    ]))
}

#[derive(Clone, Copy)]
enum Profile {
    Test,
    Release,
}

fn run_of_tests(program: &str, kinds: &[Kind], arguments: &[&str]) -> Result<(), Failure> {
    prepare(kinds)?;
    let binary = build_lockstep(Profile::Release)?;
    openly(
        Command::new(binary.with_file_name(program))
            .args(arguments)
            .current_dir(folders::workspace())
            .env("LOCKSTEP_BIN", &binary),
    )
}

fn prepare(kinds: &[Kind]) -> Result<(), Failure> {
    machine::prepare(&[machine::TO_BUILD])?;
    provision(kinds)
}

/// Builds the binary and says where it is.
fn build_lockstep(profile: Profile) -> Result<PathBuf, Failure> {
    say("building lockstep");
    match profile {
        // The named stops exist for the tests only, hence not in a release.
        Profile::Test => openly(&mut cargo(&[
            "build",
            "--package",
            "lockstep",
            "--features",
            "stops",
        ]))?,
        // In one go: by themselves, lockstep and what starts it would ask for dependencies with
        // different features, and most of them would be built twice.
        Profile::Release => openly(&mut cargo(&[
            "build",
            "--package",
            "lockstep",
            "--package",
            "tests",
            "--bins",
            "--release",
        ]))?,
    }
    let folder = match profile {
        Profile::Test => "debug",
        Profile::Release => "release",
    };
    let built = target_folder().join(folder).join("lockstep");
    if !built.is_file() {
        return Err(Failure::Unexpected {
            what: "the build of lockstep".to_owned(),
            problem: format!("it left nothing at {}", built.display()),
        });
    }
    match profile {
        Profile::Release => Ok(built),
        Profile::Test => set_aside(&built),
    }
}

/// Copies the binary away from where the tests' own build, which has no named stops, would replace it.
fn set_aside(built: &Path) -> Result<PathBuf, Failure> {
    let folder = target_folder().join("with-stops");
    fs::create_dir_all(&folder).map_err(Failure::file("create", &folder))?;
    let binary = folder.join("lockstep");
    let unfinished = folder.join(format!("lockstep.{}", std::process::id()));
    fs::copy(built, &unfinished).map_err(Failure::file("copy to", &unfinished))?;
    // A rename, since a running program cannot be written to.
    fs::rename(&unfinished, &binary).map_err(Failure::file("rename to", &binary))?;
    Ok(binary)
}

/// Where cargo builds.
fn target_folder() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(
        || folders::workspace().join("target"),
        |chosen| folders::workspace().join(chosen),
    )
}

fn cargo(arguments: &[&str]) -> Command {
    let mut command = Command::new("cargo");
    command.args(arguments).current_dir(folders::workspace());
    command
}
