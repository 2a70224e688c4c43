//! MariaDB from two of Debian's suites, unpacked and started like MySQL: 10.11 of the stable one that the tests were written on, and 11.8 of the unstable one.
//! Versions are not pinned, as with MySQL. Beside the server itself, two packages are taken without what they depend on, for what they hold alone: plugins of the server, and programs that read its log.

use std::fs;
use std::path::Path;

use super::apt::PrivateApt;
use super::mysql::unpack;
use super::{Record, make_folder};
use crate::failure::Failure;
use crate::program::say;

/// Debian 12, with MariaDB 10.11.
pub(super) const STABLE: &str = "bookworm";
/// With MariaDB 11.8 at the time of writing.
pub(super) const UNSTABLE: &str = "sid";
const SERVER: &str = "mariadb-server-core";
const CLIENT: &str = "mariadb-client-core";
const ALONE: [&str; 2] = ["mariadb-server", "mariadb-client"];

pub(super) fn fetch(into: &Path, suite: &str) -> Result<Record, Failure> {
    let working = make_folder(into.join("apt"))?;
    let apt = PrivateApt::open(&working, suite)?;
    let version = apt.version(SERVER)?;
    say(&format!("fetching MariaDB {version}"));
    let mut wanted = apt.closure(&[SERVER, CLIENT])?;
    wanted.extend(ALONE.map(str::to_owned));
    let packages = apt.download(&wanted)?;
    let needed = [
        "usr/sbin/mariadbd",
        "usr/bin/mariadb",
        "usr/bin/mariadb-binlog",
    ];
    let files = unpack(&packages, into, &format!("MariaDB {version}"), &needed)?;
    fs::remove_dir_all(&working).map_err(Failure::file("remove", &working))?;
    Ok(Record { version, files })
}
