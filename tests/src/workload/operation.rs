//! What a writer may do, each as the SQL of one transaction.
//!
//! A script depends on the dice alone and never on what the database answers, so a seed always asks
//! for the same. Where a statement must find its row (money would get lost otherwise) the script
//! says so, and the writer rolls back when it does not.

use super::awkward;
use super::dice::Dice;
use super::keys::{binary_keys, case_twins, change_case, composite_keys};
use super::transactions::{
    change_key, delete_then_insert, large_transaction, load_data, roll_back_to_savepoint,
    rows_of_two_columns, swap_unique, transfer,
};
use testbed::servers::Product;

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
    pub product: Product,
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
    pub fn new(statements: Vec<String>) -> Self {
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

    pub fn strict(statements: Vec<String>) -> Self {
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
                1 | 2 => awkward::row(sizes.product, "every_type", "REPLACE", id, dice),
                _ => awkward::update(sizes.product, "every_type", id, dice),
            }])
        }
    }
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
            product: Product::MySql,
        };
        for (operation, weight) in Operation::USUAL {
            let (mut one, mut other) = (Dice::new(5), Dice::new(5));
            let first = script(*operation, &mut one, &sizes);
            assert_eq!(first, script(*operation, &mut other, &sizes));
            assert!(!first.statements.is_empty() && *weight > 0, "{operation:?}");
        }
    }
}
