//! The folder of one server's data.
//! It is removed on drop. A process that was killed cannot do that, hence each folder is held by a file lock, and whoever makes the next folder removes those whose lock nobody holds.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use super::{Provisioned, ServerError, port};

/// A folder that lives as long as its server.
#[derive(Debug)]
pub(super) struct DataFolder {
    path: PathBuf,
    /// Held for as long as this process uses the folder; none for a detached server.
    hold: Option<File>,
}

impl DataFolder {
    /// A folder that is removed with the returned value.
    pub(super) fn temporary(provisioned: &Provisioned, what: &str) -> Result<Self, ServerError> {
        let all = provisioned.servers_folder().join("data");
        fs::create_dir_all(&all).map_err(ServerError::file("create", &all))?;
        // Making a folder and taking its lock are two steps that no sweep may come between.
        let making_path = all.join(".making");
        let making =
            File::create(&making_path).map_err(ServerError::file("create", &making_path))?;
        making
            .lock()
            .map_err(ServerError::file("lock", &making_path))?;
        sweep(&all);
        let path = all.join(format!("{what}-{:016x}", port::random()));
        fs::create_dir(&path).map_err(ServerError::file("create", &path))?;
        let lock_path = path.join(".held");
        let hold = File::create(&lock_path).map_err(ServerError::file("create", &lock_path))?;
        hold.lock().map_err(ServerError::file("lock", &lock_path))?;
        Ok(Self {
            path,
            hold: Some(hold),
        })
    }

    /// A folder that outlives this process.
    pub(super) fn lasting(path: PathBuf) -> Result<Self, ServerError> {
        if path.exists() {
            fs::remove_dir_all(&path).map_err(ServerError::file("remove", &path))?;
        }
        fs::create_dir_all(&path).map_err(ServerError::file("create", &path))?;
        Ok(Self { path, hold: None })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for DataFolder {
    fn drop(&mut self) {
        if self.hold.is_some() {
            // What cannot be removed now is swept by the next run.
            let _ = fs::remove_dir_all(&self.path);
        }
    }
}

/// Removes what killed processes left.
fn sweep(all: &Path) {
    let Ok(entries) = fs::read_dir(all) else {
        return;
    };
    for path in entries.filter_map(|entry| Some(entry.ok()?.path())) {
        let abandoned = match File::open(path.join(".held")) {
            Ok(held) => held.try_lock().is_ok(),
            Err(_) => path.is_dir(),
        };
        if abandoned {
            let _ = fs::remove_dir_all(&path);
        }
    }
}
