//! What a person may choose for one column: the words, which columns they suit, which lose.
//!
//! A choice is a word of the configuration. Reading a word needs no table, so the configuration
//! can refuse an unknown one at once; whether it suits the column is decided when the table's
//! columns are known.

use serde::{Deserialize, Serialize};

/// The form of a column's values, where it is not the default.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FormChoice {
    Array,
    Binary,
    Boolean,
    Date,
    Decimal,
    /// What the table of types says: takes back a choice for all columns of the type.
    Default,
    Double,
    GeoJson,
    Long,
    Micros,
    Millis,
    Number,
    String,
    Uuid,
    Wkb,
}

/// What stands for a date that no calendar has. Each but the first loses which one it was.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ZeroDateChoice {
    /// The text that MySQL prints, which is the default: takes back a choice for all columns.
    String,
    Null,
    /// 1970-01-01.
    Epoch,
    /// 0001-01-01.
    Year1,
}

/// The choices for one column, or for all columns of a type. What is `None` was not chosen.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ColumnChoice {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub form: Option<FormChoice>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zero_date: Option<ZeroDateChoice>,
    /// Whether NULL leaves the field out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub absent: Option<bool>,
    /// The time zone of a DATETIME's wall clock, by its name in the IANA database.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zone: Option<String>,
    /// The field's name, where it is not the column's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rename: Option<String>,
}

/// The word is no choice.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error(
    "LS5006: {word:?} is not a choice for a column. Allowed are {}.",
    ColumnChoice::WORDS.join(", ")
)]
pub struct UnknownChoice {
    pub word: String,
}

impl UnknownChoice {
    pub fn code(&self) -> &'static str {
        "LS5006"
    }

    /// The words that are allowed.
    pub fn allowed(&self) -> &'static [&'static str] {
        ColumnChoice::WORDS
    }
}

impl ColumnChoice {
    /// Every word that [`ColumnChoice::parse`] takes, in alphabetical order.
    pub const WORDS: &'static [&'static str] = &[
        "absent", "array", "binary", "boolean", "date", "decimal", "default", "double", "epoch",
        "geojson", "long", "micros", "millis", "null", "number", "string", "uuid", "wkb", "year1",
    ];

    /// The choice that one word of the configuration makes.
    pub fn parse(word: &str) -> Result<Self, UnknownChoice> {
        let mut choice = Self::default();
        choice.add(word)?;
        Ok(choice)
    }

    /// Adds a word to the choices already made: `date` and `null` go together, for instance. Of
    /// two words about the same thing the later one counts.
    pub fn add(&mut self, word: &str) -> Result<(), UnknownChoice> {
        match word {
            "absent" => self.absent = Some(true),
            "null" => self.zero_date = Some(ZeroDateChoice::Null),
            "epoch" => self.zero_date = Some(ZeroDateChoice::Epoch),
            "year1" => self.zero_date = Some(ZeroDateChoice::Year1),
            _ => {
                let form = FormChoice::ALL.iter().find(|form| form.word() == word);
                self.form = Some(*form.ok_or_else(|| UnknownChoice { word: word.into() })?);
            }
        }
        Ok(())
    }

    /// The words of this choice that can lose something.
    pub fn lossy(&self) -> Vec<&'static str> {
        let form = self.form.filter(|form| form.lossy()).map(FormChoice::word);
        let zero_date = self.zero_date.filter(|zero| zero.lossy());
        let zero_date = zero_date.map(ZeroDateChoice::word);
        form.into_iter().chain(zero_date).collect()
    }

    /// The choice without words that only say the default.
    pub(crate) fn without_defaults(mut self) -> Self {
        self.form = self.form.filter(|form| *form != FormChoice::Default);
        self.zero_date = self.zero_date.filter(|zero| zero.lossy());
        self.absent = self.absent.filter(|absent| *absent);
        self
    }
}

impl FormChoice {
    const ALL: &'static [FormChoice] = &[
        FormChoice::Array,
        FormChoice::Binary,
        FormChoice::Boolean,
        FormChoice::Date,
        FormChoice::Decimal,
        FormChoice::Default,
        FormChoice::Double,
        FormChoice::GeoJson,
        FormChoice::Long,
        FormChoice::Micros,
        FormChoice::Millis,
        FormChoice::Number,
        FormChoice::String,
        FormChoice::Uuid,
        FormChoice::Wkb,
    ];

    /// The word of the configuration.
    pub fn word(self) -> &'static str {
        match self {
            FormChoice::Array => "array",
            FormChoice::Binary => "binary",
            FormChoice::Boolean => "boolean",
            FormChoice::Date => "date",
            FormChoice::Decimal => "decimal",
            FormChoice::Default => "default",
            FormChoice::Double => "double",
            FormChoice::GeoJson => "geojson",
            FormChoice::Long => "long",
            FormChoice::Micros => "micros",
            FormChoice::Millis => "millis",
            FormChoice::Number => "number",
            FormChoice::String => "string",
            FormChoice::Uuid => "uuid",
            FormChoice::Wkb => "wkb",
        }
    }

    /// Whether two different values of some column can come out the same: `date` cuts
    /// microseconds, `double` digits, `millis` digits of TIME(4..6), `geojson` the SRID.
    fn lossy(self) -> bool {
        match self {
            FormChoice::Date | FormChoice::Double | FormChoice::Millis | FormChoice::GeoJson => {
                true
            }
            FormChoice::Array
            | FormChoice::Binary
            | FormChoice::Boolean
            | FormChoice::Decimal
            | FormChoice::Default
            | FormChoice::Long
            | FormChoice::Micros
            | FormChoice::Number
            | FormChoice::String
            | FormChoice::Uuid
            | FormChoice::Wkb => false,
        }
    }
}

impl ZeroDateChoice {
    /// The word of the configuration.
    pub fn word(self) -> &'static str {
        match self {
            ZeroDateChoice::String => "string",
            ZeroDateChoice::Null => "null",
            ZeroDateChoice::Epoch => "epoch",
            ZeroDateChoice::Year1 => "year1",
        }
    }

    /// Whether it loses which date it was.
    pub(crate) fn lossy(self) -> bool {
        match self {
            ZeroDateChoice::String => false,
            ZeroDateChoice::Null | ZeroDateChoice::Epoch | ZeroDateChoice::Year1 => true,
        }
    }
}
