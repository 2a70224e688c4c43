//! Where the tasks keep what they fetch and start.
//! The folder belongs to the checkout and not to cargo's target folder of the day, so that every build of this checkout shares one cache; `LOCKSTEP_SERVERS_DIR` moves it, for instance to share it between checkouts.

use std::path::{Path, PathBuf};

use crate::failure::Failure;

/// The root of the checkout.
pub(crate) fn workspace() -> PathBuf {
    let manifest = std::env::var_os("CARGO_MANIFEST_DIR")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
    manifest
        .ancestors()
        .nth(2)
        .map_or_else(|| PathBuf::from("."), Path::to_path_buf)
}

/// The folder of everything about servers: the cache and what runs.
pub(crate) fn servers() -> PathBuf {
    std::env::var_os("LOCKSTEP_SERVERS_DIR").map_or_else(
        || workspace().join("target").join("servers"),
        |chosen| {
            let chosen = PathBuf::from(chosen);
            if chosen.is_absolute() {
                chosen
            } else {
                workspace().join(chosen)
            }
        },
    )
}

/// The folder of the fetched servers, made when it is missing.
pub(crate) fn cache() -> Result<PathBuf, Failure> {
    let cache = servers().join("cache");
    std::fs::create_dir_all(&cache).map_err(Failure::file("create", &cache))?;
    Ok(cache)
}
