//! Text that is known to be UTF-8 and shares the buffer it was decoded from.
//!
//! A row of a binlog event is decoded in place: its strings are slices of the event's own buffer.
//! `Text` is the proof that such a slice was validated once; nothing can be built without it.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

/// UTF-8 text in a shared buffer. Cloning costs a reference count, no copy.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub struct Text(Bytes);

impl Text {
    /// Takes bytes that are valid UTF-8; gives the bytes back unchanged where they are not.
    pub fn from_utf8(bytes: Bytes) -> Result<Self, Bytes> {
        match std::str::from_utf8(&bytes) {
            Ok(_) => Ok(Self(bytes)),
            Err(_) => Err(bytes),
        }
    }

    /// The text as UTF-8 bytes. This is the cheap access.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The text as `str`. Costs a pass over the bytes; hot paths use [`Text::as_bytes`].
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).expect("a Text is only ever built from valid UTF-8")
    }
}

impl From<String> for Text {
    fn from(text: String) -> Self {
        Self(Bytes::from(text))
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        Self(Bytes::copy_from_slice(text.as_bytes()))
    }
}

impl From<Text> for String {
    fn from(text: Text) -> Self {
        text.as_str().to_owned()
    }
}

impl std::fmt::Debug for Text {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?}", self.as_str())
    }
}

impl std::fmt::Display for Text {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}
