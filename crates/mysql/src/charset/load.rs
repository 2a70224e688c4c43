//! Asking the server what every byte sequence of a character set means.
//!
//! The server converts each sequence to UTF-8. It answers NULL where it holds the sequence for
//! invalid, and a question mark where the sequence is valid in form but means no character; a
//! question mark is therefore only believed of the byte that is one. A sequence that the server
//! takes for more than one character says nothing about itself.

use super::table::{ByteTable, THREE_BYTE_LEAD};
use crate::connection::Connection;
use crate::error::Error;

pub(super) async fn table(connection: &mut Connection, charset: &str) -> Result<ByteTable, Error> {
    let failed = |reason: String, connection: &Connection| Error::Charset {
        address: connection.address().to_owned(),
        charset: charset.to_owned(),
        reason,
    };
    // The name goes into a statement: it must be a name.
    if charset.is_empty()
        || !charset
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    {
        return Err(failed("that is not a name".to_owned(), connection));
    }
    let longest = connection
        .query_value(&format!(
            "SELECT MAXLEN FROM information_schema.CHARACTER_SETS WHERE CHARACTER_SET_NAME = '{charset}'"
        ))
        .await?
        .and_then(|text| text.parse::<u8>().ok())
        .ok_or_else(|| failed("the server does not know it".to_owned(), connection))?;
    connection
        .query("SET SESSION sql_mode = '', character_set_results = 'utf8mb4'")
        .await?;
    let mut table = ByteTable::new();
    ask(connection, charset, "CHAR(a.n)", &["a"], "", &mut table).await?;
    if longest >= 2 {
        ask(
            connection,
            charset,
            "CHAR(a.n, b.n)",
            &["a", "b"],
            "a.n >= 128",
            &mut table,
        )
        .await?;
    }
    if longest == 3 {
        let sequence = format!("CHAR({THREE_BYTE_LEAD}, a.n, b.n)");
        ask(
            connection,
            charset,
            &sequence,
            &["a", "b"],
            "a.n >= 128 AND b.n >= 128",
            &mut table,
        )
        .await?;
    }
    if longest == 4 {
        for lead in 0x81..=0x84 {
            let sequence = format!("CHAR({lead}, a.n, b.n, c.n)");
            let digits =
                "a.n BETWEEN 48 AND 57 AND b.n BETWEEN 129 AND 254 AND c.n BETWEEN 48 AND 57";
            ask(
                connection,
                charset,
                &sequence,
                &["a", "b", "c"],
                digits,
                &mut table,
            )
            .await?;
        }
    }
    Ok(table)
}

/// Asks for all sequences that the byte variables (0 to 255 each) form where the condition holds.
async fn ask(
    connection: &mut Connection,
    charset: &str,
    sequence: &str,
    variables: &[&str],
    condition: &str,
    table: &mut ByteTable,
) -> Result<(), Error> {
    let sources: Vec<String> = variables
        .iter()
        .map(|name| format!("bytes AS {name}"))
        .collect();
    let sources = sources.join(", ");
    let condition = if condition.is_empty() {
        "TRUE"
    } else {
        condition
    };
    let statement = format!(
        "WITH RECURSIVE bytes (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM bytes WHERE n < 255) \
         SELECT s, CAST(u AS BINARY) FROM (SELECT s, t, CONVERT(t USING utf8mb4) AS u FROM \
         (SELECT s, CONVERT(s USING {charset}) AS t FROM \
         (SELECT CAST({sequence} AS BINARY) AS s FROM {sources} WHERE {condition}) AS sequences) AS texts) AS converted \
         WHERE u IS NOT NULL AND CHAR_LENGTH(t) = 1 AND CAST(CONVERT(t USING {charset}) AS BINARY) = s"
    );
    for row in connection.query(&statement).await? {
        let [Some(sequence), Some(text)] = row.as_slice() else {
            continue;
        };
        let mut characters = std::str::from_utf8(text).unwrap_or_default().chars();
        match (characters.next(), characters.next()) {
            (Some('?'), None) if sequence[..] != *b"?" => {}
            (Some(character), None) => table.insert(sequence, character),
            _ => {}
        }
    }
    Ok(())
}
