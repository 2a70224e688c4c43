//! `change.proto` as another implementation of Protobuf understands it: compiled from the file, and
//! used to look at what was encoded.

use prost_reflect::{DescriptorPool, DynamicMessage, MessageDescriptor, Value};
use std::path::Path;
use std::sync::LazyLock;

const PACKAGE: &str = "lockstep.change.v1";

static POOL: LazyLock<DescriptorPool> = LazyLock::new(|| {
    let proto = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../proto");
    let files = protox::compile(["lockstep/change/v1/change.proto"], [proto]).unwrap();
    DescriptorPool::from_file_descriptor_set(files).unwrap()
});

pub(crate) fn message(name: &str) -> MessageDescriptor {
    POOL.get_message_by_name(&format!("{PACKAGE}.{name}"))
        .unwrap()
}

/// What the bytes say. Asserts that they are a message of this name, and as Protobuf's canonical
/// order of fields has it.
pub(crate) fn understood(name: &str, bytes: &[u8]) -> DynamicMessage {
    let decoded = DynamicMessage::decode(message(name), bytes).unwrap();
    assert_known(&decoded);
    let again = prost_reflect::prost::Message::encode_to_vec(&decoded);
    assert_eq!(again, bytes, "{decoded}");
    decoded
}

/// A field that the file does not know would be kept by the decoder, aside.
fn assert_known(message: &DynamicMessage) {
    assert_eq!(message.unknown_fields().count(), 0, "{message}");
    for (_, value) in message.fields() {
        value.as_message().into_iter().for_each(assert_known);
        let list = value.as_list().unwrap_or_default();
        list.iter()
            .filter_map(Value::as_message)
            .for_each(assert_known);
    }
}

/// Every field and every number of an enum, a line each.
fn numbers() -> Vec<String> {
    let mut lines = Vec::new();
    for of in POOL.all_messages() {
        for field in of.fields() {
            let kind = format!("{:?} {:?}", field.cardinality(), field.kind());
            let (of, name, number) = (of.name(), field.name(), field.number());
            lines.push(format!("{of}.{name} = {number}: {kind}"));
        }
    }
    for of in POOL.all_enums() {
        for value in of.values() {
            lines.push(format!(
                "{}.{} = {}",
                of.name(),
                value.name(),
                value.number()
            ));
        }
    }
    lines
}

/// What was published once stays: consumers have compiled it into their programs.
#[test]
fn no_field_of_the_contract_changes_its_name_its_number_or_its_type() {
    let published = include_str!("fixtures/change_v1_numbers.txt");
    let now = numbers();
    for line in published.lines() {
        assert!(
            now.iter().any(|found| found == line),
            "{line} is gone from change.proto; a breaking change is a package v2 beside it"
        );
    }
    for line in &now {
        assert!(
            published.lines().any(|known| known == line),
            "{line} is new: add it to change_v1_numbers.txt, where it stays for ever"
        );
    }
}
