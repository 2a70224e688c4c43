//! A value that must never be seen.
//! It has no way to print itself, so a log line, an error or a debug dump can't show it by accident;
//! the one place that needs the text asks for it by a name that stands out in a review.

use std::fmt;

/// What stands wherever a secret would.
pub const HIDDEN: &str = "***";

/// A password, or an address that contains one.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself, for the connection that needs it and for nothing else.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(HIDDEN)
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(HIDDEN)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_shows_itself_in_no_way_of_printing() {
        let secret = Secret::new("hunter2");
        assert_eq!(format!("{secret} {secret:?} {:#?}", Some(&secret)), {
            format!("*** *** Some(\n    {HIDDEN},\n)")
        });
        assert_eq!(secret.reveal(), "hunter2");
    }
}
