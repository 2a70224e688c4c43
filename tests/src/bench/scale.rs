//! How much a run measures: enough for steady figures in minutes, or a quick look.

/// Sizes and rounds of a run.
#[derive(Clone, Copy, Debug)]
pub struct Scale {
    /// Rows of the table before anything changes.
    pub rows: u64,
    /// Row changes of the backlog.
    pub changes: u64,
    /// Of each figure, the median counts.
    pub rounds: usize,
    /// Rows changed by the oversized transaction of many rows.
    pub oversized_rows: u64,
    /// Rows of 250 kB inserted by the oversized transaction of many bytes.
    pub wide_rows: u64,
    /// Commits timed on an idle pipeline, and on a busy one.
    pub probes: u32,
    /// Kills of a pipeline that follows.
    pub restarts: u32,
    /// How busy.
    pub changes_per_second: u32,
}

impl Scale {
    /// The figures that count.
    #[must_use]
    pub fn full() -> Self {
        Self {
            rows: 500_000,
            changes: 1_000_000,
            rounds: 3,
            oversized_rows: 200_000,
            wide_rows: 2_000,
            probes: 300,
            restarts: 5,
            changes_per_second: 5_000,
        }
    }

    /// Shows that everything works, and an order of magnitude.
    #[must_use]
    pub fn quick() -> Self {
        Self {
            rows: 60_000,
            changes: 50_000,
            rounds: 1,
            oversized_rows: 50_000,
            wide_rows: 200,
            probes: 60,
            restarts: 3,
            ..Self::full()
        }
    }

    /// With a table and a backlog so many times as large.
    #[must_use]
    pub fn times(self, factor: f64) -> Self {
        let scaled = |count: u64| ((count as f64 * factor) as u64).max(1_000);
        Self {
            rows: scaled(self.rows),
            changes: scaled(self.changes),
            oversized_rows: self.oversized_rows.min(scaled(self.rows)),
            ..self
        }
    }
}
