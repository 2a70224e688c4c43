//! The laws of a log: order, durability that is kept, one writer, and calls that may be dropped.

use super::barriers::{barrier, checkpoint, ordinal};
use super::{Evidence, Verdict, ensure, ensure_equal, law};
use change::{Barrier, Ordinal};
use flow::ports::{LogReader, LogWriter, Tail};
use futures::FutureExt;

/// A log that nobody has written to.
pub trait LogSetting {
    type Writer: LogWriter;
    type Reader: LogReader;

    /// Both ends as a process that starts finds them, where the target tells this tail.
    fn ends(&self, target: &Tail) -> (Self::Writer, Self::Reader);
}

/// Checks all laws of a log, each in a fresh setting.
pub async fn check<S: LogSetting>(fresh: impl AsyncFn() -> S) -> Verdict {
    let new = async || fresh().await;
    law("barriers come in order, all of them", order(new().await)).await?;
    law("what is durable is there later", durable(new().await)).await?;
    law("a predecessor writes nothing", fenced(new().await)).await?;
    law("ready means taken at once", ready(new().await)).await?;
    law("a dropped call loses nothing", dropped(new().await)).await
}

async fn order<S: LogSetting>(setting: S) -> Result<(), Evidence> {
    let (mut writer, mut reader) = setting.ends(&Tail::default());
    let tail = writer.recover().await?;
    ensure(tail.checkpoint.is_none(), || format!("{tail:?}"))?;
    reader.open(None).await?;
    let sending = async {
        for number in 1..=20 {
            writer.send(barrier(number)).await?;
            if number % 4 == 0 {
                writer.ready().await?;
            }
        }
        drop(writer);
        Ok::<_, Evidence>(())
    };
    let reading = async {
        let mut numbers = Vec::new();
        while let Some(next) = reader.next().await? {
            numbers.push(take(&mut reader, next)?);
            while let Some(next) = reader.next_ready()? {
                numbers.push(take(&mut reader, next)?);
            }
        }
        Ok::<_, Evidence>(numbers)
    };
    let (sent, read) = tokio::join!(sending, reading);
    sent?;
    ensure_equal("barriers", &read?, &(1..=20).collect())
}

async fn durable<S: LogSetting>(setting: S) -> Result<(), Evidence> {
    let (mut writer, mut reader) = setting.ends(&Tail::default());
    writer.recover().await?;
    reader.open(None).await?;
    let wanted = ordinal(4);
    let sending = async {
        for number in 1..=6 {
            writer.send(barrier(number)).await?;
        }
        let mut told: Option<Ordinal> = None;
        while told < Some(wanted) {
            let answer = writer.durable_through(told).await?;
            ensure(Some(answer) > told, || {
                format!("{answer} does not go beyond {told:?}")
            })?;
            told = Some(answer);
        }
        Ok::<_, Evidence>(told)
    };
    let reading = async {
        for number in 1..=6 {
            let next = reader.next().await?;
            let next = next.ok_or_else(|| Evidence("the log ended early".to_owned()))?;
            if number <= 4 {
                take(&mut reader, next)?;
            }
        }
        Ok::<_, Evidence>(())
    };
    let (told, read) = tokio::join!(sending, reading);
    let told = told?;
    read?;
    // The process is gone without a word: its successor comes first, then its ends are dropped.
    let target = tail_at(4);
    let (mut successor, mut again) = setting.ends(&target);
    let tail = successor.recover().await?;
    let through = tail.checkpoint.map(|checkpoint| checkpoint.ordinal);
    ensure(through >= told, || {
        format!("{told:?} was durable, {through:?} is the tail")
    })?;
    again.open(Some(wanted)).await?;
    let mut expected = 5;
    while let Some(next) = again.next_ready()? {
        ensure_equal("after a restart", &take(&mut again, next)?, &expected)?;
        expected += 1;
    }
    let read = Some(ordinal(expected - 1));
    ensure(read >= told, || {
        format!("{told:?} was durable, {read:?} is read")
    })
}

async fn fenced<S: LogSetting>(setting: S) -> Result<(), Evidence> {
    let (mut old, mut reader) = setting.ends(&Tail::default());
    old.recover().await?;
    reader.open(None).await?;
    let sending = async {
        old.send(barrier(1)).await?;
        old.ready().await?;
        Ok::<_, Evidence>(())
    };
    let (sent, read) = tokio::join!(sending, reader.next());
    sent?;
    let first = read?.ok_or_else(|| Evidence("the log ended early".to_owned()))?;
    take(&mut reader, first)?;
    drop(reader);
    let (mut new, mut reader) = setting.ends(&tail_at(1));
    let tail = new.recover().await?;
    ensure_equal("tail", &tail.checkpoint, &Some(checkpoint(1)))?;
    reader.open(Some(ordinal(1))).await?;
    let mut stale = barrier(2);
    stale.mapping.version = 99;
    let sent = old.send(stale).await;
    let told = sent.is_err() || old.ready().await.is_err();
    ensure(told, || "the predecessor was not told".to_owned())?;
    drop(old);
    let sending = async {
        new.send(barrier(2)).await?;
        drop(new);
        Ok::<_, Evidence>(())
    };
    let reading = async {
        let mut versions = Vec::new();
        while let Some(next) = reader.next().await? {
            versions.push(next.mapping.version);
        }
        Ok::<_, Evidence>(versions)
    };
    let (sent, read) = tokio::join!(sending, reading);
    sent?;
    ensure_equal("versions", &read?, &vec![barrier(2).mapping.version])
}

async fn ready<S: LogSetting>(setting: S) -> Result<(), Evidence> {
    let (mut writer, mut reader) = setting.ends(&Tail::default());
    writer.recover().await?;
    reader.open(None).await?;
    let sending = async {
        for number in 1..=10 {
            writer.ready().await?;
            let taken = writer.send(barrier(number)).now_or_never();
            taken.ok_or_else(|| Evidence(format!("barrier {number} had to wait")))??;
        }
        drop(writer);
        Ok::<_, Evidence>(())
    };
    let reading = async {
        let mut count = 0;
        while let Some(next) = reader.next().await? {
            take(&mut reader, next)?;
            count += 1;
        }
        Ok::<_, Evidence>(count)
    };
    let (sent, read) = tokio::join!(sending, reading);
    sent?;
    ensure_equal("barriers", &read?, &10)
}

async fn dropped<S: LogSetting>(setting: S) -> Result<(), Evidence> {
    let (mut writer, mut reader) = setting.ends(&Tail::default());
    writer.recover().await?;
    reader.open(None).await?;
    // Each call is made twice: once given up after a moment, once in earnest.
    let sending = async {
        for number in 1..=20 {
            let given_up = writer.ready().now_or_never();
            given_up.transpose()?;
            writer.ready().await?;
            writer.send(barrier(number)).await?;
            let given_up = writer.durable_through(None).now_or_never();
            given_up.transpose()?;
        }
        drop(writer);
        Ok::<_, Evidence>(())
    };
    let reading = async {
        let mut numbers = Vec::new();
        loop {
            let next = match reader.next().now_or_never() {
                Some(next) => next?,
                None => reader.next().await?,
            };
            match next {
                Some(next) => numbers.push(take(&mut reader, next)?),
                None => return Ok::<_, Evidence>(numbers),
            }
        }
    };
    let (sent, read) = tokio::join!(sending, reading);
    sent?;
    ensure_equal("barriers", &read?, &(1..=20).collect())
}

/// Applies a barrier and gives its number, if it is all that was sent.
fn take(reader: &mut impl LogReader, next: Barrier) -> Result<u64, Evidence> {
    let number = next.checkpoint.ordinal.transaction;
    let sent = barrier(number);
    ensure_equal("checkpoint", &next.checkpoint, &sent.checkpoint)?;
    ensure_equal("progress", &next.progress, &sent.progress)?;
    ensure_equal("mapping", &next.mapping, &sent.mapping)?;
    reader.applied(next.checkpoint.ordinal);
    Ok(number)
}

fn tail_at(number: u64) -> Tail {
    let last = barrier(number);
    Tail {
        checkpoint: Some(last.checkpoint),
        tables: last.progress,
        mapping: Some(last.mapping),
    }
}
