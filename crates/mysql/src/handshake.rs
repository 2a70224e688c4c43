//! The opening of a connection: greeting, TLS, login.
//!
//! By the MySQL Source Code Documentation, "Connection Phase". A password travels only hashed, or
//! inside TLS, or encrypted with the server's RSA key; a plugin that wants it in clear over an
//! open socket is refused.

use crate::connect::{ConnectOptions, TlsMode};
use crate::error::Error;
use crate::packet::{Packets, Socket};
use crate::wire::{Cursor, Malformed};
use bytes::{BufMut, Bytes};
use mysql_common::scramble::{scramble_native, scramble_sha256};

const LONG_PASSWORD: u32 = 1;
const LONG_FLAG: u32 = 1 << 2;
const PROTOCOL_41: u32 = 1 << 9;
const SSL: u32 = 1 << 11;
const TRANSACTIONS: u32 = 1 << 13;
const SECURE_CONNECTION: u32 = 1 << 15;
const PLUGIN_AUTH: u32 = 1 << 19;
const PLUGIN_AUTH_LENENC_DATA: u32 = 1 << 21;
const UTF8MB4_GENERAL_CI: u8 = 45;

const CACHING_SHA2: &str = "caching_sha2_password";
const SHA256: &str = "sha256_password";
const NATIVE: &str = "mysql_native_password";

/// What the server said of itself.
pub(crate) struct Greeting {
    pub(crate) version: String,
    pub(crate) connection_id: u32,
    capabilities: u32,
    nonce: Vec<u8>,
    plugin: String,
}

/// Logs in over a fresh socket.
pub(crate) async fn log_in(
    socket: Box<dyn Socket>,
    options: &ConnectOptions,
) -> Result<(Packets, Greeting, bool), Error> {
    let address = options.address();
    let lost = |error: std::io::Error| Error::Lost {
        address: options.address(),
        reason: error.to_string(),
    };
    let mut packets = Packets::new(socket);
    let packet = packets.read().await.map_err(lost)?;
    let greeting = read_greeting(packet, options)?;
    let encrypted = match options.tls {
        TlsMode::Disabled => false,
        TlsMode::Preferred => greeting.capabilities & SSL != 0,
        TlsMode::Required | TlsMode::VerifyAuthority | TlsMode::VerifyIdentity => true,
    };
    if encrypted && greeting.capabilities & SSL == 0 {
        let reason = "the server offers no TLS".to_owned();
        return Err(Error::Tls { address, reason });
    }
    let mut capabilities = LONG_PASSWORD
        | LONG_FLAG
        | PROTOCOL_41
        | TRANSACTIONS
        | SECURE_CONNECTION
        | PLUGIN_AUTH
        | PLUGIN_AUTH_LENENC_DATA;
    if encrypted {
        capabilities |= SSL;
    }
    let mut response = Vec::new();
    response.put_u32_le(capabilities);
    response.put_u32_le(crate::connect::MAX_ALLOWED_PACKET_BYTES as u32);
    response.put_u8(UTF8MB4_GENERAL_CI);
    response.put_bytes(0, 23);
    if encrypted {
        // The first part of the response, alone, is the request for TLS.
        packets.write(&response).await.map_err(lost)?;
        let (socket, sequence) = packets.into_socket().map_err(lost)?;
        let socket = crate::tls::encrypt(socket, options)
            .await
            .map_err(|reason| Error::Tls { address, reason })?;
        packets = Packets::new(socket).with_sequence(sequence);
    }
    let mut login = Login {
        options,
        encrypted,
        plugin: greeting.plugin.clone(),
        nonce: greeting.nonce.clone(),
    };
    // A plugin that we don't know, or that would show the password, is answered with the default
    // one; the server then asks for the one it wants.
    let first = login.first_answer().unwrap_or_default();
    response.extend_from_slice(options.user.as_bytes());
    response.put_u8(0);
    response.put_u8(u8::try_from(first.len()).unwrap_or(0));
    response.extend_from_slice(if first.len() < 251 { &first } else { &[] });
    response.extend_from_slice(login.plugin.as_bytes());
    response.put_u8(0);
    packets.write(&response).await.map_err(lost)?;
    login.finish(&mut packets).await?;
    Ok((packets, greeting, encrypted))
}

struct Login<'a> {
    options: &'a ConnectOptions,
    encrypted: bool,
    plugin: String,
    nonce: Vec<u8>,
}

impl Login<'_> {
    /// What the plugin wants to see first; `None` for a plugin that is not spoken here.
    fn first_answer(&self) -> Option<Vec<u8>> {
        let password = self.options.password.reveal().as_bytes();
        match self.plugin.as_str() {
            CACHING_SHA2 => {
                Some(scramble_sha256(&self.nonce, password).map_or_else(Vec::new, Into::into))
            }
            NATIVE => {
                Some(scramble_native(&self.nonce, password).map_or_else(Vec::new, Into::into))
            }
            SHA256 if password.is_empty() => Some(vec![0]),
            SHA256 if self.encrypted => Some(self.clear_password()),
            // Asks for the server's public key.
            SHA256 => Some(vec![1]),
            _ => None,
        }
    }

    fn clear_password(&self) -> Vec<u8> {
        let mut password = self.options.password.reveal().as_bytes().to_vec();
        password.push(0);
        password
    }

    async fn finish(&mut self, packets: &mut Packets) -> Result<(), Error> {
        let lost = |error: std::io::Error| Error::Lost {
            address: self.options.address(),
            reason: error.to_string(),
        };
        loop {
            let packet = packets.read().await.map_err(lost)?;
            let answer = match packet.first() {
                Some(0x00) => return Ok(()),
                Some(0xff) => return Err(refusal(packet, self.options)),
                Some(0xfe) => {
                    let mut cursor = Cursor::new(packet.slice(1..));
                    self.plugin = String::from_utf8_lossy(&cursor.zero_ended()).into_owned();
                    self.nonce = cursor.rest().to_vec();
                    self.nonce.truncate(20);
                    self.first_answer()
                        .ok_or_else(|| Error::AuthenticationPlugin {
                            address: self.options.address(),
                            plugin: self.plugin.clone(),
                        })?
                }
                Some(0x01) => match (self.plugin.as_str(), packet.get(1)) {
                    // The server knew the password's hash: its OK follows.
                    (CACHING_SHA2, Some(3)) if packet.len() == 2 => continue,
                    (CACHING_SHA2, Some(4)) if packet.len() == 2 && self.encrypted => {
                        self.clear_password()
                    }
                    // Asks for the server's public key.
                    (CACHING_SHA2, Some(4)) if packet.len() == 2 => vec![2],
                    (CACHING_SHA2 | SHA256, Some(b'-')) if !self.encrypted => {
                        self.sealed_password(&packet[1..])?
                    }
                    _ => {
                        return Err(
                            self.unexpected("an authentication step that its plugin does not have")
                        );
                    }
                },
                _ => return Err(self.unexpected("an unknown answer to the login")),
            };
            let lost = |error: std::io::Error| Error::Lost {
                address: self.options.address(),
                reason: error.to_string(),
            };
            packets.write(&answer).await.map_err(lost)?;
        }
    }

    fn sealed_password(&self, key: &[u8]) -> Result<Vec<u8>, Error> {
        let mut password = self.clear_password();
        for (byte, mask) in password.iter_mut().zip(self.nonce.iter().cycle()) {
            *byte ^= mask;
        }
        // The encryption below trusts the key to be well-formed.
        let text = std::str::from_utf8(key).unwrap_or_default();
        let body: String = text
            .trim()
            .strip_prefix("-----BEGIN PUBLIC KEY-----")
            .and_then(|text| text.strip_suffix("-----END PUBLIC KEY-----"))
            .unwrap_or_default()
            .split_ascii_whitespace()
            .collect();
        let looks_right = body.len() > 128
            && body.len().is_multiple_of(4)
            && body
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"+/=".contains(&byte));
        if !looks_right {
            return Err(self.unexpected("a public key that is not in PEM form"));
        }
        Ok(mysql_common::crypto::encrypt(&password, key))
    }

    fn unexpected(&self, what: &str) -> Error {
        Error::Protocol {
            address: self.options.address(),
            reason: format!("the server sent {what}"),
        }
    }
}

fn read_greeting(packet: Bytes, options: &ConnectOptions) -> Result<Greeting, Error> {
    if packet.first() == Some(&0xff) {
        return Err(refusal(packet, options));
    }
    parse_greeting(packet).map_err(|Malformed(reason)| Error::Protocol {
        address: options.address(),
        reason: format!("its greeting can't be read: {reason}"),
    })
}

fn parse_greeting(packet: Bytes) -> Result<Greeting, Malformed> {
    let mut cursor = Cursor::new(packet);
    if cursor.u8()? != 10 {
        return Err(Malformed("it is not of protocol version 10"));
    }
    let version = String::from_utf8_lossy(&cursor.zero_ended()).into_owned();
    let connection_id = cursor.u32()?;
    let mut nonce = cursor.take(8)?.to_vec();
    cursor.skip(1)?;
    let low = u32::from(cursor.u16()?);
    cursor.skip(3)?;
    let high = u32::from(cursor.u16()?);
    let nonce_bytes = usize::from(cursor.u8()?);
    cursor.skip(10)?;
    let second = cursor.take(
        nonce_bytes
            .saturating_sub(8)
            .max(13)
            .min(cursor.remaining()),
    )?;
    nonce.extend_from_slice(&second);
    nonce.truncate(20);
    let plugin = String::from_utf8_lossy(&cursor.zero_ended()).into_owned();
    Ok(Greeting {
        version,
        connection_id,
        capabilities: low | high << 16,
        nonce,
        plugin,
    })
}

/// Turns an error packet of the connection phase into an error.
fn refusal(packet: Bytes, options: &ConnectOptions) -> Error {
    let (number, message) = read_error(packet);
    let address = options.address();
    match number {
        // Access denied, with and without a database; account locked; password expired.
        1044 | 1045 | 1698 | 3118 | 3955 | 1862 | 1820 => Error::AccessDenied {
            address,
            user: options.user.clone(),
            message,
        },
        // Too many connections, host blocked, shutting down, resources, account limits.
        1040 | 1053 | 1129 | 1135 | 1152 | 1184 | 1203 | 1226 | 3032 | 3168 => Error::Busy {
            address,
            number,
            message,
        },
        // Host not allowed, secure transport required, and everything else.
        _ => Error::AccessDenied {
            address,
            user: options.user.clone(),
            message: format!("error {number}: {message}"),
        },
    }
}

/// Number and text of an error packet.
pub(crate) fn read_error(packet: Bytes) -> (u16, String) {
    let number = packet
        .get(1..3)
        .map_or(0, |bytes| u16::from_le_bytes([bytes[0], bytes[1]]));
    let text = packet.get(3..).unwrap_or_default();
    // A marker and the five characters of the SQL state come ahead of the text.
    let text = match text.first() {
        Some(b'#') => text.get(6..).unwrap_or_default(),
        _ => text,
    };
    (number, String::from_utf8_lossy(text).into_owned())
}
