//! A MySQL server as far as a copy can see it: transactions that are in the binlog, visible to
//! read views, and in `gtid_executed` at three different moments.

/// The rows of one small table: who wrote each of the keys 0 to 2, if the row exists.
pub type Rows = [Option<u8>; 3];

/// Keys 0 and 1 exist from the start, written by nobody of the log.
pub const INITIAL: Rows = [Some(100), Some(101), None];

/// One row change: the key before and the key after.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct RowChange {
    pub before: Option<u8>,
    pub after: Option<u8>,
}

/// A client's transaction, as the row changes that it makes in order.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Kind {
    Insert(u8),
    Update(u8),
    Delete(u8),
    /// An update of the key.
    Move(u8, u8),
    /// Two existing rows at once.
    UpdateBoth(u8, u8),
    /// Deletes the first and inserts the second: the identity wanders without a key update.
    Replace(u8, u8),
    /// Exchanges the keys of rows 0 and 1 by way of key 2: three keys touched.
    Rotate,
}

impl Kind {
    pub fn changes(self) -> Vec<RowChange> {
        let change = |before, after| RowChange { before, after };
        match self {
            Kind::Insert(key) => vec![change(None, Some(key))],
            Kind::Update(key) => vec![change(Some(key), Some(key))],
            Kind::Delete(key) => vec![change(Some(key), None)],
            Kind::Move(from, to) => vec![change(Some(from), Some(to))],
            Kind::UpdateBoth(left, right) => vec![
                change(Some(left), Some(left)),
                change(Some(right), Some(right)),
            ],
            Kind::Replace(gone, new) => vec![change(Some(gone), None), change(None, Some(new))],
            Kind::Rotate => vec![
                change(Some(0), Some(2)),
                change(Some(1), Some(0)),
                change(Some(2), Some(1)),
            ],
        }
    }

    fn keys(self) -> u8 {
        self.changes()
            .into_iter()
            .flat_map(|change| [change.before, change.after])
            .flatten()
            .fold(0, |keys, key| keys | 1 << key)
    }
}

/// The server's history. Transactions are known by their place in the binlog.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct Server {
    pub binlog: Vec<Kind>,
    /// Committed in the engine: a bit per transaction.
    pub visible: u8,
    /// In `gtid_executed`: a bit per transaction.
    pub executed: u8,
}

impl Server {
    /// Whether a client can get this transaction as far as the binlog now: the rows that it changes
    /// exist, those that it makes do not, and nobody holds a lock on any of them.
    pub fn may_log(&self, kind: Kind) -> bool {
        let locked = (0..self.binlog.len())
            .filter(|&place| self.visible & 1 << place == 0)
            .fold(0, |keys, place| keys | self.binlog[place].keys());
        if locked & kind.keys() != 0 {
            return false;
        }
        let mut rows = self.rows_at(self.binlog.len());
        kind.changes().into_iter().all(|change| {
            let found = change
                .before
                .is_none_or(|key| rows[usize::from(key)].is_some());
            let free = change.before == change.after
                || change
                    .after
                    .is_none_or(|key| rows[usize::from(key)].is_none());
            apply(&mut rows, change, 0);
            found && free
        })
    }

    /// The table as of a place in the binlog.
    pub fn rows_at(&self, place: usize) -> Rows {
        self.rows_of(|transaction| transaction < place)
    }

    /// The table as a read view that is opened now sees it.
    pub fn visible_rows(&self) -> Rows {
        self.rows_of(|transaction| self.visible & 1 << transaction != 0)
    }

    fn rows_of(&self, includes: impl Fn(usize) -> bool) -> Rows {
        let mut rows = INITIAL;
        for (place, kind) in self.binlog.iter().enumerate() {
            if includes(place) {
                for change in kind.changes() {
                    apply(&mut rows, change, place);
                }
            }
        }
        rows
    }
}

/// What a row change does to a table, and to the collection that follows it.
pub fn apply(rows: &mut Rows, change: RowChange, writer: usize) {
    if let Some(key) = change.before {
        rows[usize::from(key)] = None;
    }
    if let Some(key) = change.after {
        rows[usize::from(key)] = Some(u8::try_from(writer).expect("the model's log is short"));
    }
}
