//! Judges topics from outside: read by a client that is not ours, held against `mysqlbinlog`.
//!
//! A table's topic, read with `read_committed`, must hold each change from the table's start on
//! exactly once, and those of one key in order. No code of Lockstep has a say in it: what is in the
//! topics is read by Kafka's own client, what should be there is told by MySQL's own program, and
//! the rules between the two are written here a second time.

mod account;
mod change_event;
mod consumer;
mod expectation;
mod literal;
mod verdict;

pub use account::{Account, AccountError, account, read as read_account};
pub use change_event::{Event, event};
pub use consumer::{ConsumerError, Following, Record, read_committed};
pub use verdict::{Verdict, judge};
