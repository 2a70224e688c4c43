//! Gives the machine what it lacks: installed when this process is root on Debian or a relative of it, named with the exact command otherwise.
//! Each need is tested by its effect (a program on the PATH, a library that the loader knows), never by a package's name, since the same thing comes under different names.

use std::process::Command;

use crate::failure::Failure;
use crate::program::{on_path, quietly, quietly_retried, say};

/// One thing that the machine must have.
pub(crate) struct Need {
    what: &'static str,
    package: &'static str,
    present: fn() -> bool,
}

/// What building the workspace takes, beyond the Rust toolchain.
pub(crate) const TO_BUILD: &[Need] = &[
    program_need("a C compiler", "gcc libc6-dev", || on_path("cc")),
    program_need("make", "make", || on_path("make")),
    program_need("cmake", "cmake", || on_path("cmake")),
    program_need("perl", "perl", || on_path("perl")),
];

/// What starting any server takes.
pub(crate) const TO_START_SERVERS: &[Need] =
    &[program_need("setpriv and setsid", "util-linux", || {
        on_path("setpriv") && on_path("setsid")
    })];

/// What fetching MySQL takes.
pub(crate) const FOR_MYSQL: &[Need] = &[program_need("dpkg", "dpkg", || on_path("dpkg"))];

/// What fetching and running MongoDB takes.
pub(crate) const FOR_MONGODB: &[Need] = &[
    program_need("Python 3 with pip", "python3 python3-pip", || {
        quietly(Command::new("python3").args(["-m", "pip", "--version"])).is_ok()
    }),
    program_need("libcurl.so.4", "libcurl4", || loader_knows("libcurl.so.4")),
    program_need("libssl.so.3", "libssl3", || loader_knows("libssl.so.3")),
    program_need("liblzma.so.5", "liblzma5", || loader_knows("liblzma.so.5")),
];

/// What fetching and running Kafka takes.
pub(crate) const FOR_KAFKA: &[Need] = &[
    program_need("Java", "default-jre-headless", || on_path("java")),
    program_need("Maven", "maven", || on_path("mvn")),
];

/// What fetching the schema registry and its Java takes.
pub(crate) const FOR_REGISTRY: &[Need] = &[
    program_need("Python 3 with pip", "python3 python3-pip", || {
        quietly(Command::new("python3").args(["-m", "pip", "--version"])).is_ok()
    }),
    program_need("Maven", "maven", || on_path("mvn")),
    program_need("tar with gzip", "tar gzip", || {
        on_path("tar") && on_path("gzip")
    }),
];

/// What fetching and running Kafka Connect takes.
pub(crate) const FOR_CONNECT: &[Need] = &[
    program_need("Java", "default-jre-headless", || on_path("java")),
    program_need("Maven", "maven", || on_path("mvn")),
    program_need("tar with gzip", "tar gzip", || {
        on_path("tar") && on_path("gzip")
    }),
    program_need("Python 3", "python3", || on_path("python3")),
];

/// What fetching and running Python's client of Kafka takes.
pub(crate) const FOR_PYTHON_CLIENTS: &[Need] = &[program_need(
    "Python 3 with pip",
    "python3 python3-pip",
    || quietly(Command::new("python3").args(["-m", "pip", "--version"])).is_ok(),
)];

const fn program_need(what: &'static str, package: &'static str, present: fn() -> bool) -> Need {
    Need {
        what,
        package,
        present,
    }
}

/// Sees to it that all these needs are met.
pub(crate) fn prepare(needs: &[&[Need]]) -> Result<(), Failure> {
    let lacking: Vec<&Need> = needs
        .iter()
        .flat_map(|needs| needs.iter())
        .filter(|need| !(need.present)())
        .collect();
    if lacking.is_empty() {
        return Ok(());
    }
    let what = list(lacking.iter().map(|need| need.what), ", ");
    let packages = list(lacking.iter().map(|need| need.package), " ");
    let remedy = format!("apt-get install --no-install-recommends {packages}");
    if !is_root() || !on_path("apt-get") {
        return Err(Failure::Missing { what, remedy });
    }
    say(&format!("this machine lacks {what}"));
    quietly_retried("reading the list of packages", || apt_get(&["update"]))?;
    quietly_retried(&format!("installing {packages}"), || {
        let mut install = apt_get(&["install", "--yes", "--no-install-recommends"]);
        install.args(packages.split(' '));
        install
    })?;
    match lacking.iter().find(|need| !(need.present)()) {
        None => Ok(()),
        Some(need) => Err(Failure::Missing {
            what: format!("{} (also after installing {})", need.what, need.package),
            remedy,
        }),
    }
}

/// Whether this process may install packages.
pub(crate) fn is_root() -> bool {
    quietly(Command::new("id").arg("-u")).is_ok_and(|user| user.trim() == "0")
}

fn apt_get(arguments: &[&str]) -> Command {
    let mut command = Command::new("apt-get");
    command
        .args(["--quiet"])
        .args(arguments)
        .env("DEBIAN_FRONTEND", "noninteractive");
    command
}

fn loader_knows(library: &str) -> bool {
    ["ldconfig", "/sbin/ldconfig", "/usr/sbin/ldconfig"]
        .iter()
        .any(|program| {
            quietly(Command::new(program).arg("-p")).is_ok_and(|known| known.contains(library))
        })
}

fn list<'a>(words: impl Iterator<Item = &'a str>, separator: &str) -> String {
    words.collect::<Vec<_>>().join(separator)
}
