//! Creates the tables and fills them, a few connections side by side.

use super::{OpenImError, connect, run};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The name that OpenIM gives its database.
pub const DATABASE: &str = "openIM_v3";

const SCHEMA: &str = include_str!("../../fixtures/openim_schema.sql");
const CONNECTIONS: usize = 3;
/// Rows of one INSERT.
const CHUNK: u64 = 10_000;

/// One table: its name, its rows for a whole of 500,000, and the values of row `n`.
struct Content {
    table: &'static str,
    rows: u64,
    values: String,
}

/// Drops and creates the database and fills it with about `rows` rows. Returns their number.
pub async fn fill(mysql_url: &str, rows: u64) -> Result<u64, OpenImError> {
    let mut connection = connect(mysql_url).await?;
    for statement in [
        format!("DROP DATABASE IF EXISTS {DATABASE}"),
        format!(
            "CREATE DATABASE {DATABASE} DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci"
        ),
        format!("USE {DATABASE}"),
    ] {
        run(&mut connection, &statement).await?;
    }
    let statements = SCHEMA.split(";\n").map(without_comments);
    for statement in statements.filter(|statement| !statement.is_empty()) {
        run(&mut connection, &statement).await?;
    }
    connection.disconnect().await?;

    let mut chunks = Vec::new();
    let mut total = 0;
    for content in contents() {
        let wanted = (content.rows * rows / 500_000).max(50);
        total += wanted;
        let mut first = 0;
        while first < wanted {
            let last = (first + CHUNK).min(wanted);
            chunks.push(format!(
                "INSERT INTO `{}` WITH RECURSIVE numbers(n) AS \
                 (SELECT {first} UNION ALL SELECT n + 1 FROM numbers WHERE n + 1 < {last}) \
                 SELECT {} FROM numbers",
                content.table, content.values
            ));
            first = last;
        }
    }
    let (chunks, next) = (Arc::new(chunks), Arc::new(AtomicUsize::new(0)));
    let workers: Vec<_> = (0..CONNECTIONS)
        .map(|_| {
            let work = work(mysql_url.to_owned(), Arc::clone(&chunks), Arc::clone(&next));
            tokio::spawn(work)
        })
        .collect();
    for worker in workers {
        worker.await??;
    }
    Ok(total)
}

async fn work(
    mysql_url: String,
    chunks: Arc<Vec<String>>,
    next: Arc<AtomicUsize>,
) -> Result<(), OpenImError> {
    let mut connection = connect(&mysql_url).await?;
    run(&mut connection, &format!("USE {DATABASE}")).await?;
    while let Some(chunk) = chunks.get(next.fetch_add(1, Ordering::Relaxed)) {
        run(&mut connection, chunk).await?;
    }
    connection.disconnect().await?;
    Ok(())
}

fn without_comments(statement: &str) -> String {
    let lines = statement.lines().filter(|line| !line.starts_with("--"));
    lines.collect::<Vec<_>>().join("\n").trim().to_owned()
}

/// Text that is mostly plain; `salt` shifts which rows are awkward from column to column.
fn text(plain: &str, salt: u64) -> String {
    format!(
        "CASE (n + {salt}) % 37 WHEN 0 THEN NULL WHEN 1 THEN '' WHEN 2 THEN 'trailing   ' \
         WHEN 3 THEN '😀 👩‍💻 𝄞' WHEN 4 THEN REPEAT('é', 250) WHEN 5 THEN '\\\\ \\' \" \\n\\t\\0 $a.b' \
         WHEN 6 THEN ' ' WHEN 7 THEN '日本語 Ω ß' ELSE CONCAT('{plain} ', n) END"
    )
}

/// Text of a column without a limit.
fn long_text(plain: &str, salt: u64) -> String {
    format!(
        "IF((n + {salt}) % 997 = 0, REPEAT('long 😀 ', 4000), {})",
        text(plain, salt)
    )
}

fn number(salt: u64) -> String {
    format!(
        "CASE (n + {salt}) % 53 WHEN 0 THEN NULL WHEN 1 THEN -2147483648 WHEN 2 THEN 2147483647 \
         WHEN 3 THEN -1 ELSE n % 5 END"
    )
}

fn big_number(salt: u64) -> String {
    format!(
        "CASE (n + {salt}) % 59 WHEN 0 THEN NULL WHEN 1 THEN -9223372036854775808 \
         WHEN 2 THEN 9223372036854775807 WHEN 3 THEN -1 ELSE n * 1000003 END"
    )
}

fn flag(salt: u64) -> String {
    format!("CASE (n + {salt}) % 41 WHEN 0 THEN NULL WHEN 1 THEN 2 ELSE n % 2 END")
}

fn time(salt: u64) -> String {
    format!(
        "CASE (n + {salt}) % 61 WHEN 0 THEN NULL WHEN 1 THEN '0000-00-00 00:00:00' \
         WHEN 2 THEN '1969-12-31 23:59:59.999' WHEN 3 THEN '9999-12-31 23:59:59.999' \
         WHEN 4 THEN '2024-00-00 00:00:00' WHEN 5 THEN '1970-01-01 00:00:00' \
         ELSE TIMESTAMP('2023-01-01') + INTERVAL n * 977 SECOND + INTERVAL n % 1000 * 1000 MICROSECOND END"
    )
}

fn contents() -> Vec<Content> {
    let of = |table, rows, values: &[String]| Content {
        table,
        rows,
        values: values.join(", "),
    };
    let sql = |expression: &str| expression.to_owned();
    let user = || sql("CONCAT('user-', n)");
    let someone = |salt: u64| format!("CONCAT('user-', (n * 7 + {salt}) % 30000)");
    let (ex, face) = (
        || text("{\"ex\": 1}", 9),
        || text("https://faces.example", 11),
    );
    vec![
        of(
            "users",
            30_000,
            &[
                user(),
                text("name", 0),
                face(),
                ex(),
                time(0),
                number(1),
                number(2),
            ],
        ),
        of(
            "friends",
            100_000,
            &[
                sql("CONCAT('user-', n % 25000)"),
                sql("CONCAT('user-', n DIV 25000 + n % 25000 + 1)"),
                text("remark", 3),
                time(1),
                number(3),
                someone(1),
                ex(),
            ],
        ),
        of(
            "friend_requests",
            40_000,
            &[
                sql("CONCAT('user-', n % 20000)"),
                sql("CONCAT('user-', n DIV 20000 + n % 20000 + 2)"),
                number(0),
                text("hello", 1),
                time(2),
                someone(2),
                text("handled", 2),
                time(3),
                ex(),
            ],
        ),
        of(
            "blacks",
            10_000,
            &[
                user(),
                sql("CONCAT('user-', n + 3)"),
                time(4),
                number(4),
                someone(3),
                ex(),
            ],
        ),
        of(
            "groups",
            5_000,
            &[
                sql("CONCAT('group-', n)"),
                text("group", 4),
                text("notice", 5),
                text("intro", 6),
                face(),
                time(5),
                long_text("ex", 7),
                number(5),
                someone(4),
                number(6),
                number(7),
                number(8),
                number(9),
                time(6),
                someone(5),
            ],
        ),
        of(
            "group_members",
            120_000,
            &[
                sql("CONCAT('group-', n % 5000)"),
                sql("CONCAT('user-', n DIV 5000 + n % 5000)"),
                text("nick", 8),
                face(),
                number(10),
                time(7),
                number(11),
                someone(6),
                someone(7),
                time(8),
                ex(),
            ],
        ),
        of(
            "group_requests",
            20_000,
            &[
                user(),
                sql("CONCAT('group-', n % 5000)"),
                number(12),
                text("let me in", 9),
                text("welcome", 10),
                time(9),
                someone(8),
                time(10),
                number(13),
                someone(9),
                ex(),
            ],
        ),
        of(
            "conversations",
            120_000,
            &[
                sql("CONCAT('user-', n % 30000)"),
                sql("CONCAT('si_', n % 30000, '_', n DIV 30000)"),
                number(14),
                someone(10),
                text("group", 11),
                number(15),
                flag(0),
                flag(1),
                number(16),
                number(17),
                text("attached", 12),
                ex(),
                big_number(0),
                big_number(1),
                time(11),
                flag(2),
                big_number(2),
                time(12),
            ],
        ),
        of(
            "object",
            10_000,
            &[
                sql("CONCAT('files/', LEFT(SHA2(n, 256), 32))"),
                long_text("user", 13),
                sql("LEFT(SHA2(n, 256), 32)"),
                long_text("key", 14),
                big_number(3),
                text("image/png", 15),
                text("cause", 16),
                time(13),
            ],
        ),
        of(
            "logs",
            15_000,
            &[
                sql("LEFT(SHA2(n, 256), 32)"),
                sql("ELT(1 + n % 3, 'iOS', 'Android', 'Web')"),
                someone(11),
                time(14),
                long_text("https://logs.example", 17),
                long_text("file", 18),
                text("system", 19),
                text("v3.4", 20),
                long_text("ex", 21),
            ],
        ),
        of(
            "signal",
            5_000,
            &[
                sql("CONCAT('sid-', n)"),
                someone(12),
                long_text("custom", 22),
                text("group", 23).replace("250", "60"),
                sql("CONCAT('room-', n % 3000)"),
                number(18),
                sql("ELT(1 + n % 2, 'audio', 'video')"),
                number(19),
                number(20),
                time(15),
                time(16),
                long_text("file", 24),
                text("title", 25).replace("250", "120"),
                text("desc", 26),
                ex(),
                long_text("sound", 27),
                flag(3),
                text("info", 28),
            ],
        ),
        of(
            "signal_invitation",
            10_000,
            &[
                user(),
                sql("CONCAT('sid-', n % 5000)"),
                number(21),
                // A key with a zero date, and instants that only their milliseconds tell apart.
                sql(
                    "IF(n % 500 = 0, '0000-00-00 00:00:00', TIMESTAMP('2024-05-05') + INTERVAL n * 1000 MICROSECOND)",
                ),
                time(17),
            ],
        ),
        of(
            "meeting",
            3_000,
            &[
                sql("CONCAT('room-', n)"),
                text("meeting", 29).replace("250", "60"),
                someone(13),
                big_number(4),
                sql("1700000000 + n"),
                big_number(5),
                time(18),
                ex(),
            ],
        ),
        of(
            "meeting_invitation",
            8_000,
            &[
                sql("CONCAT('room-', n % 3000)"),
                sql("CONCAT('user-', n)"),
                time(19),
            ],
        ),
        // Equal rows on purpose: three of each, and many of the emptiest.
        of(
            "meeting_video_record",
            4_000,
            &[
                sql("IF(n % 10 = 0, NULL, CONCAT('room-', n % 1000 DIV 3))"),
                sql("IF(n % 10 = 0, NULL, CONCAT('https://records.example/', n % 1000 DIV 3))"),
                sql(
                    "IF(n % 10 = 0, NULL, TIMESTAMP('2024-06-06') + INTERVAL (n % 1000 DIV 3) SECOND)",
                ),
            ],
        ),
    ]
}
