//! What `deploy/` gives to a service manager and to a container engine, and what `docs/deployment.md` says of it, held against the product: commands, exit codes, files, packages.
//! The units are read as text, since a machine that runs tests need not run systemd.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use tests::pipeline::Pipeline;

const UNITS: [(&str, &str); 3] = [
    ("lockstep-capture@.service", "capture"),
    ("lockstep-sink@.service", "sink"),
    ("lockstep@.service", "run"),
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap()
        .to_owned()
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn unit(name: &str) -> String {
    read(&format!("deploy/systemd/{name}"))
}

/// The value of a key that stands in the unit exactly once.
fn setting<'a>(unit: &'a str, key: &str) -> &'a str {
    let begin = format!("{key}=");
    let mut values = unit.lines().filter_map(|line| line.strip_prefix(&begin));
    let value = values.next().unwrap_or_else(|| panic!("{key} is not set"));
    assert_eq!(values.next(), None, "{key} is set twice");
    value
}

/// The exit codes that the help lists.
fn exit_codes() -> BTreeSet<String> {
    let help =
        read("crates/lockstep/tests/surface/snapshots/surface__help_says_what_there_is.snap");
    let list = help.split("Exit codes:\n").nth(1).unwrap().lines();
    list.take_while(|line| line.starts_with("  "))
        .map(|line| line.split_whitespace().next().unwrap().to_owned())
        .collect()
}

#[test]
fn every_file_of_the_folder_of_units_is_known_here() {
    let mut names: Vec<String> = fs::read_dir(root().join("deploy/systemd"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(names, UNITS.map(|(name, _)| name));
}

#[tokio::test]
async fn each_unit_starts_its_command_with_arguments_that_the_product_takes() {
    let pipeline = Pipeline::new("").unwrap();
    for (name, command) in UNITS {
        let unit = unit(name);
        let line = setting(&unit, "ExecStart");
        let mut words: Vec<&str> = line.split(' ').collect();
        assert_eq!(words.remove(0), "/usr/local/bin/lockstep", "{name}");
        assert_eq!(words[0], command, "{name}");
        let file = words.iter().position(|word| *word == "--config").unwrap() + 1;
        assert_eq!(words[file], "/etc/lockstep/%i.toml", "{name}");
        // The empty file is told what it needs, so the arguments before it were understood.
        words[file] = "lockstep.toml";
        let ended = pipeline.finish(&words).await.unwrap();
        assert_eq!(ended.code, Some(2), "{ended}");
        assert!(ended.stderr.contains("[LS1004]"), "{ended}");
    }
}

#[test]
fn each_unit_restarts_after_what_may_pass_and_takes_a_clean_stop_for_one() {
    let known = exit_codes();
    assert!(known.len() >= 6, "{known:?}");
    for (name, _) in UNITS {
        let unit = unit(name);
        assert_eq!(setting(&unit, "Restart"), "on-failure", "{name}");
        assert_eq!(setting(&unit, "StartLimitIntervalSec"), "0", "{name}");
        // Unreachable before the start is 3 and lost for too long is 1: both have to be tried again.
        assert_eq!(setting(&unit, "RestartPreventExitStatus"), "2", "{name}");
        assert_eq!(setting(&unit, "SuccessExitStatus"), "130", "{name}");
        assert_eq!(setting(&unit, "KillSignal"), "SIGTERM", "{name}");
        for key in ["RestartPreventExitStatus", "SuccessExitStatus"] {
            assert!(known.contains(setting(&unit, key)), "{key} of {name}");
        }
    }
}

#[test]
fn each_unit_is_shut_in_as_far_as_the_product_bears_it() {
    for (name, _) in UNITS {
        let unit = unit(name);
        for (key, value) in [
            ("DynamicUser", "yes"),
            ("NoNewPrivileges", "yes"),
            ("ProtectSystem", "strict"),
            ("ProtectHome", "yes"),
            ("CapabilityBoundingSet", ""),
            ("MemoryDenyWriteExecute", "yes"),
            ("SystemCallFilter", "@system-service"),
        ] {
            assert_eq!(setting(&unit, key), value, "{name}");
        }
        // A dead holder of a lease that is hidden would be waited for.
        for key in ["ProtectProc=", "ProcSubset="] {
            let set = unit.lines().any(|line| line.starts_with(key));
            assert!(!set, "{key} in {name}");
        }
    }
}

#[test]
fn each_unit_reads_its_secrets_from_a_file_and_holds_none() {
    for (name, command) in UNITS {
        let unit = unit(name);
        let file = setting(&unit, "EnvironmentFile");
        assert_eq!(file, "-/etc/lockstep/%i.env", "{name}");
        assert!(setting(&unit, "Environment").starts_with("LOCKSTEP_LOG="));
        let names = |variable: &str| unit.contains(variable);
        assert_eq!(
            names("LOCKSTEP_MYSQL_PASSWORD"),
            command != "sink",
            "{name}"
        );
        assert!(names("LOCKSTEP_MONGODB_PASSWORD"), "{name}");
    }
}

#[test]
fn the_image_is_built_with_the_toolchain_and_the_packages_of_the_workspace() {
    let dockerfile = read("deploy/Dockerfile");
    let toolchain = read("rust-toolchain.toml");
    let channel = toolchain.split("channel = \"").nth(1).unwrap();
    let channel = channel.split('"').next().unwrap();
    let mut images = dockerfile
        .lines()
        .filter_map(|line| line.strip_prefix("FROM "));
    let (build, runtime) = (images.next().unwrap(), images.next().unwrap());
    assert_eq!(images.next(), None);
    // The command is linked with the C library of the first and runs with that of the second.
    let release = runtime.strip_prefix("debian:").unwrap();
    let release = release.strip_suffix("-slim").unwrap();
    assert_eq!(build, format!("rust:{channel}-slim-{release} AS build"));

    let installed = dockerfile.split("--no-install-recommends ").nth(1).unwrap();
    let installed: BTreeSet<&str> = installed
        .lines()
        .next()
        .unwrap()
        .split_whitespace()
        .filter(|word| *word != "\\")
        .collect();
    let machine = read("crates/xtask/src/machine.rs");
    let needed = machine.split("const TO_BUILD").nth(1).unwrap();
    let needed = needed.split("];").next().unwrap();
    let needed: BTreeSet<&str> = needed
        .split("program_need(")
        .skip(1)
        .flat_map(|need| need.split('"').nth(3).unwrap().split(' '))
        .collect();
    assert!(needed.contains("make"), "{needed:?}");
    assert_eq!(installed, needed);
}

#[test]
fn the_image_runs_the_command_as_nobody_and_is_stopped_cleanly() {
    let dockerfile = read("deploy/Dockerfile");
    let runtime = dockerfile.split("\nFROM ").last().unwrap();
    let user = setting(&runtime.replace("USER ", "USER="), "USER").to_owned();
    let (user, group) = user.split_once(':').unwrap();
    for id in [user, group] {
        assert_ne!(id.parse::<u32>().unwrap(), 0);
    }
    for line in [
        "COPY --from=build /usr/local/bin/lockstep /usr/local/bin/lockstep",
        "WORKDIR /etc/lockstep",
        "STOPSIGNAL SIGTERM",
        "ENTRYPOINT [\"/usr/local/bin/lockstep\"]",
    ] {
        assert!(runtime.lines().any(|found| found == line), "{line}");
    }
    let copies = runtime.lines().filter(|line| line.starts_with("COPY"));
    assert_eq!(copies.count(), 1);
}

#[test]
fn the_context_of_the_image_holds_every_member_of_the_workspace_and_leaves_out_the_rest() {
    let ignored = read(".dockerignore");
    let lines: Vec<&str> = ignored
        .lines()
        .filter(|line| !line.starts_with('#'))
        .collect();
    assert_eq!(lines[0], "*", "all is left out first");
    let taken: BTreeSet<&str> = lines[1..]
        .iter()
        .map(|line| line.strip_prefix('!').unwrap())
        .collect();
    let manifest = read("Cargo.toml");
    let members = manifest.split("members = [").nth(1).unwrap();
    let members = members.split(']').next().unwrap().split('"');
    for member in members.skip(1).step_by(2) {
        let folder = member.split('/').next().unwrap();
        assert!(taken.contains(folder), "{member}");
    }
    for path in &taken {
        assert!(root().join(path).exists(), "{path}");
    }
    assert!(taken.contains("Cargo.lock"));
}

const PAGE: &str = "docs/deployment.md";

#[test]
fn the_page_names_every_unit_and_every_unit_that_it_names_is_there() {
    let page = read(PAGE);
    for (name, _) in UNITS {
        assert!(page.contains(name), "{name}");
    }
    let templates: Vec<&str> = UNITS.iter().map(|(name, _)| *name).collect();
    let named = page.split("lockstep").skip(1).filter_map(|rest| {
        let (middle, instance) = rest.split_once('@')?;
        let is_name = middle.chars().all(|c| c.is_ascii_lowercase() || c == '-');
        (is_name && !instance.starts_with("db.") && !instance.starts_with("mongo."))
            .then(|| format!("lockstep{middle}@.service"))
    });
    let named: BTreeSet<String> = named.collect();
    assert_eq!(named.len(), UNITS.len(), "{named:?}");
    for name in named {
        assert!(templates.contains(&name.as_str()), "{name}");
    }
}

#[test]
fn every_file_that_the_page_links_or_installs_is_there() {
    let page = read(PAGE);
    let links = page.split("](").skip(1);
    let links = links.map(|rest| rest.split(')').next().unwrap());
    let mut paths = 0;
    for link in links {
        assert!(root().join("docs").join(link).exists(), "{link}");
        paths += 1;
    }
    for word in page.split([' ', '`', '\n']) {
        if word.starts_with("deploy/") {
            assert!(root().join(word).exists(), "{word}");
            paths += 1;
        }
    }
    assert!(paths >= 4, "{paths}");
}

#[tokio::test]
async fn the_page_s_configuration_is_read_by_the_product() {
    let page = read(PAGE);
    let example = page.split("```toml\n").nth(1).unwrap();
    let pipeline = Pipeline::new(example.split("```").next().unwrap()).unwrap();
    // Before it speaks to a server: the one thing missing is the password that a sink needs.
    let sink = pipeline.finish(&["sink"]).await.unwrap();
    assert!(sink.stderr.contains("has a mistake [LS1000]"), "{sink}");
    assert!(
        sink.stderr.contains("LOCKSTEP_MONGODB_PASSWORD is not set"),
        "{sink}"
    );
}

#[test]
fn the_page_s_access_lists_name_the_ids_that_the_log_uses() {
    let page = read(PAGE);
    let settings = read("crates/kafka/src/settings.rs");
    for (setting, option) in [
        (
            "fn transactional_id(&self)",
            "--transactional-id lockstep-shop",
        ),
        ("\"group.id\"", "--group lockstep-shop"),
    ] {
        let rest = settings.split(setting).nth(1).unwrap();
        let format = rest.split("format!(\"").nth(1).unwrap();
        assert!(
            format.starts_with("lockstep-{}\", self.pipeline)"),
            "{setting}"
        );
        assert!(page.contains(option), "{option}");
    }
    assert!(page.contains("--topic shop. --resource-pattern-type prefixed"));
}

#[test]
fn what_the_page_watches_is_in_the_status() {
    let page = read(PAGE);
    let snapshot = read("crates/lockstep/src/output/snapshot.rs");
    let table = page.split("| alarm when |\n").nth(1).unwrap();
    let table = table.split("\n\n").next().unwrap();
    let mut fields = 0;
    for row in table.lines().skip(1) {
        let cell = row.split('|').nth(1).unwrap();
        for path in cell.split('`').skip(1).step_by(2) {
            for field in path.split('.') {
                let is_part = ["sink", "capture"].contains(&field) && path.starts_with("parts.");
                let declared = snapshot.contains(&format!("pub {field}: "));
                assert!(declared || is_part, "{path}");
            }
            fields += 1;
        }
    }
    assert!(fields >= 5, "{fields}");
}
