//! What may not be written: names that say nothing, modules without a reason, shortcuts in product code, tests that are skipped or sleep.

use std::path::Path;

use super::sources::{Source, all};

const NAMES_THAT_SAY_NOTHING: &[&str] = &[
    "util", "utils", "common", "helper", "helpers", "types", "misc", "manager",
];

fn lines<'a>(
    sources: &'a [Source],
    which: impl Fn(&'a Source) -> Vec<(usize, &'a str)>,
    forbidden: &[&str],
) -> Vec<String> {
    let mut wrong = Vec::new();
    for source in sources {
        // This file has to write what it forbids.
        if source.path.ends_with("architecture/wording.rs") {
            continue;
        }
        for (number, line) in which(source) {
            if forbidden.iter().any(|word| line.contains(word)) {
                wrong.push(format!("{}:{number}: {}", source.path, line.trim()));
            }
        }
    }
    wrong
}

#[test]
fn no_file_has_a_name_that_says_nothing() {
    let wrong: Vec<String> = all()
        .into_iter()
        .map(|source| source.path)
        .filter(|path| {
            path.trim_end_matches(".rs")
                .split('/')
                .any(|part| NAMES_THAT_SAY_NOTHING.contains(&part))
        })
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn each_module_says_first_what_it_is_for() {
    let wrong: Vec<String> = all()
        .into_iter()
        .filter(|source| {
            !source
                .lines
                .first()
                .is_some_and(|line| line.starts_with("//! ") && line.len() > 20)
        })
        .map(|source| source.path)
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// The files that may speak to a C interface, and the crate that they are in.
const SPEAK_C: (&[&str], &str) = (
    &[
        "crates/kafka/src/topics/described.rs",
        "crates/kafka/src/writer/outlet.rs",
    ],
    "kafka",
);

#[test]
fn product_code_takes_no_shortcut() {
    let mut wrong = lines(
        &all(),
        |source| source.product().collect(),
        &[
            "todo!(",
            "unimplemented!(",
            "dbg!(",
            "while let Some(Ok(",
            "unsafe {",
            "unsafe_code",
        ],
    );
    wrong.retain(|line| {
        let speaks_c = SPEAK_C.0.iter().any(|file| line.starts_with(file));
        !(speaks_c && (line.contains("unsafe {") || line.contains("unsafe_code")))
    });
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// Whether a call unwraps an `Option` is for the compiler to say (a row of the MySQL driver has an `unwrap` too), hence clippy forbids it and this test keeps clippy from being told otherwise.
#[test]
fn no_crate_and_no_file_is_let_off_the_lints() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let workspace = std::fs::read_to_string(root.join("Cargo.toml")).unwrap();
    for lint in [
        "unsafe_code = \"forbid\"",
        "unwrap_used = \"warn\"",
        "dbg_macro = \"warn\"",
        "todo = \"warn\"",
    ] {
        assert!(workspace.contains(lint), "{lint}");
    }
    let mut crates = vec![root.join("tests")];
    crates.extend(
        std::fs::read_dir(root.join("crates"))
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.is_dir()),
    );
    assert!(crates.len() >= 10, "{crates:?}");
    for folder in crates {
        let manifest = std::fs::read_to_string(folder.join("Cargo.toml")).unwrap();
        let takes_over = if folder.ends_with(SPEAK_C.1) {
            // `forbid` cannot be lifted for some files; all else is the workspace's, word for word.
            let of = |text: &str, from: &str| {
                let lints = text.split(from).nth(1).unwrap_or_default();
                let end = lints.find("\n\n").unwrap_or(lints.len());
                lints[..end].trim().to_owned()
            };
            of(&manifest, "[lints.clippy]") == of(&workspace, "[workspace.lints.clippy]")
                && manifest.contains("[lints.rust]\nunsafe_code = \"deny\"")
        } else {
            manifest.contains("[lints]\nworkspace = true")
        };
        assert!(
            takes_over,
            "{} does not take over the workspace's lints",
            folder.display()
        );
    }
    let wrong = lines(
        &all(),
        |source| source.product().collect(),
        &[
            "allow(clippy::unwrap_used",
            "allow(warnings",
            "allow(clippy::all",
        ],
    );
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn an_expectation_names_its_invariant() {
    let wrong = lines(
        &all(),
        |source| source.product().collect(),
        &[
            ".expect(\"\")",
            ".expect(\"ok\")",
            ".expect(\"failed",
            ".expect(\"should",
        ],
    );
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn no_test_is_skipped() {
    let wrong = lines(
        &all(),
        |source| source.product().chain(source.tests()).collect(),
        &["#[ignore"],
    );
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn no_test_sleeps() {
    let wrong = lines(
        &all(),
        |source| source.tests().collect(),
        &["thread::sleep(", "time::sleep(", " sleep("],
    );
    assert!(
        wrong.is_empty(),
        "wait for a condition with testbed::waiting::until instead: {wrong:#?}"
    );
}
