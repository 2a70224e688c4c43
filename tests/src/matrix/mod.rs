//! Types and the edges of their values, as tables of one database.
//!
//! Each column brings SQL literals for its edges. Row number `i` takes literal `i` of every column,
//! over again where a column has fewer, so that the rows of a table together hold all of them. The
//! same rows come three times under keys of their own: to be copied, to be inserted and to be
//! updated from others while a pipeline follows; whichever way they came, documents must be equal.

mod choices;
mod documents;
mod layouts;
mod moments;
mod numbers;
mod texts;

use crate::comparer::{ColumnRules, Pair, TableRules};
use mysql_async::prelude::Queryable;

/// The database of the matrix.
pub const DATABASE: &str = "matrix";
/// Rows that are inserted have their number plus this as key; those that are updated, twice this.
pub const STEP: usize = 100_000;

/// Writes a wall clock that the zone of its column went past.
pub const NO_INSTANT: &str =
    "UPDATE matrix.choices SET zone_0 = '2024-03-31 02:30:00' WHERE id = 0";

/// One column.
#[derive(Clone, Debug, Default)]
pub struct Column {
    pub name: String,
    pub definition: String,
    /// None for a generated column.
    pub literals: Vec<String>,
    /// What is configured for it: to Lockstep, and to the comparer.
    pub configured: String,
    pub rules: ColumnRules,
}

impl Column {
    fn new<L: Into<String>>(
        name: impl Into<String>,
        definition: impl Into<String>,
        literals: impl IntoIterator<Item = L>,
    ) -> Self {
        Self {
            name: name.into(),
            definition: definition.into(),
            literals: literals.into_iter().map(Into::into).collect(),
            ..Self::default()
        }
    }

    fn chosen(mut self, configured: &str, rules: impl Into<ColumnRules>) -> Self {
        self.configured = configured.to_owned();
        self.rules = rules.into();
        self
    }
}

/// One table. Its key is `id`; a column `turn` makes every update one.
#[derive(Clone, Debug)]
pub struct Table {
    pub name: &'static str,
    pub columns: Vec<Column>,
    /// Further keys, each behind a comma.
    pub keys: &'static str,
}

impl Table {
    fn new(name: &'static str, columns: Vec<Column>) -> Self {
        Self {
            name,
            columns,
            keys: "",
        }
    }

    /// Rows that together hold every literal.
    #[must_use]
    pub fn rows(&self) -> usize {
        let counts = self.columns.iter().map(|column| column.literals.len());
        counts.max().unwrap_or(1).max(2)
    }

    fn create(&self) -> String {
        let columns = self.columns.iter();
        let columns: Vec<String> = columns
            .map(|column| format!("`{}` {}", column.name, column.definition))
            .collect();
        format!(
            "CREATE TABLE `{}` (id INT NOT NULL PRIMARY KEY, turn INT NOT NULL, {}{}) \
             DEFAULT CHARSET = utf8mb4 ROW_FORMAT = DYNAMIC",
            self.name,
            columns.join(", "),
            self.keys
        )
    }

    fn written(&self) -> impl Iterator<Item = &Column> {
        self.columns
            .iter()
            .filter(|column| !column.literals.is_empty())
    }

    /// `INSERT` of a row with the literals of number `turn`.
    fn insert(&self, id: usize, number: usize, turn: u32) -> String {
        let names: Vec<String> = self
            .written()
            .map(|one| format!("`{}`", one.name))
            .collect();
        let literals: Vec<&str> = self
            .written()
            .map(|column| &*column.literals[number % column.literals.len()])
            .collect();
        format!(
            "INSERT INTO `{}` (id, turn, {}) VALUES ({id}, {turn}, {})",
            self.name,
            names.join(", "),
            literals.join(", ")
        )
    }

    /// What is written before the copy: the rows themselves, and others in the places of those
    /// that are to be updated.
    fn before(&self) -> impl Iterator<Item = String> {
        (0..self.rows()).flat_map(|number| {
            [
                self.insert(number, number, 1),
                self.insert(2 * STEP + number, number + 1, 0),
            ]
        })
    }

    /// What is written while the pipeline follows: inserts, then updates.
    fn while_following(&self) -> [String; 2] {
        let names: Vec<String> = self
            .written()
            .map(|one| format!("`{}`", one.name))
            .collect();
        let set: Vec<String> = names
            .iter()
            .map(|name| format!("after.{name} = source.{name}"))
            .collect();
        let (table, names) = (self.name, names.join(", "));
        [
            format!(
                "INSERT INTO `{table}` (id, turn, {names}) \
                 SELECT id + {STEP}, turn, {names} FROM `{table}` WHERE id < {STEP}"
            ),
            format!(
                "UPDATE `{table}` AS after JOIN `{table}` AS source ON after.id = source.id + {} \
                 SET after.turn = source.turn, {}",
                2 * STEP,
                set.join(", ")
            ),
        ]
    }
}

/// Every table. `charsets` are the server's character sets.
#[must_use]
pub fn tables(charsets: &[String]) -> Vec<Table> {
    let mut tables = numbers::tables();
    tables.extend(moments::tables());
    tables.extend(texts::tables(charsets));
    tables.extend(documents::tables());
    tables.extend(layouts::tables());
    tables.push(choices::table());
    tables
}

/// The configuration of all columns that have one.
#[must_use]
pub fn configuration(tables: &[Table]) -> String {
    let mut text = String::new();
    for table in tables {
        for column in table
            .columns
            .iter()
            .filter(|one| !one.configured.is_empty())
        {
            let (table, name, configured) = (table.name, &column.name, &column.configured);
            text.push_str(&format!(
                "[tables.\"{DATABASE}.{table}\".columns.\"{name}\"]\n{configured}\n\n"
            ));
        }
    }
    text
}

/// The same for the comparer.
#[must_use]
pub fn pair(tables: &[Table]) -> Pair {
    let mut pair = Pair::same_name(DATABASE);
    for table in tables {
        let columns = table.columns.iter();
        let rules = TableRules {
            columns: columns
                .map(|column| (column.name.clone(), column.rules.clone()))
                .collect(),
            ..TableRules::default()
        };
        pair = pair.with_rules(table.name, rules);
    }
    pair
}

/// The server's character sets, the one for bytes left out.
///
/// # Errors
/// The server's.
pub async fn charsets(sql: &mut mysql_async::Conn) -> Result<Vec<String>, mysql_async::Error> {
    sql.query(
        "SELECT CHARACTER_SET_NAME FROM information_schema.CHARACTER_SETS \
         WHERE CHARACTER_SET_NAME <> 'binary' ORDER BY 1",
    )
    .await
}

/// Makes the tables and writes what is to be copied.
///
/// # Errors
/// The server's, or a statement that it refused.
pub async fn prepare(
    sql: &mut mysql_async::Conn,
    tables: &[Table],
) -> Result<(), Box<dyn std::error::Error>> {
    run(
        sql,
        &format!("CREATE DATABASE {DATABASE} DEFAULT CHARSET utf8mb4"),
    )
    .await?;
    run(sql, &format!("USE {DATABASE}")).await?;
    for table in tables {
        run(sql, &table.create()).await?;
        for statement in table.before() {
            run(sql, &statement).await?;
        }
    }
    Ok(())
}

/// Writes what is to be followed; the updates in compressed transactions, where that is asked for.
///
/// # Errors
/// As [`prepare`].
pub async fn go_on(
    sql: &mut mysql_async::Conn,
    tables: &[Table],
    compressed: bool,
) -> Result<(), Box<dyn std::error::Error>> {
    for table in tables {
        let [inserts, updates] = table.while_following();
        for (compressed, statement) in [(false, inserts), (compressed, updates)] {
            let setting = format!("SET SESSION binlog_transaction_compression = {compressed}");
            run(sql, &setting).await?;
            run(sql, &statement).await?;
        }
    }
    Ok(())
}

async fn run(
    sql: &mut mysql_async::Conn,
    statement: &str,
) -> Result<(), Box<dyn std::error::Error>> {
    sql.query_drop(statement).await.map_err(|error| {
        let shown: String = statement.chars().take(400).collect();
        format!("{error}, for {shown}").into()
    })
}
