//! Atoms: a run of characters becomes a number, a keyword, a path, a word or a symbol.

use nom::branch::alt;
use nom::bytes::complete::{tag, take_while1};
use nom::character::complete::{digit1, one_of};
use nom::combinator::{all_consuming, opt, recognize, value};
use nom::multi::many0_count;
use nom::sequence::preceded;
use nom::{IResult, Parser};

use crate::NodeKind;
use crate::chars::{ends_atom, is_space};
use crate::fault::Cause;

/// An atom, read: its node, and what is wrong with it when the value in the node is only the nearest one.
pub(crate) struct Atom {
    pub(crate) kind: NodeKind,
    pub(crate) cause: Option<Cause>,
}

/// Classifies an atom. Whatever is not wholly a number, and no other shape, is a symbol: `1.2.3`, `1e`,
/// `0xfg`, `-`.
pub(crate) fn classify(text: &str) -> Atom {
    let kind = match text {
        "nil" => NodeKind::Nil,
        "true" => NodeKind::Bool(true),
        "false" => NodeKind::Bool(false),
        "+inf" => NodeKind::Real(f64::INFINITY),
        "-inf" => NodeKind::Real(f64::NEG_INFINITY),
        "+nan" => NodeKind::Real(f64::NAN),
        _ => {
            if let Some(name) = text.strip_prefix(':') {
                NodeKind::Keyword(name.into())
            } else if let Some(atom) = number(text) {
                return atom;
            } else if has_inner_colon(text) {
                NodeKind::Path(text.into())
            } else {
                NodeKind::Symbol(text.into())
            }
        }
    };
    Atom { kind, cause: None }
}

/// Whether the name of a symbol reads back as that symbol.
pub fn symbol_is_plain(name: &str) -> bool {
    is_one_atom(name) && matches!(classify(name).kind, NodeKind::Symbol(_))
}

/// Whether the name of a keyword, given without its colon, reads back as that keyword.
pub fn keyword_is_plain(name: &str) -> bool {
    !name.is_empty() && !name.contains(ends_atom)
}

/// Whether a path reads back as that path.
pub fn path_is_plain(path: &str) -> bool {
    is_one_atom(path) && matches!(classify(path).kind, NodeKind::Path(_))
}

fn is_one_atom(text: &str) -> bool {
    !text.is_empty() && !text.starts_with(['@', '#', '?']) && !text.contains(ends_atom)
}

/// Whether a colon stands in the text neither first nor last.
fn has_inner_colon(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.len() > 2 && bytes[1..bytes.len() - 1].contains(&b':')
}

#[derive(Clone, Copy)]
enum Radix {
    Binary = 2,
    Hexadecimal = 16,
}

fn number(text: &str) -> Option<Atom> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if !digits.starts_with(|first: char| first.is_ascii_digit() || first == '.') {
        return None;
    }
    let is_negative = text.starts_with('-');
    if let Ok((_, (radix, digits))) = all_consuming(prefixed_integer).parse(digits) {
        return Some(integer(digits, radix as u32, is_negative));
    }
    if all_consuming(digit_groups).parse(digits).is_ok() {
        return Some(integer(digits, 10, is_negative));
    }
    all_consuming(real_shape).parse(digits).ok()?;
    Some(real(text))
}

fn integer(digits: &str, radix: u32, is_negative: bool) -> Atom {
    let digits = without_underscores(digits);
    let number = u64::from_str_radix(&digits, radix).ok().and_then(|magnitude| {
        if is_negative {
            0i64.checked_sub_unsigned(magnitude)
        } else {
            i64::try_from(magnitude).ok()
        }
    });
    let nearest = if is_negative { i64::MIN } else { i64::MAX };
    Atom {
        kind: NodeKind::Int(number.unwrap_or(nearest)),
        cause: number.is_none().then_some(Cause::IntRange),
    }
}

fn real(text: &str) -> Atom {
    let number: f64 = without_underscores(text)
        .parse()
        .expect("the shape of a real was checked");
    Atom {
        kind: NodeKind::Real(number),
        cause: number.is_infinite().then_some(Cause::RealRange),
    }
}

fn without_underscores(digits: &str) -> std::borrow::Cow<'_, str> {
    if digits.contains('_') {
        digits.replace('_', "").into()
    } else {
        digits.into()
    }
}

/// `0x` or `0b` and digits.
fn prefixed_integer(input: &str) -> IResult<&str, (Radix, &str)> {
    let hexadecimal = preceded(
        alt((tag("0x"), tag("0X"))),
        grouped(|character| character.is_ascii_hexdigit()),
    );
    let binary = preceded(
        alt((tag("0b"), tag("0B"))),
        grouped(|character| matches!(character, '0' | '1')),
    );
    alt((
        hexadecimal.map(|digits| (Radix::Hexadecimal, digits)),
        binary.map(|digits| (Radix::Binary, digits)),
    ))
    .parse(input)
}

/// Decimal digits, single underscores between them allowed.
fn digit_groups(input: &str) -> IResult<&str, &str> {
    grouped(|character| character.is_ascii_digit()).parse(input)
}

fn grouped<'a>(
    is_digit: impl Fn(char) -> bool + Copy,
) -> impl Parser<&'a str, Output = &'a str, Error = nom::error::Error<&'a str>> {
    let more = preceded(tag("_"), take_while1(is_digit));
    recognize((take_while1(is_digit), many0_count(more)))
}

/// Digits with a point, an exponent, or both: `3.14` `.5` `5.` `1e9` `1_000.5`.
fn real_shape(input: &str) -> IResult<&str, ()> {
    let with_point = (digit_groups, tag("."), opt(digit_groups), opt(exponent));
    let point_first = (tag("."), digit_groups, opt(exponent));
    let whole = (digit_groups, exponent);
    alt((value((), with_point), value((), point_first), value((), whole))).parse(input)
}

fn exponent(input: &str) -> IResult<&str, &str> {
    recognize((one_of("eE"), opt(one_of("+-")), digit1)).parse(input)
}

/// Cuts the atom off the front of a text; it is at least one character long.
pub(crate) fn atom_text(input: &str) -> IResult<&str, &str> {
    debug_assert!(
        !input.starts_with(is_space),
        "white space is skipped before an atom"
    );
    take_while1(|character| !ends_atom(character)).parse(input)
}
