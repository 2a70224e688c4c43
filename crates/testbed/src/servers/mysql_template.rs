//! A freshly initialised data folder of MySQL or MariaDB with an administrator's account, made once and copied for each server.
//! Copying takes a fraction of the time that initialising does. The server's uuid is left out of the copy, so that each server makes one of its own; the account is created without a binary log, so that each server's GTID history begins empty.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use super::ServerError;
use super::process::{Readiness, Recipe, ServerProcess, Tie};
use super::provisioned::MySqlHome;

pub(super) const ADMINISTRATOR: &str = "lockstep_root";
pub(super) const PASSWORD: &str = "lockstep";
const READY: &str = "ready for connections";

/// Fills `data` with a copy of the template, which is made if it does not exist yet.
pub(super) fn copy_to(home: &MySqlHome, data: &Path) -> Result<(), ServerError> {
    let template = home.folder().join("template");
    if !template.is_dir() {
        let lock_path = home.folder().join("template.lock");
        let lock = File::create(&lock_path).map_err(ServerError::file("create", &lock_path))?;
        lock.lock().map_err(ServerError::file("lock", &lock_path))?;
        if !template.is_dir() {
            make(home, &template)?;
        }
    }
    copy_folder(&template, data)
}

fn make(home: &MySqlHome, template: &Path) -> Result<(), ServerError> {
    let unfinished = home.folder().join("template.unfinished");
    if unfinished.exists() {
        fs::remove_dir_all(&unfinished).map_err(ServerError::file("remove", &unfinished))?;
    }
    fs::create_dir(&unfinished).map_err(ServerError::file("create", &unfinished))?;
    let data = unfinished.join("data");
    if home.product().is_mariadb() {
        make_mariadb(home, &unfinished, &data)?;
    } else {
        make_mysql(home, &unfinished, &data)?;
    }
    fs::rename(&data, template).map_err(ServerError::file("rename to", template))?;
    fs::remove_dir_all(&unfinished).map_err(ServerError::file("remove", &unfinished))
}

/// MariaDB has no option that makes the system tables: its own statements for them are run by a
/// server that begins without any, and the account's after them.
fn make_mariadb(home: &MySqlHome, unfinished: &Path, data: &Path) -> Result<(), ServerError> {
    fs::create_dir(data).map_err(ServerError::file("create", data))?;
    let share = home.share();
    let mut statements =
        b"CREATE DATABASE mysql;\nUSE mysql;\nSET @auth_root_socket = NULL;\n".to_vec();
    for name in [
        "system_tables.sql",
        "performance_tables.sql",
        "system_tables_data.sql",
        "fill_help_tables.sql",
        "maria_add_gis_sp_bootstrap.sql",
        "sys_schema.sql",
    ] {
        let candidates =
            ["mariadb_", "mysql_", ""].map(|prefix| share.join(format!("{prefix}{name}")));
        let found = candidates.iter().find(|file| file.is_file());
        let file = found.unwrap_or(&candidates[0]);
        statements.extend(fs::read(file).map_err(ServerError::file("read", file))?);
    }
    statements.extend(
        format!(
            "FLUSH PRIVILEGES;\nCREATE USER '{ADMINISTRATOR}'@'%' IDENTIFIED BY '{PASSWORD}';\nGRANT ALL PRIVILEGES ON *.* TO '{ADMINISTRATOR}'@'%' WITH GRANT OPTION;\n"
        )
        .bytes(),
    );
    let file = unfinished.join("begin.sql");
    fs::write(&file, statements).map_err(ServerError::file("write", &file))?;
    let mut recipe = Recipe {
        what: "mariadbd, making its system tables",
        program: home.loader(),
        arguments: home.loader_arguments(home.product().server_program()),
        folder: unfinished.to_path_buf(),
        log: unfinished.join("mariadbd.log"),
        tie: Tie::Tied,
    };
    let option = |name: &str, path: &Path| {
        let mut option = std::ffi::OsString::from(name);
        option.push(path);
        option
    };
    recipe.arguments.extend(home.own_files());
    recipe.arguments.extend([
        option("--datadir=", data),
        option("--init-file=", &file),
        "--skip-grant-tables".into(),
        "--skip-networking".into(),
        "--skip-log-bin".into(),
        "--socket=mysql.sock".into(),
    ]);
    ServerProcess::start(recipe, ready)?.stop()
}

fn make_mysql(home: &MySqlHome, unfinished: &Path, data: &Path) -> Result<(), ServerError> {
    let accounts = unfinished.join("accounts.sql");
    fs::write(
        &accounts,
        format!(
            "CREATE USER '{ADMINISTRATOR}'@'%' IDENTIFIED WITH caching_sha2_password BY '{PASSWORD}';\nGRANT ALL PRIVILEGES ON *.* TO '{ADMINISTRATOR}'@'%' WITH GRANT OPTION;\n"
        ),
    )
    .map_err(ServerError::file("write", &accounts))?;
    let mut data_option = std::ffi::OsString::from("--datadir=");
    data_option.push(data);
    let mut recipe = Recipe {
        what: "mysqld --initialize",
        program: home.loader(),
        arguments: home.loader_arguments("usr/sbin/mysqld"),
        folder: unfinished.to_path_buf(),
        log: unfinished.join("mysqld.log"),
        tie: Tie::Tied,
    };
    recipe.arguments.extend(home.own_files());
    recipe.arguments.push(data_option);
    let server = recipe.clone();
    recipe.arguments.push("--initialize-insecure".into());
    ServerProcess::run_to_the_end(&recipe)?;

    let mut recipe = Recipe {
        what: "mysqld, making its accounts",
        ..server
    };
    let mut init_file = std::ffi::OsString::from("--init-file=");
    init_file.push(&accounts);
    recipe.arguments.extend([
        "--skip-log-bin".into(),
        "--skip-networking".into(),
        "--socket=mysql.sock".into(),
        init_file,
    ]);
    let mut process = ServerProcess::start(recipe, ready)?;
    process.stop()?;
    let uuid = data.join("auto.cnf");
    fs::remove_file(&uuid).map_err(ServerError::file("remove", &uuid))
}

fn ready(log: &str) -> Readiness {
    if log.contains(READY) {
        Readiness::Ready
    } else {
        Readiness::NotYet
    }
}

fn copy_folder(from: &Path, to: &Path) -> Result<(), ServerError> {
    fs::create_dir_all(to).map_err(ServerError::file("create", to))?;
    for entry in fs::read_dir(from).map_err(ServerError::file("read", from))? {
        let entry = entry.map_err(ServerError::file("read", from))?;
        let target: PathBuf = to.join(entry.file_name());
        let kind = entry
            .file_type()
            .map_err(ServerError::file("read", entry.path()))?;
        if kind.is_dir() {
            copy_folder(&entry.path(), &target)?;
        } else if kind.is_file() {
            fs::copy(entry.path(), &target).map_err(ServerError::file("copy to", &target))?;
        }
    }
    Ok(())
}
