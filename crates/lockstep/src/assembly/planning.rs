//! A look at the source for `plan`: the same description and mapping that a run would work with, put into words.

use change::{TableDescription, TableName};
use flow::Severity;
use mapping::{CollectionPlan, Mapper};
use mysql::{DeclaredColumn, Inspection};

use super::connections::Connections;
use super::{log, refused, work};
use crate::config::{Configuration, Log};
use crate::failure::Failure;
use crate::plan::{
    Built, ColumnPlan, Estimate, IndexPlan, Plan, Problem, TablePlan, TopicPlan, Totals, chunks,
};

/// What a run would do. Only the source is asked; nothing is changed.
pub async fn plan(configuration: &Configuration) -> Result<Plan, Failure> {
    let connections = Connections::open(configuration).await?;
    let inspected = match connections.reader().inspect_all().await {
        Ok(inspected) => inspected,
        // The look before a start knows better what a server lacks.
        Err(failure) => {
            let found = connections.preflight(configuration).await;
            let forbids = found
                .iter()
                .find(|finding| finding.severity == Severity::Forbids);
            return Err(forbids.map_or_else(|| refused(failure), work::forbidden));
        }
    };
    let mapper = Mapper::new(configuration.mapping.clone());
    let tables: Vec<TablePlan> = inspected
        .iter()
        .map(|(name, table)| one(configuration, &mapper, name, table))
        .collect();
    let totals = Totals::of(&tables);
    Ok(Plan {
        pipeline: configuration.pipeline.clone(),
        source: configuration.source.address.shown(),
        target: configuration.target.address.shown(),
        log: match &configuration.log {
            Log::Direct => "direct",
            Log::Kafka(_) => "kafka",
        },
        estimate: Estimate::of(totals.rows_estimated, totals.bytes_estimated),
        totals,
        tables,
    })
}

fn one(
    configuration: &Configuration,
    mapper: &Mapper,
    name: &TableName,
    table: &Inspection,
) -> TablePlan {
    let capture = &configuration.capture;
    let mut plan = TablePlan {
        table: name.to_string(),
        collection: mapper.collection(name).to_string(),
        rows_estimated: table.rows_estimated,
        bytes_estimated: table.bytes_estimated,
        chunks: 0,
        key: Vec::new(),
        identity: String::new(),
        columns: Vec::new(),
        indexes: Vec::new(),
        topic: topic(configuration, name),
        problems: Vec::new(),
    };
    let description = match &table.description {
        Ok(description) => description,
        Err(failure) => {
            plan.problems.push(Problem {
                code: failure.code,
                message: failure.message.clone(),
                remedy: failure.remedy.clone(),
            });
            return plan;
        }
    };
    let schema = &description.schema;
    let key = schema.key.iter();
    plan.key = key
        .map(|&index| schema.columns[index].name.to_string())
        .collect();
    plan.chunks = chunks(
        table.rows_estimated,
        table.bytes_estimated,
        capture.chunk_rows,
        capture.chunk_bytes,
        !plan.key.is_empty(),
    );
    let compiled = mapper.compile(schema);
    let compiled = compiled.and_then(|compiled| {
        let collection = mapper.collection_plan(description)?;
        Ok((compiled, collection))
    });
    match compiled {
        Ok((compiled, collection)) => {
            plan.identity = compiled.identity_outline();
            plan.columns = columns(&compiled, description, &table.columns);
            plan.indexes = indexes(&collection);
        }
        Err(problems) => plan.problems.extend(problems.iter().map(|problem| Problem {
            code: problem.code,
            message: match &problem.column {
                Some(column) => format!("column {column}: {}", problem.message),
                None => problem.message.clone(),
            },
            remedy: problem.remedy.clone(),
        })),
    }
    plan
}

fn columns(
    compiled: &mapping::TableMapper,
    description: &TableDescription,
    declared: &[DeclaredColumn],
) -> Vec<ColumnPlan> {
    let outline = compiled.outline().into_iter();
    outline
        .zip(&description.schema.columns)
        .map(|(field, column)| {
            let declared = declared.iter().find(|other| other.name == column.name);
            ColumnPlan {
                column: column.name.to_string(),
                mysql: declared.map_or_else(String::new, |column| column.declared.clone()),
                nullable: column.nullable,
                fields: field.paths,
                bson: field.becomes,
                null: if field.absent { "absent" } else { "null" },
                lossy: field.lossy,
            }
        })
        .collect()
}

fn indexes(collection: &CollectionPlan) -> Vec<IndexPlan> {
    let planned = |index: &mapping::IndexPlan, built| IndexPlan {
        name: index.name.to_string(),
        built,
        keys: index
            .keys
            .iter()
            .map(|(path, direction)| (path.to_string(), *direction))
            .collect(),
        unique: index.unique,
        partial: !index.partial.is_empty(),
        reason: None,
    };
    let before = collection
        .unique
        .iter()
        .map(|index| planned(index, Built::BeforeTheCopy));
    let after = collection
        .secondary
        .iter()
        .map(|index| planned(index, Built::AfterTheCopy));
    let never = collection
        .inexpressible
        .iter()
        .map(|(name, reason)| IndexPlan {
            name: name.to_string(),
            built: Built::NotAtAll,
            keys: Vec::new(),
            unique: false,
            partial: false,
            reason: Some(reason.clone()),
        });
    before.chain(after).chain(never).collect()
}

/// The table's topic.
fn topic(configuration: &Configuration, table: &TableName) -> Option<TopicPlan> {
    let Log::Kafka(kafka) = &configuration.log else {
        return None;
    };
    Some(TopicPlan {
        name: ::kafka::topic_name(&log::settings(configuration, kafka), table),
        partitions: kafka.partitions,
        format: kafka.format_of(table).to_string(),
    })
}
