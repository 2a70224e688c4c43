//! A private apt: packages of another Debian suite, downloaded and verified by apt itself, without touching the host's lists, cache or installed packages.
//! The mirror is the one that the host already uses, read from its own sources.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::make_folder;
use crate::failure::Failure;
use crate::program::{quietly, quietly_retried};

const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// An apt that has its state in a folder of its own and looks at one suite only.
pub(super) struct PrivateApt {
    options: Vec<String>,
    packages: PathBuf,
}

impl PrivateApt {
    /// Prepares the folder and reads the suite's signed lists.
    pub(super) fn open(folder: &Path, suite: &str) -> Result<Self, Failure> {
        let mirror = host_mirror(Path::new("/etc/apt"))?;
        if !Path::new(KEYRING).is_file() {
            return Err(Failure::Missing {
                what: KEYRING.to_owned(),
                remedy: "apt-get install debian-archive-keyring".to_owned(),
            });
        }
        let lists = make_folder(folder.join("lists"))?;
        make_folder(lists.join("partial"))?;
        let cache = make_folder(folder.join("cache"))?;
        make_folder(cache.join("archives").join("partial"))?;
        let packages = make_folder(folder.join("packages"))?;
        let status = folder.join("status");
        fs::write(&status, "").map_err(Failure::file("write", &status))?;
        let sources = folder.join("suite.list");
        fs::write(
            &sources,
            format!("deb [signed-by={KEYRING}] {mirror} {suite} main\n"),
        )
        .map_err(Failure::file("write", &sources))?;
        let preferences = folder.join("preferences");
        fs::write(&preferences, "").map_err(Failure::file("write", &preferences))?;
        let options = [
            ("Dir::Etc::sourcelist", sources.display().to_string()),
            ("Dir::Etc::sourceparts", "-".to_owned()),
            ("Dir::Etc::preferences", preferences.display().to_string()),
            ("Dir::Etc::preferencesparts", "-".to_owned()),
            ("Dir::State::lists", lists.display().to_string()),
            ("Dir::State::status", status.display().to_string()),
            ("Dir::Cache", cache.display().to_string()),
            ("APT::Sandbox::User", "root".to_owned()),
            ("APT::Get::List-Cleanup", "0".to_owned()),
        ]
        .into_iter()
        .flat_map(|(name, value)| ["-o".to_owned(), format!("{name}={value}")])
        .collect();
        let apt = Self { options, packages };
        quietly_retried(&format!("reading the list of Debian {suite}"), || {
            apt.command("apt-get", &["--quiet", "--error-on=any", "update"])
        })?;
        Ok(apt)
    }

    /// The packages that these need, themselves included.
    pub(super) fn closure(&self, wanted: &[&str]) -> Result<Vec<String>, Failure> {
        let mut command = self.command(
            "apt-cache",
            &[
                "depends",
                "--recurse",
                "--no-recommends",
                "--no-suggests",
                "--no-conflicts",
                "--no-breaks",
                "--no-replaces",
                "--no-enhances",
            ],
        );
        command.args(wanted);
        Ok(packages_named(&quietly(&mut command)?))
    }

    /// The version that would be downloaded.
    pub(super) fn version(&self, package: &str) -> Result<String, Failure> {
        let shown =
            quietly(&mut self.command("apt-cache", &["show", "--no-all-versions", package]))?;
        shown
            .lines()
            .find_map(|line| line.strip_prefix("Version: "))
            .map(|version| version.trim().to_owned())
            .ok_or_else(|| Failure::Unexpected {
                what: format!("what apt shows of {package}"),
                problem: "it names no version".to_owned(),
            })
    }

    /// Downloads these packages; apt checks each against the signed list.
    pub(super) fn download(&self, packages: &[String]) -> Result<PathBuf, Failure> {
        quietly_retried(&format!("downloading {} packages", packages.len()), || {
            let mut command = self.command("apt-get", &["--quiet", "download"]);
            command.args(packages).current_dir(&self.packages);
            command
        })?;
        Ok(self.packages.clone())
    }

    fn command(&self, program: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(program);
        command
            .args(&self.options)
            .args(arguments)
            .env("LC_ALL", "C");
        command
    }
}

/// The names at the start of a line; an indented line tells a relation, a name in angle brackets is virtual.
fn packages_named(depends: &str) -> Vec<String> {
    let mut names: Vec<String> = depends
        .lines()
        .filter(|line| line.starts_with(|first: char| first.is_ascii_alphanumeric()))
        .filter(|line| !line.contains(':'))
        .map(|line| line.trim().to_owned())
        .collect();
    names.sort();
    names.dedup();
    names
}

/// The URI of the Debian mirror in the host's sources, of either format.
fn host_mirror(apt_folder: &Path) -> Result<String, Failure> {
    let mut files = vec![apt_folder.join("sources.list")];
    let parts = apt_folder.join("sources.list.d");
    if let Ok(entries) = fs::read_dir(&parts) {
        let mut found: Vec<PathBuf> = entries
            .filter_map(|entry| Some(entry.ok()?.path()))
            .collect();
        found.sort();
        files.extend(found);
    }
    files
        .iter()
        .filter_map(|file| {
            let text = fs::read_to_string(file).ok()?;
            match file.extension()?.to_str()? {
                "sources" => mirror_of_stanzas(&text),
                "list" => mirror_of_lines(&text),
                _ => None,
            }
        })
        .next()
        .ok_or_else(|| {
            Failure::Unsupported(format!(
                "no Debian mirror stands in the sources under {}; MySQL is fetched from Debian, elsewhere start the servers with `docker compose up`",
                apt_folder.display()
            ))
        })
}

fn mirror_of_stanzas(text: &str) -> Option<String> {
    text.split("\n\n").find_map(|stanza| {
        let field = |name: &str| {
            stanza
                .lines()
                .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))
                .map(str::trim)
        };
        if !field("Types")?.split_whitespace().any(|kind| kind == "deb") {
            return None;
        }
        if field("Enabled").is_some_and(|enabled| enabled.eq_ignore_ascii_case("no")) {
            return None;
        }
        field("URIs")?
            .split_whitespace()
            .find(|uri| is_debian_archive(uri))
            .map(str::to_owned)
    })
}

fn mirror_of_lines(text: &str) -> Option<String> {
    text.lines().find_map(|line| {
        let rest = line.trim().strip_prefix("deb ")?.trim_start();
        let rest = match rest.strip_prefix('[') {
            Some(options) => options.split_once(']')?.1,
            None => rest,
        };
        rest.split_whitespace()
            .next()
            .filter(|uri| is_debian_archive(uri))
            .map(str::to_owned)
    })
}

/// The main archive, in contrast to its security updates and to other people's repositories.
fn is_debian_archive(uri: &str) -> bool {
    uri.trim_end_matches('/').ends_with("/debian")
}

#[cfg(test)]
mod tests {
    use super::{mirror_of_lines, mirror_of_stanzas, packages_named};

    #[test]
    fn the_mirror_is_read_from_both_formats_of_sources() {
        let stanzas = "Types: deb\nURIs: http://security.example/debian-security\nSuites: stable-security\n\nTypes: deb\n# a comment\nURIs: http://mirror.example/debian\nSuites: stable\n";
        assert_eq!(
            mirror_of_stanzas(stanzas).as_deref(),
            Some("http://mirror.example/debian")
        );
        let lines = "# deb http://old.example/debian stable main\ndeb https://other.example/apt stable main\ndeb [arch=amd64 signed-by=/k.gpg] http://mirror.example/debian/ stable main\n";
        assert_eq!(
            mirror_of_lines(lines).as_deref(),
            Some("http://mirror.example/debian/")
        );
        assert_eq!(
            mirror_of_stanzas("Types: deb-src\nURIs: http://mirror.example/debian\n"),
            None
        );
    }

    #[test]
    fn virtual_and_related_names_are_no_packages() {
        let depends = "mysql-server-core\n  Depends: libc6\n |Depends: <debconf-2.0>\n<debconf-2.0>\nlibc6\nlibc6:i386\nlibc6\n";
        assert_eq!(packages_named(depends), ["libc6", "mysql-server-core"]);
    }
}
