//! The reader: tokens become a tree on an explicit stack, so that no nesting reaches the stack of the host.

use crate::atom::classify;
use crate::braces::check_map;
use crate::fault::{Cause, Open};
use crate::lexer::{End, Lexer, QuotedKind, Token};
use crate::literal::decode;
use crate::reading::MAX_FAULTS;
use crate::tree::Mark;
use crate::{Bracket, Fault, NodeId, NodeKind, Prefix, ReadLimits, Reading, Span, Tree};

/// Open forms named at the end of the text, the outermost first.
const MAX_UNCLOSED: usize = 8;

/// A form that is open: its opener or prefix was read, its end was not.
struct Frame {
    kind: FrameKind,
    /// The opener or the prefix.
    opener: Span,
    /// How many faults had been met when it opened.
    n_faults_before: usize,
}

enum FrameKind {
    List {
        bracket: Bracket,
        /// Its children so far are the pending nodes from here on.
        first_pending: usize,
    },
    Prefix(Prefix),
    /// `#;`, with what to cut back to once its form is whole.
    Discard(Mark),
}

impl Frame {
    /// The mark before a form, unless the frame is a list.
    fn prefix_text(&self) -> Option<&'static str> {
        match self.kind {
            FrameKind::List { .. } => None,
            FrameKind::Prefix(prefix) => Some(prefix.text()),
            FrameKind::Discard(_) => Some("#;"),
        }
    }
}

/// A form beyond the depth limit, passed over.
struct Skipped {
    start: u32,
    n_open: u32,
}

pub(crate) struct Reader<'a> {
    text: &'a str,
    limits: &'a ReadLimits,
    tree: Tree,
    faults: Vec<Fault>,
    /// All faults met, listed or not.
    n_faults: usize,
    first_unlisted: Option<Span>,
    frames: Vec<Frame>,
    /// Children of the open lists, those of the innermost last.
    pending: Vec<NodeId>,
    skipped: Option<Skipped>,
    /// Whether a prefix was just dropped because it nests too deep; what follows it is then no new fault.
    is_behind_deep_prefix: bool,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(text: &'a str, limits: &'a ReadLimits) -> Reader<'a> {
        Reader {
            text,
            limits,
            tree: Tree::new(),
            faults: Vec::new(),
            n_faults: 0,
            first_unlisted: None,
            frames: Vec::new(),
            pending: Vec::new(),
            skipped: None,
            is_behind_deep_prefix: false,
        }
    }

    pub(crate) fn run(&mut self) {
        let mut lexer = Lexer::new(self.text);
        while let Some((token, span)) = lexer.next_token() {
            match self.skipped {
                Some(_) => self.skip(token, span),
                None => self.take(token, span),
            }
        }
        self.close_at_end();
    }

    pub(crate) fn finish(mut self) -> Reading {
        self.faults.sort_by_key(|fault| fault.span.start);
        if let Some(span) = self.first_unlisted {
            self.faults.push(Cause::TooManyFaults.at(span));
        }
        Reading {
            tree: self.tree,
            faults: self.faults,
        }
    }

    fn take(&mut self, token: Token<'a>, span: Span) {
        match token {
            Token::Open(bracket) => {
                let first_pending = self.pending.len();
                self.open(
                    FrameKind::List {
                        bracket,
                        first_pending,
                    },
                    span,
                );
            }
            Token::Prefix(prefix) => self.open(FrameKind::Prefix(prefix), span),
            Token::Discard => {
                let mark = self.tree.mark();
                self.open(FrameKind::Discard(mark), span);
            }
            Token::Close(bracket) => self.close(bracket, span),
            Token::Atom(text) => self.atom(text, span),
            Token::Quoted { kind, body, end } => self.quoted(kind, body, end, span),
            Token::Comment(end) => self.comment(end, span),
            Token::Controls(first) => self.fault(Cause::Control(first), span),
        }
    }

    /// Passes over a token of a form that nests too deep; only openers and closers count, of whatever kind.
    fn skip(&mut self, token: Token<'a>, span: Span) {
        let Some(skipped) = &mut self.skipped else { return };
        match token {
            Token::Open(_) => skipped.n_open += 1,
            Token::Close(_) => skipped.n_open -= 1,
            Token::Comment(end) => self.comment(end, span),
            _ => {}
        }
        if let Some(Skipped { start, n_open: 0 }) = self.skipped {
            self.skipped = None;
            self.add_atom(NodeKind::Nil, Span::new(start, span.end));
        }
    }

    fn open(&mut self, kind: FrameKind, opener: Span) {
        if self.frames.len() < self.limits.max_depth as usize {
            self.frames.push(Frame {
                kind,
                opener,
                n_faults_before: self.n_faults,
            });
            return;
        }
        if !self.is_behind_deep_prefix {
            self.fault(
                Cause::TooDeep {
                    max_depth: self.limits.max_depth,
                },
                opener,
            );
        }
        let is_list = matches!(kind, FrameKind::List { .. });
        self.is_behind_deep_prefix = !is_list;
        if is_list {
            self.skipped = Some(Skipped {
                start: opener.start,
                n_open: 1,
            });
        }
    }

    fn close(&mut self, bracket: Bracket, span: Span) {
        self.drop_bare_prefixes();
        let Some(opened) = self.innermost_list() else {
            self.fault(Cause::StrayCloser(bracket), span);
            return;
        };
        if opened == bracket {
            self.end_list(span.end);
        } else if self.has_open_list(bracket) {
            while let Some(opened) = self.innermost_list().filter(|opened| *opened != bracket) {
                let opener = self.frames.last().map_or(span, |frame| frame.opener);
                self.fault(
                    Cause::LeftOpen {
                        opened,
                        closed: bracket,
                    },
                    opener,
                );
                self.end_list(span.start);
                self.drop_bare_prefixes();
            }
            self.end_list(span.end);
        } else {
            self.fault(
                Cause::WrongCloser {
                    opened,
                    closed: bracket,
                },
                span,
            );
            self.end_list(span.end);
        }
    }

    /// Takes prefixes that a closer follows off the stack: they have no form.
    fn drop_bare_prefixes(&mut self) {
        while let Some((prefix, opener)) = self.bare_prefix() {
            self.fault(Cause::PrefixWithoutForm(prefix), opener);
            self.frames.pop();
        }
    }

    /// The innermost open form, when it is a prefix that waits for its form.
    fn bare_prefix(&self) -> Option<(&'static str, Span)> {
        let frame = self.frames.last()?;
        Some((frame.prefix_text()?, frame.opener))
    }

    /// The brackets of the innermost open form, when it is a list.
    fn innermost_list(&self) -> Option<Bracket> {
        match self.frames.last()?.kind {
            FrameKind::List { bracket, .. } => Some(bracket),
            FrameKind::Prefix(_) | FrameKind::Discard(_) => None,
        }
    }

    fn has_open_list(&self, wanted: Bracket) -> bool {
        let fits = |frame: &Frame| matches!(frame.kind, FrameKind::List { bracket, .. } if bracket == wanted);
        self.frames.iter().rev().any(fits)
    }

    /// Makes the innermost open form, a list, a node that ends at `end`.
    fn end_list(&mut self, end: u32) {
        let Some(frame) = self.frames.pop() else { return };
        let FrameKind::List {
            bracket,
            first_pending,
        } = frame.kind
        else {
            return;
        };
        let span = Span::new(frame.opener.start, end);
        let node = self
            .tree
            .add(NodeKind::List(bracket), span, &self.pending[first_pending..]);
        self.pending.truncate(first_pending);
        let is_whole = self.n_faults == frame.n_faults_before;
        if bracket == Bracket::Brace
            && is_whole
            && !self.declares_form()
            && let Some((cause, span)) = check_map(&self.tree, node)
        {
            self.fault(cause, span);
        }
        self.complete(node);
    }

    /// Whether the innermost open form declares a record type, whose braces list the types of its fields:
    /// `{:int :int}` is no map there.
    fn declares_form(&self) -> bool {
        let Some(Frame {
            kind: FrameKind::List { first_pending, .. },
            ..
        }) = self.frames.last()
        else {
            return false;
        };
        let head = self
            .pending
            .get(*first_pending)
            .and_then(|&head| self.tree.symbol(head));
        head == Some("define-form")
    }

    /// Hands a whole form to the form around it, which ends with it when it is a prefix.
    fn complete(&mut self, mut node: NodeId) {
        self.is_behind_deep_prefix = false;
        while let Some(frame) = self.frames.last() {
            let span = Span::new(frame.opener.start, self.tree.span(node).end);
            match frame.kind {
                FrameKind::List { .. } => {
                    self.pending.push(node);
                    return;
                }
                FrameKind::Prefix(prefix) => node = self.tree.add(NodeKind::Prefix(prefix), span, &[node]),
                FrameKind::Discard(mark) => {
                    let n_faults_before = frame.n_faults_before;
                    self.frames.pop();
                    self.discard(mark, n_faults_before, span);
                    return;
                }
            }
            self.frames.pop();
        }
        self.tree.add_root(node);
    }

    /// Turns the form read since `mark` into a comment; only faults of its structure remain.
    fn discard(&mut self, mark: Mark, n_faults_before: usize, span: Span) {
        self.tree.cut_back(mark);
        self.tree.add_comment(span);
        let mut place = 0;
        self.faults.retain(|fault| {
            place += 1;
            place <= n_faults_before || fault.is_structural()
        });
        if self.first_unlisted.is_none() {
            self.n_faults = self.faults.len();
        }
    }

    fn atom(&mut self, text: &str, span: Span) {
        if self.is_too_large(span) {
            return;
        }
        let atom = classify(text);
        if let Some(cause) = atom.cause {
            self.fault(cause, span);
        }
        if text == ":" && !self.opens_braces() {
            self.fault(Cause::LoneColon, span);
        }
        self.add_atom(atom.kind, span);
    }

    /// Whether the next form is the first in braces.
    fn opens_braces(&self) -> bool {
        match self.frames.last() {
            Some(Frame {
                kind:
                    FrameKind::List {
                        bracket: Bracket::Brace,
                        first_pending,
                    },
                ..
            }) => self.pending.len() == *first_pending,
            _ => false,
        }
    }

    fn quoted(&mut self, kind: QuotedKind, body: &str, end: End, span: Span) {
        if self.is_too_large(span) {
            return;
        }
        let opener_bytes = match kind {
            QuotedKind::Str => 1,
            QuotedKind::Bytes => 2,
        };
        let body_start = span.start + opener_bytes;
        let bytes = match end {
            End::Proper => decode(body, kind, |cause, start, end| {
                self.fault(
                    cause,
                    Span::new(body_start + start as u32, body_start + end as u32),
                );
            }),
            End::Missing => {
                let open = if kind == QuotedKind::Str {
                    Open::Str
                } else {
                    Open::Bytes
                };
                self.fault(Cause::Unclosed(open), Span::new(span.start, body_start));
                body.as_bytes().to_vec()
            }
        };
        let kind = match kind {
            QuotedKind::Str => {
                let text = String::from_utf8(bytes).expect("text with its escapes resolved is UTF-8");
                NodeKind::Str(text.into())
            }
            QuotedKind::Bytes => NodeKind::Bytes(bytes.into()),
        };
        self.add_atom(kind, span);
    }

    fn comment(&mut self, end: End, span: Span) {
        if end == End::Missing {
            self.fault(
                Cause::Unclosed(Open::BlockComment),
                Span::new(span.start, span.start + 2),
            );
        }
        self.tree.add_comment(span);
    }

    /// Reports an atom beyond the size limit and puts `nil` in its place.
    fn is_too_large(&mut self, span: Span) -> bool {
        let max_atom_bytes = self.limits.max_atom_bytes;
        let is_too_large = span.len() > max_atom_bytes;
        if is_too_large {
            self.fault(Cause::LargeAtom { max_atom_bytes }, span);
            self.add_atom(NodeKind::Nil, span);
        }
        is_too_large
    }

    fn add_atom(&mut self, kind: NodeKind, span: Span) {
        let node = self.tree.add(kind, span, &[]);
        self.complete(node);
    }

    /// Reports what is open at the end of the text, and closes it there.
    fn close_at_end(&mut self) {
        if let Some(Skipped { start, .. }) = self.skipped.take() {
            // The depth is at fault here, and the closers may well be among what was passed over.
            self.add_atom(NodeKind::Nil, Span::new(start, self.text.len() as u32));
        } else {
            self.report_open_forms();
        }
        while let Some(frame) = self.frames.last() {
            match frame.kind {
                FrameKind::List { .. } => self.end_list(self.text.len() as u32),
                FrameKind::Prefix(_) | FrameKind::Discard(_) => {
                    self.frames.pop();
                }
            }
        }
    }

    fn report_open_forms(&mut self) {
        let lists = self
            .frames
            .iter()
            .enumerate()
            .filter_map(|(depth, frame)| match frame.kind {
                FrameKind::List { bracket, .. } => Some((depth, bracket)),
                FrameKind::Prefix(_) | FrameKind::Discard(_) => None,
            });
        let lists: Vec<_> = lists.take(MAX_UNCLOSED).collect();
        for (depth, bracket) in lists {
            let margin_line = self.margin_line(depth);
            self.fault(
                Cause::Unclosed(Open::List { bracket, margin_line }),
                self.frames[depth].opener,
            );
        }
        if let Some((prefix, opener)) = self.bare_prefix() {
            self.fault(Cause::PrefixAtEnd(prefix), opener);
        }
    }

    /// The line of the first form that starts at the margin inside an open list that does so too: the list
    /// was probably meant to end before it.
    fn margin_line(&self, depth: usize) -> Option<u32> {
        let text = self.text.as_bytes();
        let is_at_margin = |start: &u32| *start == 0 || text[*start as usize - 1] == b'\n';
        let list = &self.frames[depth];
        let FrameKind::List { first_pending, .. } = list.kind else {
            return None;
        };
        if !is_at_margin(&list.opener.start) {
            return None;
        }
        let whole = self.pending[first_pending..]
            .iter()
            .map(|&node| self.tree.span(node).start);
        let open = self.frames[depth + 1..].iter().map(|frame| frame.opener.start);
        let start = whole.chain(open).filter(is_at_margin).min()?;
        let n_breaks = text[..start as usize]
            .iter()
            .filter(|&&byte| byte == b'\n')
            .count();
        Some(n_breaks as u32 + 1)
    }

    pub(crate) fn fault(&mut self, cause: Cause, span: Span) {
        self.n_faults += 1;
        if self.faults.len() < MAX_FAULTS {
            self.faults.push(cause.at(span));
        } else if self.first_unlisted.is_none() {
            self.first_unlisted = Some(span);
        }
    }
}
