//! Scripts about keys that replication easily takes for one another: equal but for their case or
//! their trailing spaces, of several columns, of bytes that end in zeros.

use super::dice::Dice;
use super::operation::{Script, Sizes};

pub fn change_case(dice: &mut Dice, sizes: &Sizes) -> Script {
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

pub fn case_twins(dice: &mut Dice, sizes: &Sizes) -> Script {
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

pub fn composite_keys(dice: &mut Dice, sizes: &Sizes) -> Script {
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

pub fn binary_keys(dice: &mut Dice, sizes: &Sizes) -> Script {
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
