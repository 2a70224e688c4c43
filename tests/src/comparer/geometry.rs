//! Reads well-known binary into the GeoJSON object that it must become.
//!
//! The server is asked for longitude first, so coordinates are taken in the order in which they
//! come; they are doubles in both forms and keep every bit.

use super::expected::Expected;

/// The bytes are no geometry that GeoJSON has.
#[derive(Debug, thiserror::Error)]
#[error("the server's well-known binary cannot be read at its byte {offset}")]
pub struct UnreadableGeometry {
    offset: usize,
}

/// The GeoJSON object of one geometry: `type`, then `coordinates` or `geometries`.
pub fn geo_json(wkb: &[u8]) -> Result<Expected, UnreadableGeometry> {
    let mut reader = Reader { wkb, offset: 0 };
    let object = reader.geometry()?;
    if reader.offset != wkb.len() {
        return Err(reader.refuse());
    }
    Ok(object)
}

struct Reader<'a> {
    wkb: &'a [u8],
    offset: usize,
}

impl Reader<'_> {
    fn refuse(&self) -> UnreadableGeometry {
        UnreadableGeometry {
            offset: self.offset,
        }
    }

    fn take<const N: usize>(&mut self) -> Result<[u8; N], UnreadableGeometry> {
        let bytes = self
            .wkb
            .get(self.offset..self.offset + N)
            .and_then(|slice| slice.try_into().ok())
            .ok_or_else(|| self.refuse())?;
        self.offset += N;
        Ok(bytes)
    }

    fn count(&mut self) -> Result<u32, UnreadableGeometry> {
        Ok(u32::from_le_bytes(self.take()?))
    }

    fn kind(&mut self) -> Result<u32, UnreadableGeometry> {
        if self.take::<1>()? != [1] {
            return Err(self.refuse());
        }
        self.count()
    }

    fn position(&mut self) -> Result<Expected, UnreadableGeometry> {
        let first = f64::from_le_bytes(self.take()?);
        let second = f64::from_le_bytes(self.take()?);
        Ok(Expected::Array(vec![
            Expected::Double(first),
            Expected::Double(second),
        ]))
    }

    fn many(
        &mut self,
        each: impl Fn(&mut Self) -> Result<Expected, UnreadableGeometry>,
    ) -> Result<Expected, UnreadableGeometry> {
        let count = self.count()?;
        let items: Result<Vec<_>, _> = (0..count).map(|_| each(self)).collect();
        Ok(Expected::Array(items?))
    }

    fn line(&mut self) -> Result<Expected, UnreadableGeometry> {
        self.many(Self::position)
    }

    fn rings(&mut self) -> Result<Expected, UnreadableGeometry> {
        self.many(Self::line)
    }

    fn geometry(&mut self) -> Result<Expected, UnreadableGeometry> {
        let (name, member, value) = match self.kind()? {
            1 => ("Point", "coordinates", self.position()?),
            2 => ("LineString", "coordinates", self.line()?),
            3 => ("Polygon", "coordinates", self.rings()?),
            4 => {
                let value = self.many(|inner| inner.kind().and_then(|_| inner.position()))?;
                ("MultiPoint", "coordinates", value)
            }
            5 => {
                let value = self.many(|inner| inner.kind().and_then(|_| inner.line()))?;
                ("MultiLineString", "coordinates", value)
            }
            6 => {
                let value = self.many(|inner| inner.kind().and_then(|_| inner.rings()))?;
                ("MultiPolygon", "coordinates", value)
            }
            7 => (
                "GeometryCollection",
                "geometries",
                self.many(Self::geometry)?,
            ),
            _ => return Err(self.refuse()),
        };
        Ok(Expected::Document(vec![
            ("type".to_owned(), Expected::String(name.to_owned())),
            (member.to_owned(), value),
        ]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_point_keeps_the_order_of_its_coordinates() {
        let mut wkb = vec![1, 1, 0, 0, 0];
        wkb.extend_from_slice(&20.0_f64.to_le_bytes());
        wkb.extend_from_slice(&10.0_f64.to_le_bytes());
        let point = geo_json(&wkb).unwrap();
        let coordinates = Expected::Array(vec![Expected::Double(20.0), Expected::Double(10.0)]);
        assert_eq!(
            point,
            Expected::Document(vec![
                ("type".into(), Expected::String("Point".into())),
                ("coordinates".into(), coordinates)
            ])
        );
        assert!(geo_json(&wkb[..wkb.len() - 1]).is_err());
    }
}
