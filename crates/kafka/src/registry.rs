//! A schema registry that speaks Confluent's interface: schemas go in, ids come out.
//!
//! A schema is registered before the first message that names it is sent. Registering one that is
//! there already gives its id again, so a retry or a restart does no harm. Only the encoding thread
//! waits for the registry, and only for schemas that it meets for the first time.

use crate::error::Error;
use crate::settings::Settings;
use crate::topics::topic_name;
use change::Schema;
use serde::Deserialize;
use serde_json::json;
use std::sync::Arc;
use ureq::Agent;
use wire::{AvroSchemas, SchemaIds};

const CONTENT_TYPE: &str = "application/vnd.schemaregistry.v1+json";
/// More than a registry has to say.
const LONGEST_ANSWER_BYTES: u64 = 64 << 10;
/// Characters of an answer that are shown.
const SHOWN: usize = 500;

#[derive(Debug)]
pub(crate) struct Registry {
    url: String,
    agent: Agent,
}

/// What a registry answers.
struct Answer {
    status: u16,
    body: String,
}

#[derive(Deserialize)]
struct Registered {
    id: u32,
}

impl Registry {
    /// The registry of these settings.
    pub(crate) fn new(settings: &Settings) -> Result<Self, Error> {
        let Some(url) = &settings.schema_registry else {
            return Err(Error::Unexpected {
                action: "writing Avro".to_owned(),
                problem: "no schema registry is configured".to_owned(),
            });
        };
        let agent = Agent::config_builder()
            .timeout_global(Some(settings.patience))
            .http_status_as_error(false)
            .build();
        Ok(Self {
            url: url.trim_end_matches('/').to_owned(),
            agent: agent.into(),
        })
    }

    /// Sees to it that the registry has the schemas of a table's messages.
    pub(crate) fn register(
        &self,
        settings: &Settings,
        schema: &Arc<Schema>,
        schemas: &AvroSchemas,
    ) -> Result<SchemaIds, Error> {
        let topic = topic_name(settings, &schema.name);
        let key = match &schemas.key {
            Some(key) => self.put(&format!("{topic}-key"), key)?,
            None => 0,
        };
        let value = self.put(&format!("{topic}-value"), &schemas.value)?;
        Ok(SchemaIds { key, value })
    }

    /// Whether it answers as a registry does.
    pub(crate) fn look(&self) -> Result<(), Error> {
        let url = format!("{}/subjects", self.url);
        let answer = self.answer(self.agent.get(&url).call())?;
        match serde_json::from_str::<Vec<String>>(&answer.body) {
            Ok(_) if answer.status == 200 => Ok(()),
            Ok(_) | Err(_) => Err(self.unreachable(answer.shown())),
        }
    }

    fn put(&self, subject: &str, schema: &str) -> Result<u32, Error> {
        let url = format!("{}/subjects/{subject}/versions", self.url);
        let request = self.agent.post(&url).header("Content-Type", CONTENT_TYPE);
        let body = json!({ "schema": schema }).to_string();
        let answer = self.answer(request.send(body))?;
        match answer.status {
            200 => match serde_json::from_str(&answer.body) {
                Ok(Registered { id }) => Ok(id),
                Err(_) => Err(self.unreachable(answer.shown())),
            },
            // Too busy, or not whole: another try may succeed.
            408 | 429 | 500.. => Err(self.unreachable(answer.shown())),
            _ => Err(Error::SchemaRefused {
                registry: self.url.clone(),
                subject: subject.to_owned(),
                problem: answer.shown(),
            }),
        }
    }

    fn answer(
        &self,
        answered: Result<ureq::http::Response<ureq::Body>, ureq::Error>,
    ) -> Result<Answer, Error> {
        let mut response = answered.map_err(|failure| self.unreachable(failure.to_string()))?;
        let status = response.status().as_u16();
        let body = response.body_mut().with_config();
        let body = body.limit(LONGEST_ANSWER_BYTES).read_to_string();
        let body = body.map_err(|failure| self.unreachable(failure.to_string()))?;
        Ok(Answer { status, body })
    }

    fn unreachable(&self, problem: String) -> Error {
        Error::RegistryUnreachable {
            registry: self.url.clone(),
            problem,
        }
    }
}

impl Answer {
    fn shown(&self) -> String {
        let body: String = self.body.trim().chars().take(SHOWN).collect();
        format!("it answers {} {body}", self.status)
    }
}
