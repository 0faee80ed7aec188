//! spelling: words that are like another one, by Levenshtein's distance (1965). Shows a kernel in Rust: a resource, work on the host's
//! pool, and state that is handed to the next generation when the kernel is swapped.

use std::collections::BTreeSet;
use std::ffi::CStr;
use std::sync::{Arc, PoisonError, RwLock};

use sup_kernel::{Error, List, ListKind, Resource, Result, State, Value};

/// Longest word, in characters: the work for a pair of words grows with the product of their lengths.
const MAX_CHARS: usize = 64;
/// Most words that are learnt.
const MAX_WORDS: usize = 1_000_000;

/// What was learnt, one for each generation and for all isolates.
struct Learnt {
    words: RwLock<Arc<BTreeSet<String>>>,
}

impl Learnt {
    /// The words as they are now; whoever learns more makes another set.
    fn now(&self) -> Arc<BTreeSet<String>> {
        Arc::clone(&self.words.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn learn(&self, words: Vec<String>) -> Result<i64> {
        let mut learnt = self.words.write().unwrap_or_else(PoisonError::into_inner);
        if learnt.len() + words.len() > MAX_WORDS {
            return Err(Error::new("spelling/full", "a million words are learnt at most"));
        }
        Arc::make_mut(&mut learnt).extend(words);
        Ok(learnt.len() as i64)
    }
}

impl State for Learnt {
    const VERSION: u32 = 1;

    fn load(saved: Option<(u32, &[u8])>) -> Result<Learnt> {
        let words = match saved {
            None => BTreeSet::new(),
            Some((1, text)) => {
                let text = str::from_utf8(text).map_err(|_| Error::new("spelling/state", "what was saved is no text"))?;
                text.lines().map(str::to_owned).collect()
            }
            Some((version, _)) => return Err(Error::new("spelling/state", format!("version {version} is not known"))),
        };
        Ok(Learnt { words: RwLock::new(Arc::new(words)) })
    }

    fn save(&self) -> Result<Vec<u8>> {
        Ok(self.now().iter().flat_map(|word| [word, "\n"]).collect::<String>().into_bytes())
    }
}

/// The words at one time, behind a handle.
struct Dictionary {
    words: Arc<BTreeSet<String>>,
}

impl Resource for Dictionary {
    const NAME: &'static CStr = c"dictionary";

    fn extra_memory(&self) -> usize {
        self.words.iter().map(|word| word.len() + size_of::<String>()).sum()
    }
}

sup_kernel::kernel! {
    name: "spelling", version: env!("CARGO_PKG_VERSION"),
    state: Learnt,
    resources: [Dictionary],

    /// Learns words, for all isolates and the next generation of this kernel; answers how many are known. Raises
    /// `spelling/word` for what is no word of at most 64 characters.
    fn "learn" (cx, words: Value) -> Result<i64> {
        let n_words = words.length().unwrap_or(0);
        let word = |position| words.at(position).and_then(|word| word.as_text().map(str::to_owned));
        let words: Option<Vec<String>> = (0..n_words).map(word).collect();
        let words = words.ok_or_else(|| Error::new("type/mismatch", "learn takes a list of words"))?;
        words.iter().try_for_each(|word| check(word))?;
        cx.state::<Learnt>()?.learn(words)
    }

    /// The words known now, as a dictionary that does not change.
    fn "dictionary" (cx) -> Result<Value> {
        let words = cx.state::<Learnt>()?.now();
        cx.resource(Dictionary { words })
    }

    /// Whether a dictionary has the word.
    fn "known?" (dictionary: &Dictionary, word: &str) -> bool { dictionary.words.contains(word) }

    /// The words of a dictionary that differ from `word` by at most `distance` letters put in, left out or changed, the nearest
    /// first. Raises `spelling/word`.
    fn "near" (dictionary: &Dictionary, word: &str, distance: i64) -> Result<List<String>> {
        near(&dictionary.words, word, distance)
    }

    /// The same of all words that are known, looked for on another thread while the fiber waits.
    fn "suggest" (cx, word: &str, distance: i64) -> Result<Value> [async] {
        let (promise, handle) = cx.promise()?;
        let (words, word) = (cx.state::<Learnt>()?.now(), word.to_owned());
        cx.spawn(move || {
            promise.settle(near(&words, &word, distance));
        })?;
        cx.wait(handle)
    }
}

fn check(word: &str) -> Result<()> {
    let is_word = !word.is_empty() && !word.contains(['\n', '\r']) && word.chars().count() <= MAX_CHARS;
    if is_word {
        return Ok(());
    }
    Err(Error::new("spelling/word", "a word has 1 to 64 characters and no line end"))
}

fn near(words: &BTreeSet<String>, word: &str, distance: i64) -> Result<List<String>> {
    check(word)?;
    let within = |known: &&String| usize::try_from(distance).is_ok_and(|most| levenshtein(known, word) <= most);
    let mut found: Vec<&String> = words.iter().filter(within).collect();
    found.sort_by_key(|known| levenshtein(known, word));
    Ok(List(ListKind::Brace, found.into_iter().cloned().collect()))
}

/// The least number of letters to put in, leave out or change to come from one word to the other.
fn levenshtein(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (i, letter) in from.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, other) in to.iter().enumerate() {
            let changed = diagonal + usize::from(letter != *other);
            diagonal = row[j + 1];
            row[j + 1] = changed.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[to.len()]
}
