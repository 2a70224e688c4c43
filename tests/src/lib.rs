//! What the end-to-end tests, the demo and the benchmark share: an independent judge of both
//! stores, a workload that writes as applications do, and the data that they work on.
//!
//! The judge and the workload know no crate of Lockstep, so that a mistake there cannot hide here.

pub mod bench;
pub mod comparer;
pub mod compat;
pub mod matrix;
pub mod openim;
pub mod pipeline;
pub mod pipeline_scene;
pub mod topics;
pub mod workload;
