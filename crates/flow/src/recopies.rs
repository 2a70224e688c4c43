//! Requests to copy anew, from whoever leaves them to the loop that can do it, and back.
//!
//! A request is answered when what it does to the tables' progress is durable in the log, and not
//! before: a process that dies in between leaves the request unanswered, and its successor takes it
//! again. Doing it twice does no harm.

use change::{Ordinal, TableName, TableState, Value};
use reconcile::Capture;
use std::collections::BTreeMap;

/// What somebody wants.
#[derive(Clone, PartialEq, Debug)]
pub struct Recopy {
    /// Names the request.
    pub id: String,
    /// Tables, as `database.table`, each to be emptied and copied from the beginning; or one table
    /// of which these keys, each in key order, are to be read anew.
    pub tables: Vec<String>,
    pub keys: Option<Vec<Vec<Value>>>,
}

/// What became of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Recopied {
    /// Why not, for each table where nothing was done.
    pub refused: BTreeMap<String, String>,
    /// What was done is durable in the log up to here.
    pub ordinal: Ordinal,
}

/// All requests that are known here.
#[derive(Debug, Default)]
pub(crate) struct Recopies(BTreeMap<String, Known>);

#[derive(Debug)]
struct Known {
    request: Recopy,
    is_taken: bool,
    answer: Option<Recopied>,
}

impl Recopies {
    /// Adds a request, unless it is known.
    pub(crate) fn ask(&mut self, request: Recopy) {
        self.0.entry(request.id.clone()).or_insert(Known {
            request,
            is_taken: false,
            answer: None,
        });
    }

    /// An attempt begins: what an earlier one took and did not answer is to be taken again.
    pub(crate) fn give_back(&mut self) {
        self.0.values_mut().for_each(|known| known.is_taken = false);
    }

    pub(crate) fn take(&mut self) -> Vec<Recopy> {
        let open = |known: &&mut Known| !known.is_taken && known.answer.is_none();
        let taken = self.0.values_mut().filter(open);
        taken
            .map(|known| {
                known.is_taken = true;
                known.request.clone()
            })
            .collect()
    }

    pub(crate) fn answer(&mut self, id: &str, answer: Recopied) {
        if let Some(known) = self.0.get_mut(id) {
            known.answer = Some(answer);
        }
    }

    pub(crate) fn answered(&self, id: &str) -> Option<&Recopied> {
        self.0.get(id)?.answer.as_ref()
    }

    pub(crate) fn forget(&mut self, id: &str) {
        self.0.remove(id);
    }
}

/// A request that capture has taken, until it is durable.
#[derive(Debug)]
pub(crate) struct Underway {
    pub(crate) id: String,
    refused: BTreeMap<String, String>,
    tables: Vec<TableName>,
    /// Durable from here on, once that is known.
    through: Option<Ordinal>,
}

impl Underway {
    /// Has capture do what the request wants.
    pub(crate) fn begin(core: &mut Capture, request: Recopy) -> Self {
        let Recopy { id, tables, keys } = request;
        let mut underway = Self {
            id,
            refused: BTreeMap::new(),
            tables: Vec::new(),
            through: None,
        };
        for name in tables {
            let mut known = core.progress();
            let found = known.find(|progress| progress.table.to_string() == name);
            let found = found.map(|progress| (progress.table.clone(), progress.state));
            drop(known);
            let refusal = match (found, &keys) {
                (None, _) => Some("the pipeline has no such table"),
                (Some((_, TableState::Dropped)), _) => Some("it was dropped"),
                (Some((table, _)), None) => {
                    core.recopy(&table);
                    underway.tables.push(table);
                    None
                }
                (Some((_, TableState::Stopped)), Some(_)) => {
                    Some("it is stopped; copy all of it, without naming keys")
                }
                (Some((table, _)), Some(keys)) => match core.read_keys(&table, keys) {
                    true => {
                        underway.tables.push(table);
                        None
                    }
                    false => Some(
                        "these are no keys of it that could be read now: it has none, it is not \
                         copied yet, or they are too many",
                    ),
                },
            };
            if let Some(refusal) = refusal {
                underway.refused.insert(name, refusal.to_owned());
            }
        }
        underway
    }

    /// The answer, once what was done is durable.
    pub(crate) fn answer(&mut self, core: &Capture, durable: Option<Ordinal>) -> Option<Recopied> {
        if self.tables.is_empty() {
            return Some(self.answered(durable.unwrap_or_default()));
        }
        if self.through.is_none() && self.tables.iter().all(|table| core.has_told(table)) {
            self.through = Some(core.last_ordinal());
        }
        let through = self.through?;
        (durable >= Some(through)).then(|| self.answered(through))
    }

    fn answered(&self, ordinal: Ordinal) -> Recopied {
        Recopied {
            refused: self.refused.clone(),
            ordinal,
        }
    }
}
