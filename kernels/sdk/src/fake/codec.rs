//! Bytes of data for `encode` and `decode` of the fake host. Not the real wire form: kernels never look
//! inside.

use super::data::Data;
use sup_abi::value_type::ListKind;

/// The bytes of storable data.
pub(super) fn encode(data: &Data) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    put(data, &mut bytes)?;
    Some(bytes)
}

/// The data of bytes.
pub(super) fn decode(bytes: &[u8]) -> Option<Data> {
    let mut rest = bytes;
    let data = take(&mut rest)?;
    rest.is_empty().then_some(data)
}

fn put(data: &Data, out: &mut Vec<u8>) -> Option<()> {
    match data {
        Data::Nil => out.push(0),
        Data::Bool(value) => out.extend([1, u8::from(*value)]),
        Data::Int(value) => put_tagged(out, 2, &value.to_le_bytes()),
        Data::Real(value) => put_tagged(out, 3, &value.to_bits().to_le_bytes()),
        Data::Str(text) => put_bytes(out, 4, text.as_bytes()),
        Data::Bytes(bytes) => put_bytes(out, 5, bytes),
        Data::Symbol(name) => put_bytes(out, 6, name.as_bytes()),
        Data::Keyword(name) => put_bytes(out, 7, name.as_bytes()),
        Data::Path(name) => put_bytes(out, 8, name.as_bytes()),
        Data::List(kind, elements) => {
            put_tagged(out, 9 + *kind as u8, &elements.len().to_le_bytes());
            for element in elements {
                put(element, out)?;
            }
        }
        Data::Map(pairs) => {
            put_tagged(out, 12, &pairs.len().to_le_bytes());
            for (key, value) in pairs {
                put(key, out)?;
                put(value, out)?;
            }
        }
        _ => return None,
    }
    Some(())
}

fn put_tagged(out: &mut Vec<u8>, tag: u8, bytes: &[u8]) {
    out.push(tag);
    out.extend_from_slice(bytes);
}

fn put_bytes(out: &mut Vec<u8>, tag: u8, bytes: &[u8]) {
    put_tagged(out, tag, &bytes.len().to_le_bytes());
    out.extend_from_slice(bytes);
}

fn take(rest: &mut &[u8]) -> Option<Data> {
    let tag = *rest.split_off_first()?;
    Some(match tag {
        0 => Data::Nil,
        1 => Data::Bool(*rest.split_off_first()? != 0),
        2 => Data::Int(i64::from_le_bytes(number(rest)?)),
        3 => Data::Real(f64::from_bits(u64::from_le_bytes(number(rest)?))),
        4..=8 => {
            let length = usize::from_le_bytes(number(rest)?);
            let bytes = rest.split_off(..length)?.to_vec();
            let text = || String::from_utf8_lossy(&bytes).into_owned();
            match tag {
                4 => Data::Str(text()),
                6 => Data::Symbol(text()),
                7 => Data::Keyword(text()),
                8 => Data::Path(text()),
                _ => Data::Bytes(bytes),
            }
        }
        9..=11 => {
            let length = usize::from_le_bytes(number(rest)?);
            let elements: Option<Vec<Data>> = (0..length).map(|_| take(rest)).collect();
            Data::List(ListKind::from_number(u32::from(tag - 9))?, elements?)
        }
        12 => {
            let length = usize::from_le_bytes(number(rest)?);
            let pairs: Option<Vec<_>> = (0..length).map(|_| Some((take(rest)?, take(rest)?))).collect();
            Data::Map(pairs?)
        }
        _ => return None,
    })
}

fn number(rest: &mut &[u8]) -> Option<[u8; 8]> {
    rest.split_off(..8)?.try_into().ok()
}
