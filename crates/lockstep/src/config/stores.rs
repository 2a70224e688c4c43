//! `[source]` and `[target]`: where the two stores are, who we are there and what is taken.
//! A password comes from exactly one place; two places are a contradiction, since nobody can tell which one counts.

use std::path::PathBuf;

use super::address::{SourceAddress, TargetAddress};
use super::document::{Key, Placed, Section};
use super::passwords::{AbsentPassword, Need, Password, PasswordKeys, Surroundings, read_password};
use super::patterns::{Pattern, TablePatterns};

/// `[source]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    pub address: SourceAddress,
    /// Why the account's password is not there, where a command can do without.
    pub absent_password: Option<AbsentPassword>,
    pub tables: TablePatterns,
    pub tls: Tls,
    /// A file of certificates in PEM form that the server's one must come from; without it, the public ones.
    pub tls_authority_file: Option<PathBuf>,
}

/// How the connection to MySQL is encrypted; the words of MySQL's own clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tls {
    Disabled,
    Preferred,
    Required,
    VerifyAuthority,
    VerifyIdentity,
}

/// `[target]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    pub address: TargetAddress,
    /// Why the account's password is not there, where a command can do without.
    pub absent_password: Option<AbsentPassword>,
    /// All tables go here; without it every MySQL database keeps its name.
    pub database: Option<String>,
    pub control_database: String,
}

const SOURCE_URL: Key = Key {
    name: "url",
    allowed: "mysql://USER@HOST:PORT, with special characters of the user percent-encoded",
    example: r#"url = "mysql://lockstep@db.example:3306""#,
};
const SOURCE_PASSWORD_ENV: Key = Key {
    name: "password_env",
    allowed: "the name of an environment variable that holds the password",
    example: r#"password_env = "LOCKSTEP_MYSQL_PASSWORD""#,
};
const TABLES: Key = Key {
    name: "tables",
    allowed: "a list of patterns database.table with * and ?; a leading ! leaves out; the last match wins",
    example: r#"tables = ["shop.*", "!shop.scratch_*"]"#,
};
const TLS: Key = Key {
    name: "tls",
    allowed: "disabled, preferred (the default), required, verify-ca, verify-identity",
    example: r#"tls = "verify-identity""#,
};
const TLS_CA: Key = Key {
    name: "tls_ca",
    allowed: "the path of a file of PEM certificates, with tls = \"verify-ca\" or \"verify-identity\"",
    example: r#"tls_ca = "/etc/lockstep/mysql-ca.pem""#,
};
const TARGET_URL: Key = Key {
    name: "url",
    allowed: "mongodb://USER@HOST:PORT/?OPTIONS or mongodb+srv://…, as MongoDB's drivers read it",
    example: r#"url = "mongodb://mongo.example:27017/?replicaSet=rs0""#,
};
const TARGET_PASSWORD_ENV: Key = Key {
    name: "password_env",
    allowed: SOURCE_PASSWORD_ENV.allowed,
    example: r#"password_env = "LOCKSTEP_MONGODB_PASSWORD""#,
};
const PASSWORD_FILE: Key = Key {
    name: "password_file",
    allowed: "the path of a file that holds the password and nothing else; relative to the configuration's folder",
    example: r#"password_file = "/run/secrets/lockstep""#,
};
const DATABASE: Key = Key {
    name: "database",
    allowed: "1 to 63 bytes without space and /\\.\"$*<>:|?, and not admin, config or local",
    example: r#"database = "shop""#,
};
const CONTROL_DATABASE: Key = Key {
    name: "control_database",
    allowed: "a name as for target.database, another one than it; \"lockstep\" is the default",
    example: r#"control_database = "lockstep""#,
};

impl Source {
    pub(super) fn read(
        mut section: Section<'_>,
        need: Need,
        surroundings: &Surroundings<'_>,
    ) -> Option<Self> {
        let address = section.parsed(SOURCE_URL, |text| {
            SourceAddress::parse(text).map_err(unfit_address)
        });
        let address = section.require(SOURCE_URL, address);
        let user = address
            .as_ref()
            .map(|address| Some(address.value.user.as_str()));
        let in_url = address
            .as_ref()
            .is_some_and(|address| address.value.password.is_some());
        let keys = PasswordKeys {
            url: SOURCE_URL,
            variable: SOURCE_PASSWORD_ENV,
            file: PASSWORD_FILE,
            in_url,
            user,
        };
        let password = read_password(&mut section, &keys, need, surroundings);
        let tables = section.texts(TABLES);
        let tables = section
            .require(TABLES, tables)
            .and_then(|texts| read_patterns(&section, texts));
        let tls = section.word(
            TLS,
            &[
                ("disabled", Tls::Disabled),
                ("preferred", Tls::Preferred),
                ("required", Tls::Required),
                ("verify-ca", Tls::VerifyAuthority),
                ("verify-identity", Tls::VerifyIdentity),
            ],
        );
        let tls_was_read = tls.is_some() || !section.has(TLS);
        let tls = tls.map_or(Tls::Preferred, |tls| tls.value);
        let tls_authority_file = section.text(TLS_CA);
        let verifies = matches!(tls, Tls::VerifyAuthority | Tls::VerifyIdentity);
        if let Some(file) = tls_authority_file
            .as_ref()
            .filter(|_| tls_was_read && !verifies)
        {
            let reason =
                "contradicts source.tls, which checks no certificate: tls_ca would be ignored"
                    .to_string();
            section.contradiction(TLS_CA, file.span.clone(), reason);
        }
        section.finish();
        let mut address = address?.value;
        let absent_password = match password {
            Password::Nothing => None,
            Password::Found(secret) => {
                address.password = Some(secret);
                None
            }
            Password::Absent(absent) => Some(absent),
        };
        let tls_authority_file =
            tls_authority_file.map(|file| surroundings.folder.join(file.value));
        Some(Self {
            address,
            absent_password,
            tables: tables?,
            tls,
            tls_authority_file,
        })
    }
}

impl Target {
    pub(super) fn read(
        mut section: Section<'_>,
        need: Need,
        surroundings: &Surroundings<'_>,
    ) -> Option<Self> {
        let address = section.parsed(TARGET_URL, |text| {
            TargetAddress::parse(text).map_err(unfit_address)
        });
        let address = section.require(TARGET_URL, address);
        let user = address.as_ref().map(|address| address.value.user());
        let in_url = address
            .as_ref()
            .is_some_and(|address| address.value.password().is_some());
        let keys = PasswordKeys {
            url: TARGET_URL,
            variable: TARGET_PASSWORD_ENV,
            file: PASSWORD_FILE,
            in_url,
            user,
        };
        let password = read_password(&mut section, &keys, need, surroundings);
        let database = section.parsed(DATABASE, database_name);
        let control_database = section.parsed(CONTROL_DATABASE, database_name);
        let control_name = control_database
            .as_ref()
            .map_or("lockstep", |name| &name.value);
        if let Some(database) = database.as_ref().filter(|name| name.value == control_name) {
            let reason = format!(
                "contradicts target.control_database: both are {control_name:?}, and documents of the application must not lie beside fences and checkpoints"
            );
            section.contradiction(DATABASE, database.span.clone(), reason);
        }
        let control_database = control_name.to_string();
        section.finish();
        let mut address = address?.value;
        let absent_password = match password {
            Password::Nothing => None,
            Password::Found(secret) => {
                address.set_password(secret);
                None
            }
            Password::Absent(absent) => Some(absent),
        };
        Some(Self {
            address,
            absent_password,
            database: database.map(|name| name.value),
            control_database,
        })
    }
}

fn unfit_address(reason: String) -> String {
    format!("the address can't be used: {reason}")
}

fn read_patterns(
    section: &Section<'_>,
    texts: Placed<Vec<Placed<String>>>,
) -> Option<TablePatterns> {
    let count = texts.value.len();
    let mut patterns = Vec::with_capacity(count);
    for text in texts.value {
        match Pattern::parse(&text.value) {
            Ok(pattern) => patterns.push(pattern),
            Err(reason) => section.wrong_value(TABLES, text.span, reason),
        }
    }
    if patterns.len() < count {
        return None;
    }
    if !patterns.iter().any(Pattern::takes) {
        section.wrong_value(
            TABLES,
            texts.span,
            "every pattern leaves out, so no table is taken".into(),
        );
        return None;
    }
    Some(TablePatterns::new(patterns))
}

fn database_name(text: &str) -> Result<String, String> {
    const MOST_BYTES: usize = 63;
    const FORBIDDEN: &str = "/\\. \"$*<>:|?\0";
    if text.is_empty() || text.len() > MOST_BYTES || text.contains(|c| FORBIDDEN.contains(c)) {
        return Err(format!(
            "{text:?} is not a name that MongoDB takes for a database"
        ));
    }
    if matches!(text, "admin" | "config" | "local") {
        return Err(format!("{text:?} is MongoDB's own database"));
    }
    Ok(text.to_string())
}
