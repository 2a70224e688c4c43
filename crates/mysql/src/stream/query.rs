//! A query event: a statement, and how the session that ran it spelled it.

use crate::binlog::mariadb::inflate_event;
use crate::statement::QuoteRules;
use crate::wire::{Cursor, Malformed};
use bytes::Bytes;

/// A statement of the binlog.
pub(super) struct QueryEvent {
    pub(super) database: String,
    pub(super) rules: QuoteRules,
    /// The number of the collation of the client's character set, where it was logged.
    pub(super) client_collation: Option<u64>,
    pub(super) text: Bytes,
}

impl QueryEvent {
    /// With `compressed`, the text is deflated.
    pub(super) fn read(body: Bytes, compressed: bool) -> Result<Self, Malformed> {
        let mut cursor = Cursor::new(body);
        cursor.skip(8)?;
        let database_bytes = usize::from(cursor.u8()?);
        cursor.skip(2)?;
        let variables_bytes = usize::from(cursor.u16()?);
        let variables = Cursor::new(cursor.take(variables_bytes)?);
        let database = String::from_utf8_lossy(&cursor.take(database_bytes)?).into_owned();
        cursor.skip(1)?;
        let (rules, client_collation) = read_variables(variables)?;
        Ok(Self {
            database,
            rules,
            client_collation,
            text: if compressed {
                inflate_event(cursor.as_slice())?
            } else {
                cursor.rest()
            },
        })
    }
}

/// The status variables are written in a fixed order, these few first.
fn read_variables(mut cursor: Cursor) -> Result<(QuoteRules, Option<u64>), Malformed> {
    const FLAGS: u8 = 0;
    const SQL_MODE: u8 = 1;
    const AUTO_INCREMENT: u8 = 3;
    const CHARSET: u8 = 4;
    const CATALOG: u8 = 6;
    const ANSI_QUOTES: u64 = 4;
    const NO_BACKSLASH_ESCAPES: u64 = 1 << 20;
    let mut rules = QuoteRules::default();
    while !cursor.is_empty() {
        match cursor.u8()? {
            FLAGS | AUTO_INCREMENT => cursor.skip(4)?,
            SQL_MODE => {
                let mode = cursor.u64()?;
                rules.ansi_quotes = mode & ANSI_QUOTES != 0;
                rules.no_backslash_escapes = mode & NO_BACKSLASH_ESCAPES != 0;
            }
            CATALOG => {
                let length = usize::from(cursor.u8()?);
                cursor.skip(length)?;
            }
            CHARSET => return Ok((rules, Some(u64::from(cursor.u16()?)))),
            _ => break,
        }
    }
    Ok((rules, None))
}
