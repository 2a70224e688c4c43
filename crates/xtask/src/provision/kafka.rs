//! Apache Kafka: the jars of the release, brought by Maven and each held against a committed list of checksums.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use super::{Record, checksum, files_of, make_folder};
use crate::failure::Failure;
use crate::program::quietly_retried;

pub(super) const VERSION: &str = "4.3.1";
const PLUGIN: &str = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies";
const LOCKED_JARS: &str = include_str!("kafka.lock");

/// What Maven is asked for: group, artifact, version.
const DEPENDENCIES: &[(&str, &str, &str)] = &[
    ("org.apache.kafka", "kafka_2.13", VERSION),
    ("org.slf4j", "slf4j-api", "2.0.18"),
    ("org.apache.logging.log4j", "log4j-slf4j2-impl", "2.26.1"),
    ("org.apache.logging.log4j", "log4j-core", "2.26.1"),
];

pub(super) fn fetch(into: &Path) -> Result<Record, Failure> {
    let libraries = make_folder(into.join("lib"))?;
    let project = into.join("pom.xml");
    fs::write(&project, project_text()).map_err(Failure::file("write", &project))?;
    quietly_retried(&format!("downloading Apache Kafka {VERSION}"), || {
        let mut maven = Command::new("mvn");
        maven
            .args(["--batch-mode", "--quiet", "--file"])
            .arg(&project)
            .arg(PLUGIN)
            .arg("-DincludeScope=runtime")
            .arg(format!("-DoutputDirectory={}", libraries.display()));
        maven
    })?;
    verify(&libraries)?;
    let files = files_of(&libraries, "jar")?
        .iter()
        .map(|jar| checksum::recorded(jar))
        .collect::<Result<_, _>>()?;
    Ok(Record {
        version: VERSION.to_owned(),
        files,
    })
}

/// Exactly the locked jars, byte for byte.
fn verify(libraries: &Path) -> Result<(), Failure> {
    let mut locked = locked_jars();
    for jar in files_of(libraries, "jar")? {
        let name = jar
            .file_name()
            .map(|name| name.to_string_lossy().into_owned())
            .unwrap_or_default();
        let Some(expected) = locked.remove(name.as_str()) else {
            return Err(Failure::Unexpected {
                what: format!("the jars of Apache Kafka {VERSION}"),
                problem: format!("{name} is not in the list of checksums (kafka.lock)"),
            });
        };
        checksum::verify(&jar, expected)?;
    }
    match locked.keys().next() {
        None => Ok(()),
        Some(name) => Err(Failure::Unexpected {
            what: format!("the jars of Apache Kafka {VERSION}"),
            problem: format!("{name} did not come"),
        }),
    }
}

/// Name to checksum; the list has the format of `sha256sum`.
fn locked_jars() -> BTreeMap<&'static str, &'static str> {
    LOCKED_JARS
        .lines()
        .filter_map(|line| line.split_once("  "))
        .map(|(sha256, name)| (name, sha256))
        .collect()
}

fn project_text() -> String {
    let dependencies: String = DEPENDENCIES
        .iter()
        .map(|(group, artifact, version)| {
            format!(
                "    <dependency><groupId>{group}</groupId><artifactId>{artifact}</artifactId><version>{version}</version><scope>runtime</scope></dependency>\n"
            )
        })
        .collect();
    format!(
        "<project>\n  <modelVersion>4.0.0</modelVersion>\n  <groupId>lockstep</groupId>\n  <artifactId>kafka</artifactId>\n  <version>1</version>\n  <packaging>pom</packaging>\n  <dependencies>\n{dependencies}  </dependencies>\n</project>\n"
    )
}

#[cfg(test)]
mod tests {
    use super::{DEPENDENCIES, locked_jars};

    #[test]
    fn each_jar_that_is_asked_for_is_locked() {
        let locked = locked_jars();
        for (_, artifact, version) in DEPENDENCIES {
            let jar = format!("{artifact}-{version}.jar");
            assert!(locked.contains_key(jar.as_str()), "{jar}");
        }
        assert!(locked.values().all(|sha256| sha256.len() == 64));
    }
}
