//! Which server speaks MySQL's protocol here: MySQL, or MariaDB of a version.

/// A server's make.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Product {
    #[default]
    MySql,
    /// MariaDB 10.11, of Debian 12.
    MariaDb1011,
    /// MariaDB 11.8, of Debian's unstable suite.
    MariaDb118,
}

/// What Lockstep asks of a MySQL source beyond its defaults; `docker-compose.yml` gives the same.
pub const MYSQL_OPTIONS: &[&str] = &[
    "--server-id=1",
    "--gtid-mode=ON",
    "--enforce-gtid-consistency=ON",
    "--binlog-row-metadata=FULL",
];

/// What Lockstep asks of a MariaDB source beyond its defaults.
pub const MARIADB_OPTIONS: &[&str] = &[
    "--server-id=1",
    "--log-bin=binlog",
    "--binlog-format=ROW",
    "--binlog-row-metadata=FULL",
];

impl Product {
    /// MariaDB's versions, the newest first.
    pub const MARIADB: [Self; 2] = [Self::MariaDb118, Self::MariaDb1011];

    #[must_use]
    pub fn is_mariadb(self) -> bool {
        match self {
            Self::MySql => false,
            Self::MariaDb1011 | Self::MariaDb118 => true,
        }
    }

    /// The folder of the cache that has it, and what its data is kept under.
    pub(super) fn folder(self) -> &'static str {
        match self {
            Self::MySql => "mysql",
            Self::MariaDb1011 => "mariadb-10.11",
            Self::MariaDb118 => "mariadb-11.8",
        }
    }

    pub(super) fn server_program(self) -> &'static str {
        match self {
            Self::MySql => "usr/sbin/mysqld",
            Self::MariaDb1011 | Self::MariaDb118 => "usr/sbin/mariadbd",
        }
    }

    /// The options that a source needs.
    pub(super) fn source_options(self) -> &'static [&'static str] {
        match self {
            Self::MySql => MYSQL_OPTIONS,
            Self::MariaDb1011 | Self::MariaDb118 => MARIADB_OPTIONS,
        }
    }

    /// MariaDB's name of a program that has a name of MySQL's.
    pub(super) fn client_program(self, name: &str) -> String {
        match (self, name) {
            (Self::MySql, name) => name.to_owned(),
            (_, "mysql") => "mariadb".to_owned(),
            (_, name) => format!("mariadb-{}", name.trim_start_matches("mysql")),
        }
    }
}
