//! Whether the account may do what the pipeline needs, before it tries.
//!
//! The server tells the privileges of the account that asks (`connectionStatus`). An account
//! without access control has no users to tell of, and then everything is allowed.

use bson::{Bson, Document, doc};
use std::collections::BTreeSet;

/// What is needed on every database that is written to; the role `readWrite` has it all.
const NEEDED: &[&str] = &[
    "find",
    "insert",
    "update",
    "remove",
    "createCollection",
    "createIndex",
    "dropIndex",
    "listCollections",
    "listIndexes",
    "dropCollection",
];

/// A database on which something is missing.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Missing {
    pub(crate) database: String,
    pub(crate) actions: Vec<&'static str>,
}

/// The command whose answer [`missing`] reads.
pub(crate) fn command() -> Document {
    doc! { "connectionStatus": 1, "showPrivileges": true }
}

/// The account as `user@database`, for the statement that grants what is missing.
pub(crate) fn account(answer: &Document) -> Option<(String, String)> {
    let user = users(answer)?.first()?.as_document()?;
    Some((
        user.get_str("user").ok()?.to_owned(),
        user.get_str("db").ok()?.to_owned(),
    ))
}

/// What the account lacks on these databases.
pub(crate) fn missing(answer: &Document, databases: &BTreeSet<String>) -> Vec<Missing> {
    if users(answer).is_none_or(|users| users.is_empty()) {
        return Vec::new();
    }
    let privileges = answer
        .get_document("authInfo")
        .and_then(|information| information.get_array("authenticatedUserPrivileges"))
        .map(Vec::as_slice)
        .unwrap_or_default();
    databases
        .iter()
        .filter_map(|database| {
            let allowed: BTreeSet<&str> = privileges
                .iter()
                .filter_map(Bson::as_document)
                .filter(|privilege| covers(privilege, database))
                .filter_map(|privilege| privilege.get_array("actions").ok())
                .flatten()
                .filter_map(Bson::as_str)
                .collect();
            let actions: Vec<_> = NEEDED
                .iter()
                .copied()
                .filter(|action| !allowed.contains(action) && !allowed.contains("anyAction"))
                .collect();
            (!actions.is_empty()).then(|| Missing {
                database: database.clone(),
                actions,
            })
        })
        .collect()
}

fn users(answer: &Document) -> Option<&Vec<Bson>> {
    answer
        .get_document("authInfo")
        .and_then(|information| information.get_array("authenticatedUsers"))
        .ok()
}

/// Whether the privilege holds for all plain collections of the database.
fn covers(privilege: &Document, database: &str) -> bool {
    let Ok(resource) = privilege.get_document("resource") else {
        return false;
    };
    if matches!(resource.get_bool("anyResource"), Ok(true)) {
        return true;
    }
    match (resource.get_str("db"), resource.get_str("collection")) {
        (Ok(of), Ok("")) => of.is_empty() || of == database,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(privileges: Vec<Document>) -> Document {
        doc! { "authInfo": {
            "authenticatedUsers": [{ "user": "lockstep", "db": "admin" }],
            "authenticatedUserPrivileges": privileges,
        } }
    }

    fn on(database: &str, actions: &[&str]) -> Document {
        let actions: Vec<&str> = actions.to_vec();
        doc! { "resource": { "db": database, "collection": "" }, "actions": actions }
    }

    #[test]
    fn a_missing_action_is_named_with_its_database() {
        let databases = BTreeSet::from(["lockstep".to_owned(), "shop".to_owned()]);
        let answer = answer(vec![on("shop", NEEDED), on("lockstep", &NEEDED[1..])]);
        assert_eq!(
            missing(&answer, &databases),
            [Missing {
                database: "lockstep".to_owned(),
                actions: vec!["find"],
            }]
        );
    }

    #[test]
    fn a_role_on_every_database_is_enough() {
        let databases = BTreeSet::from(["shop".to_owned()]);
        assert_eq!(missing(&answer(vec![on("", NEEDED)]), &databases), []);
        let any = doc! { "resource": { "anyResource": true }, "actions": ["anyAction"] };
        assert_eq!(missing(&answer(vec![any]), &databases), []);
    }

    #[test]
    fn without_access_control_nothing_is_missing() {
        let databases = BTreeSet::from(["shop".to_owned()]);
        let answer = doc! { "authInfo": { "authenticatedUsers": [] } };
        assert_eq!(missing(&answer, &databases), []);
    }
}
