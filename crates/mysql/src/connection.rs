//! A connection of our own: login, the few queries of the set-up, and then the binlog stream.
//!
//! A connection that dumps the binlog can do nothing else any more, so dumping consumes it. Queries
//! use the text protocol: they are few, small, and read as text.

use crate::connect::ConnectOptions;
use crate::error::Error;
use crate::handshake::{log_in, read_error};
use crate::packet::Packets;
use crate::wire::{Cursor, Malformed};
use bytes::Bytes;
use tokio::net::TcpStream;

const COM_QUERY: u8 = 0x03;

/// A row of a text result; `None` is NULL.
pub(crate) type TextRow = Vec<Option<Bytes>>;

/// An open connection.
pub struct Connection {
    packets: Packets,
    address: String,
    version: String,
    connection_id: u32,
    encrypted: bool,
}

impl Connection {
    /// Connects and logs in.
    pub async fn connect(options: &ConnectOptions) -> Result<Self, Error> {
        let unreachable = |reason: String| Error::Unreachable {
            address: options.address(),
            reason,
        };
        let attempt = async {
            let socket = TcpStream::connect((options.host.as_str(), options.port))
                .await
                .map_err(|error| unreachable(error.to_string()))?;
            socket
                .set_nodelay(true)
                .map_err(|error| unreachable(error.to_string()))?;
            let (packets, greeting, encrypted) = log_in(Box::new(socket), options).await?;
            Ok(Self {
                packets,
                address: options.address(),
                version: greeting.version,
                connection_id: greeting.connection_id,
                encrypted,
            })
        };
        match tokio::time::timeout(options.connect_timeout, attempt).await {
            Ok(outcome) => outcome,
            Err(_) => Err(unreachable(format!(
                "no login within {:?}",
                options.connect_timeout
            ))),
        }
    }

    /// Whether the connection is encrypted.
    pub fn is_encrypted(&self) -> bool {
        self.encrypted
    }

    /// The version that the server greets with.
    pub fn server_version(&self) -> &str {
        &self.version
    }

    /// The number that `KILL` takes.
    pub fn connection_id(&self) -> u32 {
        self.connection_id
    }

    /// `host:port`, for messages.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// Runs a statement and reads its rows, all as text.
    pub(crate) async fn query(&mut self, statement: &str) -> Result<Vec<TextRow>, Error> {
        let mut command = Vec::with_capacity(1 + statement.len());
        command.push(COM_QUERY);
        command.extend_from_slice(statement.as_bytes());
        self.packets.begin_command();
        self.send(&command).await?;
        let first = self.receive().await?;
        match first.first() {
            Some(0x00) => return Ok(Vec::new()),
            Some(0xff) => return Err(self.statement_error(statement, first)),
            Some(0xfb) | None => {
                return Err(self.protocol("it asks for a file, or answers nothing"));
            }
            Some(_) => {}
        }
        let columns = Cursor::new(first)
            .length()
            .map_err(|error| self.malformed(&error))?;
        // The columns' definitions and an end mark.
        for _ in 0..=columns {
            self.receive().await?;
        }
        let mut rows = Vec::new();
        loop {
            let packet = self.receive().await?;
            match packet.first() {
                Some(0xfe) if packet.len() < 9 => return Ok(rows),
                Some(0xff) => return Err(self.statement_error(statement, packet)),
                _ => rows.push(read_row(packet, columns).map_err(|error| self.malformed(&error))?),
            }
        }
    }

    /// The first column of the first row as text; `None` for NULL or without a row.
    pub(crate) async fn query_value(&mut self, statement: &str) -> Result<Option<String>, Error> {
        let rows = self.query(statement).await?;
        let value = rows
            .into_iter()
            .next()
            .and_then(|row| row.into_iter().next())
            .flatten();
        Ok(value.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()))
    }

    /// Sends a command after which the server only sends packets: the connection is theirs.
    pub(crate) async fn into_stream(mut self, command: &[u8]) -> Result<Packets, Error> {
        self.packets.begin_command();
        self.send(command).await?;
        Ok(self.packets)
    }

    async fn send(&mut self, command: &[u8]) -> Result<(), Error> {
        self.packets
            .write(command)
            .await
            .map_err(|error| self.lost(&error))
    }

    async fn receive(&mut self) -> Result<Bytes, Error> {
        self.packets.read().await.map_err(|error| self.lost(&error))
    }

    fn lost(&self, error: &std::io::Error) -> Error {
        Error::Lost {
            address: self.address.clone(),
            reason: error.to_string(),
        }
    }

    fn protocol(&self, reason: &str) -> Error {
        Error::Protocol {
            address: self.address.clone(),
            reason: reason.to_owned(),
        }
    }

    fn malformed(&self, error: &Malformed) -> Error {
        self.protocol(&format!("a result can't be read: {error}"))
    }

    fn statement_error(&self, statement: &str, packet: Bytes) -> Error {
        let (number, message) = read_error(packet);
        let address = self.address.clone();
        match number {
            // Shutdown in progress; killed; interrupted; read-only mode changes; too many connections.
            1053 | 1317 | 1927 | 3169 | 1040 | 1205 => Error::Busy {
                address,
                number,
                message,
            },
            _ => Error::Statement {
                address,
                statement: statement.chars().take(120).collect(),
                number,
                message,
            },
        }
    }
}

fn read_row(packet: Bytes, columns: usize) -> Result<TextRow, Malformed> {
    let mut cursor = Cursor::new(packet);
    let mut row = Vec::with_capacity(columns);
    for _ in 0..columns {
        if cursor.as_slice().first() == Some(&0xfb) {
            cursor.skip(1)?;
            row.push(None);
        } else {
            row.push(Some(cursor.length_encoded_bytes()?));
        }
    }
    Ok(row)
}
