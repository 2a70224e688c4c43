//! Text in every character set of the server, and text and bytes around every length at which
//! their encoding changes.

use super::{Column, Table};

/// Of several scripts, so that every set has some of its own; what a set does not have, the server
/// replaces when it stores the text.
const WORDS: &[&str] = &[
    "''",
    "'plain ASCII ~'",
    "' blanks  '",
    "'café Ünïcödé ß ÿ'",
    "'€ – “ ” ‰'",
    "'αβγ Ω'",
    "'Привет Ђ'",
    "'שלום'",
    "'ไทย'",
    "'日本語 ｶﾀｶﾅ ~ ¥ \\\\'",
    "'中文 龍 𠀀'",
    "'한국어'",
    "'😀 \\0 \\n end'",
    "NULL",
];

/// A length of a byte, of two, of three; what packets and BSON may cut at.
const LENGTHS: &[usize] = &[0, 1, 63, 64, 127, 128, 250, 251, 254, 255, 256];

pub(super) fn tables(charsets: &[String]) -> Vec<Table> {
    let charset = |kind: &str, charset: &String| {
        Column::new(
            format!(
                "{}_{charset}",
                kind.split('(').next().unwrap_or(kind).to_lowercase()
            ),
            format!("{kind} CHARACTER SET {charset}"),
            WORDS.iter().copied(),
        )
    };
    let every = |kind: &'static str| charsets.iter().map(move |one| charset(kind, one)).collect();
    vec![
        Table::new("charsets_varchar", every("VARCHAR(40)")),
        Table::new("charsets_char", every("CHAR(30)")),
        Table::new("charsets_text", every("TEXT")),
        Table::new("lengths", lengths()),
        Table::new(
            "long_utf8mb4",
            long("VARCHAR(16380)", "'é'", &[16_379, 16_380]),
        ),
        Table::new(
            "long_latin1",
            long(
                "VARCHAR(65520) CHARACTER SET latin1",
                "'x'",
                &[16_383, 16_384, 65_520],
            ),
        ),
        Table::new(
            "long_bytes",
            long("VARBINARY(65520)", "x'00'", &[32_768, 65_520]),
        ),
    ]
}

fn lengths() -> Vec<Column> {
    let of = |lengths: &mut dyn Iterator<Item = usize>, unit: &str| -> Vec<String> {
        let texts = lengths.map(|length| format!("REPEAT({unit}, {length})"));
        texts.chain(["NULL".to_owned()]).collect()
    };
    let up_to = |most: usize| {
        LENGTHS
            .iter()
            .copied()
            .filter(move |&length| length <= most)
    };
    let mut columns = Vec::new();
    for most in [0, 1, 63, 64, 127, 255, 256] {
        let name = |kind: &str| format!("{kind}_{most}");
        let latin = format!("VARCHAR({most}) CHARACTER SET latin1");
        columns.push(Column::new(
            name("latin"),
            latin,
            of(&mut up_to(most), "'x'"),
        ));
        let utf8 = format!("VARCHAR({most})");
        columns.push(Column::new(name("utf8"), utf8, of(&mut up_to(most), "'é'")));
        let bytes = format!("VARBINARY({most})");
        columns.push(Column::new(
            name("bytes"),
            bytes,
            of(&mut up_to(most), "x'00'"),
        ));
        if most < 256 {
            columns.push(Column::new(
                name("char"),
                format!("CHAR({most})"),
                of(&mut up_to(most), "'😀'"),
            ));
            // The server cuts zero bytes off the end, and a row event does not have them.
            let mut fixed = of(&mut up_to(most), "x'ff'");
            fixed.extend(of(&mut up_to(most), "x'00'"));
            columns.push(Column::new(
                name("binary"),
                format!("BINARY({most})"),
                fixed,
            ));
        }
    }
    for (kind, most) in [
        ("TINY", 255),
        ("", 65_535),
        ("MEDIUM", 65_537),
        ("LONG", 70_000),
    ] {
        let edges = [255, 256, 16_383, 65_535, 65_536, 65_537];
        let lower = kind.to_lowercase();
        let mut sizes = up_to(256).chain(edges).filter(|&size| size <= most);
        columns.push(Column::new(
            format!("{lower}text"),
            format!("{kind}TEXT"),
            of(&mut sizes, "'t'"),
        ));
        let mut sizes = up_to(256).chain(edges).filter(|&size| size <= most);
        columns.push(Column::new(
            format!("{lower}blob"),
            format!("{kind}BLOB"),
            of(&mut sizes, "x'f0'"),
        ));
    }
    columns
}

fn long(definition: &str, unit: &str, lengths: &[usize]) -> Vec<Column> {
    let literals = lengths
        .iter()
        .map(|length| format!("REPEAT({unit}, {length})"));
    let literals = literals.chain(["NULL".to_owned()]);
    vec![Column::new("value", definition, literals)]
}
