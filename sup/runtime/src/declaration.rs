//! Reading declarations: the `kernel.slp` beside a kernel's library.

use slp::{BraceShape, Bracket, Fault, NodeId, NodeKind, Prefix, ReadLimits, Span, Tree, brace_shape};
use sup_host::{Declaration, DeclaredFunction};

/// What a declaration's text says.
///
/// # Errors
/// The first thing in it that is not as a declaration has it.
pub fn parse(text: &str) -> Result<Declaration, Fault> {
    let reading = slp::read(text, &ReadLimits::default());
    if let Some(fault) = reading.faults.into_iter().next() {
        return Err(fault);
    }
    let tree = reading.tree;
    let mut waiting: Vec<NodeId> = tree.roots().iter().rev().copied().collect();
    let mut found = None;
    while let Some(node) = waiting.pop() {
        if let Some(block) = tree.list_in(node, Bracket::Square) {
            waiting.extend(block.iter().rev());
        } else if let Some((Prefix::Datum, inner)) = tree.prefix(node)
            && tree.head(inner) == Some("define-kernel")
        {
            found = Some(kernel(text, &tree, inner)?);
        }
    }
    found.ok_or_else(|| {
        fault(
            Span { start: 0, end: 0 },
            "there is no #(define-kernel …) in the declaration",
        )
    })
}

fn fault(span: Span, message: &str) -> Fault {
    let hint = "#(define-kernel name \"library\" [(define-function add (a :int b :int) :int)])".to_owned();
    Fault {
        code: "kernel/declaration",
        span,
        message: message.to_owned(),
        hint: Some(hint),
        unfinished: false,
    }
}

fn kernel(text: &str, tree: &Tree, node: NodeId) -> Result<Declaration, Fault> {
    let wrong = |message: &str| fault(tree.span(node), message);
    let [_, name, library, rest @ ..] = tree.children(node) else {
        return Err(wrong(
            "a declaration has a name, a library and a block of functions",
        ));
    };
    let name = tree
        .symbol(*name)
        .ok_or_else(|| wrong("a kernel's name is a symbol"))?;
    let library = tree
        .string(*library)
        .ok_or_else(|| wrong("a kernel's library is a string"))?;
    let mut declaration = Declaration {
        name: name.to_owned(),
        library: library.to_owned(),
        ..Declaration::default()
    };
    for part in rest {
        if let Some(functions) = tree.list_in(*part, Bracket::Square) {
            for function_node in functions {
                declaration.functions.push(function(text, tree, *function_node)?);
            }
        } else {
            declaration.hash = field(tree, *part, "blake3")
                .and_then(|value| tree.string(value))
                .map(str::to_owned);
        }
    }
    Ok(declaration)
}

/// The value of a keyword in a map node.
fn field(tree: &Tree, node: NodeId, key: &str) -> Option<NodeId> {
    if *tree.kind(node) != NodeKind::List(Bracket::Brace) {
        return None;
    }
    let (BraceShape::Map, elements) = brace_shape(tree, node) else {
        return None;
    };
    let pair = elements
        .chunks(2)
        .find(|pair| tree.keyword(pair[0]) == Some(key))?;
    pair.get(1).copied()
}

fn function(text: &str, tree: &Tree, node: NodeId) -> Result<DeclaredFunction, Fault> {
    let wrong = |message: &str| fault(tree.span(node), message);
    let [_, name, parameters, rest @ ..] = tree.children(node) else {
        return Err(wrong("a function has a name and parameters"));
    };
    if tree.head(node) != Some("define-function") {
        return Err(wrong("a declaration's block holds (define-function …) only"));
    }
    let name = tree
        .symbol(*name)
        .ok_or_else(|| wrong("a function's name is a symbol"))?;
    let result = rest.first().filter(|node| tree.keyword(**node).is_some());
    let last = result.unwrap_or(parameters);
    let signature = Span {
        start: tree.span(*parameters).start,
        end: tree.span(*last).end,
    };
    let options = rest.last().copied();
    let listed = |key: &str| {
        let list = options.and_then(|node| field(tree, node, key))?;
        let names = tree.children(list).iter().filter_map(|name| tree.symbol(*name));
        Some(names.map(str::to_owned).collect())
    };
    let intrinsic = options
        .and_then(|node| field(tree, node, "intrinsic"))
        .and_then(|name| tree.symbol(name));
    Ok(DeclaredFunction {
        name: name.to_owned(),
        signature: text[signature.start as usize..signature.end as usize].to_owned(),
        flags: listed("flags"),
        capabilities: listed("capabilities"),
        intrinsic: intrinsic.map(str::to_owned),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_declaration_of_the_predecessor_reads() {
        let text = "[ #(define-form span {:int :int})\n #(define-kernel demo \"libkernel_demo.so\" [\n (define-function mk (a :int b :int) :span)\n (define-function all (s :span..) :int) ]) ]";
        let declaration = parse(text).expect("it reads");
        assert_eq!(
            (declaration.name.as_str(), declaration.functions.len()),
            ("demo", 2)
        );
        assert_eq!(declaration.functions[0].signature, "(a :int b :int) :span");
    }

    #[test]
    fn flags_and_intrinsics_are_read_where_they_are_said() {
        let text = "#(define-kernel alu \"l.so\" {:version \"1\"} [(define-function add (a :int) :int \"doc\" {:flags {pure leaf} :intrinsic add})])";
        let function = parse(text).expect("it reads").functions.remove(0);
        assert_eq!(function.flags, Some(vec!["pure".to_owned(), "leaf".to_owned()]));
        assert_eq!(function.intrinsic.as_deref(), Some("add"));
    }

    #[test]
    fn what_is_no_declaration_is_told() {
        for text in [
            "",
            "(define-kernel x)",
            "#(define-kernel)",
            "#(define-kernel a \"b\" [(define-function)])",
            "#(",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
