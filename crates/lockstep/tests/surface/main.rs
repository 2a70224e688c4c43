//! The whole command as a script sees it: exit code, stdout and stderr, compared as one text.

#![allow(
    clippy::unwrap_used,
    reason = "all of this is a test, its functions without #[test] too"
)]

mod configuration;
mod run;

use run::lockstep;

#[test]
fn help_says_what_there_is() {
    insta::assert_snapshot!(lockstep(&["--help"]));
    insta::assert_snapshot!(lockstep(&["-h"]));
    insta::assert_snapshot!(lockstep(&["run", "--help"]));
    insta::assert_snapshot!(lockstep(&["check", "--help"]));
    insta::assert_snapshot!(lockstep(&["status", "--help"]));
    insta::assert_snapshot!(lockstep(&["reset", "--help"]));
    insta::assert_snapshot!(lockstep(&["explain", "--help"]));
    insta::assert_snapshot!(lockstep(&["init", "--help"]));
    insta::assert_snapshot!(lockstep(&["plan", "--help"]));
    insta::assert_snapshot!(lockstep(&["capture", "--help"]));
    insta::assert_snapshot!(lockstep(&["sink", "--help"]));
    insta::assert_snapshot!(lockstep(&["topics", "--help"]));
    insta::assert_snapshot!(lockstep(&["topics", "tail", "--help"]));
    insta::assert_snapshot!(lockstep(&["recopy", "--help"]));
    insta::assert_snapshot!(lockstep(&["quarantine", "--help"]));
    insta::assert_snapshot!(lockstep(&["quarantine", "retry", "--help"]));
}

#[test]
fn no_command_and_a_wrong_one_are_usage_errors() {
    assert!(lockstep(&[]).starts_with("exit: 2\n"));
    insta::assert_snapshot!(lockstep(&["rum"]));
    insta::assert_snapshot!(lockstep(&["run", "--until", "tomorrow"]));
    insta::assert_snapshot!(lockstep(&["status", "-q", "-v"]));
}

#[test]
fn a_code_is_explained_in_any_case_of_letters() {
    insta::assert_snapshot!(lockstep(&["explain", "ls1004"]));
    assert_eq!(
        lockstep(&["explain", "LS1004"]),
        lockstep(&["explain", "ls1004"])
    );
    insta::assert_snapshot!(lockstep(&["explain", "LS1004", "--json"]));
}

#[test]
fn an_unknown_code_is_a_usage_error() {
    insta::assert_snapshot!(lockstep(&["explain", "LS0000"]));
    insta::assert_snapshot!(lockstep(&["explain", "LS0000", "--json"]));
}

#[test]
fn explain_lists_every_code_with_its_title() {
    let listed = lockstep(&["explain"]);
    assert!(listed.starts_with("exit: 0\n"), "{listed}");
    assert!(
        listed.contains("\nLS1004  something is missing in the configuration\n"),
        "{listed}"
    );
    let as_json = lockstep(&["explain", "--json"]);
    assert!(
        as_json
            .contains(r#"{"code":"LS1004","title":"something is missing in the configuration"}"#),
        "{as_json}"
    );
}
