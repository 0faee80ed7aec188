//! Sorting, always stable: words of one simple type by what they hold, anything else by merging, which stops at the
//! first two elements without an order.

use std::cmp::Ordering;

use sup_abi::word::{
    Immediate, NIL, Word, fixnum_value, flonum_value, is_fixnum, is_flonum, is_immediate, payload,
};

use super::BasePrimitive;
use super::arguments::{Arguments, invalid};
use super::sequence::kind_like;
use crate::base;
use crate::data::{BRACE, compare_numbers, is_number, is_str, text_of};
use crate::error::{Outcome, Raise};
use crate::names;
use crate::vm::Vm;

/// The table.
pub const TABLE: &[BasePrimitive] = &[
    base!("%sort", "(coll) :list", 1..Some(1), sort),
    base!(
        "%sort-by-keys",
        "(keys :list xs :list) :list-c",
        2..Some(2),
        sort_by_keys
    ),
];

/// Longest run that is sorted by insertion before runs are merged.
const RUN: usize = 8;

/// Items that are sorted without looking at the limits.
const BUCKET: usize = 8 * 1024;
/// Most items that a row is dealt by; a longer row has longer buckets.
const MAX_PIVOTS: usize = 1 << 12;
/// What sorting one item of a bucket takes, in turns of a loop.
const WORK_PER_ITEM: usize = 4;

fn sort(vm: &mut Vm, arguments: &[Word]) -> Outcome {
    let items = arguments.items(vm, 0)?;
    let mut words = items.to_vec();
    sort_words(vm, &mut words)?;
    vm.new_list(kind_like(arguments[0]), &words)
}

/// What all words of a row are, as far as it helps to sort them.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Sort {
    Fixnums,
    Flonums,
    Numbers,
    Texts,
    Names(Immediate),
    Any,
}

fn sort_of(words: &[Word]) -> Sort {
    let Some(first) = words.first() else {
        return Sort::Any;
    };
    let all = |holds: fn(Word) -> bool| words.iter().all(|word| holds(*word));
    if is_fixnum(*first) && all(is_fixnum) {
        return Sort::Fixnums;
    }
    if is_flonum(*first) && all(is_flonum) {
        return Sort::Flonums;
    }
    if is_number(*first) && all(is_number) {
        return Sort::Numbers;
    }
    if is_str(*first) && all(is_str) {
        return Sort::Texts;
    }
    for kind in [Immediate::Keyword, Immediate::Symbol] {
        if words.iter().all(|word| is_immediate(*word, kind)) {
            return Sort::Names(kind);
        }
    }
    Sort::Any
}

fn compare_flonums(a: Word, b: Word) -> Ordering {
    // A flonum is never NaN.
    flonum_value(a)
        .partial_cmp(&flonum_value(b))
        .unwrap_or(Ordering::Equal)
}

/// Eight bytes of a text as a number with the same order.
#[inline]
fn prefix_of(text: &str, skipped: usize) -> u64 {
    let bytes = text.as_bytes().get(skipped..).unwrap_or(&[]);
    match bytes.first_chunk::<8>() {
        Some(first) => u64::from_be_bytes(*first),
        None => {
            let mut first = [0; 8];
            first[..bytes.len()].copy_from_slice(bytes);
            u64::from_be_bytes(first)
        }
    }
}

/// Strings with the bytes at which they are likely to differ, so that most are told apart without being looked at.
fn with_prefixes(words: &[Word]) -> Vec<(u64, Word)> {
    let first = words.first().and_then(text_of).unwrap_or("").as_bytes();
    let common = words.iter().fold(first.len(), |common, word| {
        let bytes = text_of(word).unwrap_or("").as_bytes();
        first[..common]
            .iter()
            .zip(bytes)
            .take_while(|(a, b)| a == b)
            .count()
    });
    words
        .iter()
        .map(|word| (prefix_of(text_of(word).unwrap_or(""), common), *word))
        .collect()
}

#[inline]
fn compare_texts(a: &(u64, Word), b: &(u64, Word)) -> Ordering {
    a.0.cmp(&b.0).then_with(|| text_of(&a.1).cmp(&text_of(&b.1)))
}

/// The text of a symbol or keyword.
fn name_of(word: Word) -> &'static str {
    names::text(payload(word))
}

/// Sorts words in place, ascending in the order of `compare`, stable.
///
/// # Errors
/// `type/mismatch` when two of them have no order; then they are as they were.
pub(crate) fn sort_words(vm: &mut Vm, words: &mut [Word]) -> Result<(), Raise> {
    match sort_of(words) {
        // Equal integers are equal words, and words are in the order of their integers.
        Sort::Fixnums => {
            let order = |a: &Word, b: &Word| (*a as i64).cmp(&(*b as i64));
            return sort_long(vm, words, &order, &|part| part.sort_unstable_by(order));
        }
        Sort::Flonums => {
            let order = |a: &Word, b: &Word| compare_flonums(*a, *b);
            return sort_long(vm, words, &order, &|part| part.sort_by(order));
        }
        Sort::Numbers => {
            let order = |a: &Word, b: &Word| compare_numbers(*a, *b).unwrap_or(Ordering::Equal);
            return sort_long(vm, words, &order, &|part| part.sort_by(order));
        }
        Sort::Texts => {
            let mut keyed = with_prefixes(words);
            sort_long(vm, &mut keyed, &compare_texts, &|part| {
                part.sort_by(compare_texts)
            })?;
            words
                .iter_mut()
                .zip(keyed)
                .for_each(|(slot, (_, word))| *slot = word);
        }
        Sort::Names(_) => words.sort_by_cached_key(|word| name_of(*word)),
        Sort::Any => return merge_sort(vm, words, |vm, a, b| vm.compare(*a, *b)),
    }
    Ok(())
}

/// Sorts a row with `sort`, which is stable or whose equal items are the same. A long row is first dealt into buckets by a
/// sample of itself, so that the machine can look at its limits between them; a bucket then sorts in about a third of a
/// millisecond. Source of the idea: samplesort, Frazer and McKellar 1970.
///
/// # Errors
/// When a limit is exceeded; then the items are as they were or in another order.
fn sort_long<T: Copy>(
    vm: &mut Vm,
    items: &mut [T],
    order: &impl Fn(&T, &T) -> Ordering,
    sort: &impl Fn(&mut [T]),
) -> Result<(), Raise> {
    // Equal items share a bucket however many there are, and such a bucket sorts in one pass.
    if items.len() <= BUCKET {
        sort(items);
        return vm.work(items.len() * WORK_PER_ITEM);
    }
    let pivots = pivots(items, order);
    let mut buckets = Vec::with_capacity(items.len());
    let mut ends = vec![0usize; pivots.len() + 1];
    for chunk in items.chunks(BUCKET) {
        for item in chunk {
            let bucket = pivots.partition_point(|pivot| order(pivot, item) == Ordering::Less);
            ends[bucket] += 1;
            buckets.push(bucket as u16);
        }
        vm.work(chunk.len())?;
    }
    let mut places = Vec::with_capacity(ends.len());
    let mut sum = 0;
    for end in &mut ends {
        places.push(sum);
        sum += *end;
        *end = sum;
    }
    let dealt = items.to_vec();
    for (item, bucket) in dealt.iter().zip(&buckets) {
        let place = &mut places[*bucket as usize];
        items[*place] = *item;
        *place += 1;
    }
    drop((dealt, buckets));
    let mut start = 0;
    for end in ends {
        let bucket = &mut items[start..end];
        sort(bucket);
        vm.work(bucket.len() * WORK_PER_ITEM)?;
        start = end;
    }
    Ok(())
}

/// Ascending items between which about `BUCKET` others lie, by a sample taken at equal distances.
fn pivots<T: Copy>(items: &[T], order: &impl Fn(&T, &T) -> Ordering) -> Vec<T> {
    const SAMPLES_PER_PIVOT: usize = 8;
    let n_pivots = (items.len() / BUCKET).min(MAX_PIVOTS);
    let n_samples = n_pivots * SAMPLES_PER_PIVOT;
    let mut samples: Vec<T> = (0..n_samples)
        .map(|index| items[index * (items.len() / n_samples)])
        .collect();
    samples.sort_unstable_by(order);
    let chosen = samples
        .iter()
        .skip(SAMPLES_PER_PIVOT / 2)
        .step_by(SAMPLES_PER_PIVOT);
    chosen.copied().collect()
}

/// Sorts by merging, with an order that may fail.
///
/// # Errors
/// As the order; then the items are as they were.
fn merge_sort<T: Copy>(
    vm: &mut Vm,
    items: &mut [T],
    mut compare: impl FnMut(&mut Vm, &T, &T) -> Result<Ordering, Raise>,
) -> Result<(), Raise> {
    let mut from = items.to_vec();
    for run in from.chunks_mut(RUN) {
        vm.work(run.len() * WORK_PER_ITEM)?;
        for end in 1..run.len() {
            let item = run[end];
            let mut place = end;
            while place > 0 && compare(vm, &item, &run[place - 1])? == Ordering::Less {
                run[place] = run[place - 1];
                place -= 1;
            }
            run[place] = item;
        }
    }
    let mut to = from.clone();
    let mut width = RUN;
    while width < items.len() {
        for (source, target) in from.chunks(2 * width).zip(to.chunks_mut(2 * width)) {
            merge(vm, source, width, target, &mut compare)?;
        }
        std::mem::swap(&mut from, &mut to);
        width *= 2;
    }
    items.copy_from_slice(&from);
    Ok(())
}

/// Merges the first `width` items with the others, both sorted.
fn merge<T: Copy>(
    vm: &mut Vm,
    source: &[T],
    width: usize,
    target: &mut [T],
    compare: &mut impl FnMut(&mut Vm, &T, &T) -> Result<Ordering, Raise>,
) -> Result<(), Raise> {
    let (mut left, mut right) = source.split_at(width.min(source.len()));
    if let (Some(last), Some(first)) = (left.last(), right.first())
        && compare(vm, first, last)? != Ordering::Less
    {
        target.copy_from_slice(source);
        return Ok(());
    }
    for slot in target {
        vm.work(1)?;
        let takes_right = match (left.first(), right.first()) {
            (Some(a), Some(b)) => compare(vm, b, a)? == Ordering::Less,
            (None, _) => true,
            (_, None) => false,
        };
        let taken = if takes_right { &mut right } else { &mut left };
        *slot = taken[0];
        *taken = &taken[1..];
    }
    Ok(())
}

fn sort_by_keys(vm: &mut Vm, arguments: &[Word]) -> Outcome {
    let (keys, items) = (arguments.items(vm, 0)?, arguments.items(vm, 1)?);
    if keys.len() != items.len() {
        return Err(invalid(vm, "there must be a key for each element", NIL));
    }
    let order = order_of(vm, keys)?;
    vm.new_list_sized(BRACE, items.len(), |words| {
        for (slot, index) in words.iter_mut().zip(order) {
            *slot = items[index as usize];
        }
    })
}

/// The indexes of keys in the order of the keys.
fn order_of(vm: &mut Vm, keys: &[Word]) -> Result<Vec<u32>, Raise> {
    let numbered = keys.iter().copied().zip(0u32..);
    Ok(match sort_of(keys) {
        Sort::Fixnums => {
            let mut pairs: Vec<(i64, u32)> =
                numbered.map(|(key, index)| (fixnum_value(key), index)).collect();
            sort_long(vm, &mut pairs, &Ord::cmp, &|part| part.sort_unstable())?;
            pairs.into_iter().map(|pair| pair.1).collect()
        }
        Sort::Flonums => {
            let mut pairs: Vec<(Word, u32)> = numbered.collect();
            let order = |a: &(Word, u32), b: &(Word, u32)| compare_flonums(a.0, b.0);
            sort_long(vm, &mut pairs, &order, &|part| part.sort_by(order))?;
            pairs.into_iter().map(|pair| pair.1).collect()
        }
        Sort::Texts => {
            let mut pairs: Vec<((u64, Word), u32)> = with_prefixes(keys).into_iter().zip(0..).collect();
            let order = |a: &((u64, Word), u32), b: &((u64, Word), u32)| compare_texts(&a.0, &b.0);
            sort_long(vm, &mut pairs, &order, &|part| part.sort_by(order))?;
            pairs.into_iter().map(|pair| pair.1).collect()
        }
        Sort::Names(_) => {
            let mut pairs: Vec<(&str, u32)> = numbered.map(|(key, index)| (name_of(key), index)).collect();
            pairs.sort_unstable();
            pairs.into_iter().map(|pair| pair.1).collect()
        }
        Sort::Numbers | Sort::Any => {
            let mut pairs: Vec<(Word, u32)> = numbered.collect();
            merge_sort(vm, &mut pairs, |vm, a, b| vm.compare(a.0, b.0))?;
            pairs.into_iter().map(|pair| pair.1).collect()
        }
    })
}
