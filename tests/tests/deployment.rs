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
        // A living holder of a lease that is hidden would be taken for dead.
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
