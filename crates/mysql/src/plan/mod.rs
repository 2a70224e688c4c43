//! Splits a table into key ranges of about the same size, without reading it.
//!
//! The range that the optimizer estimates as largest is split again and again. A split point is a
//! key that exists, found by an index dive at a guess and lying inside the range by the server's
//! own comparison; so the ranges are disjoint, in order and complete whatever the estimates, the
//! guesses and the collation are. They only decide the balance.

mod guess;

use crate::charset::Charsets;
use crate::snapshot::{Layout, Session, SnapshotError, value_of};
use change::{KeyRange, TableDescription, Value};
use flow::ports::CopyPlan;
use guess::Search;

/// Below so many rows a table is one range: planning would take longer than reading.
const ROWS_OF_ONE_RANGE: u64 = 20_000;
/// A part of a split holds at least this share of the rows, else another guess is tried.
const FAIR_SHARE: std::ops::RangeInclusive<f64> = 0.35..=0.65;
/// A split that leaves less than this share on one side is not worth a range.
const LEAST_SHARE: f64 = 0.02;
/// Halvings of one search; enough for a 64-bit key with all rows at one end.
const HALVINGS: usize = 64;

/// The plan of a table that is read in one go.
pub(crate) fn one_range(table: &TableDescription) -> CopyPlan {
    CopyPlan {
        ranges: vec![KeyRange::default()],
        rows_estimated: table.rows_estimated,
    }
}

/// At most `parts` ranges that together hold every key, in order.
pub(crate) async fn plan(
    session: &mut Session,
    layout: &Layout,
    table: &TableDescription,
    parts: usize,
    charsets: &Charsets,
) -> Result<CopyPlan, SnapshotError> {
    if layout.schema.key.is_empty() || parts < 2 || table.rows_estimated < ROWS_OF_ONE_RANGE {
        return Ok(one_range(table));
    }
    let mut planner = Planner {
        session,
        layout,
        charsets,
    };
    let ends = (
        planner.end_key("TRUE", false).await?,
        planner.end_key("TRUE", true).await?,
    );
    let (Some(first), Some(last)) = ends else {
        return Ok(one_range(table));
    };
    let whole = Piece {
        low: first,
        high: last,
        rows: table.rows_estimated as f64,
        divisible: true,
    };
    let mut pieces = vec![whole];
    while pieces.len() < parts {
        let largest = (0..pieces.len())
            .filter(|&index| pieces[index].divisible)
            .max_by(|&a, &b| pieces[a].rows.total_cmp(&pieces[b].rows));
        let Some(index) = largest else { break };
        match planner.split(&pieces[index]).await? {
            Some((left, right)) => {
                pieces.splice(index..=index, [left, right]);
            }
            None => pieces[index].divisible = false,
        }
    }
    Ok(CopyPlan {
        ranges: ranges_of(&pieces),
        rows_estimated: table.rows_estimated,
    })
}

/// Keys greater than `low` (the first piece: not less) and not greater than `high`.
struct Piece {
    low: Vec<Value>,
    high: Vec<Value>,
    rows: f64,
    divisible: bool,
}

/// The ends are open, so that keys outside of what was seen are in a range too.
fn ranges_of(pieces: &[Piece]) -> Vec<KeyRange> {
    let points: Vec<&Vec<Value>> = pieces[..pieces.len() - 1]
        .iter()
        .map(|piece| &piece.high)
        .collect();
    let mut after = None;
    let mut ranges = Vec::with_capacity(pieces.len());
    for point in points {
        ranges.push(KeyRange {
            after: after.replace(point.clone()),
            through: Some(point.clone()),
        });
    }
    ranges.push(KeyRange {
        after,
        through: None,
    });
    ranges
}

struct Planner<'a> {
    session: &'a mut Session,
    layout: &'a Layout,
    charsets: &'a Charsets,
}

impl Planner<'_> {
    /// Splits a piece at a key inside it; `None` where no key is found that leaves something worth
    /// its while on both sides.
    async fn split(&mut self, piece: &Piece) -> Result<Option<(Piece, Piece)>, SnapshotError> {
        // The first column in which the ends differ; those before it are the same in all rows.
        let Some(depth) = (0..piece.low.len()).find(|&index| piece.low[index] != piece.high[index])
        else {
            return Ok(None);
        };
        let kind = &self.layout.key.columns[depth].kind;
        let mut best = Best::default();
        match guess::search(kind, &piece.low[depth], &piece.high[depth]) {
            Search::Halving => self.halve(piece, depth, &mut best).await?,
            Search::Trying(guesses) => {
                for value in guesses {
                    if self.consider(piece, depth, &value, &mut best).await? {
                        break;
                    }
                }
            }
            Search::Impossible => {}
        }
        if best.is_poor() && depth + 1 < piece.low.len() {
            // One value of this column has most of the rows: split where it ends, so that the
            // columns after it can be searched.
            let same = self.layout.key.begins_with(&piece.low[..=depth])?;
            if let Some(end) = self.end_key(&same, true).await? {
                self.take(piece, end, &mut best).await?;
            }
            let same = self.layout.key.begins_with(&piece.high[..=depth])?;
            if let Some(end) = self.end_key(&same, false).await? {
                self.take(piece, end, &mut best).await?;
            }
        }
        let least = if depth + 1 < piece.low.len() {
            0.0
        } else {
            LEAST_SHARE
        };
        let Some((point, share)) = best
            .found
            .filter(|(_, share)| share.min(1.0 - share) >= least)
        else {
            return Ok(None);
        };
        let left = Piece {
            low: piece.low.clone(),
            high: point.clone(),
            rows: piece.rows * share,
            divisible: true,
        };
        let right = Piece {
            low: point,
            high: piece.high.clone(),
            rows: piece.rows * (1.0 - share),
            divisible: true,
        };
        Ok(Some((left, right)))
    }

    /// Halves the distance towards the side that has more rows, until both sides have a fair share.
    async fn halve(
        &mut self,
        piece: &Piece,
        depth: usize,
        best: &mut Best,
    ) -> Result<(), SnapshotError> {
        let kind = &self.layout.key.columns[depth].kind;
        let (mut low, mut high) = (piece.low[depth].clone(), piece.high[depth].clone());
        for _ in 0..HALVINGS {
            let Some(middle) = guess::middle(kind, &low, &high) else {
                return Ok(());
            };
            if middle == low || middle == high {
                return Ok(());
            }
            let prefix = self.layout.key.begins_with(&piece.low[..depth])?;
            let bound = self.layout.key.at_most(depth, &middle)?;
            let range = KeyRange {
                after: Some(piece.low.clone()),
                through: Some(piece.high.clone()),
            };
            let inside = self.layout.key.within(&range)?;
            let all = self.rows_estimated(&inside).await?;
            let left = self
                .rows_estimated(&format!("{inside} AND {prefix} AND {bound}"))
                .await?;
            let share = (left / all.max(1.0)).min(1.0);
            if FAIR_SHARE.contains(&share) || best.is_worse_than(share) {
                self.consider(piece, depth, &middle, best).await?;
            }
            if FAIR_SHARE.contains(&share) {
                return Ok(());
            }
            if share < 0.5 {
                low = middle;
            } else {
                high = middle;
            }
        }
        Ok(())
    }

    /// Looks for the first key at or after a guess. Whether the split there is fair.
    async fn consider(
        &mut self,
        piece: &Piece,
        depth: usize,
        guess: &Value,
        best: &mut Best,
    ) -> Result<bool, SnapshotError> {
        let key = &self.layout.key;
        let range = KeyRange {
            after: Some(piece.low.clone()),
            through: Some(piece.high.clone()),
        };
        let condition = format!(
            "{} AND {} AND {}",
            key.within(&range)?,
            key.begins_with(&piece.low[..depth])?,
            key.at_least(depth, guess)?
        );
        match self.end_key(&condition, false).await? {
            Some(point) => self.take(piece, point, best).await,
            None => Ok(false),
        }
    }

    /// Weighs a key as split point, and keeps it where it is the best so far. It has to lie inside.
    async fn take(
        &mut self,
        piece: &Piece,
        point: Vec<Value>,
        best: &mut Best,
    ) -> Result<bool, SnapshotError> {
        if point == piece.low || point == piece.high {
            return Ok(false);
        }
        let part = |after: &Vec<Value>, through: &Vec<Value>| KeyRange {
            after: Some(after.clone()),
            through: Some(through.clone()),
        };
        let left = self.layout.key.within(&part(&piece.low, &point))?;
        let right = self.layout.key.within(&part(&point, &piece.high))?;
        let left = self.rows_estimated(&left).await?;
        let right = self.rows_estimated(&right).await?;
        let share = left / (left + right).max(1.0);
        if best.is_worse_than(share) {
            best.found = Some((point, share));
        }
        Ok(FAIR_SHARE.contains(&share))
    }

    /// The first or last key that meets the condition.
    async fn end_key(
        &mut self,
        condition: &str,
        last: bool,
    ) -> Result<Option<Vec<Value>>, SnapshotError> {
        let key = &self.layout.key;
        let query = format!(
            "SELECT {} FROM {} WHERE {condition} ORDER BY {} LIMIT 1",
            key.selection(),
            key.table_clause(),
            key.order(last)
        );
        let name = &self.layout.schema.name;
        let rows = self
            .session
            .prepared_rows(&format!("planning {name}"), &query)
            .await?;
        let Some(row) = rows.into_iter().next() else {
            return Ok(None);
        };
        let sent = row.unwrap();
        let stored = key.stored_texts_of_key(&sent);
        let mut values = Vec::with_capacity(key.columns.len());
        for (column, sent) in key.columns.iter().zip(sent) {
            let value = value_of(&column.kind, sent, None, self.charsets);
            values.push(value.map_err(|reason| key.error(&reason))?);
        }
        for (index, value) in stored.0 {
            values[index] = value;
        }
        Ok(Some(values))
    }

    /// The optimizer's estimate, which costs two index dives per range and reads nothing else.
    async fn rows_estimated(&mut self, condition: &str) -> Result<f64, SnapshotError> {
        let key = &self.layout.key;
        let query = format!(
            "EXPLAIN FORMAT=TRADITIONAL SELECT {} FROM {} WHERE {condition}",
            key.selection(),
            key.table_clause_for_estimates()
        );
        let name = &self.layout.schema.name;
        let rows = self
            .session
            .rows(&format!("planning {name}"), &query)
            .await?;
        // No row count: the optimizer found the condition impossible.
        let estimate = rows
            .into_iter()
            .next()
            .and_then(|row| row.get::<Option<f64>, _>("rows").flatten());
        Ok(estimate.unwrap_or(0.0))
    }
}

/// The best split point so far, with the share of the rows left of it.
#[derive(Default)]
struct Best {
    found: Option<(Vec<Value>, f64)>,
}

impl Best {
    fn is_worse_than(&self, share: f64) -> bool {
        let distance = |share: f64| (share - 0.5).abs();
        self.found
            .as_ref()
            .is_none_or(|(_, found)| distance(share) < distance(*found))
    }

    fn is_poor(&self) -> bool {
        self.found
            .as_ref()
            .is_none_or(|(_, share)| !(LEAST_SHARE..=1.0 - LEAST_SHARE).contains(share))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn piece(low: i64, high: i64) -> Piece {
        Piece {
            low: vec![Value::Int(low)],
            high: vec![Value::Int(high)],
            rows: 1.0,
            divisible: true,
        }
    }

    #[test]
    fn ranges_are_open_at_the_ends_and_meet_in_between() {
        let ranges = ranges_of(&[piece(1, 5), piece(5, 9), piece(9, 20)]);
        let key = |number| Some(vec![Value::Int(number)]);
        let expected = [(None, key(5)), (key(5), key(9)), (key(9), None)];
        assert_eq!(ranges.len(), expected.len());
        for (range, (after, through)) in ranges.into_iter().zip(expected) {
            assert_eq!(range, KeyRange { after, through });
        }
    }
}
