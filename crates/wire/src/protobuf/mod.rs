//! The messages of `proto/lockstep/change/v1/change.proto`.
//!
//! Written by hand rather than by a generated type, so that a change goes straight from its values
//! to bytes and back: nothing is allocated for a row that is written, and a row that is read keeps
//! slices of its message. Fields are in the order of their numbers, defaults are left out where
//! Protobuf leaves them out, and numbers take as few bytes as they can: equal keys are equal bytes,
//! and the reader takes no other spelling. That it is Protobuf is held against another
//! implementation, which compiles the file itself, by the tests.

mod numbers;
mod reading;
mod source;
mod table;
mod taking;
mod value_reading;
mod value_writing;
mod writing;

pub(crate) use reading::ProtobufReader;
pub(crate) use writing::ProtobufWriter;
