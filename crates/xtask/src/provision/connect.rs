//! Kafka Connect and the connectors of others that judge our topics: Debezium's for MySQL, which writes what ours have to look like, and two that bring such topics into MongoDB.

use std::fs;
use std::path::Path;
use std::process::Command;

use super::maven::{self, Dependency};
use super::{Record, checksum, files_of, kafka, make_folder};
use crate::failure::Failure;
use crate::program::quietly;

/// The versions of Connect, which is Kafka's, of Debezium and of MongoDB's connector: another of them is fetched anew.
pub(super) const VERSION: &str = "4.3.1-3.6.1-2.0.1";
const LOCKED_JARS: &str = include_str!("connect.lock");

const DEPENDENCIES: &[Dependency] = &[
    ("org.apache.kafka", "connect-runtime", kafka::VERSION),
    ("org.slf4j", "slf4j-api", "2.0.18"),
    ("org.apache.logging.log4j", "log4j-slf4j2-impl", "2.26.1"),
    ("org.apache.logging.log4j", "log4j-core", "2.26.1"),
];

/// Archives of a folder each, with their checksums.
const ARCHIVES: &[(&str, &str)] = &[
    (
        "io.debezium:debezium-connector-mysql:3.6.1.Final:tar.gz:plugin",
        "1dfd80c86e204406c5d886836da1f022e4955bc3900c0491b892c22c8b901af2",
    ),
    (
        "io.debezium:debezium-connector-mongodb:3.6.1.Final:tar.gz:plugin",
        "522363dfc115c1f8d84ba4d2bed6f0ee608d62b4882abcdb0a22141e0e936dc0",
    ),
];

/// MongoDB's connector lacks the file by which a worker finds it without opening every class; it
/// goes into an archive beside it, as Kafka's own `connect-plugin-path sync-manifests` does it.
const MANIFEST: (&str, &str) = (
    "META-INF/services/org.apache.kafka.connect.sink.SinkConnector",
    "com.mongodb.kafka.connect.MongoSinkConnector\n",
);

const MONGODB_CONNECTOR: (&str, &str) = (
    "org.mongodb.kafka:mongo-kafka-connect:2.0.1:jar:all",
    "26e0027798fb20d93d4f4d8ecbc274c2792c232db815fb99f701057ac6f62b08",
);

pub(super) fn fetch(into: &Path) -> Result<Record, Failure> {
    let libraries = make_folder(into.join("lib"))?;
    let what = format!("Kafka Connect {}", kafka::VERSION);
    maven::bring_dependencies(&what, DEPENDENCIES, LOCKED_JARS, &libraries)?;
    let mut files = files_of(&libraries, "jar")?
        .iter()
        .map(|jar| checksum::recorded(jar))
        .collect::<Result<Vec<_>, _>>()?;

    // Each folder in it is a plugin with a class loader of its own.
    let plugins = make_folder(into.join("plugins"))?;
    let working = make_folder(into.join("fetched"))?;
    for (artifact, sha256) in ARCHIVES {
        let archive = maven::bring(artifact, sha256, &working)?;
        files.push(checksum::recorded(&archive)?);
        let mut tar = Command::new("tar");
        quietly(tar.arg("-xzf").arg(&archive).arg("-C").arg(&plugins))?;
    }
    let folder = make_folder(plugins.join("mongo-kafka-connect"))?;
    let (artifact, sha256) = MONGODB_CONNECTOR;
    let jar = maven::bring(artifact, sha256, &folder)?;
    files.push(checksum::recorded(&jar)?);
    let (name, text) = MANIFEST;
    let manifest = working.join(name);
    make_folder(working.join("META-INF").join("services"))?;
    fs::write(&manifest, text).map_err(Failure::file("write", &manifest))?;
    let mut zip = Command::new("python3");
    zip.args(["-m", "zipfile", "-c"])
        .arg(folder.join("manifests.jar"))
        .arg("META-INF")
        .current_dir(&working);
    quietly(&mut zip)?;
    fs::remove_dir_all(&working).map_err(Failure::file("remove", &working))?;
    Ok(Record {
        version: VERSION.to_owned(),
        files,
    })
}

#[cfg(test)]
mod tests {
    use super::{DEPENDENCIES, LOCKED_JARS, maven};

    #[test]
    fn each_jar_that_is_asked_for_is_locked() {
        maven::assert_locked(DEPENDENCIES, LOCKED_JARS);
    }
}
