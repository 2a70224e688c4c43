//! What Maven brings: jars with all that they need, or single files. Its own word that a file is the right one is not taken: each is held against a committed checksum.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{checksum, files_of};
use crate::failure::Failure;
use crate::program::quietly_retried;

const PLUGIN: &str = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1";

/// Group, artifact, version.
pub(super) type Dependency = (&'static str, &'static str, &'static str);

/// Brings these and all that they need to run, and nothing else: exactly the locked jars.
pub(super) fn bring_dependencies(
    what: &str,
    dependencies: &[Dependency],
    lock: &str,
    libraries: &Path,
) -> Result<(), Failure> {
    let project = libraries.with_extension("pom.xml");
    fs::write(&project, project_text(dependencies)).map_err(Failure::file("write", &project))?;
    quietly_retried(&format!("downloading {what}"), || {
        let mut maven = Command::new("mvn");
        maven
            .args(["--batch-mode", "--quiet", "--file"])
            .arg(&project)
            .arg(format!("{PLUGIN}:copy-dependencies"))
            .arg("-DincludeScope=runtime")
            .arg(format!("-DoutputDirectory={}", libraries.display()));
        maven
    })?;
    verify(what, lock, libraries)
}

/// Brings one file, `group:artifact:version:type:classifier`, and gives its path.
pub(super) fn bring(artifact: &str, sha256: &str, into: &Path) -> Result<PathBuf, Failure> {
    quietly_retried(&format!("downloading {artifact}"), || {
        let mut maven = Command::new("mvn");
        maven
            .args(["--batch-mode", "--quiet"])
            .arg(format!("{PLUGIN}:copy"))
            .arg(format!("-Dartifact={artifact}"))
            .arg(format!("-DoutputDirectory={}", into.display()))
            .current_dir(into);
        maven
    })?;
    let words: Vec<&str> = artifact.split(':').collect();
    let [_, name, version, extension, classifier] = words.as_slice() else {
        return Err(Failure::Unexpected {
            what: format!("the coordinates {artifact}"),
            problem: "five words were expected".to_owned(),
        });
    };
    let file = into.join(format!("{name}-{version}-{classifier}.{extension}"));
    checksum::verify(&file, sha256)?;
    Ok(file)
}

/// Name to checksum; the list has the format of `sha256sum`.
pub(super) fn locked(lock: &str) -> BTreeMap<&str, &str> {
    lock.lines()
        .filter_map(|line| line.split_once("  "))
        .map(|(sha256, name)| (name, sha256))
        .collect()
}

/// Exactly the locked jars, byte for byte.
fn verify(what: &str, lock: &str, libraries: &Path) -> Result<(), Failure> {
    let mut locked = locked(lock);
    let unexpected = |problem: String| Failure::Unexpected {
        what: format!("the jars of {what}"),
        problem,
    };
    for jar in files_of(libraries, "jar")? {
        let name = jar
            .file_name()
            .map(|name| name.to_string_lossy().into_owned())
            .unwrap_or_default();
        let Some(expected) = locked.remove(name.as_str()) else {
            return Err(unexpected(format!(
                "{name} is not in the list of checksums"
            )));
        };
        checksum::verify(&jar, expected)?;
    }
    match locked.keys().next() {
        None => Ok(()),
        Some(name) => Err(unexpected(format!("{name} did not come"))),
    }
}

fn project_text(dependencies: &[Dependency]) -> String {
    let dependencies: String = dependencies
        .iter()
        .map(|(group, artifact, version)| {
            format!(
                "    <dependency><groupId>{group}</groupId><artifactId>{artifact}</artifactId><version>{version}</version><scope>runtime</scope></dependency>\n"
            )
        })
        .collect();
    format!(
        "<project>\n  <modelVersion>4.0.0</modelVersion>\n  <groupId>lockstep</groupId>\n  <artifactId>servers</artifactId>\n  <version>1</version>\n  <packaging>pom</packaging>\n  <dependencies>\n{dependencies}  </dependencies>\n</project>\n"
    )
}

/// Whether a lock has each jar that is asked for, and nothing but checksums.
#[cfg(test)]
pub(super) fn assert_locked(dependencies: &[Dependency], lock: &str) {
    let locked = locked(lock);
    for (_, artifact, version) in dependencies {
        let jar = format!("{artifact}-{version}.jar");
        assert!(locked.contains_key(jar.as_str()), "{jar}");
    }
    assert!(locked.values().all(|sha256| sha256.len() == 64));
}
