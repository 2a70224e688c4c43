//! Kafka's client for Python, which the consumers' page shows: Confluent's wheel for the machine's own Python, each of the possible ones pinned.

use std::fs;
use std::path::Path;
use std::process::Command;

use super::{Record, checksum, files_of, make_folder};
use crate::failure::Failure;
use crate::program::{quietly, quietly_retried};

pub(super) const VERSION: &str = "2.16.1";
/// In the format of `sha256sum`, one line for each Python.
const LOCKED_WHEELS: &str = include_str!("python.lock");

pub(super) fn fetch(into: &Path) -> Result<Record, Failure> {
    let working = make_folder(into.join("wheel"))?;
    let package = format!("confluent-kafka=={VERSION}");
    quietly_retried(&format!("downloading {package}"), || {
        let mut pip = Command::new("python3");
        pip.args(["-m", "pip", "download", "--disable-pip-version-check"])
            .args(["--no-deps", "--only-binary", ":all:", "--dest"])
            .arg(&working)
            .arg(&package);
        pip
    })?;
    let wheels = files_of(&working, "whl")?;
    let unexpected = |problem: String| Failure::Unexpected {
        what: format!("the download of {package}"),
        problem,
    };
    let [wheel] = wheels.as_slice() else {
        let problem = format!("one wheel was expected, {} came", wheels.len());
        return Err(unexpected(problem));
    };
    let name = wheel.file_name().map(|name| name.to_string_lossy());
    let name = name.unwrap_or_default();
    let mut locked = LOCKED_WHEELS
        .lines()
        .filter_map(|line| line.split_once("  "));
    let Some((sha256, _)) = locked.find(|(_, locked)| *locked == name) else {
        let problem = format!("{name} is not in the list of checksums (python.lock)");
        return Err(unexpected(problem));
    };
    checksum::verify(wheel, sha256)?;
    let files = vec![checksum::recorded(wheel)?];
    let packages = make_folder(into.join("packages"))?;
    let mut unzip = Command::new("python3");
    unzip
        .args(["-m", "zipfile", "-e"])
        .arg(wheel)
        .arg(&packages);
    quietly(&mut unzip)?;
    let mut import = Command::new("python3");
    import.args(["-c", "import confluent_kafka"]);
    quietly(import.env("PYTHONPATH", &packages))?;
    fs::remove_dir_all(&working).map_err(Failure::file("remove", &working))?;
    Ok(Record {
        version: VERSION.to_owned(),
        files,
    })
}
