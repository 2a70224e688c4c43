//! The laws of the control port: one holder of a lease, and requests that are answered once.

use super::{Evidence, Verdict, ensure, ensure_equal, law};
use flow::Disposition;
use flow::ports::{Control, LeaseAnswer};
use futures::future::join_all;
use std::future::Future;
use std::time::Duration;
use tokio::time::Instant;

/// Long enough that a holder which renews is never taken for silent.
const PATIENT: Duration = Duration::from_secs(20);
const BRIEF: Duration = Duration::from_millis(600);
const RENEWAL: Duration = Duration::from_millis(200);

/// A pipeline that nobody runs, with ways to it.
pub trait ControlSetting {
    type Control: Control;

    /// The view of another process.
    fn control(&self) -> Self::Control;

    /// Leaves a request as a person would; gives its id.
    fn submit(&self, kind: &str, arguments: &str) -> impl Future<Output = String>;

    /// What a part has published last.
    fn published(&self, part: &str) -> impl Future<Output = Option<String>>;
}

/// Checks all laws of the control port, each in a fresh setting.
pub async fn check<S: ControlSetting>(fresh: impl AsyncFn() -> S) -> Verdict {
    let new = async || fresh().await;
    law("a lease that is renewed is held", renewed(new().await)).await?;
    law("a silent lease changes hands", silent(new().await)).await?;
    law("a lease is taken when demanded", demanded(new().await)).await?;
    law("a lease given back is free", returned(new().await)).await?;
    law("parts have leases of their own", parts(new().await)).await?;
    law("of many that start one runs", race(new().await)).await?;
    law("requests are answered once", requests(new().await)).await?;
    law("status is what was published", status(new().await)).await
}

async fn renewed<S: ControlSetting>(setting: S) -> Result<(), Evidence> {
    let mut first = setting.control();
    granted(&mut first, false, PATIENT).await?;
    let mut second = setting.control();
    let renewing = async {
        loop {
            first.renew().await?;
            tokio::time::sleep(RENEWAL).await;
        }
    };
    let answer = tokio::select! {
        answer = second.acquire("run", false, PATIENT) => answer?,
        failure = renewing => return failure,
    };
    match answer {
        LeaseAnswer::Held { holder } => ensure(!holder.is_empty(), || "by nobody".to_owned()),
        LeaseAnswer::Granted => Err(Evidence("a held lease was granted".to_owned())),
    }
}

async fn silent<S: ControlSetting>(setting: S) -> Result<(), Evidence> {
    let mut first = setting.control();
    granted(&mut first, false, PATIENT).await?;
    let begun = Instant::now();
    let mut second = setting.control();
    granted(&mut second, false, BRIEF).await?;
    let waited = begun.elapsed();
    ensure(waited >= BRIEF, || format!("after {waited:?} of silence"))?;
    turned_out(&mut first).await?;
    second.renew().await?;
    // A predecessor gives nothing back that is not its own.
    first.release().await?;
    second.renew().await?;
    Ok(())
}

async fn demanded<S: ControlSetting>(setting: S) -> Result<(), Evidence> {
    let mut first = setting.control();
    granted(&mut first, true, PATIENT).await?;
    let mut second = setting.control();
    at_once(granted(&mut second, true, PATIENT)).await?;
    turned_out(&mut first).await?;
    second.renew().await?;
    Ok(())
}

async fn returned<S: ControlSetting>(setting: S) -> Result<(), Evidence> {
    let mut first = setting.control();
    granted(&mut first, false, PATIENT).await?;
    first.release().await?;
    turned_out(&mut first).await?;
    let mut second = setting.control();
    at_once(granted(&mut second, false, PATIENT)).await?;
    second.renew().await?;
    Ok(())
}

async fn parts<S: ControlSetting>(setting: S) -> Result<(), Evidence> {
    let mut one = setting.control();
    let mut other = setting.control();
    let first = one.acquire("capture", false, PATIENT).await?;
    ensure_equal("capture", &first, &LeaseAnswer::Granted)?;
    let second = other.acquire("sink", false, PATIENT).await?;
    ensure_equal("sink", &second, &LeaseAnswer::Granted)?;
    one.renew().await?;
    other.renew().await?;
    Ok(())
}

async fn race<S: ControlSetting>(setting: S) -> Result<(), Evidence> {
    let contenders = (0..4).map(|_| {
        let mut control = setting.control();
        async move {
            let answer = control.acquire("run", false, BRIEF).await;
            (control, answer)
        }
    });
    let mut running = 0;
    for (mut control, answer) in join_all(contenders).await {
        let mine = control.renew().await.is_ok();
        running += usize::from(answer? == LeaseAnswer::Granted && mine);
    }
    ensure_equal("running", &running, &1)
}

async fn requests<S: ControlSetting>(setting: S) -> Result<(), Evidence> {
    let mut control = setting.control();
    granted(&mut control, false, PATIENT).await?;
    ensure_equal("requests", &control.requests().await?, &Vec::new())?;
    let mut ids = Vec::new();
    for number in 0..3 {
        let arguments = format!("{{\"number\":{number}}}");
        ids.push(setting.submit("tune", &arguments).await);
    }
    let found = control.requests().await?;
    let listed: Vec<&String> = found.iter().map(|request| &request.id).collect();
    ensure_equal("order", &listed, &ids.iter().collect())?;
    for (number, request) in found.iter().enumerate() {
        let arguments = format!("{{\"number\":{number}}}");
        ensure_equal("kind", &request.kind.as_str(), &"tune")?;
        ensure_equal("arguments", &request.arguments, &arguments)?;
    }
    for _ in 0..2 {
        control.acknowledge(&ids[1], "done").await?;
        let left = control.requests().await?;
        let left: Vec<&String> = left.iter().map(|request| &request.id).collect();
        ensure_equal("left", &left, &vec![&ids[0], &ids[2]])?;
    }
    Ok(())
}

async fn status<S: ControlSetting>(setting: S) -> Result<(), Evidence> {
    let mut control = setting.control();
    granted(&mut control, false, PATIENT).await?;
    for text in ["{\"a\":1}", "{\"a\":2}"] {
        control.publish(text).await?;
        let found = setting.published("run").await;
        ensure_equal("status", &found.as_deref(), &Some(text))?;
    }
    Ok(())
}

async fn granted(
    control: &mut impl Control,
    take_over: bool,
    silence: Duration,
) -> Result<(), Evidence> {
    let answer = control.acquire("run", take_over, silence).await?;
    ensure_equal("lease", &answer, &LeaseAnswer::Granted)
}

async fn at_once(taking: impl Future<Output = Result<(), Evidence>>) -> Result<(), Evidence> {
    let within = PATIENT / 2;
    match tokio::time::timeout(within, taking).await {
        Ok(taken) => taken,
        Err(_) => Err(Evidence(format!("not within {within:?}"))),
    }
}

async fn turned_out(control: &mut impl Control) -> Result<(), Evidence> {
    let told = control.renew().await.map_err(|failure| failure.disposition);
    ensure_equal("renewal", &told, &Err(Disposition::Fenced))
}
