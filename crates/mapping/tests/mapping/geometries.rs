//! Geometries as the server stores them. The bytes of the first cases were read from MySQL 9.7
//! with `HEX(ST_GeomFromText('…', 4326))`, where the text has the latitude first.

use crate::table::{mapped, refusal};
use bson::spec::BinarySubtype;
use bson::{Binary, Bson, bson};
use bytes::Bytes;
use change::{ColumnKind, Value};
use proptest::prelude::*;

const EMPTY: &str = "010700000000000000";

fn stored(hexadecimal: &str) -> Value {
    let bytes = (0..hexadecimal.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&hexadecimal[at..at + 2], 16).expect("hexadecimal"));
    Value::Geometry(bytes.collect::<Vec<u8>>().into())
}

/// WKB of a shape: its number, and whatever follows.
fn shape(number: u32, parts: &[Vec<u8>]) -> Vec<u8> {
    let mut out = vec![1];
    out.extend_from_slice(&number.to_le_bytes());
    if number != 1 {
        out.extend_from_slice(&(parts.len() as u32).to_le_bytes());
    }
    out.extend(parts.concat());
    out
}

fn position(x: f64, y: f64) -> Vec<u8> {
    [x.to_le_bytes(), y.to_le_bytes()].concat()
}

fn ring(points: &[(f64, f64)]) -> Vec<u8> {
    let mut out = (points.len() as u32).to_le_bytes().to_vec();
    out.extend(points.iter().flat_map(|(x, y)| position(*x, *y)));
    out
}

fn wgs84(wkb: Vec<u8>) -> Value {
    Value::Geometry([4326u32.to_le_bytes().to_vec(), wkb].concat().into())
}

#[test]
fn a_point_written_as_latitude_and_longitude_has_the_longitude_first() {
    let point = stored("E610000001010000000000000000C052C00000000000004440");
    assert_eq!(
        mapped(ColumnKind::Geometry, "", point).unwrap(),
        Some(bson!({ "type": "Point", "coordinates": [-75.0, 40.0] }))
    );
}

#[test]
fn every_kind_of_geometry_becomes_its_geojson() {
    let square = [(0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 0.0)];
    let rings = bson!([[[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 0.0]]]);
    let line = shape(2, &[position(1.0, 2.0), position(3.0, 4.0)]);
    let polygon = shape(3, &[ring(&square)]);
    let point = shape(1, &[position(1.0, 2.0)]);
    let empty = shape(7, &[]);
    let cases = [
        (
            line.clone(),
            bson!({ "type": "LineString", "coordinates": [[1.0, 2.0], [3.0, 4.0]] }),
        ),
        (
            polygon.clone(),
            bson!({ "type": "Polygon", "coordinates": rings.clone() }),
        ),
        (
            shape(4, std::slice::from_ref(&point)),
            bson!({ "type": "MultiPoint", "coordinates": [[1.0, 2.0]] }),
        ),
        (
            shape(5, &[line]),
            bson!({ "type": "MultiLineString", "coordinates": [[[1.0, 2.0], [3.0, 4.0]]] }),
        ),
        (
            shape(6, &[polygon.clone(), polygon]),
            bson!({ "type": "MultiPolygon", "coordinates": [rings.clone(), rings] }),
        ),
        (
            empty.clone(),
            bson!({ "type": "GeometryCollection", "geometries": [] }),
        ),
        (
            shape(7, &[point, empty]),
            bson!({ "type": "GeometryCollection", "geometries": [
                { "type": "Point", "coordinates": [1.0, 2.0] },
                { "type": "GeometryCollection", "geometries": [] },
            ] }),
        ),
    ];
    for (wkb, expected) in cases {
        let found = mapped(ColumnKind::Geometry, "", wgs84(wkb)).unwrap();
        assert_eq!(found, Some(expected));
    }
}

#[test]
fn another_reference_system_keeps_its_number_and_bytes() {
    let wkb = |bytes: &[u8]| {
        Bson::Binary(Binary {
            subtype: BinarySubtype::Generic,
            bytes: bytes.to_vec(),
        })
    };
    let point = shape(1, &[position(1.0, 2.0)]);
    let plain = [vec![0; 4], point.clone()].concat();
    let far = [vec![0xff; 4], point.clone()].concat();
    for (kind, value, expected) in [
        (
            "",
            Value::Geometry(plain.clone().into()),
            bson!({ "srid": 0, "wkb": wkb(&point) }),
        ),
        (
            "",
            Value::Geometry(far.into()),
            bson!({ "srid": 4_294_967_295_i64, "wkb": wkb(&point) }),
        ),
        (
            "wkb",
            wgs84(point.clone()),
            bson!({ "srid": 4326, "wkb": wkb(&point) }),
        ),
        (
            "geojson",
            Value::Geometry(plain.into()),
            bson!({ "type": "Point", "coordinates": [1.0, 2.0] }),
        ),
    ] {
        assert_eq!(
            mapped(ColumnKind::Geometry, kind, value).unwrap(),
            Some(expected)
        );
    }
}

#[test]
fn broken_geometries_are_refused() {
    let mut trailing = shape(1, &[position(1.0, 2.0)]);
    trailing.push(0);
    let lying = [vec![1], 2u32.to_le_bytes().to_vec(), vec![0xff; 4]].concat();
    let wrong_part = shape(4, &[shape(2, &[])]);
    for wkb in [
        vec![],
        vec![1],
        trailing,
        lying,
        wrong_part,
        shape(8, &[]),
        vec![0, 0, 0, 0, 1],
    ] {
        assert_eq!(refusal(ColumnKind::Geometry, "", wgs84(wkb)), "LS5022");
    }
    let short = Value::Geometry(Bytes::from_static(b"abc"));
    assert_eq!(refusal(ColumnKind::Geometry, "", short), "LS5022");
    let nested = (0..60).fold(shape(7, &[]), |inner, _| shape(7, &[inner]));
    assert_eq!(refusal(ColumnKind::Geometry, "", wgs84(nested)), "LS5024");
    assert!(
        mapped(
            ColumnKind::Geometry,
            "",
            stored(&format!("E6100000{EMPTY}"))
        )
        .is_ok()
    );
}

proptest! {
    #[test]
    fn no_bytes_make_the_reader_of_geometries_fall_over(bytes: Vec<u8>) {
        match mapped(ColumnKind::Geometry, "", wgs84(bytes)) {
            Ok(_) => {}
            Err(error) => prop_assert_eq!(error.code(), "LS5022"),
        }
    }
}
