//! Ties codes and pages together over the sources of all crates.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use super::{Page, pages};

/// The crates that may say the codes of a range, by how its codes begin; the longest that fits.
const RANGES: &[(&str, &[&str])] = &[
    ("1", &["lockstep"]),
    ("2", &["mysql"]),
    ("3", &["mongo"]),
    // The composition root speaks of the pipeline as a whole.
    ("4", &["flow", "reconcile", "lockstep"]),
    ("5", &["mapping"]),
    ("54", &["wire"]),
    ("55", &["kafka"]),
];

fn crates_folder() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

/// Every `LS` with four digits of which the first is 1 to 5.
fn codes_of(text: &str) -> BTreeSet<String> {
    let bytes = text.as_bytes();
    text.match_indices("LS")
        .filter(|(at, _)| {
            let digits = bytes.get(at + 2..at + 6).unwrap_or_default();
            let followed = bytes.get(at + 6).is_some_and(u8::is_ascii_alphanumeric);
            digits.len() == 4
                && (b'1'..=b'5').contains(&digits[0])
                && digits.iter().all(u8::is_ascii_digit)
                && !followed
        })
        .map(|(at, _)| text[at..at + 6].to_string())
        .collect()
}

fn read_sources(folder: &Path, found: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            read_sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.extend(codes_of(&fs::read_to_string(&path).unwrap()));
        }
    }
}

/// Which crates say a code.
fn said() -> BTreeMap<String, BTreeSet<String>> {
    let mut said: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for entry in fs::read_dir(crates_folder()).unwrap() {
        let folder = entry.unwrap().path();
        let sources = folder.join("src");
        if sources.is_dir() {
            let mut codes = BTreeSet::new();
            read_sources(&sources, &mut codes);
            let name = folder.file_name().unwrap().to_string_lossy().into_owned();
            for code in codes {
                said.entry(code).or_default().insert(name.clone());
            }
        }
    }
    said
}

#[test]
fn every_code_has_a_page_and_every_page_a_code() {
    let said: BTreeSet<String> = said().into_keys().collect();
    let explained: BTreeSet<String> = pages().map(|page| page.code.to_string()).collect();
    let silent: Vec<_> = said.difference(&explained).collect();
    let unsaid: Vec<_> = explained.difference(&said).collect();
    assert!(
        silent.is_empty(),
        "codes without a page in crates/lockstep/explain: {silent:?}"
    );
    assert!(
        unsaid.is_empty(),
        "pages whose code no crate says: {unsaid:?}"
    );
}

#[test]
fn every_code_is_said_by_a_crate_of_its_range() {
    for (code, crates) in said() {
        let (_, owners) = RANGES
            .iter()
            .filter(|(digits, _)| code[2..].starts_with(*digits))
            .max_by_key(|(digits, _)| digits.len())
            .unwrap();
        let owned = crates.iter().any(|name| owners.contains(&name.as_str()));
        assert!(
            owned,
            "{code} belongs to {owners:?} and is said by {crates:?} only"
        );
    }
}

#[test]
fn the_listed_codes_of_this_crate_are_those_of_its_range() {
    let said: Vec<String> = said()
        .into_keys()
        .filter(|code| code.starts_with("LS1"))
        .collect();
    assert_eq!(crate::failure::CODES, said);
}

#[test]
fn every_page_has_its_heading_and_three_sections_with_text() {
    for Page { code, title, text } in pages() {
        assert!(
            text.starts_with(&format!("# {code}: ")),
            "{code}: the heading"
        );
        assert!(
            !title.is_empty() && title.len() <= 80,
            "{code}: the title {title:?}"
        );
        let sections: Vec<_> = text
            .split("\n## ")
            .skip(1)
            .map(|section| section.split_once('\n').unwrap_or_default())
            .collect();
        let names: Vec<_> = sections.iter().map(|(name, _)| *name).collect();
        assert_eq!(
            names,
            ["What it means", "How to see it", "How to mend it"],
            "{code}"
        );
        assert!(
            sections.iter().all(|(_, body)| !body.trim().is_empty()),
            "{code}: an empty section"
        );
    }
}
