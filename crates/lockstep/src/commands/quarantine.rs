//! `lockstep quarantine`: rows that are kept back, for a person to look at and to decide about.
//! It only looks and asks: whatever is written, the running process writes.

use std::path::Path;

use clap::{Args, Subcommand};

use crate::assembly::{self, Selected};
use crate::config::Needs;
use crate::exit::ExitStatus;
use crate::failure::Failure;
use crate::output::Output;
use crate::signals;

pub(super) const EXAMPLES: &str = "\
Examples:
  lockstep quarantine list --table shop.orders
  lockstep quarantine show --table shop.orders --key 42
  lockstep quarantine retry
  lockstep quarantine drop --table shop.orders --key 'tenant = 7, number = 12'";

#[derive(Debug, Args)]
pub(super) struct QuarantineArguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Show the rows in quarantine, each with its key and the reason
    List(Selection),
    /// Show all that is known of rows in quarantine, and small rows themselves
    Show(Selection),
    /// Have the running pipeline read rows in quarantine again, as they are in MySQL now
    Retry(Selection),
    /// Have the running pipeline forget rows in quarantine; their documents stay as they are
    Drop(Chosen),
}

#[derive(Debug, Args)]
struct Selection {
    /// Only rows of this table
    #[arg(long, value_name = "TABLE")]
    table: Option<String>,
    /// Only the row of this key, as `list` shows it; of a key of one column the value is enough
    #[arg(long, value_name = "KEY", requires = "table")]
    key: Option<String>,
}

#[derive(Debug, Args)]
struct Chosen {
    /// Rows of this table
    #[arg(long, value_name = "TABLE")]
    table: String,
    /// Only the row of this key, as `list` shows it; of a key of one column the value is enough
    #[arg(long, value_name = "KEY")]
    key: Option<String>,
}

pub(super) async fn execute(
    arguments: QuarantineArguments,
    config: &Path,
    output: &Output,
) -> Result<ExitStatus, Failure> {
    let configuration = super::load(config, Needs::TARGET)?;
    let stop = super::listen()?;
    let working = async {
        match arguments.action {
            Action::List(selection) => {
                let records = assembly::quarantined(&configuration, &selection.into()).await?;
                output.quarantine(&records);
            }
            Action::Show(selection) => {
                let selected = selection.into();
                let records = assembly::quarantined(&configuration, &selected).await?;
                for record in &assembly::at_least_one(records, &selected)? {
                    output.quarantined(record);
                }
            }
            Action::Retry(selection) => {
                let selected = selection.into();
                let retried = assembly::retry_quarantined(&configuration, &selected).await?;
                for record in &retried.asked {
                    let (table, key) = (record.table.to_string(), &*record.row_key);
                    output.answer(
                        &serde_json::json!({ "event": "retry", "table": table, "key": key }),
                        || format!("{table}: {key} is read again"),
                    );
                }
                for record in &retried.unnamed {
                    let (table, key) = (record.table.to_string(), &*record.row_key);
                    output.answer(
                        &serde_json::json!({ "event": "unnamed", "table": table, "key": key }),
                        || {
                            format!(
                                "{table}: {key} is not read again, for its key in MySQL cannot be \
                                 told; `lockstep recopy {table}` reads it with all others"
                            )
                        },
                    );
                }
            }
            Action::Drop(Chosen { table, key }) => {
                let selected = Selection {
                    table: Some(table),
                    key,
                };
                for record in assembly::drop_quarantined(&configuration, &selected.into()).await? {
                    let (table, key) = (record.table.to_string(), &*record.row_key);
                    output.answer(
                        &serde_json::json!({ "event": "dropped", "table": table, "key": key }),
                        || {
                            format!(
                                "{table}: {key} is out of quarantine; its document stays as it was"
                            )
                        },
                    );
                }
            }
        }
        Ok(ExitStatus::Done)
    };
    let worked = signals::unless_stopped(&stop, working).await;
    worked.unwrap_or(Ok(ExitStatus::Interrupted))
}

impl From<Selection> for Selected {
    fn from(Selection { table, key }: Selection) -> Self {
        Self { table, key }
    }
}
