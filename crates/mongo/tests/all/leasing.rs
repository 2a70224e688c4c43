//! Who may run, and how processes see one another.

use crate::setting::{Setting, atomic, put};
use bson::doc;
use flow::Disposition;
use flow::ports::{Control, LeaseAnswer, Sink};
use std::time::{Duration, Instant};

const SILENCE: Duration = Duration::from_secs(5);

#[tokio::test]
async fn a_second_instance_is_turned_away_while_the_first_renews() {
    let setting = Setting::new().await;
    let mut first = setting.target.control();
    assert_eq!(
        first.acquire("run", false, SILENCE).await.unwrap(),
        LeaseAnswer::Granted
    );
    let another = setting.another().await;
    let mut second = another.control();
    let renewing = async {
        let mut beats = tokio::time::interval(Duration::from_millis(300));
        loop {
            beats.tick().await;
            first.renew().await.unwrap();
        }
    };
    let begun = Instant::now();
    let answer = tokio::select! {
        answer = second.acquire("run", false, SILENCE) => answer.unwrap(),
        () = renewing => unreachable!("it renews for ever"),
    };
    let LeaseAnswer::Held { holder } = answer else {
        panic!("two instances run");
    };
    assert!(holder.contains(&std::process::id().to_string()), "{holder}");
    assert!(begun.elapsed() < SILENCE);
}

#[tokio::test]
async fn a_silent_lease_changes_hands_and_its_holder_is_told() {
    let setting = Setting::new().await;
    let mut first = setting.target.control();
    first.acquire("run", false, SILENCE).await.unwrap();
    let mut second = setting.target.control();
    let silence = Duration::from_millis(600);
    let begun = Instant::now();
    assert_eq!(
        second.acquire("run", false, silence).await.unwrap(),
        LeaseAnswer::Granted
    );
    assert!(begun.elapsed() >= silence);
    let failure = first.renew().await.unwrap_err();
    assert_eq!(
        (failure.code, failure.disposition.clone()),
        ("LS3009", Disposition::Fenced)
    );
    second.renew().await.unwrap();
    first.release().await.unwrap();
    second.renew().await.unwrap();
}

#[tokio::test]
async fn a_lease_is_taken_at_once_when_it_is_given_back_or_demanded() {
    let setting = Setting::new().await;
    let mut first = setting.target.control();
    first.acquire("run", false, SILENCE).await.unwrap();
    let begun = Instant::now();
    let mut second = setting.target.control();
    assert_eq!(
        second.acquire("run", true, SILENCE).await.unwrap(),
        LeaseAnswer::Granted
    );
    second.release().await.unwrap();
    let mut third = setting.target.control();
    assert_eq!(
        third.acquire("run", false, SILENCE).await.unwrap(),
        LeaseAnswer::Granted
    );
    // Another part is another lease.
    assert_eq!(
        second.acquire("sink", false, SILENCE).await.unwrap(),
        LeaseAnswer::Granted
    );
    assert!(begun.elapsed() < SILENCE);
}

#[tokio::test]
async fn the_lease_of_a_dead_process_of_this_host_is_free() {
    let setting = Setting::new().await;
    setting
        .target
        .control()
        .acquire("run", false, SILENCE)
        .await
        .unwrap();
    // The same number, another start: that process is gone.
    let changed = setting
        .target
        .client()
        .database("lockstep")
        .collection::<bson::Document>("leases")
        .update_one(doc! {}, doc! { "$inc": { "holder.started": -1_i64 } })
        .await
        .unwrap();
    assert_eq!(changed.modified_count, 1);
    assert!(!setting.target.status().await.unwrap().running());
    let begun = Instant::now();
    let mut second = setting.target.control();
    assert_eq!(
        second.acquire("run", false, SILENCE).await.unwrap(),
        LeaseAnswer::Granted
    );
    assert!(begun.elapsed() < SILENCE);
}

#[tokio::test]
async fn of_two_that_start_together_one_runs() {
    let setting = Setting::new().await;
    let silence = Duration::from_millis(300);
    let racing = (0..4).map(|_| {
        let mut control = setting.target.control();
        async move {
            control
                .acquire("run", false, silence)
                .await
                .map(|answer| (control, answer))
        }
    });
    let mut held = 0;
    for outcome in futures::future::join_all(racing).await {
        let (mut control, answer) = outcome.unwrap();
        let mine = control.renew().await.is_ok();
        held += u32::from(answer == LeaseAnswer::Granted && mine);
    }
    assert_eq!(held, 1);
}

#[tokio::test]
async fn status_and_requests_are_seen_from_outside() {
    let setting = Setting::new().await;
    let mut control = setting.target.control();
    control.acquire("run", false, SILENCE).await.unwrap();
    control.publish("{\"a\":1}").await.unwrap();
    let mut sink = setting.sink().await;
    sink.apply(&atomic(1, vec![put(doc! { "_id": 1 })]))
        .await
        .unwrap();
    let status = setting.another().await.status().await.unwrap();
    assert!(status.running());
    assert!(!status.torn);
    assert_eq!(status.parts[0].published.as_deref(), Some("{\"a\":1}"));
    assert!(status.applied_at_ms.is_some());
    let id = setting.another().await.submit("stop", "{}").await.unwrap();
    let requests = control.requests().await.unwrap();
    assert_eq!(requests.len(), 1);
    assert_eq!((&requests[0].id, requests[0].kind.as_str()), (&id, "stop"));
    control.acknowledge(&id, "done").await.unwrap();
    control.acknowledge(&id, "again").await.unwrap();
    assert!(control.requests().await.unwrap().is_empty());
    let kept = setting.found("lockstep", "requests").await;
    let outcome = kept[0].get_document("acknowledged").unwrap();
    assert_eq!(outcome.get_str("outcome").unwrap(), "done");
    assert_eq!(
        setting.target.reset(None).await.unwrap_err().code(),
        "LS3023"
    );
    control.release().await.unwrap();
    assert!(!setting.target.status().await.unwrap().running());
    setting.target.reset(None).await.unwrap();
}
