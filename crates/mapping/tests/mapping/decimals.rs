//! Decimal128 by hand against the `bson` crate's reading of the same text.

use crate::table::mapped;
use bson::{Bson, Decimal128};
use change::{ColumnKind, Decimal, Value};
use proptest::prelude::*;

proptest! {
    #[test]
    fn a_decimal_of_up_to_34_digits_is_what_its_text_says(
        magnitude in prop_oneof![0..10i128.pow(34), 0..1000i128, Just(10i128.pow(34) - 1)],
        negative: bool,
        scale in 0..=30u8,
    ) {
        let number = Decimal::new(if negative { -magnitude } else { magnitude }, scale);
        let expected: Decimal128 = number.to_string().parse().expect("a decimal");
        let kind = ColumnKind::Decimal { precision: 34, scale };
        let found = mapped(kind, "", Value::Decimal(number)).expect("it fits");
        prop_assert_eq!(found, Some(Bson::Decimal128(expected)));
    }

    #[test]
    fn an_unsigned_number_keeps_its_value_on_both_sides_of_the_signed_range(
        number in prop_oneof![any::<u64>(), i64::MAX as u64 - 2..i64::MAX as u64 + 3],
    ) {
        let kind = crate::table::integer(change::IntegerWidth::Big, true);
        let found = mapped(kind, "", Value::UInt(number)).expect("any number fits");
        let found = match found {
            Some(Bson::Int64(number)) => number.to_string(),
            Some(Bson::Decimal128(number)) => number.to_string(),
            other => panic!("neither Int64 nor Decimal128: {other:?}"),
        };
        prop_assert_eq!(found, number.to_string());
    }
}
