//! The names of a pipeline's topics.
//!
//! A table's topic is `<pipeline>.<db>.<table>`, made of the characters that Kafka takes. Two tables
//! can get names that Kafka holds equal, since it tells no `.` from `_`; that is refused, as a
//! table's rows in another's topic could not be told apart.

use crate::error::Error;
use crate::settings::Settings;
use change::TableName;
use std::collections::BTreeMap;

/// Kafka's limit, in characters.
const MAX_LENGTH: usize = 249;

/// Names of the topics that hold no rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ControlTopics {
    pub barriers: String,
    pub schema: String,
    pub quarantine: String,
}

impl ControlTopics {
    pub fn of(pipeline: &str) -> Self {
        Self {
            barriers: format!("{pipeline}.barriers"),
            schema: format!("{pipeline}.schema"),
            quarantine: format!("{pipeline}.quarantine"),
        }
    }

    /// All of them, in order.
    pub fn all(&self) -> [&str; 3] {
        [&self.barriers, &self.schema, &self.quarantine]
    }
}

/// The name of a table's topic, whether or not Kafka would take it.
pub fn topic_name(settings: &Settings, table: &TableName) -> String {
    if let Some(chosen) = settings.topics.get(table) {
        return chosen.to_string();
    }
    let name = format!("{}.{}.{}", settings.pipeline, table.database, table.table);
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    name.chars()
        .map(|c| if allowed(c) { c } else { '_' })
        .collect()
}

/// What Kafka holds equal.
fn folded(name: &str) -> String {
    name.replace('.', "_")
}

/// Gives tables their topics, and no two the same.
#[derive(Clone, Debug)]
pub(crate) struct Names {
    /// By the folded name: whose it is. `None`: a control topic's.
    taken: BTreeMap<String, Option<TableName>>,
}

impl Names {
    pub(crate) fn new(control: &ControlTopics) -> Self {
        let taken = control.all().map(|name| (folded(name), None));
        Self {
            taken: BTreeMap::from(taken),
        }
    }

    /// A topic that the log has written is its table's, whatever the configuration says by now.
    pub(crate) fn keep(&mut self, topic: &str, table: &TableName) {
        self.taken.insert(folded(topic), Some(table.clone()));
    }

    /// The table's topic, which is its own from now on.
    ///
    /// # Errors
    /// [`Error::TopicName`].
    pub(crate) fn take(&mut self, settings: &Settings, table: &TableName) -> Result<String, Error> {
        let topic = topic_name(settings, table);
        let refuse = |problem: String| Error::TopicName {
            table: table.clone(),
            topic: topic.clone(),
            problem,
        };
        if topic.len() > MAX_LENGTH {
            return Err(refuse(format!("is longer than {MAX_LENGTH} characters")));
        }
        match self.taken.get(&folded(&topic)) {
            Some(Some(owner)) if owner == table => {}
            Some(Some(owner)) => return Err(refuse(format!("is that of {owner} to Kafka"))),
            Some(None) => return Err(refuse("is that of a control topic to Kafka".to_owned())),
            None => {
                self.taken.insert(folded(&topic), Some(table.clone()));
            }
        }
        Ok(topic)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests say what they expect")]
    use super::*;

    fn settings() -> Settings {
        Settings::new("shop", vec!["localhost:9092".to_owned()])
    }

    fn names() -> Names {
        Names::new(&ControlTopics::of("shop"))
    }

    #[test]
    fn characters_that_kafka_does_not_take_become_underscores() {
        let table = TableName::new("städte", "größe & mehr");
        assert_eq!(topic_name(&settings(), &table), "shop.st_dte.gr__e___mehr");
    }

    #[test]
    fn a_chosen_name_is_taken_as_it_is() {
        let table = TableName::new("shop", "orders");
        let mut settings = settings();
        settings.topics.insert(table.clone(), "orders".into());
        assert_eq!(names().take(&settings, &table).unwrap(), "orders");
    }

    #[test]
    fn two_tables_whose_names_kafka_holds_equal_are_refused() {
        let mut names = names();
        let first = TableName::new("a_b", "c");
        names.take(&settings(), &first).unwrap();
        names.take(&settings(), &first).unwrap();
        let second = TableName::new("a", "b_c");
        let error = names.take(&settings(), &second).unwrap_err();
        assert!(error.to_string().contains("is that of a_b.c"), "{error}");
    }

    #[test]
    fn a_name_that_is_too_long_is_refused() {
        let table = TableName::new("shop", "x".repeat(239));
        assert!(names().take(&settings(), &table).is_ok());
        let table = TableName::new("shop", "x".repeat(240));
        assert_eq!(
            names().take(&settings(), &table).unwrap_err().code(),
            "LS5518"
        );
    }

    #[test]
    fn a_chosen_name_cannot_be_a_control_topics() {
        let table = TableName::new("shop", "barriers");
        let mut settings = settings();
        settings
            .topics
            .insert(table.clone(), "shop_barriers".into());
        assert!(names().take(&settings, &table).is_err());
    }
}
