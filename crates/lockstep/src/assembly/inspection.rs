//! A look at the stores for `init`: before there is a configuration, with addresses alone.
//! What was found becomes a file; the file is read back the way every command reads it and checked the way `check` does, so that what `init` writes is known to work.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use change::{ColumnKind, TableDescription};
use flow::Finding;
use mapping::MappingConfig;
use mysql::Suspects;
use tokio::net::TcpStream;

use super::connections::{self, Connections};
use super::{Part, findings, refused};
use crate::config::{
    ApplyTuning, CaptureTuning, Configuration, Log, Needs, QuarantineTuning, Source, SourceAddress,
    Surroundings, TablePatterns, Target, TargetAddress, Tls,
};
use crate::failure::{Failure, UsageError};
use crate::proposal::{self, FoundColumn, FoundTable, Proposal, Stores};

/// Enough for a handshake over any distance.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);
/// How long values are looked at: those of one table, and all of them.
const LOOK_AT_ONE: Duration = Duration::from_secs(1);
const LOOK_FOR: Duration = Duration::from_secs(20);
/// Where nobody said where MongoDB is.
const PLACEHOLDER_TARGET: &str = "mongodb://localhost:27017/?replicaSet=rs0";

/// What `init` was told.
#[derive(Debug)]
pub struct InitRequest {
    pub source: SourceAddress,
    pub target: Option<TargetAddress>,
    /// `HOST:PORT`, several separated by commas.
    pub brokers: Option<String>,
    pub patterns: Vec<String>,
    /// What mistakes call the file, and where relative paths start.
    pub output: PathBuf,
}

/// A proposal, and what `check` would say of it.
#[derive(Debug)]
pub struct Proposed {
    pub proposal: Proposal,
    pub findings: Vec<Finding>,
}

/// Looks at the stores, changes nothing, and proposes a configuration.
pub async fn init(request: &InitRequest) -> Result<Proposed, Failure> {
    let draft = draft(request)?;
    let connections = Connections::open(&draft).await?;
    let (source_version, tables) = match found(&connections).await {
        Ok(found) => found,
        // The look before a start knows better what a server lacks.
        Err(failure) => return Err(reason(&connections, &draft).await.unwrap_or(failure)),
    };
    if tables.is_empty() {
        return Err(UsageError::NothingToMove.into());
    }
    if request.target.is_some() {
        connections::reached_target(&draft).await?;
    }
    if let Some(brokers) = &request.brokers {
        answers(brokers).await?;
    }
    let stores = Stores {
        source: request.source.clone(),
        source_version,
        source_password: request.source.password.is_some(),
        target: request.target.clone(),
        brokers: request.brokers.clone(),
        patterns: request.patterns.clone(),
    };
    let proposal = proposal::propose(&stores, &tables);
    let configuration = read_back(request, &proposal.text)?;
    let connections = Connections::open(&configuration).await?;
    let findings = if request.target.is_some() {
        findings(&configuration, Part::Run, Some(&connections)).await?
    } else {
        connections.preflight(&configuration).await
    };
    Ok(Proposed { proposal, findings })
}

/// A configuration that is only good for looking.
fn draft(request: &InitRequest) -> Result<Configuration, Failure> {
    let patterns = if request.patterns.is_empty() {
        &["*.*".to_owned()][..]
    } else {
        &request.patterns
    };
    let tables = TablePatterns::read(patterns).ok_or_else(|| UsageError::Argument {
        name: "--tables",
        reason:
            "a pattern is not of the form database.table, or names a database of the server's own"
                .to_owned(),
    })?;
    let placeholder = || {
        TargetAddress::parse(PLACEHOLDER_TARGET)
            .expect("the placeholder is an address of MongoDB's")
    };
    Ok(Configuration {
        pipeline: "init".to_owned(),
        source: Source {
            address: request.source.clone(),
            absent_password: None,
            tables,
            tls: Tls::Preferred,
            tls_authority_file: None,
        },
        log: Log::Direct,
        target: Target {
            address: request.target.clone().unwrap_or_else(placeholder),
            absent_password: None,
            database: None,
            control_database: "lockstep".to_owned(),
        },
        mapping: MappingConfig::default(),
        capture: CaptureTuning::default(),
        apply: ApplyTuning::default(),
        quarantine: QuarantineTuning::default(),
    })
}

async fn found(connections: &Connections) -> Result<(String, Vec<FoundTable>), Failure> {
    let mut reader = connections.reader();
    let version = reader.server_version().await.map_err(refused)?;
    let inspected = reader.inspect_all().await.map_err(refused)?;
    let looking_began = Instant::now();
    let mut tables = Vec::with_capacity(inspected.len());
    for (name, table) in inspected {
        let columns = table.columns.iter().map(|column| FoundColumn {
            name: column.name.to_string(),
            declared: column.declared.clone(),
            collation: column.collation.as_deref().map(str::to_owned),
        });
        let suspects = Suspects {
            dates: table.description.iter().flat_map(dates).collect(),
            rows_estimated: table.rows_estimated,
            ..Suspects::default()
        };
        let zero_dates = if looking_began.elapsed() < LOOK_FOR {
            let seen = reader.look_at_values(&name, &suspects, LOOK_AT_ONE);
            // A table that can't be read is for the findings; this look is for its choices only.
            seen.await.map(|seen| seen.zero_dates).unwrap_or_default()
        } else {
            Vec::new()
        };
        tables.push(FoundTable {
            columns: columns.collect(),
            description: table.description.map_err(|failure| failure.message),
            rows: table.rows_estimated,
            bytes: table.bytes_estimated,
            zero_dates: zero_dates.into_iter().collect(),
            name,
        });
    }
    Ok((version, tables))
}

/// Columns that may hold a date that no calendar has.
fn dates(table: &TableDescription) -> Vec<String> {
    let columns = table.schema.columns.iter();
    columns
        .filter(|column| {
            matches!(
                column.kind,
                ColumnKind::Date | ColumnKind::DateTime { .. } | ColumnKind::Timestamp { .. }
            )
        })
        .map(|column| column.name.to_string())
        .collect()
}

/// What forbids the start on this source, where something does.
async fn reason(connections: &Connections, draft: &Configuration) -> Option<Failure> {
    let found = connections.preflight(draft).await;
    let forbids = |finding: &&Finding| finding.severity == flow::Severity::Forbids;
    found.iter().find(forbids).map(super::work::forbidden)
}

/// At least one of the brokers takes a connection. What they allow is for the log's own check.
async fn answers(brokers: &str) -> Result<(), Failure> {
    let mut reasons = Vec::new();
    for broker in brokers.split(',').map(str::trim) {
        match tokio::time::timeout(ANSWER_WITHIN, TcpStream::connect(broker)).await {
            Ok(Ok(_)) => return Ok(()),
            Ok(Err(error)) => reasons.push(format!("{broker}: {error}")),
            Err(_) => reasons.push(format!("{broker}: no answer within {ANSWER_WITHIN:?}")),
        }
    }
    Err(UsageError::NoBroker(reasons.join("; ")).into())
}

/// The configuration that the text is, read with the passwords that `init` was given.
fn read_back(request: &InitRequest, text: &str) -> Result<Configuration, Failure> {
    let password = |name: &str| match name {
        proposal::SOURCE_VARIABLE => request.source.password.clone(),
        proposal::TARGET_VARIABLE => {
            let target = request.target.as_ref();
            target.and_then(|target| target.password().cloned())
        }
        _ => None,
    };
    let surroundings = Surroundings {
        variable: &|name| password(name).map(|password| password.reveal().to_owned()),
        file: &|file| std::fs::read_to_string(file),
        folder: request
            .output
            .parent()
            .unwrap_or(Path::new(""))
            .to_path_buf(),
    };
    Ok(Configuration::parse(
        text,
        &request.output,
        Needs::BOTH,
        &surroundings,
    )?)
}
