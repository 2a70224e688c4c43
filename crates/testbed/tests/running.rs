//! Sets of servers that go on running are started once, found again, and stopped with their data.

use std::process::Command;

fn testbed(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_testbed"))
        .arg("servers")
        .args(arguments)
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn a_set_that_runs_is_found_again_and_stopped_with_its_data() {
    let name = format!("test-{}", std::process::id());
    let start = ["start", "--only", "mongodb", "--json", "--name", &name];
    let first = testbed(&start);
    let again = testbed(&start);
    let status: serde_json::Value = serde_json::from_str(&testbed(&["status", "--json"])).unwrap();
    testbed(&["stop", "--name", &name]);
    let after: serde_json::Value = serde_json::from_str(&testbed(&["status", "--json"])).unwrap();

    assert_eq!(
        first, again,
        "the second start must find the first one's server"
    );
    let addresses: serde_json::Value = serde_json::from_str(first.lines().last().unwrap()).unwrap();
    assert_eq!(
        status[&name]["MONGODB_URL"]["address"],
        addresses["MONGODB_URL"]
    );
    assert_eq!(status[&name]["MONGODB_URL"]["runs"], true);
    assert!(after.get(&name).is_none(), "{after}");
}
