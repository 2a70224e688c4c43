//! What a writer may do, each as the SQL of one transaction.
//!
//! A script depends on the dice alone and never on what the database answers, so a seed always asks
//! for the same. Where a statement must find its row (money would get lost otherwise) the script
//! says so, and the writer rolls back when it does not.

use super::awkward;
use super::dice::Dice;

/// One kind of transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Operation {
    Transfer,
    TransferBetweenTables,
    SwapUnique,
    ChangeKey,
    DeleteThenInsert,
    Replace,
    Upsert,
    ChangeCase,
    CaseTwins,
    CompositeKeys,
    BinaryKeys,
    RangeDelete,
    RangeUpdate,
    ManyTables,
    RollBack,
    RollBackToSavepoint,
    LoadData,
    LargeTransaction,
    Truncate,
    DropAndCreate,
    CreateTable,
    EveryType,
}

impl Operation {
    /// All of them with the weights of the usual mix.
    pub const USUAL: &[(Self, u32)] = &[
        (Self::Transfer, 200),
        (Self::TransferBetweenTables, 120),
        (Self::SwapUnique, 80),
        (Self::ChangeKey, 60),
        (Self::DeleteThenInsert, 80),
        (Self::Replace, 60),
        (Self::Upsert, 60),
        (Self::ChangeCase, 60),
        (Self::CaseTwins, 60),
        (Self::CompositeKeys, 60),
        (Self::BinaryKeys, 60),
        (Self::RangeDelete, 10),
        (Self::RangeUpdate, 15),
        (Self::ManyTables, 80),
        (Self::RollBack, 30),
        (Self::RollBackToSavepoint, 40),
        (Self::LoadData, 5),
        (Self::LargeTransaction, 1),
        (Self::Truncate, 2),
        (Self::DropAndCreate, 2),
        (Self::CreateTable, 1),
        (Self::EveryType, 60),
    ];
}

/// The sizes that scripts are drawn within.
#[derive(Clone, Copy, Debug)]
pub struct Sizes {
    /// Rows that each large table began with.
    pub rows: u64,
    pub large_transaction_rows: u64,
    /// The number of this writer, which keeps its own ranges of keys.
    pub writer: u64,
    /// Tables that one writer creates at most.
    pub created_tables: u64,
}

/// One statement.
#[derive(Clone, Debug, PartialEq)]
pub struct Statement {
    pub sql: String,
    /// Without a changed row the transaction is rolled back.
    pub must_change: bool,
}

/// How a script ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    Commit,
    RollBack,
    /// Statements that commit themselves; no transaction is opened.
    Definition,
}

/// One transaction.
#[derive(Clone, Debug, PartialEq)]
pub struct Script {
    pub statements: Vec<Statement>,
    pub ending: Ending,
    /// What `LOAD DATA LOCAL INFILE` is given.
    pub file: Option<String>,
}

impl Script {
    fn new(statements: Vec<String>) -> Self {
        let statements = statements.into_iter().map(|sql| Statement {
            sql,
            must_change: false,
        });
        Self {
            statements: statements.collect(),
            ending: Ending::Commit,
            file: None,
        }
    }

    fn strict(statements: Vec<String>) -> Self {
        let mut script = Self::new(statements);
        for statement in &mut script.statements {
            let sql = &statement.sql;
            statement.must_change = !sql.starts_with("SELECT") && !sql.starts_with("SET");
        }
        script
    }

    fn ending(mut self, ending: Ending) -> Self {
        self.ending = ending;
        self
    }
}

/// The script of one operation.
pub fn script(operation: Operation, dice: &mut Dice, sizes: &Sizes) -> Script {
    match operation {
        Operation::Transfer => Script::strict(transfer("accounts", "accounts", dice, sizes)),
        Operation::TransferBetweenTables => {
            let (from, to) = if dice.once_in(2) {
                ("accounts", "savings")
            } else {
                ("savings", "accounts")
            };
            Script::strict(transfer(from, to, dice, sizes))
        }
        Operation::SwapUnique => swap_unique(dice, sizes),
        Operation::ChangeKey => change_key(dice, sizes),
        Operation::DeleteThenInsert => delete_then_insert(dice, sizes),
        Operation::Replace => {
            let id = 1 + dice.below(2 * sizes.rows);
            let kind = dice.below(100);
            Script::new(vec![
                format!("REPLACE INTO items VALUES ({id}, {kind}, 'replaced 😀', {kind}.50)"),
                // A second unique key makes REPLACE delete another row than the one it inserts.
                format!(
                    "REPLACE INTO seats VALUES ({id}, 'code-{}', 'r')",
                    1 + dice.below(sizes.rows)
                ),
            ])
        }
        Operation::Upsert => {
            let id = 1 + dice.below(2 * sizes.rows);
            Script::new(vec![format!(
                "INSERT INTO items VALUES ({id}, 1, 'inserted', 0.10), ({}, 2, NULL, NULL) \
                 ON DUPLICATE KEY UPDATE kind = kind + 1, label = CONCAT('seen ', kind)",
                id + 1
            )])
        }
        Operation::ChangeCase => change_case(dice, sizes),
        Operation::CaseTwins => case_twins(dice, sizes),
        Operation::CompositeKeys => composite_keys(dice, sizes),
        Operation::BinaryKeys => binary_keys(dice, sizes),
        Operation::RangeDelete => {
            let from = dice.below(2 * sizes.rows);
            Script::new(vec![
                format!(
                    "DELETE FROM items WHERE id BETWEEN {from} AND {}",
                    from + dice.below(300)
                ),
                format!(
                    "DELETE FROM order_lines WHERE order_id BETWEEN {from} AND {}",
                    from + 5
                ),
            ])
        }
        Operation::RangeUpdate => {
            let from = dice.below(2 * sizes.rows);
            let amount = dice.below(1000);
            Script::new(vec![format!(
                "UPDATE items SET amount = {amount}.25, label = CONCAT('range ', id) \
                 WHERE id BETWEEN {from} AND {}",
                from + dice.below(500)
            )])
        }
        Operation::ManyTables => {
            let id = 1 + dice.below(sizes.rows);
            let mut statements = transfer("accounts", "savings", dice, sizes);
            statements.extend([
                format!("REPLACE INTO items VALUES ({id}, 7, 'many', -0.01)"),
                format!("REPLACE INTO names_bin VALUES ('many-{id}', {id})"),
                format!("REPLACE INTO order_lines VALUES ({id}, {id}, 'many')"),
                format!("REPLACE INTO by_bytes VALUES (UNHEX(LEFT(SHA2({id}, 256), 32)), 'many')"),
            ]);
            Script::strict(statements)
        }
        Operation::RollBack => {
            let id = 1 + dice.below(sizes.rows);
            Script::new(vec![
                format!("UPDATE accounts SET balance = balance + 1000000 WHERE id = {id}"),
                format!("DELETE FROM items WHERE id <= {id}"),
            ])
            .ending(Ending::RollBack)
        }
        Operation::RollBackToSavepoint => roll_back_to_savepoint(dice, sizes),
        Operation::LoadData => load_data(dice, sizes),
        Operation::LargeTransaction => large_transaction(dice, sizes),
        Operation::Truncate => {
            let count = 1 + dice.below(40);
            Script::new(vec![
                "TRUNCATE TABLE cleared".to_owned(),
                rows_of_two_columns("cleared", count, "after"),
            ])
            .ending(Ending::Definition)
        }
        Operation::DropAndCreate => {
            let count = 1 + dice.below(40);
            let definition = *dice.pick(&[
                "(id INT NOT NULL PRIMARY KEY, label VARCHAR(60))",
                "(id BIGINT NOT NULL PRIMARY KEY, label VARCHAR(60) CHARACTER SET latin1)",
                "(label VARCHAR(20) NOT NULL PRIMARY KEY, number DECIMAL(9, 3))",
            ]);
            Script::new(vec![
                "DROP TABLE IF EXISTS renewed".to_owned(),
                format!("CREATE TABLE renewed {definition}"),
                rows_of_two_columns("renewed", count, "7"),
            ])
            .ending(Ending::Definition)
        }
        Operation::CreateTable => {
            let name = format!(
                "created_{}_{}",
                sizes.writer,
                dice.below(sizes.created_tables)
            );
            Script::new(vec![
                format!(
                    "CREATE TABLE IF NOT EXISTS {name} (id INT NOT NULL PRIMARY KEY, label TEXT)"
                ),
                rows_of_two_columns(&name, 1 + dice.below(60), "new"),
            ])
            .ending(Ending::Definition)
        }
        Operation::EveryType => {
            let id = dice.below(3 * awkward::longest());
            Script::new(vec![match dice.below(6) {
                0 => format!("DELETE FROM every_type WHERE id = {id}"),
                1 | 2 => awkward::row("every_type", "REPLACE", id, dice),
                _ => awkward::update("every_type", id, dice),
            }])
        }
    }
}

/// Accounts move between two ranges of ids, so one of the two holds a given account.
fn account(dice: &mut Dice, sizes: &Sizes) -> u64 {
    1 + dice.below(sizes.rows)
}

fn transfer(from: &str, to: &str, dice: &mut Dice, sizes: &Sizes) -> Vec<String> {
    let payer = account(dice, sizes);
    let payee = 1 + (payer + dice.below(sizes.rows - 1)) % sizes.rows;
    let amount = 1 + dice.below(50);
    let moved = sizes.rows;
    vec![
        format!(
            "UPDATE {from} SET balance = balance - {amount} WHERE id IN ({payer}, {})",
            payer + moved
        ),
        format!(
            "UPDATE {to} SET balance = balance + {amount} WHERE id IN ({payee}, {})",
            payee + moved
        ),
    ]
}

fn swap_unique(dice: &mut Dice, sizes: &Sizes) -> Script {
    let first = account(dice, sizes);
    let second = 1 + (first + dice.below(sizes.rows - 1)) % sizes.rows;
    let between = format!("between-{}-{}", sizes.writer, dice.draw());
    Script::strict(vec![
        format!("SELECT code INTO @first_code FROM seats WHERE id = {first} FOR UPDATE"),
        format!("SELECT code INTO @second_code FROM seats WHERE id = {second} FOR UPDATE"),
        format!("UPDATE seats SET code = '{between}' WHERE id = {first}"),
        format!("UPDATE seats SET code = @first_code WHERE id = {second}"),
        format!("UPDATE seats SET code = @second_code WHERE id = {first}"),
    ])
}

fn change_key(dice: &mut Dice, sizes: &Sizes) -> Script {
    let (rows, id) = (sizes.rows, account(dice, sizes));
    let moved = format!("IF(id > {rows}, id - {rows}, id + {rows})");
    let there_and_back = dice.once_in(4);
    let change = |table: &str| {
        format!(
            "UPDATE {table} SET id = {moved} WHERE id IN ({id}, {})",
            id + rows
        )
    };
    let mut statements = vec![change("accounts")];
    if there_and_back {
        statements.push(change("accounts"));
    }
    statements.push(change("savings"));
    statements.push(format!(
        "UPDATE accounts SET changed = NULL, balance = balance + 1 WHERE id IN ({id}, {})",
        id + rows
    ));
    statements.push(format!(
        "UPDATE savings SET balance = balance - 1 WHERE id IN ({id}, {})",
        id + rows
    ));
    Script::strict(statements)
}

fn delete_then_insert(dice: &mut Dice, sizes: &Sizes) -> Script {
    let id = account(dice, sizes);
    let either = format!("id IN ({id}, {})", id + sizes.rows);
    let mut statements = vec![
        format!("SELECT id, balance INTO @kept_id, @kept FROM accounts WHERE {either} FOR UPDATE"),
        format!("DELETE FROM accounts WHERE {either}"),
        "INSERT INTO accounts VALUES (@kept_id, @kept, '1969-12-31 23:59:59.999')".to_owned(),
    ];
    if dice.once_in(3) {
        // Twice in one transaction: only the last image counts.
        statements.push(format!("DELETE FROM accounts WHERE {either}"));
        statements.push("INSERT INTO accounts VALUES (@kept_id, @kept, NULL)".to_owned());
    }
    Script::strict(statements)
}

fn change_case(dice: &mut Dice, sizes: &Sizes) -> Script {
    let number = 1 + dice.below(sizes.rows.min(200));
    let spelling = *dice.pick(&["name", "NAME", "Name", "nAmE"]);
    // The collation pads, so trailing spaces are equal to it too.
    let tail = *dice.pick(&["", "", " ", "  "]);
    Script::new(vec![
        format!(
            "UPDATE names_ci SET name = '{spelling}-{number}{tail}' WHERE name = 'name-{number}'"
        ),
        format!("UPDATE names_ci SET number = number + 1 WHERE name = 'NAME-{number}'"),
    ])
}

fn case_twins(dice: &mut Dice, sizes: &Sizes) -> Script {
    let number = 1 + dice.below(sizes.rows.min(200));
    let statement = |spelling: &str, dice: &mut Dice| match dice.below(3) {
        0 => format!("DELETE FROM names_bin WHERE name = '{spelling}-{number}'"),
        1 => format!(
            "REPLACE INTO names_bin VALUES ('{spelling}-{number}', {})",
            dice.below(1000)
        ),
        _ => format!(
            "UPDATE IGNORE names_bin SET name = '{spelling}-{number}' WHERE name = 'Name-{number}'"
        ),
    };
    let spellings = ["name", "NAME", "Name"];
    let statements = spellings.iter().map(|spelling| statement(spelling, dice));
    Script::new(statements.collect())
}

fn composite_keys(dice: &mut Dice, sizes: &Sizes) -> Script {
    let order = dice.below(sizes.rows / 4 + 1);
    let (line, other) = (dice.below(6), dice.below(6));
    let pair = 1 + dice.below(sizes.rows);
    Script::new(vec![
        format!("REPLACE INTO order_lines VALUES ({line}, {order}, 'line {line}')"),
        format!(
            "UPDATE IGNORE order_lines SET line = 'line {other}' WHERE order_id = {order} AND line = 'line {line}'"
        ),
        format!(
            "DELETE FROM order_lines WHERE order_id = {} AND line = 'line 0'",
            order + 1
        ),
        format!(
            "UPDATE IGNORE word_pairs SET first_word = 'a{other}', seen = seen + 1 WHERE second_word = 'b{pair}'"
        ),
        format!("REPLACE INTO word_pairs VALUES ('', 'b{pair}', -1)"),
    ])
}

fn binary_keys(dice: &mut Dice, sizes: &Sizes) -> Script {
    let number = 1 + dice.below(sizes.rows);
    let byte = dice.below(256);
    Script::new(vec![
        // Keys that differ only in trailing zero bytes are different keys.
        format!(
            "REPLACE INTO by_bytes VALUES (x'{byte:02X}', 'one'), (x'{byte:02X}00', 'two'), (x'', 'none')"
        ),
        format!(
            "UPDATE by_bytes SET body = CONCAT(body, x'00FF') WHERE id = UNHEX(LEFT(SHA2({number}, 256), 32)) AND LENGTH(body) < 200"
        ),
        format!(
            "DELETE FROM by_bytes WHERE id = UNHEX(LEFT(SHA2({}, 256), 32))",
            number + 1
        ),
        format!(
            "REPLACE INTO by_fixed_bytes VALUES (x'{byte:02X}00', 'short'), (x'00{byte:02X}FF', 'inner zero')"
        ),
        format!(
            "UPDATE IGNORE by_fixed_bytes SET id = x'{byte:02X}0000FF' WHERE id = x'{byte:02X}00000000000000'"
        ),
    ])
}

fn roll_back_to_savepoint(dice: &mut Dice, sizes: &Sizes) -> Script {
    let id = 1 + dice.below(sizes.rows);
    let mut statements = transfer("accounts", "accounts", dice, sizes);
    statements.extend([
        "SAVEPOINT here".to_owned(),
        format!("UPDATE accounts SET balance = balance + 777 WHERE id <= {id} LIMIT 20"),
        format!("DELETE FROM items WHERE id = {id}"),
        "ROLLBACK TO SAVEPOINT here".to_owned(),
        format!("UPDATE names_bin SET number = number + 1 WHERE name = 'name-{id}'"),
    ]);
    let mut script = Script::new(statements);
    for statement in script.statements.iter_mut().take(2) {
        statement.must_change = true;
    }
    script
}

fn load_data(dice: &mut Dice, sizes: &Sizes) -> Script {
    let first = sizes.writer * 1_000_000 + dice.below(50_000);
    let lines = (0..200).map(|line| format!("{}\tline 😀 {line}\t{line}.05\n", first + line));
    let mut script = Script::new(vec![
        "LOAD DATA LOCAL INFILE 'generated' REPLACE INTO TABLE loaded CHARACTER SET utf8mb4 \
         (id, label, amount)"
            .to_owned(),
    ]);
    script.file = Some(lines.collect());
    script
}

/// Inserts, updates and partly deletes many rows, and moves money along the way.
fn large_transaction(dice: &mut Dice, sizes: &Sizes) -> Script {
    let base = 1_000_000_000 + sizes.writer * 100_000_000;
    let rows = sizes.large_transaction_rows;
    let own = format!("id BETWEEN {base} AND {}", base + 99_999_999);
    let mut statements = transfer("accounts", "savings", dice, sizes);
    statements.extend([
        format!("DELETE FROM items WHERE {own}"),
        format!(
            "INSERT INTO items WITH RECURSIVE numbers(n) AS \
             (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < {rows}) \
             SELECT {base} + n, n % 50, CONCAT('large ', n), n / 4 FROM numbers"
        ),
        format!("UPDATE items SET amount = amount + 1 WHERE {own} AND kind < 10"),
        format!(
            "DELETE FROM items WHERE {own} AND kind = {}",
            dice.below(50)
        ),
    ]);
    statements.extend(transfer("savings", "accounts", dice, sizes));
    let mut script = Script::new(statements);
    for statement in &mut script.statements {
        statement.must_change = statement.sql.contains("balance");
    }
    script
}

fn rows_of_two_columns(table: &str, count: u64, label: &str) -> String {
    let rows: Vec<String> = (0..count)
        .map(|row| format!("({row}, '{label}')"))
        .collect();
    format!("REPLACE INTO {table} VALUES {}", rows.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_asks_for_the_same_and_every_operation_is_in_the_usual_mix() {
        let sizes = Sizes {
            rows: 100,
            large_transaction_rows: 10,
            writer: 1,
            created_tables: 2,
        };
        for (operation, weight) in Operation::USUAL {
            let (mut one, mut other) = (Dice::new(5), Dice::new(5));
            let first = script(*operation, &mut one, &sizes);
            assert_eq!(first, script(*operation, &mut other, &sizes));
            assert!(!first.statements.is_empty() && *weight > 0, "{operation:?}");
        }
    }
}
