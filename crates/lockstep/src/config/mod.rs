//! The configuration file: read whole, checked whole, and handed on as values that need no further checking.
//! Every mistake is found in one reading, each with its line, what is allowed and an example; secrets are read from where the file says and shown nowhere.

mod address;
mod document;
mod log;
mod masking;
mod mistake;
mod passwords;
mod patterns;
mod quantities;
mod rendering;
mod secret;
mod spelling;
mod stores;
mod tables;
#[cfg(test)]
mod tests;
mod tuning;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use change::TableName;
use mapping::MappingConfig;
use toml::de::DeTable;

use document::{Key, Placed, Section};
use mistake::{Excerpt, Mistake, Mistakes};

use tables::TableSection;

pub use log::{KafkaLog, Log};
pub use passwords::{Needs, Surroundings};
pub use rendering::RenderedMistake;
pub use stores::{Source, Target, Tls};
pub use tuning::{ApplyTuning, CaptureTuning, QuarantineTuning};

// For those who have no file yet.
pub use address::{SourceAddress, TargetAddress};
pub use log::broker_list as brokers;
pub use patterns::TablePatterns;
pub use secret::Secret;

/// One pipeline, as the file describes it.
#[derive(Debug, Clone, PartialEq)]
pub struct Configuration {
    pub pipeline: String,
    pub source: Source,
    pub log: Log,
    pub target: Target,
    pub mapping: MappingConfig,
    pub capture: CaptureTuning,
    pub apply: ApplyTuning,
    pub quarantine: QuarantineTuning,
}

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigurationError {
    #[error("the configuration file {} can't be read: {reason}", path.display())]
    Unreadable { path: PathBuf, reason: String },
    #[error("{} has {}", path.display(), count_of(mistakes.len()))]
    Mistaken {
        path: PathBuf,
        mistakes: Vec<RenderedMistake>,
    },
}

impl ConfigurationError {
    pub fn code(&self) -> &'static str {
        match self {
            Self::Unreadable { .. } => "LS1001",
            Self::Mistaken { .. } => "LS1000",
        }
    }
}

const PIPELINE: Key = Key {
    name: "pipeline",
    allowed: "a section with name",
    example: "[pipeline]\nname = \"shop\"",
};
const NAME: Key = Key {
    name: "name",
    allowed: "lower-case letters, digits and -, 1 to 40 of them",
    example: r#"name = "shop""#,
};
const SOURCE: Key = Key {
    name: "source",
    allowed: "a section with url, a password's place and tables",
    example: "[source]\nurl = \"mysql://lockstep@db.example:3306\"\npassword_env = \"LOCKSTEP_MYSQL_PASSWORD\"\ntables = [\"shop.*\"]",
};
const LOG: Key = Key {
    name: "log",
    allowed: "a section with kind; without it, the log is direct",
    example: "[log]\nkind = \"direct\"",
};
const TARGET: Key = Key {
    name: "target",
    allowed: "a section with url, and what else there is to say about MongoDB",
    example: "[target]\nurl = \"mongodb://mongo.example:27017/?replicaSet=rs0\"",
};
const TABLES: Key = Key {
    name: "tables",
    allowed: "a section per table, named \"database.table\", that source.tables takes",
    example: "[tables.\"shop.orders\"]\ncollection = \"orders\"",
};
const TYPES: Key = Key {
    name: "types",
    allowed: "a section per type of column with type, zero_dates, null, zone",
    example: "[types]\ndatetime = { zone = \"Europe/Berlin\" }",
};
const CAPTURE: Key = Key {
    name: "capture",
    allowed: "a section with sizes and counts",
    example: "[capture]\nchunk_rows = 10000",
};
const APPLY: Key = Key {
    name: "apply",
    allowed: "a section with counts",
    example: "[apply]\nlanes = 4",
};

const QUARANTINE: Key = Key {
    name: "quarantine",
    allowed: "a section with max_entries",
    example: "[quarantine]\nmax_entries = 10000",
};

impl Configuration {
    /// Reads the file, with the process's environment and disk, and of the passwords what is needed.
    pub fn load(path: &Path, needs: Needs) -> Result<Self, ConfigurationError> {
        let text =
            std::fs::read_to_string(path).map_err(|error| ConfigurationError::Unreadable {
                path: path.to_path_buf(),
                reason: file_reason(&error),
            })?;
        let surroundings = Surroundings {
            variable: &|name| std::env::var(name).ok(),
            file: &|file| std::fs::read_to_string(file),
            folder: path.parent().unwrap_or(Path::new("")).to_path_buf(),
        };
        Self::parse(&text, path, needs, &surroundings)
    }

    /// The configuration that the text describes; `path` is what mistakes call it.
    pub fn parse(
        text: &str,
        path: &Path,
        needs: Needs,
        surroundings: &Surroundings<'_>,
    ) -> Result<Self, ConfigurationError> {
        let (document, broken) = DeTable::parse_recoverable(text);
        let mistakes = Mistakes::default();
        let configuration = read(
            Section::root(&document, text.len(), &mistakes),
            needs,
            surroundings,
        );
        let mistakes = if broken.is_empty() {
            mistakes.into_sorted()
        } else {
            rendering::with_syntax_errors(text, mistakes.into_sorted(), &broken)
        };
        match configuration {
            Some(configuration) if mistakes.is_empty() => Ok(configuration),
            Some(_) | None => Err(ConfigurationError::Mistaken {
                path: path.to_path_buf(),
                mistakes: mistakes
                    .iter()
                    .map(|mistake| RenderedMistake::new(path, text, mistake))
                    .collect(),
            }),
        }
    }
}

fn read(
    mut root: Section<'_>,
    needs: Needs,
    surroundings: &Surroundings<'_>,
) -> Option<Configuration> {
    let pipeline = root.section(PIPELINE);
    let pipeline = root.require(PIPELINE, pipeline).and_then(read_pipeline);
    let source = root.section(SOURCE);
    let source = root
        .require(SOURCE, source)
        .and_then(|section| Source::read(section, needs.source, surroundings));
    let mut log = match root.section(LOG) {
        Some(section) => Log::read(section),
        None => Some(Log::Direct),
    };
    let target = root.section(TARGET);
    let target = root
        .require(TARGET, target)
        .and_then(|section| Target::read(section, needs.target, surroundings));
    let types = root
        .section(TYPES)
        .map(tables::read_types)
        .unwrap_or_default();
    let tables = read_tables(&mut root, source.as_ref(), target.as_ref(), &mut log);
    let capture = root
        .section(CAPTURE)
        .map(CaptureTuning::read)
        .unwrap_or_default();
    let apply = root
        .section(APPLY)
        .map(ApplyTuning::read)
        .unwrap_or_default();
    let quarantine = root
        .section(QUARANTINE)
        .map(QuarantineTuning::read)
        .unwrap_or_default();
    root.finish();
    let target = target?;
    Some(Configuration {
        pipeline: pipeline?,
        source: source?,
        log: log?,
        mapping: MappingConfig {
            database: target.database.clone(),
            types,
            tables,
        },
        target,
        capture,
        apply,
        quarantine,
    })
}

fn read_pipeline(mut section: Section<'_>) -> Option<String> {
    const LONGEST: usize = 40;
    let name = section.parsed(NAME, |text| {
        let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if text.is_empty() || text.len() > LONGEST || !text.chars().all(fits) {
            return Err(format!("{text:?} is not a pipeline's name"));
        }
        Ok(text.to_string())
    });
    let name = section.require(NAME, name);
    section.finish();
    name.map(|name| name.value)
}

fn read_tables(
    root: &mut Section<'_>,
    source: Option<&Source>,
    target: Option<&Target>,
    log: &mut Option<Log>,
) -> BTreeMap<TableName, mapping::TableChoices> {
    let mut tables = BTreeMap::new();
    let mut topics: BTreeMap<String, String> = BTreeMap::new();
    let mut collections: BTreeMap<(String, String), String> = BTreeMap::new();
    for (name, section) in root.named_sections(TABLES) {
        let names = name
            .value
            .split_once('.')
            .filter(|(database, table)| !database.is_empty() && !table.is_empty());
        let (mistakes, collection_path) = (section.mistakes(), section.path_of("collection"));
        let topic_path = section.path_of("topic");
        let format_path = section.path_of("format");
        let TableSection {
            choices,
            collection,
            topic,
            format,
        } = tables::read_table(section);
        let refuse = |code, place: &Placed<String>, key: String, message| {
            mistakes.add(Mistake {
                code,
                span: place.span.clone(),
                key,
                message,
                allowed: TABLES.allowed.to_string(),
                example: TABLES.example.to_string(),
                excerpt: Excerpt::Line,
            });
        };
        let Some((database, table)) = names else {
            let message = "is not of the form \"database.table\"".to_string();
            refuse("LS1005", &name, format!("tables.{:?}", name.value), message);
            continue;
        };
        if source.is_some_and(|source| !source.tables.takes(database, table)) {
            let message = "contradicts source.tables, which does not take this table".to_string();
            refuse("LS1006", &name, format!("tables.{:?}", name.value), message);
        }
        if let (Some(collection), Some(target)) = (collection, target) {
            let target_database = target.database.as_deref().unwrap_or(database);
            let place = (target_database.to_string(), collection.value.clone());
            if let Some(other) = collections.get(&place) {
                let message = format!("contradicts {other}: two tables would share one collection");
                refuse("LS1006", &collection, collection_path.clone(), message);
            } else {
                collections.insert(place, collection_path);
            }
        }
        let table = TableName::new(database, table);
        if let Some(topic) = topic {
            // Kafka names metrics with _ for ., and refuses two topics that would share them.
            let metric = topic.value.replace('.', "_");
            if let Some(other) = topics.get(&metric) {
                let message = format!("contradicts {other}: Kafka holds the two names equal");
                refuse("LS1006", &topic, topic_path, message);
            } else {
                topics.insert(metric, topic_path.clone());
                match log {
                    Some(Log::Kafka(kafka)) => {
                        kafka.topics.insert(table.clone(), topic.value);
                    }
                    Some(Log::Direct) => {
                        let message =
                            "contradicts log.kind = \"direct\", which has no topics".to_string();
                        refuse("LS1006", &topic, topic_path, message);
                    }
                    None => {}
                }
            }
        }
        if let Some(format) = format {
            match log {
                Some(Log::Kafka(kafka)) => {
                    kafka.choose_format(table.clone(), format.value);
                    if format.value == wire::Format::Avro && kafka.schema_registry.is_none() {
                        let message = "contradicts log, which has no schema_registry".to_string();
                        let place = format.with(String::new());
                        refuse("LS1006", &place, format_path, message);
                    }
                }
                Some(Log::Direct) => {
                    let message =
                        "contradicts log.kind = \"direct\", which has no topics".to_string();
                    let place = format.with(String::new());
                    refuse("LS1006", &place, format_path, message);
                }
                None => {}
            }
        }
        tables.insert(table, choices);
    }
    tables
}

/// Why a file can't be read, in words that need no knowledge of the system's.
fn file_reason(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::NotFound => "there is no such file".into(),
        std::io::ErrorKind::PermissionDenied => "this user may not read it".into(),
        std::io::ErrorKind::InvalidData => "it is not UTF-8 text".into(),
        other => other.to_string(),
    }
}

fn count_of(mistakes: usize) -> String {
    if mistakes == 1 {
        "a mistake".into()
    } else {
        format!("{mistakes} mistakes")
    }
}
