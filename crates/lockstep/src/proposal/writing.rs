//! The text of the file: what counts as TOML, what is a default or a choice as a comment above it or behind it.

use std::fmt::Write as _;

use change::{TableDescription, TableName};
use mapping::IdentityChoice;

use super::decisions::Decided;
use super::quoting::{comment, key, text};
use super::{FoundTable, Plan, SOURCE_VARIABLE, Stores, TARGET_VARIABLE, advice, selection};
use crate::output::words;

/// Comments are broken before this column.
const WIDTH: usize = 120;
/// Where a comment behind a line begins.
const COMMENT_COLUMN: usize = 44;
/// Rows of a table without a key have to fit into one chunk.
const DEFAULT_CHUNK_BYTES: u64 = 4 << 20;
/// Statistics are no measure: room for rows that are larger than they say.
const STATISTICS_MARGIN: u64 = 2;

pub(super) fn write(stores: &Stores, plan: &Plan<'_>) -> String {
    let mut file = File::default();
    head(&mut file, stores, plan);
    source(&mut file, stores, plan);
    log(&mut file, stores);
    target(&mut file, stores, plan);
    for (found, table, decided) in &plan.taken {
        section(&mut file, found, table, decided);
    }
    tuning(&mut file, plan);
    file.0
}

fn capitalised(sentence: &str) -> String {
    let mut characters = sentence.chars();
    match characters.next() {
        // A name of a table or column stays as it is spelt.
        Some(first)
            if sentence
                .split(' ')
                .next()
                .is_some_and(|word| !word.contains(['_', '.'])) =>
        {
            first.to_uppercase().chain(characters).collect()
        }
        Some(_) | None => sentence.to_owned(),
    }
}

#[derive(Default)]
struct File(String);

impl File {
    fn line(&mut self, line: impl AsRef<str>) {
        writeln!(self.0, "{}", line.as_ref()).expect("a String takes every text");
    }

    /// A comment, broken into lines.
    fn note(&mut self, sentence: &str) {
        let mut line = String::from("#");
        for word in comment(&capitalised(sentence)).split(' ') {
            if line.chars().count() + 1 + word.chars().count() > WIDTH && line.len() > 1 {
                self.line(&line);
                line = String::from("#");
            }
            line.push(' ');
            line.push_str(word);
        }
        self.line(line);
    }

    /// A line with a comment behind it, where both fit, else above it.
    fn noted(&mut self, line: &str, note: &str) {
        let note = comment(note);
        if line.chars().count().max(COMMENT_COLUMN) + note.chars().count() + 4 > WIDTH {
            self.note(&note);
            self.line(line);
        } else {
            self.line(format!("{line:<COMMENT_COLUMN$}  # {note}"));
        }
    }
}

fn head(file: &mut File, stores: &Stores, plan: &Plan<'_>) {
    let rows: u64 = plan.taken.iter().map(|(found, ..)| found.rows).sum();
    let bytes: u64 = plan.taken.iter().map(|(found, ..)| found.bytes).sum();
    // MariaDB says its name itself.
    let product = match stores.source_version.contains("MariaDB") {
        true => "",
        false => "MySQL ",
    };
    file.note(&format!(
        "Proposed by `lockstep init` for {} ({product}{}): {} tables, about {} rows, {}.",
        stores.source.shown(),
        stores.source_version,
        plan.taken.len(),
        words::count(rows),
        words::bytes(bytes)
    ));
    file.note(
        "A line that begins with # is a default, or a choice that can be made; the others count.",
    );
    file.note("`lockstep check` says what is still in the way, `lockstep plan` what becomes what.");
    file.line("\n[pipeline]");
    let taken: Vec<&TableName> = plan.taken.iter().map(|(found, ..)| &found.name).collect();
    let name = format!("name = {}", text(&selection::pipeline(&taken)));
    file.noted(
        &name,
        "checkpoints are kept under it: leave it as it is once a run has begun",
    );
}

fn source(file: &mut File, stores: &Stores, plan: &Plan<'_>) {
    file.line("\n[source]");
    file.line(format!("url = {}", text(&stores.source.without_password())));
    password(file, stores.source_password, SOURCE_VARIABLE);
    file.line("# tables: the last pattern that matches wins; a leading ! leaves out");
    file.line("tables = [");
    for pattern in &plan.patterns {
        file.line(format!("  {},", text(pattern)));
    }
    file.line("]");
    for (found, reason) in &plan.left_out {
        file.note(&format!("{} is left out: {reason}", found.name));
    }
    file.noted(
        "# tls = \"preferred\"",
        "or disabled, required, verify-ca, verify-identity; with tls_ca = \"FILE\" for the last two",
    );
}

fn password(file: &mut File, is_used: bool, variable: &str) {
    if is_used {
        let line = format!("password_env = {}", text(variable));
        file.noted(&line, "or password_file = \"FILE\"");
    } else {
        let line = format!("# password_env = {}", text(variable));
        file.noted(&line, "no password was used; or password_file = \"FILE\"");
    }
}

fn log(file: &mut File, stores: &Stores) {
    file.line("\n[log]");
    match &stores.brokers {
        None => {
            file.noted(
                "kind = \"direct\"",
                "changes go through the process itself; or \"kafka\" with brokers, to keep them in topics",
            );
        }
        Some(brokers) => {
            file.line("kind = \"kafka\"");
            file.noted(
                &format!("brokers = {}", text(brokers)),
                "a connection was made; `lockstep check` looks at rights and settings",
            );
            file.noted(
                "format = \"debezium-json\"",
                "or \"protobuf\", \"avro\" with schema_registry = \"URL\"; a topic keeps the one it began with",
            );
            file.noted(
                "# schema = false",
                "true: each message carries its schema, as Kafka Connect's JsonConverter writes it",
            );
            file.noted(
                "# partitions = 1",
                "of each table's topic, for its whole life",
            );
            file.noted(
                "# replication_factor = 3",
                "without it, what the brokers do by default",
            );
            file.noted(
                "# retention = \"unlimited\"",
                "or a span of time, for instance \"7d\"",
            );
            file.noted(
                "# max_message_bytes = \"1MiB\"",
                "the largest row change that a topic takes",
            );
        }
    }
}

fn target(file: &mut File, stores: &Stores, plan: &Plan<'_>) {
    file.line("\n[target]");
    match &stores.target {
        Some(target) => {
            file.line(format!("url = {}", text(&target.without_password())));
            if target.user().is_some() {
                password(file, target.password().is_some(), TARGET_VARIABLE);
            }
        }
        None => {
            file.note("No --target was given: put the address of your replica set here.");
            file.line("url = \"mongodb://localhost:27017/?replicaSet=rs0\"");
            file.noted(
                &format!("# password_env = {}", text(TARGET_VARIABLE)),
                "where the address names a user",
            );
        }
    }
    match &plan.database {
        Some(database) => {
            file.note(&database.reason);
            file.noted(
                &format!("database = {}", text(&database.name)),
                "one database for all tables",
            );
        }
        None => file.noted(
            "# database = \"…\"",
            "one database for all tables; without it every MySQL database keeps its name",
        ),
    }
    match plan.control_database {
        Some(name) => file.noted(
            &format!("control_database = {}", text(name)),
            "fences, checkpoints and state; the usual name is taken by a database of yours",
        ),
        None => file.noted(
            "# control_database = \"lockstep\"",
            "fences, checkpoints and state",
        ),
    }
}

/// A table's section, where there is something to decide about it.
fn section(file: &mut File, found: &FoundTable, table: &TableDescription, decided: &Decided) {
    let advices = advice::advise(found, table, decided);
    let plain = advices.is_empty()
        && decided.identity_reason.is_none()
        && decided.collection_reason.is_none();
    // The configuration would take the first dot for the end of the database.
    if plain || found.name.database.contains('.') {
        return;
    }
    file.line(format!("\n[tables.{}]", text(&found.name.to_string())));
    let mut facts = vec![
        format!("about {} rows", words::count(found.rows)),
        words::bytes(found.bytes),
    ];
    facts.extend(advice::identity(found, table));
    file.note(&facts.join("; "));
    if let Some(reason) = &decided.collection_reason {
        file.note(reason);
    }
    if let Some(collection) = &decided.choices.collection {
        file.line(format!("collection = {}", text(collection)));
    }
    if let Some(reason) = &decided.identity_reason {
        file.note(reason);
    }
    match decided.choices.identity {
        IdentityChoice::Key => {}
        IdentityChoice::ObjectId => file.line("identity = \"object_id\""),
        IdentityChoice::Row => {
            file.noted(
                "identity = \"row\"",
                "an equal row is another document, not the same",
            );
            file.noted(
                "# identity_columns = [\"…\"]",
                "instead of identity, where columns are unique together and never NULL",
            );
        }
    }
    for advice in advices {
        file.note(&advice.note);
        for (column, choices, written) in advice.lines {
            let mark = if written { "" } else { "# " };
            file.line(format!("{mark}columns.{} = {{ {choices} }}", key(&column)));
        }
    }
}

fn tuning(file: &mut File, plan: &Plan<'_>) {
    file.line("\n[capture]");
    let whole = plan
        .taken
        .iter()
        .filter(|(.., decided)| decided.choices.identity == IdentityChoice::Row)
        .map(|(found, ..)| found.bytes)
        .max()
        .unwrap_or(0);
    if whole > DEFAULT_CHUNK_BYTES / STATISTICS_MARGIN {
        file.noted(
            "chunk_bytes = \"64MiB\"",
            "a table without a key is read in one piece, which has to fit; this is the most",
        );
    } else {
        file.noted("# chunk_bytes = \"4MiB\"", "a chunk of a copy");
    }
    file.noted("# chunk_rows = 10000", "a chunk of a copy");
    file.noted(
        "# snapshot_readers = 4",
        "connections that read chunks side by side",
    );
    file.noted(
        "# max_barrier_changes = 10000",
        "a larger transaction is applied in parts",
    );
    file.noted("# max_barrier_bytes = \"8MiB\"", "the same, in bytes");
    file.noted(
        "# heartbeat_interval = \"10s\"",
        "how often an idle stream stores its position",
    );
    file.line("\n[apply]");
    file.noted("# lanes = 4", "connections that write side by side");
    file.line("\n[quarantine]");
    file.noted(
        "# max_entries = 10000",
        "rows that may be kept back; one more halts the pipeline",
    );
}
