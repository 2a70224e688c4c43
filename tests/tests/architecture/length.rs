//! A ratchet on the length of files.
//! A file holds one subject in at most 400 lines. What is longer stands in `long_files.txt` with its length, exactly: a file that grows fails, and one that shrinks must be entered with its new length, or leave the list.

use std::collections::BTreeMap;

const MOST_LINES: usize = 400;

fn listed() -> BTreeMap<&'static str, usize> {
    include_str!("long_files.txt")
        .lines()
        .filter(|line| !line.starts_with('#') && !line.is_empty())
        .map(|line| {
            let (lines, path) = line.split_once(' ').unwrap();
            (path, lines.parse().unwrap())
        })
        .collect()
}

#[test]
fn no_file_grows_beyond_what_one_subject_takes() {
    let mut listed = listed();
    let mut wrong = Vec::new();
    for file in super::sources::all() {
        let lines = file.lines.len();
        match listed.remove(file.path.as_str()) {
            None if lines > MOST_LINES => wrong.push(format!(
                "{} has {lines} lines, more than {MOST_LINES}: split it by subject",
                file.path
            )),
            Some(most) if lines > most => wrong.push(format!(
                "{} has grown from {most} to {lines} lines",
                file.path
            )),
            Some(_) if lines <= MOST_LINES => wrong.push(format!(
                "{} has {lines} lines and no longer belongs into long_files.txt",
                file.path
            )),
            Some(most) if lines < most => wrong.push(format!(
                "{} has shrunk to {lines} lines: write that into long_files.txt instead of {most}",
                file.path
            )),
            None | Some(_) => {}
        }
    }
    wrong.extend(
        listed
            .keys()
            .map(|path| format!("{path} is gone: remove it from long_files.txt")),
    );
    assert!(wrong.is_empty(), "{wrong:#?}");
}
