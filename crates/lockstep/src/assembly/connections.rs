//! From the configuration to open adapters.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use change::TableName;
use flow::Finding;
use mapping::IdentityChoice;
use mongo::{Target, TargetOptions};
use mysql::{
    Charsets, ConnectOptions, Connection, KeyOverrides, KnownTables, Password, Reader,
    ReaderOptions, Readings, Source, SourceOptions, TlsMode, Wishes,
};

use super::refused;
use crate::config::{Configuration, Tls};
use crate::failure::Failure;

type Selection = Arc<dyn Fn(&TableName) -> bool + Send + Sync>;

/// A chunk waits so long for a position to become visible before its reader says so.
const VISIBLE_WITHIN: Duration = Duration::from_secs(60);

/// What readers and sources of one source server share.
pub(super) struct Connections {
    options: ConnectOptions,
    encrypted: bool,
    charsets: Arc<Charsets>,
    selected: Selection,
    identity_columns: Arc<BTreeMap<TableName, Vec<String>>>,
    keys: KeyOverrides,
    known: KnownTables,
    readings: Readings,
    server_id: u32,
    spill_folder: PathBuf,
}

impl Connections {
    /// Opens a first connection, which proves that the server can be reached.
    pub(super) async fn open(configuration: &Configuration) -> Result<Self, Failure> {
        let options = source_options(configuration);
        let connection = Connection::connect(&options).await.map_err(refused)?;
        let encrypted = connection.is_encrypted();
        let mapping = configuration.mapping.clone();
        let stored =
            move |table: &TableName, column: &str| mapping.wants_stored_bytes(table, column);
        let charsets = Charsets::connect_leaving(&options, stored)
            .await
            .map_err(refused)?;
        let identity_columns = configuration.mapping.tables.iter();
        let identity_columns: BTreeMap<TableName, Vec<String>> = identity_columns
            .filter(|(_, choices)| !choices.identity_columns.is_empty())
            .map(|(table, choices)| (table.clone(), choices.identity_columns.clone()))
            .collect();
        let tuned = configuration.capture.server_id;
        Ok(Self {
            options,
            encrypted,
            charsets,
            selected: selection(configuration),
            identity_columns: Arc::new(identity_columns),
            keys: KeyOverrides::default(),
            known: KnownTables::default(),
            readings: Readings::default(),
            spill_folder: configuration
                .capture
                .spill_folder
                .clone()
                .unwrap_or_else(std::env::temp_dir),
            server_id: tuned.unwrap_or_else(|| derived_server_id(&configuration.pipeline)),
        })
    }

    /// A source with a stream to be opened.
    pub(super) fn source(&self) -> Source {
        Source::new(SourceOptions {
            connect: self.options.clone(),
            selected: self.selected.clone(),
            charsets: self.charsets.clone(),
            keys: self.keys.clone(),
            known: self.known.clone(),
            readings: self.readings.clone(),
            server_id: Some(self.server_id),
            spill_folder: self.spill_folder.clone(),
        })
    }

    /// A snapshot reader of its own connection.
    pub(super) fn reader(&self) -> Reader {
        let options = ReaderOptions {
            connect: self.options.to_mysql_async(self.encrypted).into(),
            selected: self.selected.clone(),
            identity_columns: self.identity_columns.clone(),
            keys: self.keys.clone(),
            readings: self.readings.clone(),
            visible_within: VISIBLE_WITHIN,
        };
        Reader::new(options, self.charsets.clone())
    }

    /// What stands against the source, as far as its settings, grants and tables tell.
    pub(super) async fn preflight(&self, configuration: &Configuration) -> Vec<Finding> {
        let tables = configuration.mapping.tables.iter();
        let keyless = tables.filter(|(_, choices)| choices.identity == IdentityChoice::Row);
        let wishes = Wishes {
            databases: configuration.source.tables.databases(),
            server_id: self.server_id,
            keyless: keyless.map(|(table, _)| table.clone()).collect(),
        };
        self.reader().preflight(&wishes).await
    }

    /// Tables of an earlier run, which a DROP DATABASE may concern.
    pub(super) fn remember(&self, tables: impl IntoIterator<Item = TableName>) {
        self.known.extend(tables);
    }
}

/// The target, where there is a password for it; nothing is sent yet.
pub(super) async fn known_target(configuration: &Configuration) -> Result<Option<Target>, Failure> {
    match configuration.target.absent_password {
        Some(_) => Ok(None),
        None => target(configuration).await.map(Some),
    }
}

async fn target(configuration: &Configuration) -> Result<Target, Failure> {
    let url = configuration.target.address.connection_string();
    let options = TargetOptions {
        control_database: configuration.target.control_database.clone(),
        lanes: configuration.apply.lanes as usize,
        max_barrier_bytes: configuration.capture.max_barrier_bytes,
        ..TargetOptions::new(url.reveal(), &configuration.pipeline)
    };
    Target::connect(options).await.map_err(refused)
}

/// The target, after it has answered: what can't serve is refused at once instead of tried for long.
pub(super) async fn reached_target(configuration: &Configuration) -> Result<Target, Failure> {
    let target = target(configuration).await?;
    target.reach().await.map_err(refused)?;
    Ok(target)
}

fn source_options(configuration: &Configuration) -> ConnectOptions {
    let source = &configuration.source;
    let password = source
        .address
        .password
        .as_ref()
        .map_or("", |password| password.reveal());
    let mut options = ConnectOptions::new(
        source.address.host.clone(),
        source.address.port,
        source.address.user.clone(),
        Password::new(password),
    );
    options.tls = match source.tls {
        Tls::Disabled => TlsMode::Disabled,
        Tls::Preferred => TlsMode::Preferred,
        Tls::Required => TlsMode::Required,
        Tls::VerifyAuthority => TlsMode::VerifyAuthority,
        Tls::VerifyIdentity => TlsMode::VerifyIdentity,
    };
    options.tls_authority_file = source.tls_authority_file.clone();
    options
}

fn selection(configuration: &Configuration) -> Selection {
    let patterns = configuration.source.tables.clone();
    Arc::new(move |table| patterns.takes(&table.database, &table.table))
}

/// The same for every start of a pipeline, so that a successor's dump ends its predecessor's; in a
/// range that people do not number their servers in.
fn derived_server_id(pipeline: &str) -> u32 {
    // FNV-1a, which is enough to keep pipelines apart.
    let hash = pipeline.bytes().fold(0x811c_9dc5_u32, |hash, byte| {
        (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
    });
    hash | 0x4000_0000
}
