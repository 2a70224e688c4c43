//! The pages that people read first, held against the product: commands, flags, exit codes, keys of the configuration, codes and paths.
//! What the product has must be in them, and what they name must be there; prose is for people to judge.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// What people read who use it.
const PAGES: [&str; 2] = ["README.md", "docs/deployment.md"];
const CONFIGURATION: &str = "crates/lockstep/src/config";
const HELP: &str = "crates/lockstep/tests/surface/snapshots";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap()
        .to_owned()
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap()
}

/// The contents of the files of a folder whose names begin and end like this.
fn read_all(folder: &str, begin: &str, end: &str) -> Vec<String> {
    let mut paths: Vec<PathBuf> = fs::read_dir(root().join(folder))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| {
            let name = path.file_name().unwrap().to_str().unwrap();
            name.starts_with(begin) && name.ends_with(end)
        })
        .collect();
    paths.sort();
    paths
        .iter()
        .map(|path| fs::read_to_string(path).unwrap())
        .collect()
}

/// What stands between `before` and `after`, wherever `before` occurs.
fn between<'a>(text: &'a str, before: &str, after: &[char]) -> Vec<&'a str> {
    text.split(before)
        .skip(1)
        .map(|rest| rest.split(after).next().unwrap())
        .collect()
}

/// The `--flags` in a text.
fn flags(text: &str) -> BTreeSet<String> {
    let is_flag = |c: char| c.is_ascii_lowercase() || c == '-';
    text.split("--")
        .skip(1)
        .map(|rest| rest.chars().take_while(|c| is_flag(*c)).collect::<String>())
        .filter(|flag| flag.starts_with(|c: char| c.is_ascii_lowercase()))
        .map(|flag| flag.trim_end_matches('-').to_owned())
        .collect()
}

/// What the help of `lockstep` prints, all commands together; without the snapshots' own heads.
fn help() -> String {
    let pages: Vec<String> = read_all(HELP, "surface__help_says_what_there_is", ".snap")
        .iter()
        .map(|page| page.split("--- stdout").nth(1).unwrap().to_owned())
        .map(|page| page.split("--- stderr").next().unwrap().to_owned())
        .collect();
    assert!(pages.len() >= 6, "{}", pages.len());
    pages.join("\n")
}

/// The lines of the help that list commands.
fn commands() -> BTreeSet<String> {
    let help = help();
    // What `topics` lists below itself are not commands of `lockstep`.
    let pages = help
        .split("Usage: ")
        .filter(|page| page.starts_with("lockstep [OPTIONS] <COMMAND>"));
    let lists = pages.filter_map(|page| page.split("Commands:\n").nth(1));
    let names = lists.flat_map(|rest| rest.split("\n\n").next().unwrap().lines());
    names
        .filter_map(|line| line.split_whitespace().next())
        .filter(|name| *name != "help")
        .map(str::to_owned)
        .collect()
}

#[test]
fn every_command_and_flag_of_the_help_is_in_the_readme() {
    let readme = read("README.md");
    let commands = commands();
    assert!(commands.len() >= 5, "{commands:?}");
    for command in &commands {
        let row = format!("| `lockstep {command}` |");
        assert!(readme.contains(&row), "{row}");
    }
    let known = flags(&help());
    assert!(known.contains("until") && known.contains("drop-target"));
    let told = flags(&readme);
    let missing: Vec<_> = known
        .iter()
        .filter(|flag| !told.contains(*flag) && !["help", "version"].contains(&flag.as_str()))
        .collect();
    assert!(missing.is_empty(), "not in README.md: {missing:?}");
}

#[test]
fn every_lockstep_command_line_of_the_pages_is_one_that_the_help_knows() {
    let readme = PAGES.map(read).join("\n");
    let (commands, known) = (commands(), flags(&help()));
    let lines: Vec<&str> = readme
        .lines()
        .filter(|line| line.starts_with("lockstep "))
        .chain(between(&readme, "`lockstep ", &['`']))
        .collect();
    assert!(lines.len() > 10, "{lines:?}");
    for line in lines {
        let line = line.trim_start_matches("lockstep ");
        let line = line.split('#').next().unwrap();
        let command = line.split_whitespace().next().unwrap();
        assert!(commands.contains(command), "{line}");
        for flag in flags(line) {
            assert!(known.contains(&flag), "--{flag} in {line}");
        }
    }
}

#[test]
fn every_exit_code_of_the_help_is_in_the_readme() {
    let (readme, help) = (read("README.md"), help());
    let list = help.split("Exit codes:\n").nth(1).unwrap();
    let mut codes = 0;
    for line in list.lines().take_while(|line| line.starts_with("  ")) {
        let (code, meaning) = line.trim().split_once(' ').unwrap();
        let row = format!("| {code} | {}", meaning.trim());
        assert!(readme.contains(&row), "{row}");
        codes += 1;
    }
    assert!(codes >= 6, "{codes}");
}

/// The keys that the configuration declares, sections left out.
fn declared_keys() -> BTreeSet<String> {
    let sections = [
        "pipeline",
        "source",
        "log",
        "target",
        "tables",
        "columns",
        "types",
        "capture",
        "apply",
        "quarantine",
    ];
    let keys: BTreeSet<String> = read_all(CONFIGURATION, "", ".rs")
        .iter()
        .flat_map(|file| {
            let names: Vec<String> = between(file, "    name: \"", &['"'])
                .into_iter()
                .map(str::to_owned)
                .collect();
            names
        })
        .collect();
    for section in sections {
        // `tables` is a section and a key of `[source]`.
        assert!(keys.contains(section), "{section}");
    }
    keys.into_iter()
        // A section whose name the user chooses has none of its own.
        .filter(|key| !key.is_empty())
        .filter(|key| key == "tables" || !sections.contains(&key.as_str()))
        .collect()
}

/// The last parts of the keys in the README's table of the configuration.
fn told_keys() -> BTreeSet<String> {
    let readme = read("README.md");
    let table = readme.split("\n## Configuration\n").nth(1).unwrap();
    let table = table.split("\n## ").next().unwrap();
    let mut keys = BTreeSet::new();
    for row in table.lines().filter(|line| line.starts_with("| `")) {
        let cell = row.split(" | ").next().unwrap();
        for key in cell.split('`').skip(1).step_by(2) {
            keys.insert(key.rsplit('.').next().unwrap().to_owned());
        }
    }
    keys
}

#[test]
fn the_readme_lists_exactly_the_keys_that_the_configuration_has() {
    let (declared, told) = (declared_keys(), told_keys());
    assert!(declared.len() >= 25, "{declared:?}");
    let missing: Vec<_> = declared.difference(&told).collect();
    let unknown: Vec<_> = told.difference(&declared).collect();
    assert!(
        missing.is_empty() && unknown.is_empty(),
        "not in README.md: {missing:?}; not in the configuration: {unknown:?}"
    );
}

#[test]
fn the_examples_of_a_configuration_use_only_keys_that_there_are() {
    let readme = PAGES.map(read).join("\n");
    let declared = declared_keys();
    let mut keys = 0;
    for example in between(&readme, "```toml\n", &['`']) {
        for line in example.lines().filter(|line| line.contains(" = ")) {
            let key = line.split(" = ").next().unwrap();
            assert!(declared.contains(key), "{line}");
            keys += 1;
        }
    }
    assert!(keys >= 6, "{keys}");
}

#[test]
fn every_task_of_the_readme_is_one_of_xtask() {
    let tasks = read("crates/xtask/src/main.rs").to_lowercase();
    let readme = read("README.md");
    let named: BTreeSet<&str> = between(&readme, "cargo xtask ", &[' ', '`', '\n'])
        .into_iter()
        .collect();
    for wanted in ["demo", "test", "bench"] {
        assert!(named.contains(wanted), "{wanted} is not in README.md");
    }
    for task in named {
        assert!(
            tasks.contains(&format!("task::{task}")),
            "cargo xtask {task}"
        );
    }
}

#[test]
fn every_code_of_the_pages_has_its_page() {
    let mut codes = 0;
    for page in [PAGES[0], PAGES[1], "crates/README.md"] {
        for rest in read(page).split("LS").skip(1) {
            let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
            if digits.len() == 4 {
                let path = format!("crates/lockstep/explain/LS{digits}.md");
                assert!(root().join(&path).is_file(), "{path}, named in {page}");
                codes += 1;
            }
        }
    }
    assert!(codes > 0);
}

#[test]
fn every_path_of_the_page_for_those_who_take_over_is_there() {
    let text = read("crates/README.md");
    let folder = root().join("crates");
    let mut paths = 0;
    for name in text.split('`').skip(1).step_by(2) {
        let is_path = name.contains('/') && !name.contains([' ', '(', '{']);
        if is_path {
            assert!(folder.join(name).exists(), "{name}");
            paths += 1;
        }
    }
    assert!(paths > 40, "{paths}");
}

#[test]
fn every_crate_has_a_row_in_the_table_of_rooms() {
    let text = read("crates/README.md");
    for entry in fs::read_dir(root().join("crates")).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            let name = path.file_name().unwrap().to_str().unwrap();
            assert!(text.contains(&format!("\n| `{name}` |")), "{name}");
        }
    }
}
