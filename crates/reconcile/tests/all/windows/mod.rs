//! A model of copying a table while it changes (invariant 3), checked over every order of events.
//!
//! What is modelled: a server whose transactions enter the binlog, become visible and enter
//! `gtid_executed` at different moments and in different orders; the dump thread, which may hand a
//! transaction out as soon as it is in the binlog; readers that read chunks; capture, which emits
//! transactions and chunks, forgets all that was not durable when it restarts, and skips the
//! table's changes until its first window. What must hold: at every point that is not inside a
//! transaction, the collection is a subset of the table as of that point, and equal to it once
//! every chunk is in.
//!
//! The windows' rules are the product's own code; the model calls it with every history it finds.
//!
//! Simplifications, and why they lose nothing:
//! - Three keys, two chunks, two or three transactions. Every rule is about one key and the order
//!   of two transactions on it with a read view between; the third key is what keys move to.
//! - A row is its writer. Equal contents written twice would only hide differences.
//! - The barrier is one transaction, or one row change of it in the torn model. A longer barrier
//!   only leaves out points at which windows could close, and the model may always close later.
//! - `high` is read in the same moment as the view is opened, where it is smallest; reading it later
//!   only makes the window longer, which closing later does too.
//! - Waiting for C and reading `low` are one step: `low` only grows, and it is read after the wait.
//! - A transaction enters the binlog only when no row that it changes is held by one that is not yet
//!   visible: row locks are held until the engine commits.
//! - Transactions become visible in any order, which is more than the server allows by default.
//! - Applied and durable are one: the target is what the emitted barriers make of it, and a restart
//!   falls back to any state that was emitted since the last one that was durable.
//! - A broken reader, a failover or a crash of the server discard the windows: so does the restart
//!   of a capture whose barriers were all durable.

mod checks;
mod rules;
mod server;

use rules::{Rules, rows_to_emit};
use server::{Kind, Rows, Server, apply};
use stateright::{Model, Property};

/// How far capture is in the binlog.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
struct Place {
    /// Whole transactions.
    transactions: usize,
    /// Row changes of the next transaction that are sent out already.
    changes: usize,
}

/// What capture has sent out, or what of it is durable.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Progress {
    place: Place,
    collection: Rows,
    /// A bit per chunk that was emitted.
    chunks: u8,
    /// Whether the table's changes are emitted.
    live: bool,
}

/// A chunk on its way.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
enum Window {
    Idle,
    /// Capture has named C and records keys from there on.
    Named {
        after: Place,
    },
    /// The reader has waited for C and has read `low`.
    Lowered {
        after: Place,
        low: u8,
    },
    /// Rows and `high` are there.
    Read {
        after: Place,
        low: u8,
        high: usize,
        rows: Rows,
    },
}

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct State {
    server: Server,
    emitted: Progress,
    durable: Progress,
    windows: [Window; 2],
    restarts: u8,
}

#[derive(Clone, Copy, PartialEq, Debug)]
enum Action {
    Log(Kind),
    Commit(usize),
    Execute(usize),
    Name(usize),
    Lower(usize),
    Read(usize),
    Close(usize),
    Emit,
    Persist,
    Restart,
}

/// The keys of each chunk.
const CHUNKS: [&[u8]; 2] = [&[0], &[1, 2]];

struct Copying {
    kinds: &'static [Kind],
    transactions: usize,
    restarts: u8,
    /// Whether both chunks may be read at the same time.
    parallel: bool,
    /// Whether transactions are emitted one row change at a time.
    torn: bool,
    rules: Rules,
}

impl Copying {
    fn is_live(state: &State) -> bool {
        state.emitted.live
            || state
                .windows
                .iter()
                .any(|window| !matches!(window, Window::Idle))
    }

    fn may_name(&self, state: &State, chunk: usize) -> bool {
        state.windows[chunk] == Window::Idle
            && state.emitted.chunks & 1 << chunk == 0
            && (chunk == 0 || self.parallel || state.emitted.chunks & 1 != 0)
            && (state.emitted.place.changes == 0 || self.rules.names_while_torn)
    }

    fn emit(&self, state: &mut State) {
        let live = Self::is_live(state);
        let place = state.emitted.place.transactions;
        let changes = state.server.binlog[place].changes();
        let through = if self.torn {
            state.emitted.place.changes + 1
        } else {
            changes.len()
        };
        if live {
            for change in &changes[state.emitted.place.changes..through] {
                apply(&mut state.emitted.collection, *change, place);
            }
        }
        state.emitted.place.changes = through;
        if through == changes.len() {
            state.emitted.place.transactions += 1;
            state.emitted.place.changes = 0;
        }
        state.emitted.live |= live && self.rules.stores_live_with_changes;
    }

    fn close(&self, state: &State, chunk: usize) -> Option<Progress> {
        let Window::Read {
            after,
            low,
            high,
            rows,
        } = &state.windows[chunk]
        else {
            return None;
        };
        let low = if self.rules.low_after_the_view {
            state.server.executed
        } else {
            *low
        };
        let kept = rows_to_emit(
            &self.rules,
            &state.server.binlog,
            (*after, low, *high),
            state.emitted.place,
            (CHUNKS[chunk], rows),
        )?;
        let mut emitted = state.emitted.clone();
        for key in kept {
            emitted.collection[usize::from(key)] = rows[usize::from(key)];
        }
        emitted.chunks |= 1 << chunk;
        emitted.live = true;
        Some(emitted)
    }
}

impl Model for Copying {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        let nothing = Progress {
            place: Place::default(),
            collection: [None; 3],
            chunks: 0,
            live: false,
        };
        vec![State {
            server: Server::default(),
            emitted: nothing.clone(),
            durable: nothing,
            windows: [Window::Idle, Window::Idle],
            restarts: 0,
        }]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        let server = &state.server;
        if server.binlog.len() < self.transactions {
            let possible = self.kinds.iter().filter(|kind| server.may_log(**kind));
            actions.extend(possible.map(|kind| Action::Log(*kind)));
        }
        for place in 0..server.binlog.len() {
            if server.visible & 1 << place == 0 {
                actions.push(Action::Commit(place));
            } else if server.executed & 1 << place == 0 {
                actions.push(Action::Execute(place));
            }
        }
        for chunk in 0..CHUNKS.len() {
            match &state.windows[chunk] {
                Window::Idle if self.may_name(state, chunk) => actions.push(Action::Name(chunk)),
                Window::Idle => {}
                Window::Named { after } => {
                    let up_to_c = (1 << after.transactions) - 1;
                    if server.executed & up_to_c == up_to_c || !self.rules.waits_for_c {
                        actions.push(Action::Lower(chunk));
                    }
                }
                Window::Lowered { .. } => actions.push(Action::Read(chunk)),
                Window::Read { .. } => actions.push(Action::Close(chunk)),
            }
        }
        if state.emitted.place.transactions < server.binlog.len() {
            actions.push(Action::Emit);
        }
        if state.durable != state.emitted {
            actions.push(Action::Persist);
        }
        if state.restarts < self.restarts {
            actions.push(Action::Restart);
        }
    }

    fn next_state(&self, last: &State, action: Action) -> Option<State> {
        let mut state = last.clone();
        match action {
            Action::Log(kind) => state.server.binlog.push(kind),
            Action::Commit(place) => state.server.visible |= 1 << place,
            Action::Execute(place) => state.server.executed |= 1 << place,
            Action::Name(chunk) => {
                state.windows[chunk] = Window::Named {
                    after: state.emitted.place,
                };
            }
            Action::Lower(chunk) => {
                let Window::Named { after } = last.windows[chunk] else {
                    return None;
                };
                state.windows[chunk] = Window::Lowered {
                    after,
                    low: last.server.executed,
                };
            }
            Action::Read(chunk) => {
                let Window::Lowered { after, low } = last.windows[chunk] else {
                    return None;
                };
                let server = &last.server;
                let high = if self.rules.high_is_the_head {
                    server.binlog.len()
                } else {
                    usize::try_from(u8::BITS - server.executed.leading_zeros()).ok()?
                };
                state.windows[chunk] = Window::Read {
                    after,
                    low,
                    high,
                    rows: server.visible_rows(),
                };
            }
            Action::Close(chunk) => {
                state.emitted = self.close(last, chunk)?;
                state.windows[chunk] = Window::Idle;
            }
            Action::Emit => self.emit(&mut state),
            Action::Persist => state.durable = state.emitted.clone(),
            Action::Restart => {
                state.emitted = state.durable.clone();
                state.windows = [Window::Idle, Window::Idle];
                state.restarts += 1;
            }
        }
        (state != *last).then_some(state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        let mut properties = vec![Property::<Self>::always(EXACT, |_, state| is_exact(state))];
        if self.rules == Rules::KEPT {
            properties.extend(self.reached());
        }
        properties
    }
}

const EXACT: &str = "the collection is what the table was";

/// Outside of transactions, the collection is a subset of the table as of the last transaction
/// emitted; with every chunk in, it is the table.
fn is_exact(state: &State) -> bool {
    if state.emitted.place.changes > 0 {
        return true;
    }
    let table = state.server.rows_at(state.emitted.place.transactions);
    let following = state.emitted.chunks.count_ones() as usize == CHUNKS.len();
    let mut pairs = state.emitted.collection.iter().zip(table);
    pairs.all(|(document, row)| *document == row || (!following && document.is_none()))
}

impl Copying {
    /// What the model must come past, or it would hold for want of trying.
    fn reached(&self) -> Vec<Property<Self>> {
        let mut reached = vec![
            Property::<Self>::sometimes("the table follows after a change", |model, state| {
                state.emitted.chunks == 3
                    && state.emitted.place.transactions == model.transactions
                    && state.restarts == model.restarts
            }),
            Property::<Self>::sometimes("a view is older than the stream", |_, state| {
                state.windows.iter().any(|window| match window {
                    Window::Read { rows, .. } => {
                        *rows != state.server.rows_at(state.emitted.place.transactions)
                    }
                    Window::Idle | Window::Named { .. } | Window::Lowered { .. } => false,
                })
            }),
            Property::<Self>::sometimes("a view holds what low does not", |_, state| {
                state.windows.iter().any(|window| match window {
                    Window::Read { rows, low, .. } => rows.iter().flatten().any(|writer| {
                        usize::from(*writer) < state.server.binlog.len() && low & 1 << writer == 0
                    }),
                    Window::Idle | Window::Named { .. } | Window::Lowered { .. } => false,
                })
            }),
        ];
        if self.torn {
            reached.push(Property::<Self>::sometimes(
                "a restart inside a transaction",
                |_, state| state.restarts > 0 && state.emitted.place.changes > 0,
            ));
        }
        reached
    }
}
