//! MySQL 9.7 from Debian's unstable suite, unpacked into a folder with everything it needs down to its C library.
//! Nothing of it is installed: the programs are started through the folder's own loader, so that the host's older library does not matter. The suite keeps only its newest version, therefore the version is not pinned but signed, checked by apt, and recorded.

use std::fs;
use std::path::Path;
use std::process::Command;

use super::apt::PrivateApt;
use super::{Record, RecordedFile, checksum, files_of, make_folder};
use crate::failure::Failure;
use crate::program::{quietly, say};

const SUITE: &str = "sid";
const SERVER: &str = "mysql-server-core";
const CLIENT: &str = "mysql-client-core";

pub(super) fn fetch(into: &Path) -> Result<Record, Failure> {
    let working = make_folder(into.join("apt"))?;
    let apt = PrivateApt::open(&working, SUITE)?;
    let version = apt.version(SERVER)?;
    say(&format!("fetching MySQL {version}"));
    let packages = apt.download(&apt.closure(&[SERVER, CLIENT])?)?;
    let needed = ["usr/sbin/mysqld", "usr/bin/mysql", "usr/bin/mysqlbinlog"];
    let files = unpack(&packages, into, &format!("MySQL {version}"), &needed)?;
    fs::remove_dir_all(&working).map_err(Failure::file("remove", &working))?;
    Ok(Record { version, files })
}

/// Unpacks all packages of a folder into `root`, and sees that what is needed is there.
pub(super) fn unpack(
    packages: &Path,
    into: &Path,
    what: &str,
    needed: &[&str],
) -> Result<Vec<RecordedFile>, Failure> {
    let root = make_folder(into.join("root"))?;
    let mut files = Vec::new();
    for package in files_of(packages, "deb")? {
        files.push(checksum::recorded(&package)?);
        quietly(Command::new("dpkg").arg("-x").arg(&package).arg(&root))?;
    }
    match needed.iter().find(|needed| !root.join(needed).exists()) {
        None => Ok(files),
        Some(missing) => Err(Failure::Unexpected {
            what: format!("{what} as unpacked"),
            problem: format!("{missing} is missing"),
        }),
    }
}
