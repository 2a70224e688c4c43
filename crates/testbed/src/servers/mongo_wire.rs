//! Administrative commands to mongod, one message each (OP_MSG), without a driver: starting a server must build in seconds.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use bson::{Document, RawDocumentBuf};

use super::ServerError;

const OP_MSG: i32 = 2013;
const HEADER_BYTES: usize = 16;
/// Header, flags, and the kind of the one section.
const BYTES_BEFORE_DOCUMENT: usize = HEADER_BYTES + 4 + 1;
const WHAT: &str = "mongod";

/// Sends the command and returns its answer, which says ok.
pub(super) fn command(
    port: u16,
    name: &'static str,
    document: &Document,
) -> Result<Document, ServerError> {
    let refused = |answer: String| ServerError::Refused {
        what: WHAT,
        command: name,
        answer,
    };
    let answer = exchange(port, document).map_err(|error| refused(error.to_string()))?;
    let ok = match answer.get("ok") {
        Some(bson::Bson::Double(ok)) => *ok == 1.0,
        Some(bson::Bson::Int32(ok)) => *ok == 1,
        _ => false,
    };
    if ok {
        Ok(answer)
    } else {
        Err(refused(answer.to_string()))
    }
}

fn exchange(port: u16, document: &Document) -> Result<Document, std::io::Error> {
    let invalid = |problem: String| std::io::Error::new(std::io::ErrorKind::InvalidData, problem);
    let body = RawDocumentBuf::try_from(document).map_err(|error| invalid(error.to_string()))?;
    let length = BYTES_BEFORE_DOCUMENT + body.as_bytes().len();
    let mut message = Vec::with_capacity(length);
    let length = i32::try_from(length).map_err(|error| invalid(error.to_string()))?;
    for field in [length, 1, 0, OP_MSG, 0] {
        message.extend_from_slice(&field.to_le_bytes());
    }
    message.push(0);
    message.extend_from_slice(body.as_bytes());

    let address = SocketAddr::from(([127, 0, 0, 1], port));
    let mut stream = TcpStream::connect_timeout(&address, Duration::from_secs(2))?;
    stream.set_read_timeout(Some(Duration::from_secs(30)))?;
    stream.write_all(&message)?;
    let mut length = [0; 4];
    stream.read_exact(&mut length)?;
    let length = usize::try_from(i32::from_le_bytes(length))
        .ok()
        .and_then(|length| length.checked_sub(4))
        .ok_or_else(|| invalid("a message of negative length".to_owned()))?;
    let mut answer = vec![0; length];
    stream.read_exact(&mut answer)?;
    let body = answer
        .get(BYTES_BEFORE_DOCUMENT - 4..)
        .ok_or_else(|| invalid("a message without a document".to_owned()))?;
    bson::deserialize_from_slice(body).map_err(|error| invalid(error.to_string()))
}

#[cfg(test)]
mod tests {
    use bson::doc;

    use super::command;
    use crate::servers::{Mongo, MongoOptions};

    #[tokio::test]
    async fn with_a_password_a_stranger_is_refused() {
        let list = doc! { "listDatabases": 1, "$db": "admin" };
        let open = Mongo::start(MongoOptions::default()).await.unwrap();
        assert!(command(open.ports()[0], "listDatabases", &list).is_ok());

        let closed = Mongo::start(MongoOptions {
            password: Some("secret".to_owned()),
            ..MongoOptions::default()
        })
        .await
        .unwrap();
        let refused = command(closed.ports()[0], "listDatabases", &list).unwrap_err();
        assert!(refused.to_string().contains("authentication"), "{refused}");
        assert!(closed.url().contains(":secret@"));
    }

    #[tokio::test]
    async fn faults_can_be_injected_when_test_commands_are_on() {
        let fault = doc! {
            "configureFailPoint": "failCommand",
            "mode": { "times": 1 },
            "data": { "failCommands": ["ping"], "errorCode": 91 },
            "$db": "admin",
        };
        let ping = doc! { "ping": 1, "$db": "admin" };
        let usual = Mongo::start(MongoOptions::default()).await.unwrap();
        assert!(command(usual.ports()[0], "configureFailPoint", &fault).is_err());

        let faulty = Mongo::start(MongoOptions {
            parameters: vec!["enableTestCommands=1".to_owned()],
            ..MongoOptions::default()
        })
        .await
        .unwrap();
        let port = faulty.ports()[0];
        command(port, "configureFailPoint", &fault).unwrap();
        let failed = command(port, "ping", &ping).unwrap_err();
        assert!(failed.to_string().contains("91"), "{failed}");
        assert!(command(port, "ping", &ping).is_ok());
    }
}
