//! Real servers for tests, the demo and the benchmark: MySQL, MariaDB, MongoDB, Kafka, from the cache that `cargo xtask servers fetch` fills.
//! A server that a test starts ends with it, however the test ends: it is killed on drop, and by the kernel when the starting process dies. Its data lies in a folder of its own that the next run removes if this one could not.

mod connect;
mod data_folder;
mod error;
mod kafka;
mod mongo;
mod mongo_wire;
mod mysql;
mod mysql_template;
mod port;
mod process;
mod product;
mod provisioned;
mod registry;
pub mod running;

pub use connect::{Connect, Connector};
pub use error::ServerError;
pub use kafka::{Java, KAFKA_PROPERTIES, Kafka, KafkaOptions};
pub use mongo::{MONGO_OPTIONS, Mongo, MongoOptions};
pub use mysql::{MySql, MySqlOptions};
pub use product::{MARIADB_OPTIONS, MYSQL_OPTIONS, Product};
pub use provisioned::Provisioned;
pub use registry::Registry;

/// Runs blocking work beside the async runtime.
async fn beside<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ServerError> + Send + 'static,
) -> Result<T, ServerError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(failed) if failed.is_panic() => std::panic::resume_unwind(failed.into_panic()),
        Err(_) => Err(ServerError::Cancelled),
    }
}
