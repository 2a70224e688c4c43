//! Requests that librdkafka does not offer: a transaction over partitions that nothing is written to.
//!
//! The library adds a partition to a transaction when a message goes there, and only then. What
//! brokers forgot to end has to be ended without a further message, since every message of a
//! table's topic is a change to whoever reads it. So four requests are spoken here, in versions
//! whose layout has no tagged fields and which brokers 0.11 to 4 take (Kafka protocol guide,
//! "The Messages": FindCoordinator 1, InitProducerId 1, AddPartitionsToTxn 1, EndTxn 1).

use crate::error::Error;
use crate::settings::Settings;
use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::{TcpStream, ToSocketAddrs as _};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A partition by its topic's name.
pub(crate) type Partition = (Arc<str>, i32);

const ACTION: &str = "asking for the transactions of this pipeline";
const ASK_AGAIN: Duration = Duration::from_millis(50);
/// No answer to these requests is nearly as long.
const LONGEST_ANSWER: usize = 16 << 20;

/// Ends what the producer of the pipeline's transactional id has open in these partitions, and
/// fences that producer. The brokers' markers are written by the time it returns, or soon after.
pub(crate) fn end_transaction(
    settings: &Settings,
    partitions: &[Partition],
    commit: bool,
) -> Result<(), Error> {
    let deadline = Instant::now() + settings.patience;
    loop {
        match attempt(settings, partitions, commit) {
            Err(Error::Interrupted { .. } | Error::Unreachable { .. })
                if Instant::now() < deadline =>
            {
                std::thread::sleep(ASK_AGAIN);
            }
            outcome => return outcome,
        }
    }
}

/// The broker that coordinates the pipeline's transactions, which is told only to those who may
/// describe the transactional id; leave to write with it is leave to describe it.
pub(crate) fn coordinator(settings: &Settings) -> Result<String, Error> {
    let mut broker = Connection::to_any(settings)?;
    // 1: the key is a transactional id.
    let request = Request::new().text(&settings.transactional_id()).byte(1);
    let answer = broker.ask(10, request)?;
    let mut answer = Answer::new(&answer);
    answer.skip(4)?;
    let code = answer.short()?;
    let _message = answer.text()?;
    taken(settings, code)?;
    answer.skip(4)?;
    let host = answer.text()?;
    Ok(format!("{host}:{}", answer.int()?))
}

/// From the beginning, as each step may find another coordinator.
fn attempt(settings: &Settings, partitions: &[Partition], commit: bool) -> Result<(), Error> {
    let id = settings.transactional_id();
    let mut coordinator = Connection::to(settings, &coordinator(settings)?)?;
    let timeout = i32::try_from(settings.transaction_timeout.as_millis()).unwrap_or(i32::MAX);
    let answer = coordinator.ask(22, Request::new().text(&id).int(timeout))?;
    let mut answer = Answer::new(&answer);
    answer.skip(4)?;
    taken(settings, answer.short()?)?;
    let (producer, epoch) = (answer.long()?, answer.short()?);

    let mut topics: BTreeMap<&str, Vec<i32>> = BTreeMap::new();
    for (topic, partition) in partitions {
        topics.entry(topic).or_default().push(*partition);
    }
    let request = Request::new().text(&id).long(producer).short(epoch);
    let mut request = request.count(topics.len());
    for (topic, partitions) in topics {
        request = request.text(topic).count(partitions.len());
        for partition in partitions {
            request = request.int(partition);
        }
    }
    let answer = coordinator.ask(24, request)?;
    let mut answer = Answer::new(&answer);
    answer.skip(4)?;
    for _ in 0..answer.int()? {
        let _topic = answer.text()?;
        for _ in 0..answer.int()? {
            answer.skip(4)?;
            taken(settings, answer.short()?)?;
        }
    }
    let request = Request::new().text(&id).long(producer).short(epoch);
    let answer = coordinator.ask(26, request.byte(u8::from(commit)))?;
    let mut answer = Answer::new(&answer);
    answer.skip(4)?;
    taken(settings, answer.short()?)
}

/// What a code of the protocol means here (Kafka protocol guide, "Error Codes").
fn taken(settings: &Settings, code: i16) -> Result<(), Error> {
    let action = ACTION.to_owned();
    let problem = format!("the brokers answer with error {code}");
    match code {
        0 => Ok(()),
        // Leaders or coordinators that are on their way, and markers that are being written.
        // 55: not attempted, as another partition of the request was refused.
        3 | 5 | 6 | 7 | 8 | 13 | 14 | 15 | 16 | 51 | 55 => {
            Err(Error::Interrupted { action, problem })
        }
        47 | 90 => Err(Error::Fenced {
            pipeline: settings.pipeline.to_string(),
            problem,
        }),
        29 | 31 | 53 => Err(Error::NotAllowed { action, problem }),
        _ => Err(Error::Unexpected { action, problem }),
    }
}

struct Connection<'a> {
    settings: &'a Settings,
    stream: TcpStream,
    asked: i32,
}

impl<'a> Connection<'a> {
    fn to_any(settings: &'a Settings) -> Result<Self, Error> {
        let mut last = None;
        for broker in &settings.brokers {
            match Self::to(settings, broker) {
                Ok(connection) => return Ok(connection),
                Err(error) => last = Some(error),
            }
        }
        Err(last.unwrap_or_else(|| Error::Unreachable {
            brokers: settings.broker_list(),
            problem: "no broker is configured".to_owned(),
        }))
    }

    fn to(settings: &'a Settings, address: &str) -> Result<Self, Error> {
        let unreachable = |problem: String| Error::Unreachable {
            brokers: address.to_owned(),
            problem,
        };
        let addresses = address.to_socket_addrs();
        let mut problem = "its name has no address".to_owned();
        for address in addresses.map_err(|error| unreachable(error.to_string()))? {
            let connected = TcpStream::connect_timeout(&address, settings.patience);
            let connected = connected.and_then(|stream| {
                stream.set_read_timeout(Some(settings.patience))?;
                stream.set_write_timeout(Some(settings.patience))?;
                stream.set_nodelay(true)?;
                Ok(stream)
            });
            match connected {
                Ok(stream) => {
                    return Ok(Self {
                        settings,
                        stream,
                        asked: 0,
                    });
                }
                Err(error) => problem = error.to_string(),
            }
        }
        Err(unreachable(problem))
    }

    /// Sends a request in version 1 and returns what follows the header of its answer.
    fn ask(&mut self, key: i16, request: Request) -> Result<Vec<u8>, Error> {
        self.asked += 1;
        let header = Request::new().short(key).short(1).int(self.asked);
        let header = header.text(&format!("lockstep-{}", self.settings.pipeline));
        let mut message = Request::new().count(header.0.len() + request.0.len()).0;
        message.extend(header.0);
        message.extend(request.0);
        let exchanged = self.stream.write_all(&message).and_then(|()| self.answer());
        exchanged.map_err(|error| Error::Interrupted {
            action: ACTION.to_owned(),
            problem: error.to_string(),
        })
    }

    fn answer(&mut self) -> std::io::Result<Vec<u8>> {
        let mut prefix = [0; 8];
        self.stream.read_exact(&mut prefix)?;
        let (length, number) = prefix.split_at(4);
        let length = usize::try_from(i32::from_be_bytes(four(length))).unwrap_or(usize::MAX);
        if i32::from_be_bytes(four(number)) != self.asked || !(4..LONGEST_ANSWER).contains(&length)
        {
            return Err(std::io::Error::other("the answer is none of Kafka's"));
        }
        let mut answer = vec![0; length - 4];
        self.stream.read_exact(&mut answer)?;
        Ok(answer)
    }
}

fn four(bytes: &[u8]) -> [u8; 4] {
    bytes.try_into().expect("the caller takes four")
}

/// A request under construction: big-endian numbers, texts behind their length.
struct Request(Vec<u8>);

impl Request {
    fn new() -> Self {
        Self(Vec::new())
    }

    fn with(mut self, bytes: &[u8]) -> Self {
        self.0.extend_from_slice(bytes);
        self
    }

    fn byte(self, value: u8) -> Self {
        self.with(&[value])
    }

    fn short(self, value: i16) -> Self {
        self.with(&value.to_be_bytes())
    }

    fn int(self, value: i32) -> Self {
        self.with(&value.to_be_bytes())
    }

    fn long(self, value: i64) -> Self {
        self.with(&value.to_be_bytes())
    }

    fn count(self, value: usize) -> Self {
        self.int(i32::try_from(value).expect("fewer than partitions of a cluster"))
    }

    fn text(self, value: &str) -> Self {
        let length = i16::try_from(value.len()).expect("names of topics and pipelines are short");
        self.short(length).with(value.as_bytes())
    }
}

/// An answer that is read from its beginning.
struct Answer<'a>(&'a [u8]);

impl<'a> Answer<'a> {
    fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    fn skip(&mut self, count: usize) -> Result<&'a [u8], Error> {
        let Some((taken, left)) = self.0.split_at_checked(count) else {
            return Err(Error::Unexpected {
                action: ACTION.to_owned(),
                problem: "the brokers' answer is too short".to_owned(),
            });
        };
        self.0 = left;
        Ok(taken)
    }

    fn short(&mut self) -> Result<i16, Error> {
        let bytes = self.skip(2)?;
        Ok(i16::from_be_bytes([bytes[0], bytes[1]]))
    }

    fn int(&mut self) -> Result<i32, Error> {
        Ok(i32::from_be_bytes(four(self.skip(4)?)))
    }

    fn long(&mut self) -> Result<i64, Error> {
        let bytes = self.skip(8)?;
        Ok(i64::from_be_bytes(bytes.try_into().expect("eight")))
    }

    /// Empty where it is null.
    fn text(&mut self) -> Result<String, Error> {
        let length = usize::try_from(self.short()?).unwrap_or(0);
        Ok(String::from_utf8_lossy(self.skip(length)?).into_owned())
    }
}
