//! Scripts in which the order or the wholeness of a transaction matters: money that moves, unique
//! values and keys that change places, savepoints, files, many rows at once.

use super::dice::Dice;
use super::operation::{Script, Sizes};

/// Accounts move between two ranges of ids, so one of the two holds a given account.
fn account(dice: &mut Dice, sizes: &Sizes) -> u64 {
    1 + dice.below(sizes.rows)
}

pub fn transfer(from: &str, to: &str, dice: &mut Dice, sizes: &Sizes) -> Vec<String> {
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

pub fn swap_unique(dice: &mut Dice, sizes: &Sizes) -> Script {
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

pub fn change_key(dice: &mut Dice, sizes: &Sizes) -> Script {
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

pub fn delete_then_insert(dice: &mut Dice, sizes: &Sizes) -> Script {
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

pub fn roll_back_to_savepoint(dice: &mut Dice, sizes: &Sizes) -> Script {
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

pub fn load_data(dice: &mut Dice, sizes: &Sizes) -> Script {
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
pub fn large_transaction(dice: &mut Dice, sizes: &Sizes) -> Script {
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

pub fn rows_of_two_columns(table: &str, count: u64, label: &str) -> String {
    let rows: Vec<String> = (0..count)
        .map(|row| format!("({row}, '{label}')"))
        .collect();
    format!("REPLACE INTO {table} VALUES {}", rows.join(", "))
}
