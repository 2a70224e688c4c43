//! How a transaction ends: committed, given up, or refused, and what the refusal means.

use super::committing::Committer;
use super::deliveries::{Deliveries, Undelivered};
use super::unended;
use crate::error::Error;
use crate::protocol::Partition;
use crate::refusal;
use crate::tail::ControlReader;
use rdkafka::error::KafkaError;
use rdkafka::producer::Producer as _;
use rdkafka::types::RDKafkaErrorCode as Code;
use std::time::{Duration, Instant};

/// How long an abort may take that only makes room for others sooner.
const ABORT_WITHIN: Duration = Duration::from_secs(5);

impl Committer {
    pub(super) fn undelivered(&self, undelivered: Undelivered) -> Error {
        let Undelivered {
            topic,
            code,
            problem,
        } = undelivered;
        match code {
            Code::MessageSizeTooLarge
            | Code::InvalidMessageSize
            | Code::MessageBatchTooLarge
            | Code::InvalidRecord
            | Code::InvalidTimestamp
            | Code::UnsupportedForMessageFormat
            | Code::PolicyViolation => Error::RecordRefused { topic, problem },
            Code::UnknownTopicOrPartition | Code::UnknownTopic | Code::UnknownPartition => {
                Error::TopicGone { topic }
            }
            code => {
                let action = format!("writing to topic {topic}");
                refusal::coded(&self.settings, &action, code, problem)
            }
        }
    }

    /// Commits. What was sent is delivered, so nothing but the commit itself is waited for.
    pub(super) fn end(&self, deadline: Instant) -> Result<(), Error> {
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let failure = match self.outlet.producer().commit_transaction(left) {
                Ok(()) => return Ok(()),
                Err(failure) => failure,
            };
            let retriable = match &failure {
                KafkaError::Transaction(error) => error.is_retriable(),
                _ => false,
            };
            if !retriable || Instant::now() >= deadline {
                return Err(self.refused("committing a barrier", &failure));
            }
            tracing::debug!(%failure, "committing again");
        }
    }

    /// Sees that the transactions so far are ended in every partition, after brokers were away: they
    /// may have forgotten to. A recovery mends that.
    pub(super) fn ended(&self) -> Result<(), Error> {
        let reader = ControlReader::new(&self.settings)?;
        let mut partitions: Vec<Partition> = self.ledger.partitions().collect();
        for topic in [&self.control.barriers, &self.control.schema] {
            partitions.push((topic.as_str().into(), 0));
        }
        let unsettled = unended::settled(&reader, &partitions)?;
        match unsettled.into_keys().next() {
            None => Ok(()),
            Some((topic, partition)) => Err(Error::Interrupted {
                action: "ending a transaction".to_owned(),
                problem: format!("topic {topic}, partition {partition} has no end of it yet"),
            }),
        }
    }

    /// Gives the transaction up, and tells what the failure was after all: that a successor has come
    /// shows in many guises, and the abort is told of it too.
    pub(super) fn abandon(&self, error: Error) -> Error {
        if let Some(fenced) = self.fenced() {
            return fenced;
        }
        match self.outlet.producer().abort_transaction(ABORT_WITHIN) {
            Ok(()) => error,
            Err(failure) => {
                let code = failure.rdkafka_error_code();
                if code.is_some_and(refusal::is_fenced) {
                    return self.refused("aborting a transaction", &failure);
                }
                self.fenced().unwrap_or(error)
            }
        }
    }

    fn fenced(&self) -> Option<Error> {
        let (code, problem) = self.outlet.producer().client().fatal_error()?;
        refusal::is_fenced(code).then(|| refusal::coded(&self.settings, "writing", code, problem))
    }

    pub(super) fn refused(&self, action: &str, failure: &KafkaError) -> Error {
        self.fenced()
            .unwrap_or_else(|| refusal::error(&self.settings, action, failure))
    }

    pub(super) fn deliveries(&self) -> &Deliveries {
        self.outlet.deliveries()
    }
}
