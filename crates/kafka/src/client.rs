//! The clients of the log: consumers and the administrator, and where librdkafka's words go.
//!
//! librdkafka speaks of brokers coming and going on its own threads; that is worth a trace and not
//! an error, since every call here has its own outcome.

use crate::error::Error;
use crate::settings::{Isolation, Settings};
use rdkafka::ClientContext;
use rdkafka::admin::AdminClient;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, ConsumerContext};
use rdkafka::error::KafkaError;
use std::sync::Arc;

/// Takes what librdkafka says on the side.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Aside;

pub(crate) type Consumer = BaseConsumer<Aside>;
pub(crate) type Administrator = AdminClient<Aside>;

impl ClientContext for Aside {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, text: &str) {
        said(level, facility, text);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        tracing::debug!(target: "librdkafka", %error, reason);
    }
}

impl ConsumerContext for Aside {}

pub(crate) fn said(level: RDKafkaLogLevel, facility: &str, text: &str) {
    tracing::debug!(target: "librdkafka", ?level, facility, text);
}

/// A consumer that is assigned to nothing yet.
pub(crate) fn consumer(
    settings: &Settings,
    isolation: Isolation,
    queued_kbytes: u64,
) -> Result<Arc<Consumer>, Error> {
    let consumer: Consumer = settings
        .consumer(isolation, queued_kbytes)
        .create_with_context(Aside)
        .map_err(|error| Error::Client {
            problem: error.to_string(),
        })?;
    Ok(Arc::new(consumer))
}

pub(crate) fn administrator(settings: &Settings) -> Result<Administrator, Error> {
    settings
        .client()
        .create_with_context(Aside)
        .map_err(|error| Error::Client {
            problem: error.to_string(),
        })
}
