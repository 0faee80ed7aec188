//! Tokens: the smallest pieces of a text, each cut off by `nom`. Nesting is the reader's affair.

use nom::branch::alt;
use nom::bytes::complete::{is_not, tag, take_while, take_while1};
use nom::character::complete::{anychar, char};
use nom::combinator::{opt, peek, recognize, value};
use nom::multi::many0_count;
use nom::sequence::preceded;
use nom::{IResult, Parser};

use crate::atom::atom_text;
use crate::chars::{is_space, is_stray_control};
use crate::{Bracket, Prefix, Span};

/// One token; pieces of text are borrowed from the source.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) enum Token<'a> {
    Open(Bracket),
    Close(Bracket),
    Prefix(Prefix),
    /// `#;`
    Discard,
    Atom(&'a str),
    /// What stands between the quotes of a string or byte literal, escapes and all.
    Quoted {
        kind: QuotedKind,
        body: &'a str,
        end: End,
    },
    /// A comment to the end of its line, or a block comment.
    Comment(End),
    /// One or more control characters in a row.
    Controls(char),
}

/// Which literal a quoted token is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum QuotedKind {
    Str,
    Bytes,
}

/// Whether a token came to its proper end or the text ended first.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum End {
    Proper,
    Missing,
}

/// A place in a text from which tokens are taken one by one.
pub(crate) struct Lexer<'a> {
    text: &'a str,
    offset: usize,
}

impl<'a> Lexer<'a> {
    /// The text must be shorter than 4 GiB, so that spans reach all of it.
    pub(crate) fn new(text: &'a str) -> Lexer<'a> {
        debug_assert!(
            u32::try_from(text.len()).is_ok(),
            "the reader refuses larger texts"
        );
        Lexer { text, offset: 0 }
    }

    /// The next token and its place, or nothing at the end of the text.
    pub(crate) fn next_token(&mut self) -> Option<(Token<'a>, Span)> {
        let rest = &self.text[self.offset..];
        let rest = rest.trim_start_matches(is_space);
        let start = self.text.len() - rest.len();
        if rest.is_empty() {
            self.offset = start;
            return None;
        }
        let cut = if start == 0 {
            alt((first_line, token)).parse(rest)
        } else {
            token(rest)
        };
        let (behind, token) = cut.expect("some token fits every character that is not white space");
        self.offset = self.text.len() - behind.len();
        Some((token, Span::new(start as u32, self.offset as u32)))
    }
}

fn token(input: &str) -> IResult<&str, Token<'_>> {
    match input.as_bytes()[0] {
        b'(' => value(Token::Open(Bracket::Paren), char('(')).parse(input),
        b')' => value(Token::Close(Bracket::Paren), char(')')).parse(input),
        b'[' => value(Token::Open(Bracket::Square), char('[')).parse(input),
        b']' => value(Token::Close(Bracket::Square), char(']')).parse(input),
        b'{' => value(Token::Open(Bracket::Brace), char('{')).parse(input),
        b'}' => value(Token::Close(Bracket::Brace), char('}')).parse(input),
        b'"' => quoted(input),
        b';' => value(Token::Comment(End::Proper), to_line_end).parse(input),
        b'#' => alt((block_comment, value(Token::Discard, tag("#;")), prefix)).parse(input),
        b'\'' | b'`' | b',' | b'@' | b'?' => prefix(input),
        b'b' => alt((quoted, atom)).parse(input),
        _ => alt((controls, atom)).parse(input),
    }
}

fn prefix(input: &str) -> IResult<&str, Token<'_>> {
    alt((
        value(Prefix::Quote, tag("'")),
        value(Prefix::Quasi, tag("`")),
        value(Prefix::Splice, tag(",@")),
        value(Prefix::Unquote, tag(",")),
        value(Prefix::Error, tag("@")),
        value(Prefix::Datum, tag("#")),
        value(Prefix::Aberrant, tag("?")),
    ))
    .map(Token::Prefix)
    .parse(input)
}

fn atom(input: &str) -> IResult<&str, Token<'_>> {
    atom_text.map(Token::Atom).parse(input)
}

fn controls(input: &str) -> IResult<&str, Token<'_>> {
    take_while1(is_stray_control)
        .map(|run: &str| Token::Controls(run.chars().next().expect("the run is not empty")))
        .parse(input)
}

/// A string, or a byte literal when a `b` stands before it. The whole rest of the text when its quote is
/// missing.
fn quoted(input: &str) -> IResult<&str, Token<'_>> {
    let (input, kind) = alt((
        value(QuotedKind::Bytes, tag("b\"")),
        value(QuotedKind::Str, tag("\"")),
    ))
    .parse(input)?;
    let piece = alt((is_not("\"\\"), recognize(preceded(char('\\'), anychar))));
    let (behind, body) = recognize((many0_count(piece), opt(char('\\')))).parse(input)?;
    let (behind, quote) = opt(char('"')).parse(behind)?;
    let end = if quote.is_some() {
        End::Proper
    } else {
        End::Missing
    };
    Ok((behind, Token::Quoted { kind, body, end }))
}

/// `#| … |#`, which nests. Counts instead of recursing, as hostile text nests deep.
fn block_comment(input: &str) -> IResult<&str, Token<'_>> {
    let (mut rest, _) = tag("#|").parse(input)?;
    let mut depth = 1usize;
    while depth > 0 {
        let (at_mark, _) = take_while(|character| character != '#' && character != '|').parse(rest)?;
        if at_mark.is_empty() {
            return Ok((at_mark, Token::Comment(End::Missing)));
        }
        let step = alt((
            value(Nest::In, tag("#|")),
            value(Nest::Out, tag("|#")),
            value(Nest::Stay, anychar),
        ));
        let (behind, nest) = { step }.parse(at_mark)?;
        match nest {
            Nest::In => depth += 1,
            Nest::Out => depth -= 1,
            Nest::Stay => {}
        }
        rest = behind;
    }
    Ok((rest, Token::Comment(End::Proper)))
}

#[derive(Clone, Copy)]
enum Nest {
    In,
    Out,
    Stay,
}

/// `#!…`, the line by which a shell finds the interpreter; a comment when it opens the text.
fn first_line(input: &str) -> IResult<&str, Token<'_>> {
    value(
        Token::Comment(End::Proper),
        preceded(peek(tag("#!")), to_line_end),
    )
    .parse(input)
}

/// All up to the line break, which is `\n`, or `\r\n`; a lone `\r` hides nothing from the reader.
fn to_line_end(input: &str) -> IResult<&str, &str> {
    let (_, line) = take_while(|character| character != '\n').parse(input)?;
    let line = line.strip_suffix('\r').unwrap_or(line);
    Ok((&input[line.len()..], line))
}
