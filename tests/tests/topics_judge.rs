//! The judge of topics sees damage: a record dropped, doubled, swapped, moved, altered.
//!
//! A judge that has never said no proves nothing. Here topics that agree with the binary log are
//! damaged one way at a time, and each has to be found.

use tests::topics::{Account, Record, Verdict, judge, read_account};

const PREFIX: &str = "proof.";

fn update(key: u32, before: u32, after: u32) -> String {
    format!(
        "### UPDATE `work`.`t`\n### WHERE\n###   @1={key}\n###   @2={before}\n### SET\n\
         ###   @1={key}\n###   @2={after}\n"
    )
}

fn transaction(number: u32, rows: &str) -> String {
    let at = 1_000 * number;
    format!(
        "# at {at}\nSET @@SESSION.GTID_NEXT= 'uuid:{number}'/*!*/;\n# at {}\n\
         #261121 id 1 \tTable_map: `work`.`t` mapped to number 1\n\
         # Columns(`id` INT NOT NULL,\n#         `v` INT)\n# Primary Key(id)\n{rows}# at {}\nCOMMIT\n",
        at + 10,
        at + 500
    )
}

/// Six transactions over the keys 1 and 2: the first is before the table's start.
fn told() -> Account {
    let insert = "### INSERT INTO `work`.`t`\n### SET\n###   @1=2\n###   @2=0\n";
    let moved = "### UPDATE `work`.`t`\n### WHERE\n###   @1=2\n###   @2=1\n### SET\n\
                 ###   @1=3\n###   @2=1\n";
    let printed = [
        "# at 4\n#261121 \tRotate to binlog.000001  pos: 4\n".to_owned(),
        transaction(1, &update(1, 8, 9)),
        transaction(2, &update(1, 9, 10)),
        transaction(3, insert),
        transaction(4, &format!("{}{}", update(1, 10, 11), update(2, 0, 1))),
        transaction(5, &update(1, 11, 12)),
        transaction(6, moved),
    ];
    read_account(printed.concat().as_bytes()).unwrap()
}

fn record(
    key: u32,
    operation: &str,
    number: u32,
    before: Option<u32>,
    after: Option<u32>,
) -> Record {
    let image = |key: u32, value: Option<u32>| match value {
        Some(value) => format!("{{\"id\":{key},\"v\":{value}}}"),
        None => "null".to_owned(),
    };
    let (gtid, offset) = match operation {
        "r" => ("null".to_owned(), 1_000 * number),
        _ => (format!("\"uuid:{number}\""), 1_000 * number + 100),
    };
    let value = format!(
        "{{\"before\":{},\"after\":{},\"op\":\"{operation}\",\
         \"source\":{{\"gtid\":{gtid},\"file\":\"binlog.000001\",\"pos\":{offset},\"row\":0}}}}",
        image(key, before),
        image(key, after)
    );
    Record {
        topic: format!("{PREFIX}work.t"),
        partition: 0,
        home: Some(0),
        offset: 0,
        key: Some(format!("{{\"id\":{key}}}").into_bytes()),
        value: Some(value.into_bytes()),
        headers: Vec::new(),
    }
}

/// What the topic has to hold.
fn topic() -> Vec<Record> {
    let tombstone = Record {
        value: None,
        ..record(2, "d", 6, Some(1), None)
    };
    let records = vec![
        record(1, "r", 2, None, Some(9)),
        record(1, "u", 2, Some(9), Some(10)),
        record(2, "c", 3, None, Some(0)),
        record(1, "u", 4, Some(10), Some(11)),
        record(2, "u", 4, Some(0), Some(1)),
        record(1, "u", 5, Some(11), Some(12)),
        record(2, "d", 6, Some(1), None),
        tombstone,
        record(3, "c", 6, None, Some(1)),
    ];
    numbered(records)
}

fn numbered(mut records: Vec<Record>) -> Vec<Record> {
    for (offset, record) in (0..).zip(&mut records) {
        record.offset = offset;
    }
    records
}

fn judged(records: Vec<Record>) -> Verdict {
    judge(&told(), &numbered(records), PREFIX)
}

#[test]
fn topics_that_hold_what_the_log_tells_are_accepted_from_the_tables_start_on() {
    let verdict = judged(topic());
    verdict.require(1, 7, 1).unwrap();
    assert_eq!(verdict.before_the_start, 1, "{verdict}");
    assert!(verdict.require(1, 8, 1).is_err(), "too little was judged");
}

#[test]
fn every_record_that_is_missing_is_noticed_but_for_what_the_start_allows() {
    for index in 1..topic().len() {
        let mut records = topic();
        records.remove(index);
        let verdict = judged(records);
        assert!(
            !verdict.problems.is_empty(),
            "without record {index}: {verdict}"
        );
    }
}

#[test]
fn every_record_that_is_there_twice_is_noticed() {
    for index in 0..topic().len() {
        let mut records = topic();
        records.insert(index, records[index].clone());
        let verdict = judged(records);
        assert!(
            !verdict.problems.is_empty(),
            "record {index} twice: {verdict}"
        );
    }
}

#[test]
fn two_records_of_one_key_that_changed_places_are_noticed_and_of_two_keys_are_not() {
    let mut of_one = topic();
    of_one.swap(3, 5);
    assert!(!judged(of_one).problems.is_empty());
    let mut of_two = topic();
    of_two.swap(3, 4);
    judged(of_two).require(1, 7, 1).unwrap();
}

#[test]
fn a_record_that_was_altered_or_misplaced_is_noticed() {
    let mut damaged: Vec<(&str, Vec<Record>)> = Vec::new();
    let mut damage = |what, index: usize, change: &dyn Fn(&mut Record)| {
        let mut records = topic();
        change(&mut records[index]);
        damaged.push((what, records));
    };
    let replaced = |from: &'static str, to: &'static str| {
        move |record: &mut Record| {
            let text = String::from_utf8(record.value.take().unwrap()).unwrap();
            assert!(text.contains(from), "{text}");
            record.value = Some(text.replace(from, to).into_bytes());
        }
    };
    damage("another value", 3, &replaced("\"v\":11", "\"v\":12"));
    damage("another image before", 3, &replaced("\"v\":10", "\"v\":9"));
    damage("a column is missing", 3, &replaced(",\"v\":11", ""));
    damage(
        "another operation",
        3,
        &replaced("\"op\":\"u\"", "\"op\":\"c\""),
    );
    damage("another transaction", 5, &replaced("uuid:5", "uuid:7"));
    damage(
        "a place in another transaction",
        5,
        &replaced("5100", "6100"),
    );
    damage(
        "another file",
        5,
        &replaced("binlog.000001", "binlog.000002"),
    );
    damage("no JSON", 5, &|record| record.value = Some(b"{".to_vec()));
    damage("another key", 5, &|record| {
        record.key = Some(b"{\"id\":7}".to_vec())
    });
    damage("no key", 5, &|record| record.key = None);
    damage("a partition that the key does not hash to", 5, &|record| {
        record.partition = 1
    });
    damage("a key in two partitions", 5, &|record| {
        record.partition = 1;
        record.home = Some(1);
    });
    for (what, records) in damaged {
        assert!(
            !judged(records).problems.is_empty(),
            "{what} was not noticed"
        );
    }
}
