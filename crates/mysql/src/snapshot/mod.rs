//! Reads tables by chunks that can be placed exactly in the change stream.
//!
//! [`Reader`] implements the port `SnapshotReader`: it describes tables from the catalogue, plans
//! them into key ranges, and reads each chunk by the rules of a window: wait until everything up to
//! C is visible, note what is executed (`low`), open one read view, note the end of the log
//! (`high`). No lock is taken and no transaction stays open, tables without a key excepted.

mod chunk;
mod error;
pub(crate) mod json;
mod key;
mod layout;
mod session;
mod values;
mod view;
mod whole;

pub use error::SnapshotError;
pub(crate) use key::is_stored_as_utf8;
pub(crate) use layout::Layout;
pub(crate) use session::Session;
pub(crate) use values::value_of;

use crate::charset::Charsets;
use crate::describe::{self, CatalogueTable, Inspection, Readings, Scope};
use crate::plan;
use crate::stream::KeyOverrides;
use change::{ColumnKind, TableDescription, TableName};
use flow::Failure;
use flow::ports::{Chunk, ChunkRequest, CopyPlan, SnapshotReader};
use mysql_async::Opts;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

/// Tells whether a table is taken.
type Selection = Arc<dyn Fn(&TableName) -> bool + Send + Sync>;

/// Which tables are read, and how.
#[derive(Clone)]
pub struct ReaderOptions {
    /// How to connect.
    pub connect: Opts,
    /// The tables that the configuration selects.
    pub selected: Selection,
    /// Columns that identify the rows of tables without a primary key, as configured.
    pub identity_columns: Arc<BTreeMap<TableName, Vec<String>>>,
    /// Told what identifies the rows of tables without a primary key, so that the change stream
    /// gives its rows the same key.
    pub keys: KeyOverrides,
    /// What the readers of a pipeline know of the catalogue together.
    pub readings: Readings,
    /// How long a chunk waits for C to become visible.
    pub visible_within: Duration,
}

/// A reader with a connection of its own. Parallel reading takes several.
pub struct Reader {
    options: ReaderOptions,
    charsets: Arc<Charsets>,
    session: Session,
    layouts: HashMap<TableName, Layout>,
    /// The mean size of the rows of the last chunk, by table.
    row_bytes: HashMap<TableName, usize>,
}

impl Reader {
    /// A reader that connects at its first use.
    pub fn new(options: ReaderOptions, charsets: Arc<Charsets>) -> Self {
        Self {
            session: Session::new(options.connect.clone()),
            options,
            charsets,
            layouts: HashMap::new(),
            row_bytes: HashMap::new(),
        }
    }

    /// All selected tables, described with a few queries whatever their number. A table that cannot
    /// be described has its failure beside it.
    pub async fn describe_all(
        &mut self,
    ) -> Result<BTreeMap<TableName, Result<TableDescription, Failure>>, Failure> {
        let tables = describe::tables(&mut self.session, Scope::All).await?;
        let mut descriptions = BTreeMap::new();
        for (name, table) in tables {
            if (self.options.selected)(&name) {
                let described = self.description(&table).map_err(Failure::from);
                descriptions.insert(name, described);
            }
        }
        Ok(descriptions)
    }

    /// All selected tables with how they were declared, for a person to look at.
    pub async fn inspect_all(&mut self) -> Result<BTreeMap<TableName, Inspection>, Failure> {
        let tables = describe::tables(&mut self.session, Scope::All).await?;
        let selected = tables
            .into_iter()
            .filter(|(name, _)| (self.options.selected)(name));
        Ok(selected
            .map(|(name, table)| {
                let described = self.description(&table).map_err(Failure::from);
                (name, Inspection::new(&table, described))
            })
            .collect())
    }

    /// The version that the server names.
    pub async fn server_version(&mut self) -> Result<String, Failure> {
        let doing = "asking for the server's version";
        let rows = self.session.rows(doing, "SELECT VERSION()").await?;
        let version = rows.into_iter().next().and_then(|row| row.get(0));
        Ok(version.unwrap_or_default())
    }

    /// For how long the server keeps its binary log; `None` where it deletes nothing by time.
    pub async fn binlog_retention(&mut self) -> Result<Option<Duration>, Failure> {
        let doing = "asking for how long the binary log is kept";
        // Of the two variables the second one is there since 8.0.29.
        let query = "SHOW GLOBAL VARIABLES LIKE 'binlog_expire_logs_%'";
        let (mut seconds, mut purges) = (0, true);
        for mut row in self.session.rows(doing, query).await? {
            let (name, value) = (row.take::<String, _>(0), row.take::<String, _>(1));
            match (name.as_deref(), value) {
                (Some("binlog_expire_logs_seconds"), Some(value)) => {
                    seconds = value.parse().unwrap_or(0);
                }
                (Some("binlog_expire_logs_auto_purge"), Some(value)) => purges = value != "OFF",
                _ => {}
            }
        }
        Ok((seconds > 0 && purges).then(|| Duration::from_secs(seconds)))
    }

    pub(crate) fn session(&mut self) -> &mut Session {
        &mut self.session
    }

    pub(crate) fn selection(&self) -> Selection {
        self.options.selected.clone()
    }

    pub(crate) fn identity_columns(&self, table: &TableName) -> Option<&[String]> {
        self.options.identity_columns.get(table).map(Vec::as_slice)
    }

    fn description(&self, table: &CatalogueTable) -> Result<TableDescription, SnapshotError> {
        let configured = self.identity_columns(&table.name);
        let description = table.description(configured)?;
        let schema = &description.schema;
        // Configured columns were perhaps told to the stream; a primary key goes before them.
        let told = configured.is_some() || !table.has_primary_key();
        if told && !schema.key.is_empty() {
            let names = schema
                .key
                .iter()
                .map(|&position| schema.columns[position].name.to_string());
            self.options.keys.set(table.name.clone(), names);
        } else {
            self.options.keys.forget(&table.name);
        }
        Ok(description)
    }

    /// How to read the table; `None` when it no longer is what its description says.
    async fn layout(&mut self, table: &TableDescription) -> Result<Option<Layout>, SnapshotError> {
        let name = &table.schema.name;
        if let Some(layout) = self.layouts.get(name)
            && layout.schema == table.schema
        {
            return Ok(Some(layout.clone()));
        }
        self.layouts.remove(name);
        let known = self.options.readings.layout(name);
        let layout = match known.filter(|layout| layout.schema == table.schema) {
            Some(layout) => layout,
            None => {
                let tables = describe::tables(&mut self.session, Scope::One(name)).await?;
                let catalogue = tables.get(name);
                match catalogue.and_then(|catalogue| Layout::new(table, catalogue, &self.charsets))
                {
                    Some(layout) => layout,
                    None => return Ok(None),
                }
            }
        };
        for column in &table.schema.columns {
            if let ColumnKind::Text { charset } = &column.kind {
                let required = self.charsets.require(charset).await;
                required.map_err(|error| {
                    SnapshotError::Charset(Failure {
                        table: Some(name.clone()),
                        ..Failure::from(error)
                    })
                })?;
            }
        }
        self.layouts.insert(name.clone(), layout.clone());
        Ok(Some(layout))
    }

    async fn read_chunk(&mut self, request: &ChunkRequest) -> Result<Option<Chunk>, SnapshotError> {
        let Some(layout) = self.layout(&request.table).await? else {
            return Ok(None);
        };
        let read = if layout.schema.key.is_empty() {
            self.read_whole(request, &layout).await
        } else {
            self.read_extent(request, &layout).await
        };
        let name = &layout.schema.name;
        // Columns that changed meanwhile explain an error, and spoil a success.
        let gone = match &read {
            Ok(_) | Err(SnapshotError::Value { .. }) => !self.is_unchanged(&layout).await?,
            Err(SnapshotError::Server { number, .. }) => is_gone(*number),
            Err(SnapshotError::RangeMisfit { .. }) => true,
            Err(_) => false,
        };
        if gone {
            self.layouts.remove(name);
            self.options.readings.forget(name);
            return Ok(None);
        }
        read.map(Some)
    }

    /// Whether the table still has the columns of the layout.
    async fn is_unchanged(&mut self, layout: &Layout) -> Result<bool, SnapshotError> {
        let scope = Scope::One(&layout.schema.name);
        let columns = describe::columns(&mut self.session, &scope).await?;
        Ok(columns
            .iter()
            .map(|(_, column)| column)
            .eq(layout.columns.iter()))
    }
}

/// No such table, column or index; or the definition changed under the read view.
fn is_gone(number: u16) -> bool {
    matches!(
        number,
        1049 | 1051 | 1054 | 1109 | 1146 | 1176 | 1412 | 1615
    )
}

impl SnapshotReader for Reader {
    async fn tables(&mut self) -> Result<Vec<TableName>, Failure> {
        let mut tables = describe::tables(&mut self.session, Scope::All).await?;
        tables.retain(|name, _| (self.options.selected)(name));
        let names = tables.keys().cloned().collect();
        self.options.readings.replace(tables);
        Ok(names)
    }

    async fn describe(&mut self, table: &TableName) -> Result<Option<TableDescription>, Failure> {
        let known = self.options.readings.take(table);
        let found = match known {
            Some(found) => Some(found),
            None => {
                let mut tables = describe::tables(&mut self.session, Scope::One(table)).await?;
                tables.remove(table)
            }
        };
        let Some(found) = found else { return Ok(None) };
        let description = self.description(&found)?;
        if let Some(layout) = Layout::new(&description, &found, &self.charsets) {
            self.options.readings.learn(layout);
        }
        Ok(Some(description))
    }

    async fn plan(&mut self, table: &TableDescription, parts: usize) -> Result<CopyPlan, Failure> {
        let Some(layout) = self.layout(table).await? else {
            // The first read will say that the table is gone.
            return Ok(plan::one_range(table));
        };
        match plan::plan(&mut self.session, &layout, table, parts, &self.charsets).await {
            Err(SnapshotError::Server { number, .. }) if is_gone(number) => {
                Ok(plan::one_range(table))
            }
            planned => Ok(planned?),
        }
    }

    async fn read(&mut self, request: &ChunkRequest) -> Result<Option<Chunk>, Failure> {
        Ok(self.read_chunk(request).await?)
    }
}
