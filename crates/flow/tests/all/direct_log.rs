//! The log in one process keeps the laws of a log.

use flow::direct::{DirectReader, DirectWriter, direct};
use flow::ports::Tail;
use testbed::conformance::log::{LogSetting, check};

struct Direct;

impl LogSetting for Direct {
    type Writer = DirectWriter;
    type Reader = DirectReader;

    fn ends(&self, target: &Tail) -> (DirectWriter, DirectReader) {
        direct(target.clone())
    }
}

#[tokio::test(start_paused = true)]
async fn the_direct_log_keeps_the_laws_of_a_log() {
    check(async || Direct).await.unwrap();
}
