//! Scripted faults: a wrapper for each port that refuses a call before it is done, or does it and
//! then says that it failed.
//!
//! The two are what a caller cannot tell apart when a connection breaks, and between them lies all
//! that recovery has to get right. All wrappers of a run share one script, which numbers the calls
//! as they come.

mod dice;
mod logs;
mod sink;
mod source;

pub use dice::Dice;
pub use logs::{FaultyControl, FaultyLogReader, FaultyLogWriter};
pub use sink::FaultySink;
pub use source::{FaultySnapshot, FaultySource, FaultyStream};

use crate::memory::failure;
use flow::{Disposition, Failure};
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard};

/// How a call fails.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fault {
    /// Nothing was done.
    Before,
    /// All was done, and the answer was lost.
    After,
}

/// The script of a run. Cloning gives another handle to the same one.
#[derive(Clone, Debug)]
pub struct Faults(Arc<Mutex<Script>>);

#[derive(Debug)]
struct Script {
    plan: Plan,
    /// The calls so far, with what became of those that failed.
    calls: u64,
    happened: Vec<(u64, &'static str, Fault)>,
}

#[derive(Debug)]
enum Plan {
    None,
    At { call: u64, fault: Fault },
    Random { dice: Dice, once_in: u64, left: u32 },
}

impl Faults {
    /// No call fails; they are only counted.
    pub fn none() -> Self {
        Self::new(Plan::None)
    }

    /// The call of this number fails, counted from 0, and no other.
    pub fn at(call: u64, fault: Fault) -> Self {
        Self::new(Plan::At { call, fault })
    }

    /// At most so many calls fail, each with the chance of one in `once_in`.
    pub fn random(seed: u64, once_in: u64, at_most: u32) -> Self {
        Self::new(Plan::Random {
            dice: Dice::new(seed),
            once_in,
            left: at_most,
        })
    }

    /// How many calls there were.
    pub fn calls(&self) -> u64 {
        self.script().calls
    }

    /// The calls that failed: number, name and how.
    pub fn happened(&self) -> Vec<(u64, &'static str, Fault)> {
        self.script().happened.clone()
    }

    /// Makes the call, or fails it, as the script says.
    pub async fn around<T>(
        &self,
        call: &'static str,
        doing: impl Future<Output = Result<T, Failure>>,
    ) -> Result<T, Failure> {
        match self.decide(call) {
            None => doing.await,
            Some(Fault::Before) => Err(lost(call, "was refused")),
            Some(Fault::After) => {
                doing.await?;
                Err(lost(call, "was done and its answer lost"))
            }
        }
    }

    fn new(plan: Plan) -> Self {
        Self(Arc::new(Mutex::new(Script {
            plan,
            calls: 0,
            happened: Vec::new(),
        })))
    }

    fn decide(&self, call: &'static str) -> Option<Fault> {
        let mut script = self.script();
        let number = script.calls;
        script.calls += 1;
        let fault = match &mut script.plan {
            Plan::None => None,
            Plan::At { call, fault } => (*call == number).then_some(*fault),
            Plan::Random {
                dice,
                once_in,
                left,
            } => (*left > 0 && dice.below(*once_in) == 0).then(|| {
                *left -= 1;
                if dice.below(2) == 0 {
                    Fault::Before
                } else {
                    Fault::After
                }
            }),
        };
        script
            .happened
            .extend(fault.map(|fault| (number, call, fault)));
        fault
    }

    fn script(&self) -> MutexGuard<'_, Script> {
        self.0
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

fn lost(call: &str, how: &str) -> Failure {
    failure(Disposition::Transient, format!("{call} {how} by script"))
}
