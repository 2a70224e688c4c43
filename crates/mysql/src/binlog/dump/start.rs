//! How a dump is asked for, in the words of each family.
//!
//! By the MySQL Source Code Documentation, "COM_BINLOG_DUMP_GTID", and the MariaDB documentation,
//! "COM_BINLOG_DUMP". MariaDB takes the position from variables of the session, and sends its own
//! events only to a replica that says that it knows them.

use crate::binlog::gtid::encode_set;
use crate::family::Family;
use bytes::BufMut;
use change::{GtidSet, MariaDbGtids};
use std::time::Duration;

/// How often the server tells that it is alive while it has nothing to send.
const HEARTBEAT_PERIOD: Duration = Duration::from_secs(1);

/// Everything that the stream leaves out.
#[derive(Clone, Copy)]
pub(crate) enum Beginning<'a> {
    MySql(&'a GtidSet),
    MariaDb(&'a MariaDbGtids),
}

impl Beginning<'_> {
    pub(super) fn family(self) -> Family {
        match self {
            Beginning::MySql(_) => Family::MySql,
            Beginning::MariaDb(_) => Family::MariaDb,
        }
    }

    /// What is set on the session first. A slow target may stop us from reading for long: the server
    /// shall not give us up.
    pub(super) fn settings(self) -> Vec<String> {
        let period = HEARTBEAT_PERIOD.as_nanos();
        let patient = "SET SESSION net_write_timeout = 31536000".to_owned();
        match self {
            // Both spellings, since the older one is gone from newer servers.
            Beginning::MySql(_) => vec![
                "SET @master_binlog_checksum = @@GLOBAL.binlog_checksum, @source_binlog_checksum = @@GLOBAL.binlog_checksum"
                    .to_owned(),
                format!("SET @master_heartbeat_period = {period}, @source_heartbeat_period = {period}"),
                patient,
            ],
            // 4: GTIDs are known. A position is digits, hyphens and commas: nothing to quote. In the
            // strict mode the server refuses a position that its log has not, instead of going on at
            // the next higher number.
            Beginning::MariaDb(gtids) => vec![
                "SET @master_binlog_checksum = @@GLOBAL.binlog_checksum".to_owned(),
                format!("SET @master_heartbeat_period = {period}"),
                "SET @mariadb_slave_capability = 4".to_owned(),
                format!("SET @slave_connect_state = '{gtids}'"),
                "SET @slave_gtid_strict_mode = 1, @slave_gtid_ignore_duplicates = 0".to_owned(),
                patient,
            ],
        }
    }

    pub(super) fn command(self, server_id: u32) -> Vec<u8> {
        match self {
            Beginning::MySql(after) => dump_by_set(server_id, after),
            Beginning::MariaDb(_) => dump(server_id),
        }
    }
}

/// COM_BINLOG_DUMP_GTID: no file name, offset 4, and the set.
fn dump_by_set(server_id: u32, after: &GtidSet) -> Vec<u8> {
    const COM_BINLOG_DUMP_GTID: u8 = 0x1e;
    const HEARTBEATS_WITH_WHOLE_OFFSETS: u16 = 1 << 1;
    let set = encode_set(after);
    let mut command = vec![COM_BINLOG_DUMP_GTID];
    command.put_u16_le(HEARTBEATS_WITH_WHOLE_OFFSETS);
    command.put_u32_le(server_id);
    command.put_u32_le(0);
    command.put_u64_le(4);
    command.put_u32_le(set.len() as u32);
    command.extend_from_slice(&set);
    command
}

/// COM_BINLOG_DUMP without a file. Statements' texts are asked for because where an event stands is
/// told by the bytes of all before it.
fn dump(server_id: u32) -> Vec<u8> {
    const COM_BINLOG_DUMP: u8 = 0x12;
    const WITH_ANNOTATIONS: u16 = 1 << 1;
    let mut command = vec![COM_BINLOG_DUMP];
    command.put_u32_le(4);
    command.put_u16_le(WITH_ANNOTATIONS);
    command.put_u32_le(server_id);
    command
}
