//! How to reach a MySQL server: address, account, encryption.
//!
//! The binlog connection and `mysql_async`'s connections are opened from the same options, so that
//! both talk to the same server in the same way. A password can't be printed: its type has no
//! way to show itself.

use crate::error::Error;
use std::path::PathBuf;
use std::time::Duration;

/// A password. Printing it in any way shows stars.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Password(String);

impl Password {
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself, for the handshake and for nothing else.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Password {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("***")
    }
}

/// How a connection is encrypted, in the words of MySQL's `--ssl-mode`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum TlsMode {
    Disabled,
    /// Encrypted where the server can, without a look at its certificate.
    #[default]
    Preferred,
    /// Encrypted or not at all, without a look at the certificate.
    Required,
    /// The certificate comes from a known authority.
    VerifyAuthority,
    /// It also names the host that we asked for.
    VerifyIdentity,
}

/// Everything that is needed to open a connection.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ConnectOptions {
    pub host: String,
    pub port: u16,
    pub user: String,
    pub password: Password,
    pub tls: TlsMode,
    /// PEM file of the authorities to trust; without it, the well-known public ones.
    pub tls_authority_file: Option<PathBuf>,
    /// How long opening a connection, the login included, may take.
    pub connect_timeout: Duration,
}

impl ConnectOptions {
    /// MySQL's own port.
    pub const DEFAULT_PORT: u16 = 3306;

    pub fn new(
        host: impl Into<String>,
        port: u16,
        user: impl Into<String>,
        password: Password,
    ) -> Self {
        Self {
            host: host.into(),
            port,
            user: user.into(),
            password,
            tls: TlsMode::default(),
            tls_authority_file: None,
            connect_timeout: Duration::from_secs(10),
        }
    }

    /// Reads `mysql://user[:password]@host[:port][/?tls=MODE&tls_ca=FILE]`; MODE is `disabled`,
    /// `preferred`, `required`, `verify-ca` or `verify-identity`. User and password may be
    /// percent-encoded. The error never repeats the text.
    pub fn from_url(url: &str) -> Result<Self, Error> {
        let wrong = |reason: &str| Error::Address {
            reason: reason.to_owned(),
        };
        let rest = url
            .strip_prefix("mysql://")
            .ok_or_else(|| wrong("it does not begin with mysql://"))?;
        let (address, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (address, database) = address.split_once('/').unwrap_or((address, ""));
        if !database.is_empty() {
            return Err(wrong(
                "it names a database; the tables are chosen elsewhere",
            ));
        }
        let (account, host) = address
            .rsplit_once('@')
            .ok_or_else(|| wrong("it names no user"))?;
        let (user, password) = account.split_once(':').unwrap_or((account, ""));
        let decode = |text: &str| {
            percent_decode(text).ok_or_else(|| {
                wrong("a % in it is not followed by two hexadecimal digits of UTF-8")
            })
        };
        let (host, port) =
            split_port(host).ok_or_else(|| wrong("its port is not a number from 1 to 65535"))?;
        if host.is_empty() {
            return Err(wrong("it names no host"));
        }
        let mut options = Self::new(host, port, decode(user)?, Password::new(decode(password)?));
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            match pair.split_once('=') {
                Some(("tls", "disabled")) => options.tls = TlsMode::Disabled,
                Some(("tls", "preferred")) => options.tls = TlsMode::Preferred,
                Some(("tls", "required")) => options.tls = TlsMode::Required,
                Some(("tls", "verify-ca")) => options.tls = TlsMode::VerifyAuthority,
                Some(("tls", "verify-identity")) => options.tls = TlsMode::VerifyIdentity,
                Some(("tls_ca", file)) => options.tls_authority_file = Some(decode(file)?.into()),
                _ => {
                    return Err(wrong(
                        "it has an option other than tls and tls_ca, or a value that they do not take",
                    ));
                }
            }
        }
        Ok(options)
    }

    /// `host:port`, for messages.
    pub fn address(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }

    /// The same options for a `mysql_async` connection.
    ///
    /// `encrypted` says whether the server takes TLS; it only matters for [`TlsMode::Preferred`],
    /// which `mysql_async` does not know, and comes from [`crate::Connection::is_encrypted`].
    pub fn to_mysql_async(&self, encrypted: bool) -> mysql_async::OptsBuilder {
        mysql_async::OptsBuilder::default()
            .ip_or_hostname(self.host.clone())
            .tcp_port(self.port)
            .user(Some(self.user.clone()))
            .pass(Some(self.password.reveal()))
            // Without these two the driver asks the server, and may move on to its Unix socket.
            .prefer_socket(false)
            .max_allowed_packet(Some(MAX_ALLOWED_PACKET_BYTES))
            .ssl_opts(self.mysql_async_tls(encrypted))
    }

    fn mysql_async_tls(&self, encrypted: bool) -> Option<mysql_async::SslOpts> {
        let tls = mysql_async::SslOpts::default();
        let trusted = match &self.tls_authority_file {
            Some(file) => mysql_async::SslOpts::default()
                .with_disable_built_in_roots(true)
                .with_root_certs(vec![file.clone().into()]),
            None => mysql_async::SslOpts::default(),
        };
        match self.tls {
            TlsMode::Disabled => None,
            TlsMode::Preferred if !encrypted => None,
            TlsMode::Preferred | TlsMode::Required => Some(
                tls.with_danger_accept_invalid_certs(true)
                    .with_danger_skip_domain_validation(true),
            ),
            TlsMode::VerifyAuthority => Some(trusted.with_danger_skip_domain_validation(true)),
            TlsMode::VerifyIdentity => Some(trusted),
        }
    }
}

/// The largest packet that the protocol allows: a row, or an event, may be as long as this.
pub(crate) const MAX_ALLOWED_PACKET_BYTES: usize = 1 << 30;

fn split_port(text: &str) -> Option<(&str, u16)> {
    let parse = |port: &str| port.parse().ok().filter(|&port| port > 0);
    if let Some(inside) = text.strip_prefix('[') {
        let (host, after) = inside.split_once(']')?;
        return match after.strip_prefix(':') {
            Some(port) => Some((host, parse(port)?)),
            None if after.is_empty() => Some((host, ConnectOptions::DEFAULT_PORT)),
            None => None,
        };
    }
    match text.split_once(':') {
        Some((host, port)) => Some((host, parse(port)?)),
        None => Some((text, ConnectOptions::DEFAULT_PORT)),
    }
}

fn percent_decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        if byte == b'%' {
            let digits = std::str::from_utf8(after.get(..2)?).ok()?;
            bytes.push(u8::from_str_radix(digits, 16).ok()?);
            rest = &after[2..];
        } else {
            bytes.push(byte);
            rest = after;
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_taken_apart() {
        let options = ConnectOptions::from_url(
            "mysql://app:p%40ss%3A@[::1]:3307/?tls=verify-ca&tls_ca=/ca.pem",
        )
        .unwrap();
        assert_eq!((options.host.as_str(), options.port), ("::1", 3307));
        assert_eq!(
            (options.user.as_str(), options.password.reveal()),
            ("app", "p@ss:")
        );
        assert_eq!(options.tls, TlsMode::VerifyAuthority);
        assert_eq!(options.tls_authority_file, Some("/ca.pem".into()));
        assert_eq!(
            ConnectOptions::from_url("mysql://root@db")
                .unwrap()
                .address(),
            "db:3306"
        );
    }

    #[test]
    fn a_wrong_address_is_refused_without_repeating_it() {
        for url in [
            "mysql:/x",
            "postgres://a:hunter2@b",
            "mysql://hunter2",
            "mysql://a:hunter2@",
            "mysql://a:hunter2@b:0",
            "mysql://a:hunter2@b/shop",
            "mysql://a:hunter2@b?tls=hunter2",
            "mysql://a:%zz@hunter2",
        ] {
            let message = ConnectOptions::from_url(url).unwrap_err().to_string();
            assert!(!message.contains("hunter2"), "{message}");
        }
    }

    #[test]
    fn a_password_shows_itself_in_no_way_of_printing() {
        let options = ConnectOptions::from_url("mysql://app:hunter2@db").unwrap();
        assert!(!format!("{options:?} {options:#?}").contains("hunter2"));
    }
}
