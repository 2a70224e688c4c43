//! How large the server's binary logs are: what turns two positions into bytes between them.

use super::source::Source;
use crate::error::Error;
use change::LogPosition;
use flow::Failure;

/// The files of a server's binary log and their sizes in bytes, as `SHOW BINARY LOGS` tells.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogSizes(Vec<(String, u64)>);

impl LogSizes {
    /// In the order of the log. Purged files are not among them.
    pub fn new(files: Vec<(String, u64)>) -> Self {
        Self(files)
    }

    pub fn files(&self) -> &[(String, u64)] {
        &self.0
    }

    /// Bytes from one place to a later one; 0 where it is not later. `None` where a file between
    /// them is not known, because it was purged or came after these sizes were asked for.
    pub fn between(&self, from: &LogPosition, to: &LogPosition) -> Option<u64> {
        if from.has_reached(to) {
            return Some(0);
        }
        if from.file == to.file {
            return Some(to.offset - from.offset);
        }
        let index = |place: &LogPosition| self.0.iter().position(|(file, _)| **file == *place.file);
        let (first, last) = (index(from)?, index(to)?);
        let whole: u64 = self.0.get(first..last)?.iter().map(|(_, size)| size).sum();
        Some(whole.saturating_sub(from.offset) + to.offset)
    }
}

impl Source {
    /// Asks the server; takes REPLICATION CLIENT.
    ///
    /// # Errors
    /// That the server cannot be asked, or answers what is no list of files.
    pub async fn log_sizes(&self) -> Result<LogSizes, Failure> {
        let (mut connection, _) = self.connect().await?;
        let rows = connection.query("SHOW BINARY LOGS").await?;
        let mut files = Vec::with_capacity(rows.len());
        for row in &rows {
            let text = |column: usize| {
                let value = row.get(column).and_then(Option::as_deref);
                value.map(String::from_utf8_lossy)
            };
            let size = text(1).and_then(|size| size.parse().ok());
            let (Some(file), Some(size)) = (text(0), size) else {
                return Err(Error::Protocol {
                    address: connection.address().to_owned(),
                    reason: "its list of binary logs has a line without a size".to_owned(),
                }
                .into());
            };
            files.push((file.into_owned(), size));
        }
        Ok(LogSizes(files))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_counted_over_the_files_between() {
        let file = |number: u32, size| (format!("binlog.{number:06}"), size);
        let sizes = LogSizes::new(vec![file(1, 100), file(2, 1000), file(3, 50)]);
        let place = |number: u32, offset| LogPosition::new(format!("binlog.{number:06}"), offset);
        let between = |from: (u32, u64), to: (u32, u64)| {
            sizes.between(&place(from.0, from.1), &place(to.0, to.1))
        };
        assert_eq!(between((1, 40), (1, 90)), Some(50));
        assert_eq!(between((1, 40), (3, 7)), Some(60 + 1000 + 7));
        assert_eq!(between((3, 7), (1, 40)), Some(0));
        assert_eq!(between((3, 7), (4, 7)), None);
        assert_eq!(between((0, 7), (2, 7)), None);
        // Within one file nothing else has to be known.
        assert_eq!(between((9, 5), (9, 8)), Some(3));
    }
}
