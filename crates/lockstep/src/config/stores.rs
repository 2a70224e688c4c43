//! `[source]` and `[target]`: where the two stores are, who we are there and what is taken.
//! A password comes from exactly one place; two places are a contradiction, since nobody can tell which one counts.

use std::path::{Path, PathBuf};

use super::address::{SourceAddress, TargetAddress};
use super::document::{Key, Placed, Section};
use super::masking::is_plain_variable_name;
use super::mistake::Excerpt;
use super::patterns::{Pattern, TablePatterns};
use super::secret::Secret;

/// Where a configuration finds what it only names. Handed in, so that tests need neither the process's environment nor its disk.
pub struct Surroundings<'a> {
    pub variable: &'a dyn Fn(&str) -> Option<String>,
    pub file: &'a dyn Fn(&Path) -> std::io::Result<String>,
    /// What relative paths start at: the folder of the configuration file.
    pub folder: PathBuf,
}

/// `[source]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    pub address: SourceAddress,
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
    pub(super) fn read(mut section: Section<'_>, surroundings: &Surroundings<'_>) -> Option<Self> {
        let address = section.parsed(SOURCE_URL, |text| {
            SourceAddress::parse(text).map_err(unfit_address)
        });
        let address = section.require(SOURCE_URL, address);
        let user = address
            .as_ref()
            .map(|address| Some(address.value.user.as_str()));
        let in_url = address
            .as_ref()
            .filter(|address| address.value.password.is_some());
        let password = read_password(
            &mut section,
            SOURCE_URL,
            SOURCE_PASSWORD_ENV,
            in_url.is_some(),
            user,
            surroundings,
        );
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
        address.password = password.or(address.password);
        let tls_authority_file =
            tls_authority_file.map(|file| surroundings.folder.join(file.value));
        Some(Self {
            address,
            tables: tables?,
            tls,
            tls_authority_file,
        })
    }
}

impl Target {
    pub(super) fn read(mut section: Section<'_>, surroundings: &Surroundings<'_>) -> Option<Self> {
        let address = section.parsed(TARGET_URL, |text| {
            TargetAddress::parse(text).map_err(unfit_address)
        });
        let address = section.require(TARGET_URL, address);
        let user = address.as_ref().map(|address| address.value.user());
        let in_url = address
            .as_ref()
            .is_some_and(|address| address.value.password().is_some());
        let password = read_password(
            &mut section,
            TARGET_URL,
            TARGET_PASSWORD_ENV,
            in_url,
            user,
            surroundings,
        );
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
        if let Some(password) = password {
            address.set_password(password);
        }
        Some(Self {
            address,
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

/// The password from its variable or file. `user` is `None` where the address could not be read.
fn read_password(
    section: &mut Section<'_>,
    url: Key,
    password_env: Key,
    in_url: bool,
    user: Option<Option<&str>>,
    surroundings: &Surroundings<'_>,
) -> Option<Secret> {
    let variable = section.text(password_env);
    let file = section.text(PASSWORD_FILE);
    let places = [
        (in_url, url),
        (variable.is_some(), password_env),
        (file.is_some(), PASSWORD_FILE),
    ];
    let used: Vec<Key> = places
        .iter()
        .filter(|(used, _)| *used)
        .map(|(_, key)| *key)
        .collect();
    if let [first, .., last] = used[..] {
        let span = if last.name == password_env.name {
            variable.as_ref()
        } else {
            file.as_ref()
        };
        let span = span.map(|place| place.key_span.clone()).unwrap_or_default();
        let reason = format!(
            "contradicts {}: the password is given twice",
            section.path_of(first.name)
        );
        section.contradiction(last, span, reason);
        return None;
    }
    let place = variable.as_ref().or(file.as_ref())?;
    let key = if variable.is_some() {
        password_env
    } else {
        PASSWORD_FILE
    };
    if user == Some(None) {
        let reason = format!(
            "contradicts {}: it names no user whose password this is",
            section.path_of(url.name)
        );
        section.contradiction(key, place.key_span.clone(), reason);
        return None;
    }
    let found = if variable.is_some() {
        password_of_variable(&place.value, surroundings)
    } else {
        password_of_file(&place.value, surroundings)
    };
    match found {
        Ok(secret) => Some(secret),
        Err(reason) => {
            section.add("LS1007", key, place.span.clone(), reason, Excerpt::Line);
            None
        }
    }
}

fn password_of_variable(name: &str, surroundings: &Surroundings<'_>) -> Result<Secret, String> {
    // What does not look like a variable may be the password itself, and stays unsaid.
    let shown = if is_plain_variable_name(name) {
        format!(" {name}")
    } else {
        String::new()
    };
    match (surroundings.variable)(name) {
        Some(value) if value.is_empty() => Err(format!("the environment variable{shown} is empty")),
        Some(value) => Ok(Secret::new(value)),
        None => Err(format!("the environment variable{shown} is not set")),
    }
}

fn password_of_file(path: &str, surroundings: &Surroundings<'_>) -> Result<Secret, String> {
    let content = (surroundings.file)(&surroundings.folder.join(path)).map_err(|error| {
        format!(
            "the file {path:?} can't be read: {}",
            super::file_reason(&error)
        )
    })?;
    let password = content.strip_suffix('\n').unwrap_or(&content);
    let password = password.strip_suffix('\r').unwrap_or(password);
    if password.is_empty() {
        return Err(format!("the file {path:?} is empty"));
    }
    Ok(Secret::new(password))
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
