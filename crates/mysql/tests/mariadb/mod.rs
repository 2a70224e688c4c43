//! MariaDB, each test on every version: its events, its statements, its types.

mod statements;
mod values;

use crate::binlog::{Stage, changes, checkpoint};
use testbed::servers::Product;

/// Runs a test on each version, one server after the other.
async fn on_each_version(arguments: &[&str], test: impl AsyncFn(&mut Stage)) {
    for product in Product::MARIADB {
        let mut stage = Stage::start_on(product, arguments).await;
        test(&mut stage).await;
    }
}
