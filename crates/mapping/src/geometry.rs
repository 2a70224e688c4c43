//! Geometries as GeoJSON, or as the well-known binary that the server stores.
//!
//! A stored geometry is its SRID (4 bytes, little endian) and WKB. Whatever the axis order of its
//! reference system, the stored x of a geographic geometry is the longitude: tried on MySQL 9.7,
//! `HEX(ST_GeomFromText('POINT(40 -75)', 4326))` has -75 first, while `ST_AsBinary` of it swaps
//! the axes unless told `axis-order=long-lat`. GeoJSON wants the longitude first too (RFC 7946,
//! section 3.1.1), so coordinates are copied in their stored order.

use crate::element::{self, Kind, MAX_DEPTH, subtype};
use crate::problem::Refusal;

/// WGS 84 by latitude and longitude, the reference system of GeoJSON.
const SRID_WGS84: u32 = 4326;

const BROKEN: Refusal = Refusal::BrokenBytes { what: "geometry" };

/// What a geometry column's documents hold.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum GeometryForm {
    /// GeoJSON for SRID 4326, `{srid, wkb}` for any other.
    BySystem,
    GeoJson,
    Wkb,
}

/// Appends a stored geometry.
pub(crate) fn write(out: &mut Vec<u8>, stored: &[u8], form: GeometryForm) -> Result<Kind, Refusal> {
    let (srid, wkb) = stored.split_first_chunk::<4>().ok_or(BROKEN)?;
    let srid = u32::from_le_bytes(*srid);
    let as_geojson = match form {
        GeometryForm::BySystem => srid == SRID_WGS84,
        GeometryForm::GeoJson => true,
        GeometryForm::Wkb => false,
    };
    if !as_geojson {
        return write_with_srid(out, srid, wkb);
    }
    let mut reader = Reader { rest: wkb };
    let shape = reader.shape()?;
    write_shape(out, &mut reader, shape, 0)?;
    if !reader.rest.is_empty() {
        return Err(BROKEN);
    }
    Ok(Kind::Document)
}

fn write_with_srid(out: &mut Vec<u8>, srid: u32, wkb: &[u8]) -> Result<Kind, Refusal> {
    let start = element::open(out);
    element::element(out, b"srid\0", |out| {
        Ok(match i32::try_from(srid) {
            Ok(srid) => element::int32(out, srid),
            Err(_) => element::int64(out, i64::from(srid)),
        })
    })?;
    element::element(out, b"wkb\0", |out| {
        element::binary(out, subtype::GENERIC, wkb)
    })?;
    element::close(out, start)?;
    Ok(Kind::Document)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Shape {
    Point,
    LineString,
    Polygon,
    MultiPoint,
    MultiLineString,
    MultiPolygon,
    GeometryCollection,
}

impl Shape {
    fn name(self) -> &'static [u8] {
        match self {
            Shape::Point => b"Point",
            Shape::LineString => b"LineString",
            Shape::Polygon => b"Polygon",
            Shape::MultiPoint => b"MultiPoint",
            Shape::MultiLineString => b"MultiLineString",
            Shape::MultiPolygon => b"MultiPolygon",
            Shape::GeometryCollection => b"GeometryCollection",
        }
    }
}

/// Appends `{type, coordinates}` or `{type, geometries}` of a shape whose header was read.
fn write_shape(
    out: &mut Vec<u8>,
    reader: &mut Reader<'_>,
    shape: Shape,
    depth: usize,
) -> Result<(), Refusal> {
    // A collection adds two containers; the coordinates of a polygon's collection three more.
    if depth + 6 > MAX_DEPTH {
        return Err(Refusal::TooDeep { limit: MAX_DEPTH });
    }
    let start = element::open(out);
    element::element(out, b"type\0", |out| element::string(out, shape.name()))?;
    if shape == Shape::GeometryCollection {
        element::element(out, b"geometries\0", |out| {
            array_of(out, reader, |out, reader| {
                let shape = reader.shape()?;
                write_shape(out, reader, shape, depth + 2)?;
                Ok(Kind::Document)
            })
        })?;
    } else {
        element::element(out, b"coordinates\0", |out| {
            write_coordinates(out, reader, shape)
        })?;
    }
    element::close(out, start)
}

fn write_coordinates(
    out: &mut Vec<u8>,
    reader: &mut Reader<'_>,
    shape: Shape,
) -> Result<Kind, Refusal> {
    let part = match shape {
        Shape::Point => return write_position(out, reader),
        Shape::LineString => return array_of(out, reader, write_position),
        Shape::Polygon => {
            return array_of(out, reader, |out, reader| {
                array_of(out, reader, write_position)
            });
        }
        Shape::MultiPoint => Shape::Point,
        Shape::MultiLineString => Shape::LineString,
        Shape::MultiPolygon => Shape::Polygon,
        Shape::GeometryCollection => return Err(BROKEN),
    };
    array_of(out, reader, |out, reader| {
        if reader.shape()? != part {
            return Err(BROKEN);
        }
        write_coordinates(out, reader, part)
    })
}

fn write_position(out: &mut Vec<u8>, reader: &mut Reader<'_>) -> Result<Kind, Refusal> {
    let (x, y) = (reader.number()?, reader.number()?);
    let start = element::open(out);
    element::item(out, 0, |out| Ok(element::double(out, x)))?;
    element::item(out, 1, |out| Ok(element::double(out, y)))?;
    element::close(out, start)?;
    Ok(Kind::Array)
}

/// Appends an array of as many items as the next count says.
fn array_of(
    out: &mut Vec<u8>,
    reader: &mut Reader<'_>,
    mut item: impl FnMut(&mut Vec<u8>, &mut Reader<'_>) -> Result<Kind, Refusal>,
) -> Result<Kind, Refusal> {
    let count = reader.word()?;
    let start = element::open(out);
    for index in 0..count as usize {
        element::item(out, index, |out| item(out, reader))?;
    }
    element::close(out, start)?;
    Ok(Kind::Array)
}

/// Reads WKB. The server stores it little endian throughout, with a header on every member.
struct Reader<'a> {
    rest: &'a [u8],
}

impl Reader<'_> {
    fn shape(&mut self) -> Result<Shape, Refusal> {
        let [order] = self.take::<1>()?;
        if order != 1 {
            return Err(BROKEN);
        }
        Ok(match self.word()? {
            1 => Shape::Point,
            2 => Shape::LineString,
            3 => Shape::Polygon,
            4 => Shape::MultiPoint,
            5 => Shape::MultiLineString,
            6 => Shape::MultiPolygon,
            7 => Shape::GeometryCollection,
            _ => return Err(BROKEN),
        })
    }

    fn word(&mut self) -> Result<u32, Refusal> {
        Ok(u32::from_le_bytes(self.take()?))
    }

    fn number(&mut self) -> Result<f64, Refusal> {
        Ok(f64::from_le_bytes(self.take()?))
    }

    fn take<const N: usize>(&mut self) -> Result<[u8; N], Refusal> {
        let (taken, rest) = self.rest.split_first_chunk::<N>().ok_or(BROKEN)?;
        self.rest = rest;
        Ok(*taken)
    }
}
