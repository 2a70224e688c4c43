//! Apache Kafka: the jars of the release, brought by Maven and each held against a committed list of checksums.

use std::path::Path;

use super::maven::{self, Dependency};
use super::{Record, checksum, files_of, make_folder};
use crate::failure::Failure;

pub(super) const VERSION: &str = "4.3.1";
const LOCKED_JARS: &str = include_str!("kafka.lock");

/// What Maven is asked for.
const DEPENDENCIES: &[Dependency] = &[
    ("org.apache.kafka", "kafka_2.13", VERSION),
    ("org.slf4j", "slf4j-api", "2.0.18"),
    ("org.apache.logging.log4j", "log4j-slf4j2-impl", "2.26.1"),
    ("org.apache.logging.log4j", "log4j-core", "2.26.1"),
];

pub(super) fn fetch(into: &Path) -> Result<Record, Failure> {
    let libraries = make_folder(into.join("lib"))?;
    let what = format!("Apache Kafka {VERSION}");
    maven::bring_dependencies(&what, DEPENDENCIES, LOCKED_JARS, &libraries)?;
    let files = files_of(&libraries, "jar")?
        .iter()
        .map(|jar| checksum::recorded(jar))
        .collect::<Result<_, _>>()?;
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
