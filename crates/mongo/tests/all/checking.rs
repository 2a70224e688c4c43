//! What `check` finds, and that no message holds a secret.

use crate::setting::{Setting, atomic, collection, options, plan, put};
use bson::doc;
use flow::finding::{Finding, Severity};
use flow::ports::Sink;
use mongo::{Target, TargetOptions};
use testbed::servers::{Mongo, MongoOptions};

const SECRET: &str = "s3cret-p4ss";

async fn findings(url: &str, password: Option<&str>) -> Vec<Finding> {
    let mut options = TargetOptions::new(url, "checked");
    options.password = password.map(str::to_owned);
    options.max_barrier_bytes = 1 << 20;
    let target = Target::connect(options).await.unwrap();
    let found = target.check(&[plan()]).await;
    for finding in &found {
        let shown = format!("{finding:?}");
        assert!(!shown.contains(SECRET), "{shown}");
    }
    found
}

fn codes(findings: &[Finding]) -> Vec<&str> {
    findings.iter().map(|finding| finding.code).collect()
}

#[tokio::test]
async fn a_good_target_has_no_findings_and_a_small_cache_is_a_warning() {
    let setting = Setting::new().await;
    assert_eq!(findings(&setting.server.url(), None).await, []);
    let mut options = TargetOptions::new(setting.server.url(), "checked");
    options.max_barrier_bytes = 64 << 20;
    let target = Target::connect(options).await.unwrap();
    let found = target.check(&[plan()]).await;
    assert_eq!(codes(&found), ["LS3020"]);
    assert_eq!(found[0].severity, Severity::Warns);
}

#[tokio::test]
async fn documents_of_somebody_else_forbid_the_start_and_our_own_do_not() {
    let setting = Setting::new().await;
    let mut sink = setting.sink().await;
    sink.apply(&atomic(1, vec![put(doc! { "_id": 1 })]))
        .await
        .unwrap();
    assert_eq!(
        codes(&findings(&setting.server.url(), None).await),
        ["LS3008"]
    );
    let mut options = TargetOptions::new(setting.server.url(), setting.pipeline.clone());
    options.max_barrier_bytes = 1 << 20;
    let ours = Target::connect(options).await.unwrap();
    assert_eq!(ours.check(&[plan()]).await, []);
    // A reset that keeps the documents leaves orphans: they are foreign from then on.
    ours.reset(None).await.unwrap();
    assert_eq!(codes(&ours.check(&[plan()]).await), ["LS3008"]);
    ours.reset(Some(&[(*collection()).clone()])).await.unwrap();
    assert_eq!(ours.check(&[plan()]).await, []);
}

#[tokio::test]
async fn a_standalone_server_is_refused_with_the_command_that_mends_it() {
    let server = Mongo::start(MongoOptions {
        members: 0,
        ..options()
    })
    .await
    .unwrap();
    for url in [server.url(), format!("{}?replicaSet=rs0", server.url())] {
        let found = findings(&url, None).await;
        assert_eq!(codes(&found), ["LS3005"], "{url}");
        assert!(found[0].remedy.contains("rs.initiate()"));
    }
}

#[tokio::test]
async fn another_replica_set_and_an_unreachable_server_are_told_apart() {
    let setting = Setting::new().await;
    let url = setting
        .server
        .url()
        .replace("replicaSet=rs0", "replicaSet=other");
    let found = findings(&url, None).await;
    assert_eq!(codes(&found), ["LS3022"]);
    assert!(found[0].remedy.contains("replicaSet=rs0"));
    let url = setting.server.url();
    setting.server.kill();
    assert_eq!(codes(&findings(&url, None).await), ["LS3002"]);
}

#[tokio::test]
async fn a_wrong_password_and_a_missing_privilege_are_told_without_the_secret() {
    let server = Mongo::start(MongoOptions {
        password: Some("root-pw".to_owned()),
        ..options()
    })
    .await
    .unwrap();
    let administrator = Target::connect(TargetOptions::new(server.url(), "root"))
        .await
        .unwrap();
    administrator
        .client()
        .database("admin")
        .run_command(doc! {
            "createUser": "narrow",
            "pwd": SECRET,
            "roles": [{ "role": "readWrite", "db": "shop" }],
        })
        .await
        .unwrap();
    let hosts = format!("127.0.0.1:{}", server.ports()[0]);
    let url = format!("mongodb://narrow@{hosts}/?replicaSet=rs0&authSource=admin");
    assert_eq!(codes(&findings(&url, Some("wrong")).await), ["LS3003"]);
    let found = findings(&url, Some(SECRET)).await;
    assert_eq!(codes(&found), ["LS3004"]);
    assert!(
        found[0].remedy.contains("grantRolesToUser(\"narrow\""),
        "{}",
        found[0].remedy
    );
    assert!(
        found[0].remedy.contains("db: \"lockstep\""),
        "{}",
        found[0].remedy
    );
    administrator
        .client()
        .database("admin")
        .run_command(doc! {
            "grantRolesToUser": "narrow",
            "roles": [{ "role": "readWrite", "db": "lockstep" }],
        })
        .await
        .unwrap();
    assert_eq!(findings(&url, Some(SECRET)).await, []);
    // With exactly these roles everything works, taking over and emptying included.
    let mut options = TargetOptions::new(url, "narrow");
    options.password = Some(SECRET.to_owned());
    let target = Target::connect(options).await.unwrap();
    for _ in 0..2 {
        let mut sink = target.sink();
        sink.take_over().await.unwrap();
        sink.prepare(&plan()).await.unwrap();
        sink.finish(&plan()).await.unwrap();
        sink.apply(&atomic(1, vec![put(doc! { "_id": 1 })]))
            .await
            .unwrap();
    }
    target.status().await.unwrap();
    target
        .reset(Some(&[(*collection()).clone()]))
        .await
        .unwrap();
}

#[tokio::test]
async fn an_address_that_cannot_be_parsed_is_not_quoted() {
    let url = format!("mongodb://lockstep:{SECRET}@@host:x/");
    let error = Target::connect(TargetOptions::new(url, "checked"))
        .await
        .unwrap_err();
    assert_eq!(error.code(), "LS3001");
    assert!(!error.to_string().contains(SECRET), "{error}");
    let error = Target::connect(TargetOptions::new("mongodb://lockstep@host/", "checked"))
        .await
        .unwrap_err();
    assert!(error.to_string().contains("no password"), "{error}");
    let mut options = TargetOptions::new("mongodb://lockstep@host/", "checked");
    options.password = Some(SECRET.to_owned());
    assert!(!format!("{options:?}").contains(SECRET));
    let target = Target::connect(options).await.unwrap();
    assert!(!format!("{target:?}").contains(SECRET));
}
