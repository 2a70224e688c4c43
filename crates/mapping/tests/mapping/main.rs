//! Mapping as its callers see it, held against the `bson` crate: what is written by hand must be
//! what another implementation of the specification reads, and would itself write.

mod choosing;
mod configuration;
mod decimals;
mod documents;
mod every_row;
mod geometries;
mod indexes;
mod moments;
mod multisets;
mod refusals;
mod table;
mod values;
