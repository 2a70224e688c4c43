//! Ports for servers.
//! They come from below the range that the kernel hands out to outgoing connections, so that a server that was killed finds its port still free when it starts again.

use std::hash::{BuildHasher, RandomState};
use std::net::TcpListener;

const FIRST: u16 = 12_000;
const COUNT: u16 = 20_000;

/// A port that was free a moment ago; whoever uses it tries another one when it is taken meanwhile.
pub(super) fn free_port() -> u16 {
    loop {
        let offset = u16::try_from(random() % u64::from(COUNT)).expect("below COUNT, a u16");
        let port = FIRST + offset;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

/// A number that differs between processes and calls; the standard hasher is seeded by the system.
pub(super) fn random() -> u64 {
    RandomState::new().hash_one(std::process::id())
}
