//! Ports for servers.
//! They come from below the range that the kernel hands out to outgoing connections, so that a server that was killed finds its port still free when it starts again. For the same reason no port is handed out twice in one process: a server of another test would take the place of one that is down for a moment, and answer its clients.

use std::collections::BTreeSet;
use std::hash::{BuildHasher, RandomState};
use std::net::TcpListener;
use std::sync::{Mutex, PoisonError};

const FIRST: u16 = 12_000;
const COUNT: u16 = 20_000;

/// All that were handed out.
static TAKEN: Mutex<BTreeSet<u16>> = Mutex::new(BTreeSet::new());

/// A port that was free a moment ago; whoever uses it tries another one when another process has taken it meanwhile.
pub(super) fn free_port() -> u16 {
    let mut taken = TAKEN.lock().unwrap_or_else(PoisonError::into_inner);
    assert!(
        taken.len() < usize::from(COUNT),
        "a process starts fewer servers than there are ports"
    );
    loop {
        let offset = u16::try_from(random() % u64::from(COUNT)).expect("below COUNT, a u16");
        let port = FIRST + offset;
        if taken.insert(port) && TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

/// A number that differs between processes and calls; the standard hasher is seeded by the system.
pub(super) fn random() -> u64 {
    RandomState::new().hash_one(std::process::id())
}

#[cfg(test)]
mod tests {
    use super::free_port;
    use std::collections::BTreeSet;

    #[test]
    fn a_port_that_is_free_again_is_not_handed_to_another_server() {
        let ports: BTreeSet<u16> = (0..4_000).map(|_| free_port()).collect();
        assert_eq!(ports.len(), 4_000);
    }
}
