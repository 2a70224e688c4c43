//! The workspace's own sources, each line known to be product or test.
//! A line is test code when its file lies in a folder of tests, is declared under `#[cfg(test)]`, or the line stands in an item that is; the end of such an item is found by its indentation, which the formatter guarantees.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// One source file.
pub(super) struct Source {
    /// From the root of the workspace, with slashes.
    pub(super) path: String,
    pub(super) lines: Vec<String>,
    test_lines: BTreeSet<usize>,
}

impl Source {
    /// Numbers from one, and lines, of product code; comments left out.
    pub(super) fn product(&self) -> impl Iterator<Item = (usize, &str)> {
        self.numbered()
            .filter(|(number, _)| !self.test_lines.contains(number))
    }

    /// Numbers from one, and lines, of test code; comments left out.
    pub(super) fn tests(&self) -> impl Iterator<Item = (usize, &str)> {
        self.numbered()
            .filter(|(number, _)| self.test_lines.contains(number))
    }

    fn numbered(&self) -> impl Iterator<Item = (usize, &str)> {
        (1..)
            .zip(&self.lines)
            .map(|(number, line)| (number, line.as_str()))
            .filter(|(_, line)| !line.trim_start().starts_with("//"))
    }
}

/// Every Rust source of the workspace, in order of path.
pub(super) fn all() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let mut paths = Vec::new();
    for folder in ["crates", "tests"] {
        collect(&root.join(folder), &mut paths);
    }
    paths.sort();
    let test_only: BTreeSet<PathBuf> = paths.iter().flat_map(|path| test_modules(path)).collect();
    let sources: Vec<Source> = paths
        .iter()
        .map(|path| {
            let relative = path.strip_prefix(root).unwrap();
            let all_test = relative.iter().skip(1).any(|part| part == "tests")
                || test_only.iter().any(|module| path.starts_with(module));
            source(path, relative, all_test)
        })
        .collect();
    assert!(
        sources.len() > 30,
        "the sources are not where they are looked for"
    );
    sources
}

fn collect(folder: &Path, paths: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            if path.file_name().is_none_or(|name| name != "target") {
                collect(&path, paths);
            }
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            paths.push(path);
        }
    }
}

fn source(path: &Path, relative: &Path, all_test: bool) -> Source {
    let lines: Vec<String> = fs::read_to_string(path)
        .unwrap()
        .lines()
        .map(str::to_owned)
        .collect();
    let test_lines = if all_test {
        (1..=lines.len()).collect()
    } else {
        lines_under_test(&lines)
    };
    Source {
        path: relative.to_str().unwrap().replace('\\', "/"),
        lines,
        test_lines,
    }
}

fn lines_under_test(lines: &[String]) -> BTreeSet<usize> {
    let mut found = BTreeSet::new();
    let mut index = 0;
    while index < lines.len() {
        if lines[index].trim() != "#[cfg(test)]" {
            index += 1;
            continue;
        }
        let indent = indent_of(&lines[index]);
        // To the line that closes the item: a brace at the attribute's own indentation, or an item of one line.
        while index < lines.len() {
            found.insert(index + 1);
            let line = &lines[index];
            let closes = indent_of(line) == indent
                && (line.trim_start().starts_with('}') || line.ends_with(';'));
            index += 1;
            if closes {
                break;
            }
        }
    }
    found
}

/// Files or folders of modules that a file declares under `#[cfg(test)]`, as path prefixes.
fn test_modules(path: &Path) -> Vec<PathBuf> {
    let text = fs::read_to_string(path).unwrap();
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    let stem = path.file_stem().unwrap();
    let folder = if ["lib", "main", "mod"].iter().any(|name| stem == *name) {
        path.parent().unwrap().to_path_buf()
    } else {
        path.with_extension("")
    };
    lines
        .windows(2)
        .filter(|pair| pair[0] == "#[cfg(test)]")
        .filter_map(|pair| {
            let (_, name) = pair[1].strip_suffix(';')?.rsplit_once("mod ")?;
            Some(name.to_owned())
        })
        .flat_map(|name| [folder.join(format!("{name}.rs")), folder.join(name)])
        .collect()
}

fn indent_of(line: &str) -> usize {
    line.len() - line.trim_start().len()
}

#[test]
fn product_and_test_lines_are_told_apart() {
    let text = "fn product() {}\n#[cfg(test)]\nuse a::b;\nfn more() {}\n#[cfg(test)]\nmod tests {\n    fn inner() {\n    }\n}\nfn last() {}";
    let lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let found: Vec<usize> = lines_under_test(&lines).into_iter().collect();
    assert_eq!(found, [2, 3, 5, 6, 7, 8, 9]);
}
