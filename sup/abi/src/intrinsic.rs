//! Meanings that a primitive can declare to have, so that the compiler may turn a call of it into one
//! instruction.
//!
//! The table is append-only: a number never changes its meaning.

macro_rules! intrinsics {
    ($($number:literal $name:ident $text:literal $meaning:literal;)*) => {
        $(#[doc = $meaning] pub const $name: u32 = $number;)*

        /// Every intrinsic: its number, its name in declarations, its meaning.
        pub const ALL: &[(u32, &str, &str)] = &[$(($number, $text, $meaning),)*];
    };
}

/// No intrinsic.
pub const NONE: u32 = 0;

intrinsics! {
    1 ADD "add" "a + b of numbers: an integer when both are, else a real; overflow raises";
    2 SUB "sub" "a - b of numbers";
    3 MUL "mul" "a * b of numbers";
    4 DIV "div" "a / b of numbers: an integer when both are and it is exact, else a real";
    5 REM "rem" "remainder of a / b, with the sign of a";
    6 LT "lt" "a < b of numbers, as a boolean";
    7 LE "le" "a <= b of numbers, as a boolean";
    8 GT "gt" "a > b of numbers, as a boolean";
    9 GE "ge" "a >= b of numbers, as a boolean";
    10 NUM_EQ "num-eq" "whether numbers are of the same value and other values deeply equal, as a boolean";
    11 NUM_NE "num-ne" "the opposite of num-eq";
    12 NEG "neg" "0 - a";
    13 NOT "not" "whether a is false, nil or 0, as a boolean";
    14 EQ "eq" "1 if a and b are deeply equal, else 0";
    15 BIT_AND "bit-and" "a and b of integers, bit by bit";
    16 BIT_OR "bit-or" "a or b of integers, bit by bit";
    17 BIT_XOR "bit-xor" "a exclusive or b of integers, bit by bit";
    18 SHIFT_LEFT "shift-left" "integer a shifted left by b in 0..=63, bits lost at the top";
    19 SHIFT_RIGHT "shift-right" "integer a shifted right by b in 0..=63, sign kept";
    20 ADD_INT "add-int" "a + b of integers; other types raise, as does overflow";
    21 SUB_INT "sub-int" "a - b of integers";
    22 MUL_INT "mul-int" "a * b of integers";
    23 DIV_INT "div-int" "a / b of integers, cut towards zero";
    24 MOD_INT "mod-int" "remainder of a / b of integers, with the sign of a";
    25 EQ_INT "eq-int" "1 if integers a and b are the same, else 0";
    26 ADD_REAL "add-real" "a + b of reals; other types raise";
    27 SUB_REAL "sub-real" "a - b of reals";
    28 MUL_REAL "mul-real" "a * b of reals";
    29 DIV_REAL "div-real" "a / b of reals; division by zero raises";
    30 EQ_REAL "eq-real" "1 if reals a and b are the same, else 0";
    31 QUOT "quot" "a / b of integers, cut towards zero";
    32 FLOOR_MOD "floor-mod" "a modulo b, with the sign of b";
    33 MIN "min" "the smaller of two numbers";
    34 MAX "max" "the larger of two numbers";
    35 ABS "abs" "a without its sign; overflow raises";
    36 BIT_NOT "bit-not" "the bits of integer a turned over";
    37 SHIFT_RIGHT_ZERO "shift-right-zero" "integer a shifted right by b in 0..=63, zeros from the left";
    38 INT_TO_REAL "int-to-real" "integer a as the nearest real";
    39 REAL_TO_INT "real-to-int" "real a cut towards zero; out of range raises";
    40 SQRT "sqrt" "square root of a number, as a real";
}

/// The name of an intrinsic in declarations, or nothing when there is none of that number.
#[must_use]
pub fn name(number: u32) -> Option<&'static str> {
    ALL.iter()
        .find(|(known, _, _)| *known == number)
        .map(|(_, name, _)| *name)
}

/// The number of an intrinsic by its name in declarations.
#[must_use]
pub fn by_name(name: &str) -> Option<u32> {
    ALL.iter()
        .find(|(_, known, _)| *known == name)
        .map(|(number, _, _)| *number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_dense_and_names_unique() {
        for (index, (number, text, _)) in ALL.iter().enumerate() {
            assert_eq!(*number as usize, index + 1, "{text}");
            assert_eq!(by_name(text), Some(*number));
        }
    }
}
