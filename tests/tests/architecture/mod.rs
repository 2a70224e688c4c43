//! The agreed shape, held against what the workspace really is: who depends on whom, how long a file may be, what may not be written.

mod dependencies;
mod length;
mod sources;
mod wording;
