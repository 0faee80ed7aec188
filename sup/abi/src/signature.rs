//! Signatures of primitives as text: `(a :int b :int) :int`, `('name :symbol) :int`,
//! `(format :str &rest args :any) :int`.
//!
//! A parameter is a name and, after it, its type; without a type it takes anything. `'name` receives its
//! argument unevaluated, parameters after `&opt` may be left out, the one after `&rest` takes all that are
//! left, as does one whose type ends in two dots. A type that ends in a question mark allows nil. The type
//! after the parentheses is the result's.

use std::fmt;

/// How an argument reaches its parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Passing {
    /// It must be there.
    Required,
    /// It may be left out.
    Optional,
    /// It is any number of arguments.
    Rest,
}

/// Whether an argument is evaluated before it is passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Evaluation {
    /// The value is passed.
    Value,
    /// The form is passed, where the call names the primitive.
    Quoted,
}

/// A type as a signature names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TypeName {
    /// Without colon and question mark.
    pub name: String,
    /// Whether nil is one of its values too.
    pub optional: bool,
}

impl TypeName {
    fn any() -> TypeName {
        TypeName {
            name: "any".to_owned(),
            optional: false,
        }
    }
}

/// One parameter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parameter {
    /// Its name, for documentation and messages.
    pub name: String,
    /// Its type; `any` when none is written.
    pub value_type: TypeName,
    /// How arguments reach it.
    pub passing: Passing,
    /// Whether its argument is evaluated.
    pub evaluation: Evaluation,
}

/// Parameters and result of a primitive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signature {
    /// The parameters; only the last can be a rest parameter.
    pub parameters: Vec<Parameter>,
    /// The result's type.
    pub result: TypeName,
}

/// What is wrong with the text of a signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignatureError(pub String);

impl fmt::Display for SignatureError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

impl std::error::Error for SignatureError {}

impl Signature {
    /// Reads a signature.
    ///
    /// # Errors
    /// What is wrong, when the text is none.
    pub fn parse(text: &str) -> Result<Signature, SignatureError> {
        let text = text.trim();
        let inside = text
            .strip_prefix('(')
            .ok_or_else(|| fault(text, "must start with `(`"))?;
        let (inside, result) = inside.split_once(')').ok_or_else(|| fault(text, "lacks `)`"))?;
        let result = match result.trim() {
            "" => TypeName::any(),
            written => type_name(text, written)?.0,
        };
        Ok(Signature {
            parameters: parameters(text, inside)?,
            result,
        })
    }

    /// Number of arguments that must be there.
    #[must_use]
    pub fn min_args(&self) -> usize {
        self.parameters
            .iter()
            .filter(|parameter| parameter.passing == Passing::Required)
            .count()
    }

    /// Largest number of arguments, or nothing when there is no limit.
    #[must_use]
    pub fn max_args(&self) -> Option<usize> {
        let has_rest = self
            .parameters
            .last()
            .is_some_and(|parameter| parameter.passing == Passing::Rest);
        if has_rest {
            None
        } else {
            Some(self.parameters.len())
        }
    }

    /// The parameter that takes the argument of that position.
    #[must_use]
    pub fn parameter(&self, position: usize) -> Option<&Parameter> {
        self.parameters.get(position).or_else(|| {
            self.parameters
                .last()
                .filter(|parameter| parameter.passing == Passing::Rest)
        })
    }

    /// Whether any parameter takes its argument unevaluated.
    #[must_use]
    pub fn has_quoted(&self) -> bool {
        self.parameters
            .iter()
            .any(|parameter| parameter.evaluation == Evaluation::Quoted)
    }
}

fn fault(text: &str, what: &str) -> SignatureError {
    let shown: String = text.chars().take(80).collect();
    SignatureError(format!("signature `{shown}` {what}"))
}

fn parameters(text: &str, inside: &str) -> Result<Vec<Parameter>, SignatureError> {
    let mut parameters: Vec<Parameter> = Vec::new();
    let mut passing = Passing::Required;
    let mut may_take_type = false;
    for word in inside.split_whitespace() {
        if word.starts_with(':') {
            let (value_type, is_rest) = type_name(text, word)?;
            let last = parameters.last_mut().filter(|_| may_take_type);
            let last = last.ok_or_else(|| fault(text, "has a type without a parameter before it"))?;
            last.value_type = value_type;
            if is_rest {
                last.passing = Passing::Rest;
            }
            may_take_type = false;
            continue;
        }
        if parameters
            .last()
            .is_some_and(|parameter| parameter.passing == Passing::Rest)
        {
            return Err(fault(text, "has a parameter after the rest parameter"));
        }
        may_take_type = false;
        match word {
            "&opt" if passing == Passing::Required => passing = Passing::Optional,
            "&rest" if passing != Passing::Rest => passing = Passing::Rest,
            _ => {
                parameters.push(parameter(text, word, passing)?);
                may_take_type = true;
            }
        }
    }
    let has_last_rest = parameters
        .last()
        .is_some_and(|parameter| parameter.passing == Passing::Rest);
    if passing == Passing::Rest && !has_last_rest {
        return Err(fault(text, "lacks a parameter after `&rest`"));
    }
    Ok(parameters)
}

fn parameter(text: &str, word: &str, passing: Passing) -> Result<Parameter, SignatureError> {
    let (name, evaluation) = match word.strip_prefix('\'') {
        Some(name) => (name, Evaluation::Quoted),
        None => (word, Evaluation::Value),
    };
    if !is_plain_name(name) {
        return Err(fault(
            text,
            &format!("has `{word}` where a parameter's name should stand"),
        ));
    }
    Ok(Parameter {
        name: name.to_owned(),
        value_type: TypeName::any(),
        passing,
        evaluation,
    })
}

fn type_name(text: &str, word: &str) -> Result<(TypeName, bool), SignatureError> {
    let name = word
        .strip_prefix(':')
        .ok_or_else(|| fault(text, "has a result that is no type"))?;
    let (name, is_rest) = name.strip_suffix("..").map_or((name, false), |name| (name, true));
    let (name, optional) = name.strip_suffix('?').map_or((name, false), |name| (name, true));
    if !is_plain_name(name) {
        return Err(fault(text, &format!("has `{word}` where a type should stand")));
    }
    Ok((
        TypeName {
            name: name.to_owned(),
            optional,
        },
        is_rest,
    ))
}

fn is_plain_name(name: &str) -> bool {
    let is_plain = |c: char| c.is_alphanumeric() || "-_/>?!*+=<".contains(c);
    !name.is_empty() && name.chars().all(is_plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        let signature = match Signature::parse(text) {
            Ok(signature) => signature,
            Err(error) => return error.to_string(),
        };
        let mut words: Vec<String> = Vec::new();
        for parameter in &signature.parameters {
            let quote = if parameter.evaluation == Evaluation::Quoted {
                "'"
            } else {
                ""
            };
            let value_type = &parameter.value_type;
            let nil = if value_type.optional { "?" } else { "" };
            let name = &parameter.name;
            words.push(format!(
                "{quote}{name}:{}{nil}/{:?}",
                value_type.name, parameter.passing
            ));
        }
        format!("{} -> {}", words.join(" "), signature.result.name)
    }

    #[test]
    fn signatures_read() {
        let cases = [
            ("(a :int b :int) :int", "a:int/Required b:int/Required -> int"),
            ("()", " -> any"),
            ("('name :symbol) :int", "'name:symbol/Required -> int"),
            (
                "(format :str args :any..) :int",
                "format:str/Required args:any/Rest -> int",
            ),
            (
                "(a &opt b :int? &rest xs) :list",
                "a:any/Required b:int?/Optional xs:any/Rest -> list",
            ),
        ];
        for (text, expected) in cases {
            assert_eq!(shown(text), expected, "{text}");
        }
    }

    #[test]
    fn wrong_signatures_say_what_is_wrong() {
        let cases = [
            ("a :int", "must start with"),
            ("(a :int", "lacks `)`"),
            ("(:int) :int", "type without a parameter"),
            ("(a :int :int) :int", "type without a parameter"),
            ("(&rest xs y)", "after the rest parameter"),
            ("(&rest) :int", "lacks a parameter after"),
            ("(a) int", "result that is no type"),
            ("(\"a\") :int", "name should stand"),
        ];
        for (text, expected) in cases {
            let message = shown(text);
            assert!(message.contains(expected), "{text}: {message}");
        }
    }

    #[test]
    fn arity_follows_the_parameters() {
        let signature = Signature::parse("(a &opt b)").expect("reads");
        assert_eq!((signature.min_args(), signature.max_args()), (1, Some(2)));
        let signature = Signature::parse("(a &rest xs :int)").expect("reads");
        assert_eq!((signature.min_args(), signature.max_args()), (1, None));
        assert_eq!(
            signature.parameter(9).map(|parameter| parameter.name.as_str()),
            Some("xs")
        );
    }
}
