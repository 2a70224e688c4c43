//! The table with a column of every type, and statements on it.
//!
//! The first rows together hold every literal of every column; later ones mix them by the dice.

use super::dice::Dice;
use super::literals::{COLUMNS, columns};
use testbed::servers::Product;

/// `CREATE TABLE` for the table of every type.
pub fn create(product: Product, table: &str) -> String {
    let columns: Vec<String> = columns(product)
        .map(|(name, definition, _)| format!("{name} {definition}"))
        .collect();
    format!(
        "CREATE TABLE {table} (id INT NOT NULL PRIMARY KEY, {}) DEFAULT CHARSET = utf8mb4",
        columns.join(", ")
    )
}

/// A whole row for `INSERT` or `REPLACE`. Row `id` below the longest list of literals takes the
/// literal of its number from each column, so that the first rows together hold every literal.
pub fn row(product: Product, table: &str, verb: &str, id: u64, dice: &mut Dice) -> String {
    let written = columns(product).filter(|(_, _, literals)| !literals.is_empty());
    let (names, values): (Vec<&str>, Vec<&str>) = written
        .map(|(name, _, literals)| {
            let count = literals.len() as u64;
            let index = if id < longest() {
                id % count
            } else {
                dice.below(count)
            };
            (
                *name,
                literals[usize::try_from(index).expect("an index of a slice")],
            )
        })
        .unzip();
    format!(
        "{verb} INTO {table} (id, {}) VALUES ({id}, {})",
        names.join(", "),
        values.join(", ")
    )
}

/// An `UPDATE` of some columns of one row.
pub fn update(product: Product, table: &str, id: u64, dice: &mut Dice) -> String {
    let columns: Vec<_> = columns(product).collect();
    let mut changes: Vec<String> = (0..3)
        .filter_map(|_| {
            let (name, _, literals) = dice.pick(&columns);
            (!literals.is_empty()).then(|| format!("{name} = {}", dice.pick(literals)))
        })
        .collect();
    changes.push(format!("c_int = {}", dice.below(1_000_000)));
    format!("UPDATE {table} SET {} WHERE id = {id}", changes.join(", "))
}

/// The number of rows that together hold every literal.
pub fn longest() -> u64 {
    COLUMNS
        .iter()
        .map(|(_, _, literals)| literals.len() as u64)
        .max()
        .unwrap_or(0)
}
