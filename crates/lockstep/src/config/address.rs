//! Addresses of the two stores, taken apart just far enough to find the user and the password.
//! What an address is printed as never has the password in it, and what is wrong with one is said without repeating it,
//! since a mistyped address is the likeliest place of a password that is not where it should be.

use super::secret::Secret;

/// Where MySQL is and who we are there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceAddress {
    pub host: String,
    pub port: u16,
    pub user: String,
    pub password: Option<Secret>,
}

/// MongoDB's connection string, as the driver reads it; several hosts and all its options belong to the driver.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TargetAddress {
    scheme: String,
    user: Option<String>,
    password: Option<Secret>,
    /// Hosts, path and options.
    rest: String,
}

impl SourceAddress {
    /// The error never repeats the text.
    pub fn parse(text: &str) -> Result<Self, String> {
        let parts = Parts::parse(text, &["mysql"])?;
        let (hosts, rest) = split_hosts(parts.rest);
        if !matches!(rest, "" | "/") {
            return Err("it has a path or options, and none are read: source.tables chooses databases and tables, source.tls says how to encrypt".into());
        }
        let (host, port) = split_port(hosts)?;
        let user = parts.user.ok_or("it names no user")?;
        Ok(Self {
            host,
            port,
            user,
            password: parts.password,
        })
    }

    /// As a person may see it.
    pub fn shown(&self) -> String {
        format!("mysql://{}@{}:{}", self.user, self.host, self.port)
    }

    /// As a configuration file may have it: it can be read back, and has no password.
    pub fn without_password(&self) -> String {
        let host = if self.host.contains(':') {
            format!("[{}]", self.host)
        } else {
            self.host.clone()
        };
        format!(
            "mysql://{}@{host}:{}",
            percent_encode(&self.user),
            self.port
        )
    }
}

impl TargetAddress {
    /// The error never repeats the text.
    pub fn parse(text: &str) -> Result<Self, String> {
        let parts = Parts::parse(text, &["mongodb", "mongodb+srv"])?;
        let (hosts, _) = split_hosts(parts.rest);
        if hosts.is_empty() || hosts.split(',').any(str::is_empty) {
            return Err("it names no host, or an empty one".into());
        }
        Ok(Self {
            scheme: parts.scheme.to_string(),
            user: parts.user,
            password: parts.password,
            rest: parts.rest.to_string(),
        })
    }

    pub fn user(&self) -> Option<&str> {
        self.user.as_deref()
    }

    pub fn password(&self) -> Option<&Secret> {
        self.password.as_ref()
    }

    pub fn set_password(&mut self, password: Secret) {
        self.password = Some(password);
    }

    /// The whole connection string with its password, for the driver alone.
    pub fn connection_string(&self) -> Secret {
        let account = match (&self.user, &self.password) {
            (Some(user), Some(password)) => {
                format!(
                    "{}:{}@",
                    percent_encode(user),
                    percent_encode(password.reveal())
                )
            }
            (Some(user), None) => format!("{}@", percent_encode(user)),
            (None, _) => String::new(),
        };
        Secret::new(format!("{}://{account}{}", self.scheme, self.rest))
    }

    /// As a configuration file may have it: it can be read back, and the account has no password.
    pub fn without_password(&self) -> String {
        let account = match &self.user {
            Some(user) => format!("{}@", percent_encode(user)),
            None => String::new(),
        };
        format!("{}://{account}{}", self.scheme, self.rest)
    }

    /// As a person may see it: hosts only, since options can hold secrets too.
    pub fn shown(&self) -> String {
        let (hosts, _) = split_hosts(&self.rest);
        match &self.user {
            Some(user) => format!("{}://{user}@{hosts}", self.scheme),
            None => format!("{}://{hosts}", self.scheme),
        }
    }
}

/// `scheme://user:password@rest`
struct Parts<'text> {
    scheme: &'text str,
    user: Option<String>,
    password: Option<Secret>,
    rest: &'text str,
}

impl<'text> Parts<'text> {
    fn parse(text: &'text str, schemes: &[&str]) -> Result<Self, String> {
        let expected = || format!("it does not begin with {}://", schemes.join(":// or "));
        let (scheme, after) = text.split_once("://").ok_or_else(expected)?;
        if !schemes.contains(&scheme) {
            return Err(expected());
        }
        let authority_end = after.find(['/', '?']).unwrap_or(after.len());
        // An @ further on is an unencoded password as often as not: refuse, don't guess.
        if after[authority_end..].contains('@') {
            return Err("it has an @ after the hosts: a '/', '?', '#', '@' or ':' in a user or password must be written as %2F, %3F, %23, %40, %3A".into());
        }
        let Some((account, rest)) = after[..authority_end].rsplit_once('@') else {
            return Ok(Self {
                scheme,
                user: None,
                password: None,
                rest: after,
            });
        };
        let rest = &after[account.len() + 1..][..rest.len() + after.len() - authority_end];
        let (user, password) = match account.split_once(':') {
            Some((user, password)) => (user, Some(password)),
            None => (account, None),
        };
        if account.contains('@') || password.is_some_and(|password| password.contains(':')) {
            return Err(
                "its user or password has an '@' or ':' that must be written as %40 or %3A".into(),
            );
        }
        if user.is_empty() {
            return Err("it has an empty user".into());
        }
        let user = percent_decode(user)?;
        let password = match password {
            Some("") => return Err("it has an empty password: leave out the ':'".into()),
            Some(password) => Some(Secret::new(percent_decode(password)?)),
            None => None,
        };
        Ok(Self {
            scheme,
            user: Some(user),
            password,
            rest,
        })
    }
}

fn split_hosts(rest: &str) -> (&str, &str) {
    rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()))
}

fn split_port(host: &str) -> Result<(String, u16), String> {
    const DEFAULT_PORT: u16 = 3306;
    let (name, port) = if let Some(inside) = host.strip_prefix('[') {
        let (name, after) = inside.split_once(']').ok_or("its [ has no ]")?;
        match after.strip_prefix(':') {
            Some(port) => (name, Some(port)),
            None if after.is_empty() => (name, None),
            None => return Err("something other than a port follows its ]".into()),
        }
    } else {
        match host.split_once(':') {
            Some((name, port)) => (name, Some(port)),
            None => (host, None),
        }
    };
    if name.is_empty() {
        return Err("it names no host".into());
    }
    if name.contains(',') {
        return Err("it names several hosts, and the source is one server".into());
    }
    let port = match port {
        None => DEFAULT_PORT,
        Some(port) => port
            .parse()
            .ok()
            .filter(|port| *port != 0)
            .ok_or("its port is no number from 1 to 65535")?,
    };
    Ok((name.to_string(), port))
}

fn percent_decode(text: &str) -> Result<String, String> {
    let broken =
        || "it has a % that is not followed by two hexadecimal digits of UTF-8".to_string();
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let mut digit = || rest.next().and_then(|digit| char::from(digit).to_digit(16));
            let (high, low) = (digit().ok_or_else(broken)?, digit().ok_or_else(broken)?);
            bytes.push(u8::try_from(high * 16 + low).expect("two hexadecimal digits are one byte"));
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).map_err(|_| broken())
}

fn percent_encode(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                char::from(byte).to_string()
            }
            other => format!("%{other:02X}"),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_address_is_taken_apart() {
        let address = SourceAddress::parse("mysql://lock%40step:p%2Fw@db.example:3307/").unwrap();
        assert_eq!(
            (address.host.as_str(), address.port, address.user.as_str()),
            ("db.example", 3307, "lock@step")
        );
        assert_eq!(address.password.as_ref().unwrap().reveal(), "p/w");
        assert_eq!(address.shown(), "mysql://lock@step@db.example:3307");
        let address = SourceAddress::parse("mysql://a@[::1]").unwrap();
        assert_eq!((address.host.as_str(), address.port), ("::1", 3306));
    }

    #[test]
    fn what_is_wrong_with_an_address_is_said_without_repeating_it() {
        for wrong in [
            "hunter2",
            "mysql:/a:hunter2@h",
            "postgres://a:hunter2@h",
            "mysql://a:hunter2@",
            "mysql://a:hunter2@h:x",
            "mysql://a:hunter2@h:0",
            "mysql://a:hunter2@h/shop",
            "mysql://a:hunter2@h?ssl=1",
            "mysql://hunter2",
            "mysql://a:hunter2/x@h",
            "mysql://a:hunter2@x@h",
            "mysql://a:hunter2%zz@h",
            "mysql://:hunter2@h",
            "mysql://a:@hunter2",
            "mysql://a:hunter2@h,i",
        ] {
            let error = SourceAddress::parse(wrong).unwrap_err();
            assert!(
                !error.contains("hunter2") && !error.is_empty(),
                "{wrong}: {error}"
            );
        }
    }

    #[test]
    fn an_address_is_written_so_that_it_is_read_back_the_same_but_for_the_password() {
        for text in [
            "mysql://lock%40step:p%2Fw@db.example:3307",
            "mysql://a:hunter2@[::1]",
        ] {
            let mut address = SourceAddress::parse(text).unwrap();
            let written = address.without_password();
            address.password = None;
            assert_eq!(
                SourceAddress::parse(&written).unwrap(),
                address,
                "{written}"
            );
        }
        let address =
            TargetAddress::parse("mongodb://lock%40step:hunter2@a:1,b:2/?replicaSet=rs0").unwrap();
        let written = address.without_password();
        assert_eq!(written, "mongodb://lock%40step@a:1,b:2/?replicaSet=rs0");
        assert_eq!(TargetAddress::parse(&written).unwrap().password(), None);
    }

    #[test]
    fn a_target_address_gets_its_password_back_encoded() {
        let mut address =
            TargetAddress::parse("mongodb://lockstep@a:1,b:2/?replicaSet=rs0").unwrap();
        address.set_password(Secret::new("p@w:/"));
        assert_eq!(
            address.connection_string().reveal(),
            "mongodb://lockstep:p%40w%3A%2F@a:1,b:2/?replicaSet=rs0"
        );
        assert_eq!(address.shown(), "mongodb://lockstep@a:1,b:2");
        let plain = "mongodb://a:1/?replicaSet=rs0";
        assert_eq!(
            TargetAddress::parse(plain)
                .unwrap()
                .connection_string()
                .reveal(),
            plain
        );
        assert!(TargetAddress::parse("mongodb://").is_err());
        assert!(TargetAddress::parse("mongodb://a,,b").is_err());
    }
}
