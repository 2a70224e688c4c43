//! Fields of control documents, read strictly: one that is missing or has another type is named.

use crate::error::Error;
use bson::{Bson, Document};
use change::Ordinal;

/// Typed access that says which field is wrong.
pub(crate) struct Reader<'a> {
    pub(crate) document: &'a Document,
    pub(crate) unreadable: &'a dyn Fn(String) -> Error,
}

impl Reader<'_> {
    fn wrong(&self, name: &str) -> Error {
        (self.unreadable)(match self.document.get(name) {
            None => format!("{name} is missing"),
            Some(value) => format!("{name} is {value}"),
        })
    }

    pub(crate) fn text(&self, name: &str) -> Result<&str, Error> {
        self.document.get_str(name).map_err(|_| self.wrong(name))
    }

    /// `None` where the field is null or missing.
    pub(crate) fn optional_text(&self, name: &str) -> Result<Option<&str>, Error> {
        match self.document.get(name) {
            None | Some(Bson::Null) => Ok(None),
            Some(_) => self.text(name).map(Some),
        }
    }

    pub(crate) fn bytes(&self, name: &str) -> Result<&[u8], Error> {
        match self.document.get(name) {
            Some(Bson::Binary(binary)) => Ok(&binary.bytes),
            Some(_) | None => Err(self.wrong(name)),
        }
    }

    pub(crate) fn flag(&self, name: &str) -> Result<bool, Error> {
        self.document.get_bool(name).map_err(|_| self.wrong(name))
    }

    pub(crate) fn signed(&self, name: &str) -> Result<i64, Error> {
        self.document.get_i64(name).map_err(|_| self.wrong(name))
    }

    pub(crate) fn unsigned(&self, name: &str) -> Result<u64, Error> {
        u64::try_from(self.signed(name)?).map_err(|_| self.wrong(name))
    }

    pub(crate) fn inner(&self, name: &str) -> Result<Reader<'_>, Error> {
        let document = self
            .document
            .get_document(name)
            .map_err(|_| self.wrong(name))?;
        Ok(Reader {
            document,
            unreadable: self.unreadable,
        })
    }

    pub(crate) fn ordinal(&self) -> Result<Ordinal, Error> {
        Ok(Ordinal {
            transaction: self.unsigned("transaction")?,
            change: self.unsigned("change")?,
        })
    }
}
