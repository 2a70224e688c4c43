//! What the rest relies on from real servers: that they come up, come back, and never outlive their test.

mod ending;
mod returning;
mod running;
