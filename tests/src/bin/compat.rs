//! `cargo xtask compat`: what the test of the same name does, with more rows, and told.

use std::process::ExitCode;
use tests::compat::{Size, compared, sorted};

#[tokio::main]
async fn main() -> ExitCode {
    let compared = match compared(Size::LONG).await {
        Ok(compared) => compared,
        Err(error) => {
            eprintln!("The comparison failed: {error}");
            return ExitCode::FAILURE;
        }
    };
    let (unknown, counts) = sorted(&compared.differences);
    println!(
        "{} messages beside Debezium's; {} documents of two other connectors are right.",
        compared.messages, compared.documents
    );
    println!("Known differences, by their entry in docs/topics.md:");
    for (name, count) in &counts {
        println!("{count:10}  {name}");
    }
    for difference in unknown.iter().take(100) {
        println!("NOT KNOWN: {difference}");
    }
    let gone = counts.values().any(|count| *count == 0);
    if unknown.is_empty() && !gone {
        return ExitCode::SUCCESS;
    }
    println!("{} differences are in no entry.", unknown.len());
    ExitCode::FAILURE
}
