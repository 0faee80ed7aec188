//! Strings, bytes and buffers.

use sup_abi::word::{Word, is_short};

use super::{Bed, Random};
use crate::collect::Extent;
use crate::data::{buffer_bytes, byte_offset, bytes_of, char_at, char_index, text_len_chars, text_of};
use crate::heap::SHARED_BYTES;
use crate::object::{Kind, kind_of};

const SAMPLES: [&str; 8] = [
    "",
    "seven77",
    "eight888",
    "naïve",
    "日本語のテキスト",
    "a\0b",
    "🦀",
    "ends in wide: ß",
];

fn long(text: &str) -> String {
    text.repeat(SHARED_BYTES / text.len().max(1) + 2)
}

#[test]
fn each_length_has_one_form() {
    let mut bed = Bed::new(0);
    for len in [
        0,
        1,
        7,
        8,
        9,
        15,
        16,
        17,
        SHARED_BYTES - 1,
        SHARED_BYTES,
        SHARED_BYTES + 1,
        5000,
    ] {
        let text = "x".repeat(len);
        let word = bed.str(&text);
        let kind = match len {
            0..8 => None,
            8..=SHARED_BYTES => Some(Kind::Str),
            _ => Some(Kind::BigStr),
        };
        assert_eq!((kind_of(word), is_short(word)), (kind, len < 8), "{len}");
        let again = bed.vm.new_string(text.clone()).expect("there is memory");
        assert!(bed.vm.equal(word, again));
        assert_eq!(bed.vm.hash(word), bed.vm.hash(again));
        assert_eq!(text_of(&word), Some(text.as_str()));
    }
}

#[test]
fn characters_are_found_by_index() {
    let mut bed = Bed::new(0);
    for sample in SAMPLES {
        for text in [
            sample.to_owned(),
            long(sample),
            format!("{}{sample}", "a".repeat(200)),
        ] {
            let word = bed.str(&text);
            let n_chars = text.chars().count();
            assert_eq!(text_len_chars(&word), Some(n_chars));
            assert_eq!(byte_offset(&word, n_chars), Some(text.len()));
            assert_eq!(byte_offset(&word, n_chars + 1), None);
            for (index, (offset, character)) in text.char_indices().enumerate() {
                assert_eq!(byte_offset(&word, index), Some(offset), "{text}");
                assert_eq!(char_index(&word, offset), index);
                assert_eq!(char_at(&word, index), Some(character));
            }
        }
    }
}

#[test]
fn characters_of_long_slices_are_found_by_index() {
    let mut bed = Bed::new(0);
    let text: String = (0..40_000)
        .map(|place| if place % 11 == 0 { 'ü' } else { 'u' })
        .collect();
    let whole = bed.str(&text);
    for from in [0, 1, 2, 3, 255, 256, 257, 10_000] {
        let from = text.floor_char_boundary(from);
        let to = text.floor_char_boundary(text.len() - from / 2);
        let part = bed
            .vm
            .str_slice(whole, from, to)
            .expect("the part lies in the string");
        let places: Vec<usize> = text[from..to].char_indices().map(|(offset, _)| offset).collect();
        for (index, offset) in places.iter().enumerate().step_by(97) {
            assert_eq!(byte_offset(&part, index), Some(*offset));
            assert_eq!(char_index(&part, *offset), index);
        }
        assert_eq!(byte_offset(&part, places.len()), Some(to - from));
        assert_eq!(byte_offset(&part, places.len() + 1), None);
        assert_eq!(char_index(&part, to - from), places.len());
    }
}

#[test]
fn slices_are_what_they_are_cut_from() {
    let mut bed = Bed::new(2);
    let mut random = Random(11);
    let text: String = (0..3000)
        .map(|place| if place % 7 == 0 { 'ü' } else { 'u' })
        .collect();
    bed.kept[0] = bed.str(&text);
    for _ in 0..500 {
        let mut borders = [random.below(text.len() + 1), random.below(text.len() + 1)]
            .map(|at| text.floor_char_boundary(at));
        borders.sort_unstable();
        let [from, to] = borders;
        bed.kept[1] = bed
            .vm
            .str_slice(bed.kept[0], from, to)
            .expect("the part lies in the string");
        let whole = bed.str(&text[from..to]);
        assert!(bed.vm.equal(bed.kept[1], whole));
        assert_eq!(bed.vm.hash(bed.kept[1]), bed.vm.hash(whole));
        assert_eq!(text_len_chars(&whole), text_len_chars(&bed.kept[1]));
        // A slice of a slice still finds its bytes when everything else is gone.
        let (middle, end) = (text[from..to].floor_char_boundary((to - from) / 2), to - from);
        bed.kept[1] = bed
            .vm
            .str_slice(bed.kept[1], middle, end)
            .expect("the part lies in the string");
        bed.collect(Extent::Everything);
        assert_eq!(text_of(&bed.kept[1]), Some(&text[from + middle..to]));
    }
    bed.kept[0] = bed.kept[1];
    bed.collect(Extent::Everything);
    let word = bed.kept[0];
    assert_eq!(bed.code_of(|vm| vm.str_slice(word, 5, 4)), ":index/range");
}

#[test]
fn slices_inside_a_character_are_refused() {
    let mut bed = Bed::new(0);
    let word = bed.str("süß und lang");
    assert_eq!(bed.code_of(|vm| vm.str_slice(word, 0, 2)), ":index/range");
}

#[test]
fn bytes_come_back() {
    let mut bed = Bed::stressed(2);
    for len in [0, 1, 7, 8, 100, SHARED_BYTES, SHARED_BYTES + 1, 4000] {
        let bytes: Vec<u8> = (0..len).map(|place| place as u8).collect();
        bed.kept[0] = bed.vm.new_bytes(&bytes).expect("there is memory");
        bed.kept[1] = bed.vm.new_byte_vec(bytes.clone()).expect("there is memory");
        bed.collect(Extent::Nursery);
        let (first, second): (Word, Word) = (bed.kept[0], bed.kept[1]);
        assert_eq!(bytes_of(&first), Some(bytes.as_slice()));
        assert!(bed.vm.equal(first, second));
        assert_eq!(bed.vm.hash(first), bed.vm.hash(second));
        let half = bed
            .vm
            .bytes_slice(first, len / 2, len)
            .expect("the part lies in the bytes");
        assert_eq!(bytes_of(&half), Some(&bytes[len / 2..]));
    }
}

#[test]
fn buffers_take_their_own_bytes() {
    let mut bed = Bed::stressed(1);
    bed.kept[0] = bed.vm.new_buffer(0).expect("there is memory");
    let mut model = Vec::new();
    for step in 0..200 {
        bed.vm
            .buffer_push(bed.kept[0], &[step as u8, 1, 2])
            .expect("there is memory");
        model.extend([step as u8, 1, 2]);
        if model.len() < 3000 {
            let own = buffer_bytes(bed.kept[0]).expect("it is a buffer");
            bed.vm.buffer_push(bed.kept[0], own).expect("there is memory");
            model.extend(model.clone());
        }
        bed.collect(Extent::Nursery);
    }
    assert_eq!(buffer_bytes(bed.kept[0]), Some(model.as_slice()));
    bed.vm.buffer_truncate(bed.kept[0], 2).expect("it is a buffer");
    assert_eq!(buffer_bytes(bed.kept[0]), Some(&model[..2]));
}
