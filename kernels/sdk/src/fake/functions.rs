//! The fake host's table of functions.

use super::data::Data;
use super::heap::Object;
use super::{FakeHost, LOG, PROMISES, Settled, codec, error_data, services, text_of};
use std::ffi::{c_char, c_void};
use std::sync::PoisonError;
use sup_abi::extension;
use sup_abi::host::{Build, Continue, Drop, Host, Run};
use sup_abi::kernel::{ABI_MAJOR, ABI_MINOR, Bytes, Context, Promise, Ref, ResourceType, Slot};
use sup_abi::value_type::ListKind;
use sup_abi::word::{self, Immediate, Word};

pub(super) static TABLE: Host = Host {
    size: size_of::<Host>() as u32,
    abi_major: ABI_MAJOR,
    abi_minor: ABI_MINOR,
    extension,
    log,
    spawn,
    unpin,
    settle,
    settle_with,
    settle_error,
    state,
    isolate,
    interrupted,
    raise,
    raise_value,
    take_error,
    call,
    slot,
    slot_get,
    slot_set,
    pin,
    pinned,
    promise,
    wait,
    tail_call,
    type_of,
    get_int,
    get_real,
    get_text,
    get_bytes,
    get_name,
    length,
    list_at,
    list_items,
    map_get,
    map_pairs,
    inner,
    instance_name,
    callable,
    display,
    repr,
    equal,
    get_resource,
    new_int,
    new_real,
    new_text,
    new_bytes,
    new_symbol,
    new_keyword,
    new_path,
    new_list,
    new_map,
    new_error,
    new_resource,
    encode,
    decode,
    post,
    log_as,
    call_then,
};

pub(super) fn host<'a>(cx: *mut Context) -> &'a FakeHost {
    // SAFETY: every context of the fake host is the host, which outlives its calls.
    unsafe { &*cx.cast::<FakeHost>() }
}

pub(super) fn text(bytes: Bytes) -> String {
    // SAFETY: the SDK passes bytes that live through the call.
    String::from_utf8_lossy(unsafe { bytes.as_slice() }).into_owned()
}

fn add(cx: *mut Context, data: &Data) -> Word {
    host(cx).heap.borrow_mut().add(data)
}

fn data(cx: *mut Context, word: Word) -> Data {
    host(cx).heap.borrow().data(word)
}

/// Writes an answer to the place that the SDK gave.
pub(super) fn answer<T>(out: *mut T, found: Option<T>) -> i32 {
    let Some(found) = found else { return 0 };
    // SAFETY: the SDK passes a place to write to.
    unsafe { out.write(found) };
    1
}

fn words<'a>(words: *const Word, n_words: usize) -> &'a [Word] {
    // SAFETY: the SDK names that many words, which live through the call.
    if n_words == 0 {
        &[]
    } else {
        unsafe { std::slice::from_raw_parts(words, n_words) }
    }
}

unsafe extern "C" fn extension(id: *const c_char) -> *const c_void {
    match text_of(id).as_str() {
        extension::IO => (&raw const services::IO).cast(),
        extension::STORE => (&raw const services::STORE).cast(),
        sup_abi::drive::ISOLATE => (&raw const super::drive::ISOLATES).cast(),
        sup_abi::drive::FIBER => (&raw const super::drive::FIBERS).cast(),
        _ => std::ptr::null(),
    }
}

unsafe extern "C" fn log(level: i32, message: Bytes) {
    let mut lines = LOG.lock().unwrap_or_else(PoisonError::into_inner);
    lines.push(format!("{level} {}", text(message)));
}

unsafe extern "C" fn log_as(_kernel: *const c_char, level: i32, message: Bytes) {
    // SAFETY: the message is that of this call.
    unsafe { log(level, message) };
}

unsafe extern "C" fn post(_function: Ref, _arguments: Bytes, _reply: Promise) -> i32 {
    // A fake host has no other thread to call a function on.
    0
}

unsafe extern "C" fn call_then(
    cx: *mut Context,
    function: Word,
    argc: u32,
    argv: *const Word,
    then: Continue,
    free: Drop,
    data: *mut c_void,
) -> Word {
    // SAFETY: the arguments are those of this call, and the data was handed over with its functions.
    unsafe {
        let answer = call(cx, function, argc, argv);
        let word = match (answer, host(cx).pending.take()) {
            (word::THROW, Some(error)) => then(cx, error, 1, data),
            (word::THROW, None) => word::THROW,
            (answer, _) => then(cx, answer, 0, data),
        };
        free(data);
        if word != word::THROW {
            host(cx).answered.set(Some(word));
            host(cx).request.set(None);
        }
        word::THROW
    }
}

unsafe extern "C" fn spawn(run: Run, _drop: Drop, data: *mut c_void) -> i32 {
    let data = data as usize;
    // SAFETY: the SDK hands the data over to `run`, which any thread may call once.
    std::thread::spawn(move || unsafe { run(data as *mut c_void) });
    1
}

unsafe extern "C" fn unpin(_reference: Ref) {}

fn settle_once(token: Promise, settled: Settled) -> Result<(), Settled> {
    let (promises, wake) = &*PROMISES;
    let mut promises = promises.lock().unwrap_or_else(PoisonError::into_inner);
    if promises.done.contains(&token) {
        return Err(settled);
    }
    promises.done.push(token);
    promises.settled.insert(token, settled);
    wake.notify_all();
    Ok(())
}

unsafe extern "C" fn settle(token: Promise, _ok: i32, _encoded: Bytes) -> i32 {
    i32::from(
        settle_once(
            token,
            Settled::Error("fake/settle".into(), "use settle_with".into()),
        )
        .is_ok(),
    )
}

unsafe extern "C" fn settle_with(token: Promise, build: Build, free: Drop, data: *mut c_void) -> i32 {
    let settled = settle_once(token, Settled::Build(build, free, data as usize));
    if settled.is_err() {
        // SAFETY: the data was handed over with its function and will not be built.
        unsafe { free(data) };
    }
    i32::from(settled.is_ok())
}

unsafe extern "C" fn settle_error(token: Promise, code: *const c_char, message: Bytes) -> i32 {
    i32::from(settle_once(token, Settled::Error(text_of(code), text(message))).is_ok())
}

unsafe extern "C" fn state(cx: *mut Context) -> *mut c_void {
    host(cx).state
}

unsafe extern "C" fn isolate(cx: *mut Context) -> u64 {
    cx as u64
}

unsafe extern "C" fn interrupted(cx: *mut Context) -> i32 {
    i32::from(host(cx).interrupted.get())
}

unsafe extern "C" fn raise(cx: *mut Context, code: *const c_char, message: Bytes) -> Word {
    host(cx).raise(&error_data(&text_of(code), &text(message)))
}

unsafe extern "C" fn raise_value(cx: *mut Context, error: Word) -> Word {
    host(cx).pending.set(Some(error));
    word::THROW
}

unsafe extern "C" fn take_error(cx: *mut Context) -> Word {
    host(cx).pending.take().unwrap_or(word::NIL)
}

unsafe extern "C" fn call(cx: *mut Context, function: Word, argc: u32, argv: *const Word) -> Word {
    let arguments: Vec<Data> = words(argv, argc as usize)
        .iter()
        .map(|word| data(cx, *word))
        .collect();
    let Data::Function(index) = data(cx, function) else {
        return host(cx).raise(&error_data("call/not-callable", "that is no function"));
    };
    let function = host(cx).functions.borrow()[index].clone();
    match function(&arguments) {
        Ok(result) => add(cx, &result),
        Err(error) => host(cx).raise(&error),
    }
}

unsafe extern "C" fn slot(cx: *mut Context, word: Word) -> Slot {
    let mut slots = host(cx).slots.borrow_mut();
    slots.push(word);
    slots.len() as Slot - 1
}

unsafe extern "C" fn slot_get(cx: *mut Context, slot: Slot) -> Word {
    host(cx)
        .slots
        .borrow()
        .get(slot as usize)
        .copied()
        .unwrap_or(word::NIL)
}

unsafe extern "C" fn slot_set(cx: *mut Context, slot: Slot, word: Word) {
    if let Some(place) = host(cx).slots.borrow_mut().get_mut(slot as usize) {
        *place = word;
    }
}

unsafe extern "C" fn pin(_cx: *mut Context, word: Word) -> Ref {
    word
}

unsafe extern "C" fn pinned(_cx: *mut Context, reference: Ref) -> Word {
    reference
}

unsafe extern "C" fn promise(cx: *mut Context, out: *mut Promise) -> Word {
    let (token, handle) = new_promise(cx);
    answer(out, Some(token));
    handle
}

/// A promise, and the value that stands for it.
pub(super) fn new_promise(cx: *mut Context) -> (Promise, Word) {
    let mut promises = PROMISES.0.lock().unwrap_or_else(PoisonError::into_inner);
    promises.next += 1;
    (promises.next, add(cx, &Data::Promise(promises.next)))
}

/// Settles a promise with nil.
pub(super) fn settle_nil(token: Promise) {
    unsafe extern "C" fn nil(_cx: *mut Context, _data: *mut c_void) -> Word {
        word::NIL
    }
    unsafe extern "C" fn free(_data: *mut c_void) {}
    drop(settle_once(token, Settled::Build(nil, free, 0)));
}

unsafe extern "C" fn wait(cx: *mut Context, handle: Word) -> Word {
    host(cx).request.set(Some(handle));
    word::THROW
}

unsafe extern "C" fn tail_call(cx: *mut Context, function: Word, argc: u32, argv: *const Word) -> Word {
    // SAFETY: the arguments are those of this call.
    unsafe { call(cx, function, argc, argv) }
}

unsafe extern "C" fn type_of(cx: *mut Context, word: Word) -> u32 {
    host(cx).heap.borrow().type_number(word)
}

unsafe extern "C" fn get_int(cx: *mut Context, word: Word, out: *mut i64) -> i32 {
    answer(
        out,
        if let Data::Int(value) = data(cx, word) {
            Some(value)
        } else {
            None
        },
    )
}

unsafe extern "C" fn get_real(cx: *mut Context, word: Word, out: *mut f64) -> i32 {
    answer(
        out,
        if let Data::Real(value) = data(cx, word) {
            Some(value)
        } else {
            None
        },
    )
}

fn short_bytes<'a>(place: *const Word) -> Option<&'a [u8]> {
    // SAFETY: the SDK passes the place of a word that lives longer than the answer is used.
    let word = unsafe { *place };
    // SAFETY: as above; the bytes of a short string follow the byte with its tag.
    word::is_short(word)
        .then(|| unsafe { std::slice::from_raw_parts(place.cast::<u8>().add(1), word::short_len(word)) })
}

unsafe extern "C" fn get_text(cx: *mut Context, place: *const Word, out: *mut Bytes) -> i32 {
    let heap = host(cx).heap.borrow();
    // SAFETY: the SDK passes the place of a word.
    let long = match heap.get(unsafe { *place }) {
        Some(Object::Str(text)) => Some(text.as_bytes()),
        _ => None,
    };
    answer(out, short_bytes(place).or(long).map(Bytes::of))
}

unsafe extern "C" fn get_bytes(cx: *mut Context, place: *const Word, out: *mut Bytes) -> i32 {
    let heap = host(cx).heap.borrow();
    // SAFETY: the SDK passes the place of a word.
    let long = match heap.get(unsafe { *place }) {
        Some(Object::Str(text)) => Some(text.as_bytes()),
        Some(Object::Bytes(bytes)) => Some(bytes.as_slice()),
        _ => None,
    };
    answer(out, short_bytes(place).or(long).map(Bytes::of))
}

unsafe extern "C" fn get_name(cx: *mut Context, word: Word, out: *mut Bytes) -> i32 {
    answer(
        out,
        host(cx)
            .heap
            .borrow()
            .text_of_name(word)
            .map(|name| Bytes::of(name.as_bytes())),
    )
}

unsafe extern "C" fn length(cx: *mut Context, word: Word, out: *mut usize) -> i32 {
    let length = match data(cx, word) {
        Data::List(_, elements) => Some(elements.len()),
        Data::Map(pairs) => Some(pairs.len()),
        Data::Bytes(bytes) => Some(bytes.len()),
        Data::Str(text) => Some(text.chars().count()),
        _ => None,
    };
    answer(out, length)
}

unsafe extern "C" fn list_at(cx: *mut Context, word: Word, index: usize, out: *mut Word) -> i32 {
    let element = match host(cx).heap.borrow().get(word) {
        Some(Object::List(_, elements)) => elements.get(index).copied(),
        _ => None,
    };
    answer(out, element)
}

/// Copies that many words to the place that the SDK gave.
fn copy_out(words: &[Word], out: *mut Word, n_words: usize) -> i32 {
    let Some(words) = words.get(..n_words) else {
        return 0;
    };
    // SAFETY: the SDK passes a place for that many words.
    unsafe { out.copy_from_nonoverlapping(words.as_ptr(), n_words) };
    1
}

unsafe extern "C" fn list_items(cx: *mut Context, word: Word, out: *mut Word, n_items: usize) -> i32 {
    let heap = host(cx).heap.borrow();
    let Some(Object::List(_, elements)) = heap.get(word) else {
        return 0;
    };
    copy_out(elements, out, n_items)
}

unsafe extern "C" fn map_get(cx: *mut Context, word: Word, key: Word, out: *mut Word) -> i32 {
    let heap = host(cx).heap.borrow();
    let key = heap.data(key);
    let found = match heap.get(word) {
        Some(Object::Map(pairs)) => pairs
            .iter()
            .find(|(known, _)| heap.data(*known) == key)
            .map(|(_, value)| *value),
        Some(Object::Error { code, message, data }) => {
            let (code, message, data) = (code.clone(), message.clone(), *data);
            drop(heap);
            let field = match key {
                Data::Keyword(name) if name == "code" => add(cx, &Data::Keyword(code)),
                Data::Keyword(name) if name == "message" => add(cx, &Data::Str(message)),
                Data::Keyword(name) if name == "data" => data,
                _ => return 0,
            };
            return answer(out, Some(field));
        }
        _ => None,
    };
    answer(out, found)
}

unsafe extern "C" fn map_pairs(cx: *mut Context, word: Word, out: *mut Word, n_pairs: usize) -> i32 {
    let heap = host(cx).heap.borrow();
    let Some(Object::Map(pairs)) = heap.get(word) else {
        return 0;
    };
    let words: Vec<Word> = pairs.iter().flat_map(|(key, value)| [*key, *value]).collect();
    copy_out(&words, out, n_pairs * 2)
}

unsafe extern "C" fn inner(cx: *mut Context, word: Word, out: *mut Word) -> i32 {
    let inner = match host(cx).heap.borrow().get(word) {
        Some(Object::Some(inner)) => Some(*inner),
        _ => None,
    };
    answer(out, inner)
}

unsafe extern "C" fn instance_name(_cx: *mut Context, _word: Word, _out: *mut Bytes) -> i32 {
    0
}

unsafe extern "C" fn callable(cx: *mut Context, word: Word) -> i32 {
    i32::from(matches!(data(cx, word), Data::Function(_)))
}

unsafe extern "C" fn display(cx: *mut Context, word: Word) -> Word {
    let text = data(cx, word).display();
    add(cx, &text.into())
}

unsafe extern "C" fn repr(cx: *mut Context, word: Word) -> Word {
    let text = data(cx, word).to_string();
    add(cx, &text.into())
}

unsafe extern "C" fn equal(cx: *mut Context, one: Word, other: Word) -> i32 {
    i32::from(data(cx, one) == data(cx, other))
}

unsafe extern "C" fn get_resource(cx: *mut Context, word: Word, wanted: *const ResourceType) -> *mut c_void {
    match host(cx).heap.borrow().get(word) {
        Some(Object::Resource(record, data)) if *record == wanted => *data,
        _ => std::ptr::null_mut(),
    }
}

unsafe extern "C" fn new_int(cx: *mut Context, value: i64) -> Word {
    add(cx, &value.into())
}

unsafe extern "C" fn new_real(cx: *mut Context, value: f64) -> Word {
    add(cx, &value.into())
}

unsafe extern "C" fn new_text(cx: *mut Context, bytes: Bytes) -> Word {
    add(cx, &Data::Str(text(bytes)))
}

unsafe extern "C" fn new_bytes(cx: *mut Context, bytes: Bytes) -> Word {
    // SAFETY: the SDK passes bytes that live through the call.
    add(cx, &Data::Bytes(unsafe { bytes.as_slice() }.to_vec()))
}

unsafe extern "C" fn new_symbol(cx: *mut Context, bytes: Bytes) -> Word {
    host(cx).heap.borrow_mut().name(Immediate::Symbol, &text(bytes))
}

unsafe extern "C" fn new_keyword(cx: *mut Context, bytes: Bytes) -> Word {
    host(cx).heap.borrow_mut().name(Immediate::Keyword, &text(bytes))
}

unsafe extern "C" fn new_path(cx: *mut Context, bytes: Bytes) -> Word {
    host(cx).heap.borrow_mut().name(Immediate::Path, &text(bytes))
}

unsafe extern "C" fn new_list(cx: *mut Context, kind: u32, elements: *const Word, n_elements: usize) -> Word {
    let kind = ListKind::from_number(kind).expect("the SDK passes a kind of list");
    host(cx)
        .heap
        .borrow_mut()
        .object(Object::List(kind, words(elements, n_elements).to_vec()))
}

unsafe extern "C" fn new_map(cx: *mut Context, pairs: *const Word, n_pairs: usize) -> Word {
    let mut map: Vec<(Word, Word)> = Vec::new();
    for pair in words(pairs, n_pairs * 2).chunks(2) {
        let known = map
            .iter()
            .position(|(key, _)| data(cx, *key) == data(cx, pair[0]));
        match known {
            Some(index) => map[index].1 = pair[1],
            None => map.push((pair[0], pair[1])),
        }
    }
    host(cx).heap.borrow_mut().object(Object::Map(map))
}

unsafe extern "C" fn new_error(
    cx: *mut Context,
    code: *const c_char,
    message: Bytes,
    error_data: Word,
) -> Word {
    let error = Object::Error {
        code: text_of(code),
        message: text(message),
        data: error_data,
    };
    host(cx).heap.borrow_mut().object(error)
}

unsafe extern "C" fn new_resource(cx: *mut Context, record: *const ResourceType, data: *mut c_void) -> Word {
    host(cx).heap.borrow_mut().object(Object::Resource(record, data))
}

unsafe extern "C" fn encode(cx: *mut Context, word: Word, out: *mut Bytes) -> i32 {
    let Some(bytes) = codec::encode(&data(cx, word)) else {
        host(cx).raise(&error_data("value/not-storable", "the value cannot be stored"));
        return 0;
    };
    let mut scratch = host(cx).scratch.borrow_mut();
    scratch.push(bytes);
    answer(out, scratch.last().map(|bytes| Bytes::of(bytes)))
}

unsafe extern "C" fn decode(cx: *mut Context, bytes: Bytes) -> Word {
    // SAFETY: the SDK passes bytes that live through the call.
    match codec::decode(unsafe { bytes.as_slice() }) {
        Some(decoded) => add(cx, &decoded),
        None => host(cx).raise(&error_data("wire/invalid", "these bytes are no value")),
    }
}
