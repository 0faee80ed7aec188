//! The words of the language itself: how they are written and what they mean, for `sup doc`.

/// A word of the language.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Form {
    /// The word.
    pub name: &'static str,
    /// How it is written.
    pub shape: &'static str,
    /// What it means.
    pub doc: &'static str,
    /// A form and what it gives; empty when it cannot be shown in one line.
    pub example: &'static str,
}

const fn form(name: &'static str, shape: &'static str, doc: &'static str, example: &'static str) -> Form {
    Form {
        name,
        shape,
        doc,
        example,
    }
}

/// Every word, by name.
pub const FORMS: &[Form] = &[
    form(
        "->",
        "(-> x (f a) …)",
        "Threads x through calls as the first argument.",
        "(-> 5 (- 2) (* 3)) ;=> 9",
    ),
    form(
        "->>",
        "(->> x (f a) …)",
        "Threads x through calls as the last argument.",
        "(->> {1 2 3} (map inc) (reduce +)) ;=> 9",
    ),
    form(
        "and",
        "(and a b …)",
        "The first value that counts as false, else the last; evaluates no further.",
        "(and 1 2) ;=> 2",
    ),
    form(
        "apply",
        "(apply f list)",
        "Calls f with the elements of a list as arguments.",
        "(apply + {1 2 3}) ;=> 6",
    ),
    form(
        "assert",
        "(assert c \"message\")",
        "Raises assert/failed unless c counts as true.",
        "(assert (= 1 2) \"no\") ;!! assert/failed",
    ),
    form(
        "at",
        "(at i coll)",
        "Element i, or the value at a key; outside it gives an error value, and negative i count from the end.",
        "(at -1 {1 2 3}) ;=> 3",
    ),
    form(
        "case",
        "(case v k e … :else e)",
        "The result beside the literal that v equals.",
        "(case 2 1 :one 2 :two :else :many) ;=> :two",
    ),
    form(
        "cast",
        "(cast :type v)",
        "Converts v; raises when it cannot be converted.",
        "(cast :int 2.9) ;=> 2",
    ),
    form(
        "cond",
        "(cond c e … :else e)",
        "The result beside the first condition that counts as true.",
        "(cond false 1 :else 2) ;=> 2",
    ),
    form(
        "debug",
        "(debug e …)",
        "Prints its arguments as they read back.",
        "",
    ),
    form(
        "def",
        "(def name \"doc\" e)",
        "Binds a name: at top level in the module, in a body until its end. The doc string may be left out.",
        "[(def x 2) (* x 3)] ;=> 6",
    ),
    form(
        "define-form",
        "#(define-form name {field :type …})",
        "A record type with checked fields; `:name` is then a type, and `cast` makes its values.",
        "",
    ),
    form(
        "define-kernel",
        "#(define-kernel …)",
        "The declaration of a kernel, in its kernel.slp.",
        "",
    ),
    form(
        "defn",
        "(defn name \"doc\" (a :int &opt b &rest c) :int [body])",
        "Defines a function; doc string and types may be left out.",
        "[(defn twice (x) [(* 2 x)]) (twice 4)] ;=> 8",
    ),
    form(
        "do",
        "(do [body])",
        "Repeats the body until `done`; `$iterations` counts from 1.",
        "(do [(if (= $iterations 3) (done $iterations))]) ;=> 3",
    ),
    form(
        "done",
        "(done v)",
        "Leaves the innermost written loop with v.",
        "(do [(done :out)]) ;=> :out",
    ),
    form(
        "each",
        "(each (x coll) e …)",
        "Carries the body out for each element; gives nil.",
        "(each (x {1 2}) x) ;=> nil",
    ),
    form(
        "eq",
        "(eq a b)",
        "1 if both are deeply equal, else 0; 1 and 1.0 differ.",
        "(eq {1 2} {1 2}) ;=> 1",
    ),
    form(
        "eval",
        "(eval x)",
        "Evaluates a text or a form; it sees the module's names and no local ones.",
        "(eval '(+ 1 2)) ;=> 3",
    ),
    form(
        "export",
        "(export name …)",
        "Restricts what importers of this module see.",
        "",
    ),
    form(
        "fn",
        "(fn (a :int b) :int [body])",
        "A function; types may be left out. Parameters: `&opt a`, `&rest xs`, `&keys m`, and patterns.",
        "((fn (a b) [(+ a b)]) 1 2) ;=> 3",
    ),
    form(
        "for",
        "(for (x coll) e …)",
        "The list of what the body gives for each element.",
        "(for (x {1 2 3}) (* x x)) ;=> {1 4 9}",
    ),
    form(
        "if",
        "(if c then else)",
        "One of two; `false`, `nil` and 0 count as false.",
        "(if (< 1 2) :yes :no) ;=> :yes",
    ),
    form(
        "import",
        "#(import name \"path.slp\" …)",
        "Imports modules; their definitions are `name/…` here.",
        "",
    ),
    form(
        "let",
        "(let (a 1 {b c} xs) e …)",
        "Binds names for its body, one after the other; lists and maps come apart.",
        "(let (a 1 b (+ a 1)) {a b}) ;=> {1 2}",
    ),
    form(
        "load",
        "#(load \"kernel\" …)",
        "Loads kernels; their functions are `kernel/…`.",
        "",
    ),
    form(
        "loop",
        "(loop (i 0 …) e …)",
        "Binds names and repeats with `recur`.",
        "(loop (i 0 sum 0) (if (= i 4) sum (recur (+ i 1) (+ sum i)))) ;=> 6",
    ),
    form(
        "macro",
        "#(macro name \"doc\" (params) body)",
        "Defines a macro: its body takes forms and gives a form, usually with a backquote.",
        "",
    ),
    form(
        "match",
        "(match v (pattern e) …)",
        "The result beside the first pattern that fits: literals, names that bind, `{a b &rest}`, `{:k p}`, `(x :int)`, `(when p c)`, `(or p q)`, `,x`.",
        "(match {1 2} ({a b} (+ a b))) ;=> 3",
    ),
    form(
        "or",
        "(or a b …)",
        "The first value that counts as true, else the last; evaluates no further.",
        "(or nil 2) ;=> 2",
    ),
    form(
        "quasiquote",
        "`x",
        "x as data, with `,e` evaluated and `,@e` spliced in.",
        "`(1 ,(+ 1 1)) ;=> (1 2)",
    ),
    form("quote", "'x", "x as data.", "'(a b) ;=> (a b)"),
    form(
        "recover",
        "(recover [body] [handler])",
        "The handler answers when the body raises; `$error` is the error, `$exception` its message.",
        "(recover [(quot 1 0)] [(at :code $error)]) ;=> :alu/div-zero",
    ),
    form(
        "recur",
        "(recur v …)",
        "Repeats the innermost `loop` or function with new values.",
        "(loop (n 3) (if (= n 0) :end (recur (- n 1)))) ;=> :end",
    ),
    form(
        "reflect",
        "(reflect v (:type e) …)",
        "The result beside the type that v has.",
        "(reflect 1.5 (:int :i) (:real :r)) ;=> :r",
    ),
    form(
        "set",
        "(set name e)",
        "Gives a local or module variable another value.",
        "[(def x 1) (set x 5) x] ;=> 5",
    ),
    form(
        "spawn",
        "(spawn f a …)",
        "Calls f in a fiber of its own; `await` gives its result.",
        "(await (spawn + 1 2)) ;=> 3",
    ),
    form(
        "throw",
        "(throw e)",
        "Raises an error value.",
        "(throw @{:code app/full}) ;!! app/full",
    ),
    form(
        "try",
        "(try body handler)",
        "The handler answers when the body raises or gives an error value; `$error` is bound.",
        "(try (at 9 {1}) (at :code $error)) ;=> :index/range",
    ),
    form(
        "unless",
        "(unless c e …)",
        "The body if c counts as false, else nil.",
        "(unless false 1) ;=> 1",
    ),
    form(
        "unquote",
        ",x",
        "In a backquoted form: the value of x.",
        "`(a ,(+ 1 2)) ;=> (a 3)",
    ),
    form(
        "unquote-splicing",
        ",@x",
        "In a backquoted list: the elements of x.",
        "`(a ,@{1 2}) ;=> (a 1 2)",
    ),
    form(
        "when",
        "(when c e …)",
        "The body if c counts as true, else nil.",
        "(when true 1) ;=> 1",
    ),
    form(
        "while",
        "(while c e …)",
        "Repeats the body as long as c counts as true; gives nil.",
        "[(def i 0) (while (< i 3) (set i (+ i 1))) i] ;=> 3",
    ),
];

/// The word of that name.
#[must_use]
pub fn find(name: &str) -> Option<&'static Form> {
    FORMS.iter().find(|form| form.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_sorted_and_every_text_reads() {
        assert!(FORMS.is_sorted_by_key(|form| form.name));
        for form in FORMS {
            let example = form.example.split(";").next().unwrap_or_default();
            let reading = slp::read(example, &slp::ReadLimits::default());
            assert!(reading.faults.is_empty(), "{}: {:?}", form.name, reading.faults);
            assert!(form.doc.ends_with('.'), "{}", form.name);
        }
    }
}
