//! A consumer that is not ours: Kafka's own Java client, asked for what is committed.
//!
//! What our own reader would make of the topics proves nothing about what others see in them. The
//! program beside this file prints every record as it is; this file only takes the lines apart.

use std::io;
use std::path::Path;
use std::process::Stdio;
use testbed::servers::Kafka;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

/// The consumer did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum ConsumerError {
    #[error("running the consumer: {0}")]
    System(#[from] io::Error),
    #[error("the consumer ended with {status}: {said}")]
    Failed { status: String, said: String },
    #[error("the consumer printed a line that is none of its own: {0:?}")]
    Line(String),
}

/// One record as it lies in a topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    pub topic: String,
    pub partition: u32,
    /// The partition that Kafka's own producer would choose by the key; none without a key.
    pub home: Option<u32>,
    pub offset: u64,
    pub key: Option<Vec<u8>>,
    /// `None` is a tombstone.
    pub value: Option<Vec<u8>>,
    pub headers: Vec<(String, Vec<u8>)>,
}

/// Every committed record of the topics whose names start with `prefix`.
///
/// # Errors
/// [`ConsumerError`]
pub async fn read_committed(kafka: &Kafka, prefix: &str) -> Result<Vec<Record>, ConsumerError> {
    let output = program(kafka, prefix, "all")
        .stderr(Stdio::piped())
        .output()
        .await?;
    let printed = String::from_utf8_lossy(&output.stdout);
    let mut records = Vec::new();
    let mut ended = false;
    for line in printed.lines() {
        match line {
            "end" => ended = true,
            line => records.push(record(line)?),
        }
    }
    if ended && output.status.success() {
        return Ok(records);
    }
    Err(ConsumerError::Failed {
        status: output.status.to_string(),
        said: String::from_utf8_lossy(&output.stderr).into_owned(),
    })
}

/// A consumer that goes on until it is dropped.
#[derive(Debug)]
pub struct Following {
    // Killed with the value.
    _process: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Following {
    /// Reads the topics whose names start with `prefix` from now on; new ones from their beginning.
    ///
    /// # Errors
    /// [`ConsumerError`]
    pub fn start(kafka: &Kafka, prefix: &str) -> Result<Self, ConsumerError> {
        let mut process = program(kafka, prefix, "follow")
            .stderr(Stdio::null())
            .spawn()?;
        let stdout = process.stdout.take().expect("its output is piped");
        Ok(Self {
            _process: process,
            lines: BufReader::new(stdout).lines(),
        })
    }

    /// The next record.
    ///
    /// # Errors
    /// [`ConsumerError`], also when the consumer has ended.
    pub async fn next(&mut self) -> Result<Record, ConsumerError> {
        match self.lines.next_line().await? {
            Some(line) => record(&line),
            None => Err(ConsumerError::Failed {
                status: "no more records".to_owned(),
                said: String::new(),
            }),
        }
    }
}

fn program(kafka: &Kafka, prefix: &str, what: &str) -> Command {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/topics/ReadCommitted.java");
    let mut command = Command::from(kafka.client_program());
    command
        .arg(source)
        .args([&kafka.brokers(), prefix, what])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .kill_on_drop(true);
    command
}

fn record(line: &str) -> Result<Record, ConsumerError> {
    taken_apart(line).ok_or_else(|| ConsumerError::Line(line.to_owned()))
}

fn taken_apart(line: &str) -> Option<Record> {
    let mut fields = line.split('\t');
    let mut next = || fields.next();
    Some(Record {
        topic: next()?.to_owned(),
        partition: next()?.parse().ok()?,
        home: match next()? {
            "-" => None,
            home => Some(home.parse().ok()?),
        },
        offset: next()?.parse().ok()?,
        key: bytes(next()?)?,
        value: bytes(next()?)?,
        headers: headers(next()?)?,
    })
}

fn headers(text: &str) -> Option<Vec<(String, Vec<u8>)>> {
    let headers = text.split(',').filter(|header| !header.is_empty());
    headers
        .map(|header| {
            let (name, value) = header.split_once('=')?;
            let name = String::from_utf8(bytes(name)??).ok()?;
            Some((name, bytes(value)?.unwrap_or_default()))
        })
        .collect()
}

/// Hexadecimal, or `-` for null.
fn bytes(text: &str) -> Option<Option<Vec<u8>>> {
    if text == "-" {
        return Some(None);
    }
    let digits = text.as_bytes();
    let pairs = digits.chunks(2).map(|pair| {
        let high = char::from(*pair.first()?).to_digit(16)?;
        let low = char::from(*pair.get(1)?).to_digit(16)?;
        u8::try_from(high * 16 + low).ok()
    });
    Some(Some(pairs.collect::<Option<Vec<u8>>>()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_taken_apart_and_a_torn_one_is_refused() {
        let line = "proof.work.t\t3\t2\t17\t7b7d\t-\t61=0102,62=-";
        let taken = record(line).unwrap();
        assert_eq!(taken.topic, "proof.work.t");
        assert_eq!(
            (taken.partition, taken.home, taken.offset),
            (3, Some(2), 17)
        );
        assert_eq!(taken.key.as_deref(), Some(&b"{}"[..]));
        assert_eq!(taken.value, None);
        let headers = [("a".to_owned(), vec![1, 2]), ("b".to_owned(), vec![])];
        assert_eq!(taken.headers, headers);
        for torn in [
            "proof.work.t\t3\t2\t17\t7b7",
            "proof.work.t\t3\t2\t17\t7b7d\t-",
            "x",
        ] {
            assert!(record(torn).is_err(), "{torn}");
        }
    }
}
