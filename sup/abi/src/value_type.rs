//! The types of values as kernels see them, by number.

macro_rules! value_types {
    ($($number:literal $name:ident $text:literal $meaning:literal;)*) => {
        /// The type of a value. Append-only.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u32)]
        pub enum ValueType {
            $(#[doc = $meaning] $name = $number,)*
        }

        impl ValueType {
            /// Every type, by number.
            pub const ALL: &'static [ValueType] = &[$(ValueType::$name,)*];

            /// Its name as annotations write it, without the colon.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(ValueType::$name => $text,)* }
            }

            /// The type of that number.
            #[must_use]
            pub const fn from_number(number: u32) -> Option<ValueType> {
                match number { $($number => Some(ValueType::$name),)* _ => None }
            }
        }
    };
}

value_types! {
    0 Nil "none" "The absent value.";
    1 Bool "bool" "A boolean.";
    2 Int "int" "A signed integer of 64 bits.";
    3 Real "real" "An IEEE double.";
    4 Str "str" "UTF-8 text.";
    5 Bytes "bytes" "Bytes.";
    6 Symbol "symbol" "A symbol.";
    7 Keyword "keyword" "A keyword.";
    8 Path "path" "A path such as `store:key`.";
    9 ListParen "list-p" "A list written with parentheses.";
    10 ListSquare "list-b" "A list written with square brackets.";
    11 ListBrace "list-c" "A list written with braces.";
    12 Map "map" "A map.";
    13 Error "error" "An error value.";
    14 Instance "form" "An instance of a record type.";
    15 Some "some" "A quoted value.";
    16 Datum "datum" "A datum `#x`.";
    17 Aberrant "aberrant" "An aberrant `?x`.";
    18 Array "array" "A mutable sequence.";
    19 Table "table" "A mutable map.";
    20 Buffer "buffer" "Mutable bytes.";
    21 Box "box" "A mutable place.";
    22 Closure "fn" "A function written in SLP.";
    23 Primitive "primitive" "A function of a kernel or of the machine.";
    24 Resource "resource" "A handle of a kernel.";
    25 Fiber "fiber" "A handle of a fiber or of a promise.";
}

/// What kind of brackets a list has; the numbers of the wire form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u32)]
pub enum ListKind {
    /// `(a b)`
    Paren = 0,
    /// `[a b]`
    Square = 1,
    /// `{a b}`
    Brace = 2,
}

impl ListKind {
    /// The kind of that number.
    #[must_use]
    pub const fn from_number(number: u32) -> Option<ListKind> {
        match number {
            0 => Some(ListKind::Paren),
            1 => Some(ListKind::Square),
            2 => Some(ListKind::Brace),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_dense() {
        for (index, value_type) in ValueType::ALL.iter().enumerate() {
            assert_eq!(ValueType::from_number(index as u32), Some(*value_type));
        }
    }
}
