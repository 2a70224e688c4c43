//! Which family of servers one belongs to.
//!
//! MariaDB speaks MySQL's protocol and began as MySQL's sources, but its GTIDs, its events from 160
//! on, its catalogue and its views are its own. Whoever asks a server something that the two answer
//! differently knows the family first.

/// MySQL, or MariaDB.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Family {
    MySql,
    MariaDb,
}

/// The server's identity among MariaDB's: it has no uuid. `server_uid` is made of the machine's
/// network address and the port, so two servers with one `server_id` are told apart.
pub(crate) const MARIADB_SERVER: &str = "CONCAT(@@GLOBAL.server_id, '-', @@GLOBAL.server_uid)";

impl Family {
    /// By what the server says of itself: its version, and the comment beside it.
    pub fn of(version: &str, comment: &str) -> Self {
        let is_mariadb = |text: &str| text.to_ascii_lowercase().contains("mariadb");
        if is_mariadb(version) || is_mariadb(comment) {
            Self::MariaDb
        } else {
            Self::MySql
        }
    }

    /// Major, minor and patch. MariaDB 10 greets as `5.5.5-10.11.6-MariaDB`, for old clients' sake.
    pub fn version(self, text: &str) -> (u32, u32, u32) {
        let text = match self {
            Self::MySql => text,
            Self::MariaDb => text.strip_prefix("5.5.5-").unwrap_or(text),
        };
        let mut parts = text
            .split(|character: char| !character.is_ascii_digit())
            .map(|part| part.parse().unwrap_or(0));
        let mut next = || parts.next().unwrap_or(0);
        (next(), next(), next())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_and_versions_are_read_from_what_servers_say() {
        for (text, family, version) in [
            ("8.0.36-0ubuntu0.22.04.1", Family::MySql, (8, 0, 36)),
            ("9.7.4-1", Family::MySql, (9, 7, 4)),
            ("5.5.5-10.11.18-MariaDB-log", Family::MariaDb, (10, 11, 18)),
            ("11.8.9-MariaDB-4 from Debian", Family::MariaDb, (11, 8, 9)),
        ] {
            assert_eq!(Family::of(text, ""), family, "{text}");
            assert_eq!(family.version(text), version, "{text}");
        }
        assert_eq!(Family::of("10.6.1-log", "MariaDB Server"), Family::MariaDb);
    }
}
