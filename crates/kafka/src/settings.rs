//! What a pipeline's log is told about its brokers, and what the clients are made from.
//!
//! Every client of the crate gets its configuration here, so that the guarantees which are settings
//! (idempotence, isolation, no silent reset, no topic made by accident) stand in one place.

use change::TableName;
use rdkafka::ClientConfig;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use wire::Format;

/// The settings of one pipeline's log.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The pipeline's name, which all its topics begin with.
    pub pipeline: Arc<str>,
    /// `host:port`, at least one.
    pub brokers: Vec<String>,
    /// Of each table's topic, for its whole life.
    pub partitions: u32,
    /// `None`: what the brokers do by default.
    pub replication_factor: Option<u16>,
    /// Of the tables' topics; `None`: for ever.
    pub retention: Option<Duration>,
    /// No message is longer, its key, headers and framing included.
    pub max_message_bytes: u64,
    /// Names of topics that the configuration chooses itself.
    pub topics: BTreeMap<TableName, Arc<str>>,
    /// How changes are written, but for the tables that have a format of their own.
    pub format: Format,
    pub formats: BTreeMap<TableName, Format>,
    /// Where the schemas of messages in Avro are registered; needed where there are such.
    pub schema_registry: Option<Arc<str>>,
    /// A transaction that is open for longer is aborted by the brokers, its producer fenced.
    pub transaction_timeout: Duration,
    /// How long one call waits for the brokers before it fails.
    pub patience: Duration,
    /// The whole state is written again once the records since the last one hold so many bytes,
    /// and at least twice what the state itself holds: a restart reads so much and not more.
    pub state_every_bytes: u64,
}

/// Which records a consumer is shown.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Isolation {
    Committed,
    Uncommitted,
}

/// What librdkafka allows at most for `message.max.bytes`.
const LIBRARY_LIMIT_BYTES: u64 = 1_000_000_000;

/// Space for key, headers and framing of a control record, which is cut to fit.
const FRAMING_BYTES: u64 = 4 << 10;

impl Settings {
    /// Settings with every default.
    pub fn new(pipeline: impl Into<Arc<str>>, brokers: Vec<String>) -> Self {
        Self {
            pipeline: pipeline.into(),
            brokers,
            partitions: 1,
            replication_factor: None,
            retention: None,
            max_message_bytes: 1 << 20,
            topics: BTreeMap::new(),
            format: Format::default(),
            formats: BTreeMap::new(),
            schema_registry: None,
            transaction_timeout: Duration::from_secs(60),
            patience: Duration::from_secs(30),
            state_every_bytes: 4 << 20,
        }
    }

    /// The brokers as one text, for clients and messages.
    pub fn broker_list(&self) -> String {
        self.brokers.join(",")
    }

    /// How a table's changes are written, as far as its topic is not there yet.
    pub(crate) fn format(&self, table: &TableName) -> Format {
        self.formats.get(table).copied().unwrap_or(self.format)
    }

    /// What messages of this format have in common.
    pub(crate) fn wire(&self, format: Format) -> wire::Settings {
        wire::Settings {
            pipeline: Arc::clone(&self.pipeline),
            version: env!("CARGO_PKG_VERSION").into(),
            format,
        }
    }

    /// The id that fences: one writer for a pipeline.
    pub fn transactional_id(&self) -> String {
        format!("lockstep-{}", self.pipeline)
    }

    /// Messages of a batch.
    pub(crate) const BATCH_MESSAGES: u64 = 10_000;

    /// How long a batch is before it is compressed, unless a single message is longer.
    pub(crate) fn batch_bytes(&self) -> u64 {
        self.message_limit().min(1_000_000)
    }

    /// The limit on messages, as far as the library goes along.
    fn message_limit(&self) -> u64 {
        self.max_message_bytes.min(LIBRARY_LIMIT_BYTES)
    }

    /// How long the value of a control record may be.
    pub(crate) fn max_control_bytes(&self) -> usize {
        usize::try_from(self.max_message_bytes.saturating_sub(FRAMING_BYTES)).unwrap_or(usize::MAX)
    }

    /// What every client needs.
    pub(crate) fn client(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config
            .set("bootstrap.servers", self.broker_list())
            .set("client.id", format!("lockstep-{}", self.pipeline))
            .set("socket.nagle.disable", "true")
            .set("socket.keepalive.enable", "true")
            .set("reconnect.backoff.ms", "50")
            .set("reconnect.backoff.max.ms", "1000")
            .set("allow.auto.create.topics", "false");
        config
    }

    /// The one producer. A message is as long as the settings allow or it is refused here; the
    /// broker's own limit is looked at before the start.
    pub(crate) fn producer(&self) -> ClientConfig {
        let mut config = self.client();
        config
            .set("transactional.id", self.transactional_id())
            .set("enable.idempotence", "true")
            .set("acks", "all")
            .set("compression.type", "lz4")
            // Nothing goes by itself that soon: whoever waits for reports has everything sent.
            .set("linger.ms", "100")
            .set("batch.size", self.batch_bytes().to_string())
            .set("batch.num.messages", Self::BATCH_MESSAGES.to_string())
            .set("retry.backoff.ms", "20")
            .set("message.max.bytes", self.message_limit().to_string())
            .set("queue.buffering.max.messages", "200000")
            // Two of the longest messages have to fit.
            .set(
                "queue.buffering.max.kbytes",
                (self.message_limit() >> 9).max(128 << 10).to_string(),
            )
            .set(
                "transaction.timeout.ms",
                self.transaction_timeout.as_millis().to_string(),
            );
        config
    }

    /// A consumer of assigned partitions. `queued_kbytes` bounds what it holds for each of them.
    pub(crate) fn consumer(&self, isolation: Isolation, queued_kbytes: u64) -> ClientConfig {
        let level = match isolation {
            Isolation::Committed => "read_committed",
            Isolation::Uncommitted => "read_uncommitted",
        };
        // A single message longer than the limit still comes, alone.
        let fetched = (queued_kbytes << 10).clamp(64 << 10, 1 << 20);
        let mut config = self.client();
        config
            .set("group.id", format!("lockstep-{}", self.pipeline))
            .set("enable.auto.commit", "false")
            .set("enable.auto.offset.store", "false")
            .set("auto.offset.reset", "error")
            .set("isolation.level", level)
            .set("enable.partition.eof", "true")
            .set("check.crcs", "true")
            .set("fetch.min.bytes", "1")
            .set("fetch.wait.max.ms", "25")
            .set("fetch.queue.backoff.ms", "5")
            .set("fetch.error.backoff.ms", "50")
            .set("fetch.message.max.bytes", fetched.to_string())
            .set(
                "fetch.max.bytes",
                self.message_limit().max(16 << 20).to_string(),
            )
            .set(
                "receive.message.max.bytes",
                (self.message_limit() + (1 << 20))
                    .max(100 << 20)
                    .to_string(),
            )
            .set("queued.max.messages.kbytes", queued_kbytes.to_string());
        config
    }
}
