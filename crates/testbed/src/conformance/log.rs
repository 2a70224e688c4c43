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

/// How many barriers the longer laws send.
const MANY: u64 = 20;

/// Checks all laws of a log, each in a fresh setting.
pub async fn check<S: LogSetting>(fresh: impl AsyncFn() -> S) -> Verdict {
    let new = async || fresh().await;
    law("barriers come in order, all of them", order(new().await)).await?;
    law("what is durable is there later", durable(new().await)).await?;
    law("a predecessor writes nothing", fenced(new().await)).await?;
    law(
        "a takeover under load misses nothing",
        taken_over(new().await),
    )
    .await?;
    law("ready means taken at once", ready(new().await)).await?;
    law("a dropped call loses nothing", dropped(new().await)).await
}

async fn order<S: LogSetting>(setting: S) -> Result<(), Evidence> {
    let (mut writer, mut reader) = setting.ends(&Tail::default());
    let tail = writer.recover().await?;
    ensure(tail.checkpoint.is_none(), || format!("{tail:?}"))?;
    reader.open(None).await?;
    let sending = async {
        for number in 1..=MANY {
            writer.send(barrier(number)).await?;
            if number % 4 == 0 {
                writer.ready().await?;
            }
        }
        writer.finish().await?;
        drop(writer);
        Ok::<_, Evidence>(())
    };
    let reading = async {
        let mut numbers = Vec::new();
        // A log that outlives its writer has no end, so reading ends behind the last one.
        while numbers.last() != Some(&MANY)
            && let Some(next) = reader.next().await?
        {
            numbers.push(take(&mut reader, next)?);
            while let Some(next) = reader.next_ready()? {
                numbers.push(take(&mut reader, next)?);
            }
        }
        Ok::<_, Evidence>(numbers)
    };
    let (sent, read) = tokio::join!(sending, reading);
    sent?;
    ensure_equal("barriers", &read?, &(1..=MANY).collect())?;
    ensure_equal("the end", &reader.end().await?, &Some(ordinal(MANY)))?;
    nothing_more(&mut reader)
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
    while Some(ordinal(expected - 1)) < through {
        let next = again.next().await?;
        let next = next.ok_or_else(|| Evidence("the log ended early".to_owned()))?;
        ensure_equal("after a restart", &take(&mut again, next)?, &expected)?;
        expected += 1;
    }
    nothing_more(&mut again)
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
    let told = sent.is_err() || old.finish().await.is_err();
    ensure(told, || "the predecessor was not told".to_owned())?;
    drop(old);
    let sending = async {
        new.send(barrier(2)).await?;
        new.finish().await?;
        drop(new);
        Ok::<_, Evidence>(())
    };
    let reading = async {
        let next = reader.next().await?;
        let next = next.ok_or_else(|| Evidence("the log ended early".to_owned()))?;
        reader.applied(next.checkpoint.ordinal);
        Ok::<_, Evidence>(next.mapping.version)
    };
    let (sent, read) = tokio::join!(sending, reading);
    sent?;
    ensure_equal("version", &read?, &barrier(2).mapping.version)?;
    nothing_more(&mut reader)
}

/// A successor comes while its predecessor is writing: whatever the predecessor was told is durable
/// lies before the tail that the successor is told, and nothing lies behind it.
async fn taken_over<S: LogSetting>(setting: S) -> Result<(), Evidence> {
    let (mut old, mut reader) = setting.ends(&Tail::default());
    old.recover().await?;
    reader.open(None).await?;
    let writing = async {
        let mut durable: Option<Ordinal> = None;
        for number in 1.. {
            // A log that waits for nothing must not keep the successor from coming.
            tokio::task::yield_now().await;
            if old.send(barrier(number)).await.is_err() {
                break;
            }
            match old.durable_through(durable).await {
                Ok(through) => durable = Some(through),
                Err(_) => break,
            }
        }
        durable
    };
    let coming = async {
        for number in 1..=MANY {
            let next = reader.next().await?;
            let next = next.ok_or_else(|| Evidence("the log ended early".to_owned()))?;
            ensure_equal("barrier", &take(&mut reader, next)?, &number)?;
        }
        drop(reader);
        let (mut new, again) = setting.ends(&tail_at(MANY));
        let tail = new.recover().await?;
        // The predecessor's next call tells it; until then it may go on trying.
        Ok::<_, Evidence>((tail, new, again))
    };
    let (durable, came) = tokio::join!(writing, coming);
    let (tail, new, mut again) = came?;
    let through = tail.checkpoint.map(|checkpoint| checkpoint.ordinal);
    ensure(through >= durable, || {
        format!("{durable:?} was durable, {through:?} is the tail")
    })?;
    again.open(Some(ordinal(MANY))).await?;
    let mut number = MANY;
    while Some(ordinal(number)) < through {
        let next = again.next().await?;
        let next = next.ok_or_else(|| Evidence("the log ended early".to_owned()))?;
        number += 1;
        ensure_equal("barrier", &take(&mut again, next)?, &number)?;
    }
    ensure_equal("the end", &again.end().await?, &through)?;
    drop(new);
    nothing_more(&mut again)
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
        writer.finish().await?;
        drop(writer);
        Ok::<_, Evidence>(())
    };
    let reading = async {
        let mut count = 0;
        while count < 10
            && let Some(next) = reader.next().await?
        {
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
        for number in 1..=MANY {
            let given_up = writer.ready().now_or_never();
            given_up.transpose()?;
            writer.ready().await?;
            writer.send(barrier(number)).await?;
            let given_up = writer.durable_through(None).now_or_never();
            given_up.transpose()?;
        }
        writer.finish().await?;
        drop(writer);
        Ok::<_, Evidence>(())
    };
    let reading = async {
        let mut numbers = Vec::new();
        while numbers.last() != Some(&MANY) {
            let next = match reader.next().now_or_never() {
                Some(next) => next?,
                None => reader.next().await?,
            };
            match next {
                Some(next) => numbers.push(take(&mut reader, next)?),
                None => break,
            }
        }
        Ok::<_, Evidence>(numbers)
    };
    let (sent, read) = tokio::join!(sending, reading);
    sent?;
    ensure_equal("barriers", &read?, &(1..=MANY).collect())
}

/// What was read is all there is.
fn nothing_more(reader: &mut impl LogReader) -> Result<(), Evidence> {
    let next = reader.next_ready()?;
    ensure(next.is_none(), || format!("{next:?} comes after the last"))
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
        quarantine: Vec::new(),
    }
}
