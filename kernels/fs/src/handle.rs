//! Open files by number. A number is good in the isolate that opened the file, and never given out twice.

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use sup_kernel::{Context, Error, Result, State};

/// Most files that one isolate has open.
const MAX_OPEN: usize = 1024;

#[derive(Default)]
struct Open {
    last: i64,
    files: HashMap<i64, (u64, Arc<Mutex<File>>)>,
}

/// All open files of this generation of the kernel; they are closed when it is unloaded.
#[derive(Default)]
pub struct Handles(Mutex<Open>);

impl State for Handles {
    fn load(_saved: Option<(u32, &[u8])>) -> Result<Handles> {
        Ok(Handles::default())
    }

    fn quiesce(&self, _within: Duration) -> Result<()> {
        self.open().files.clear();
        Ok(())
    }
}

impl Handles {
    fn open(&self) -> std::sync::MutexGuard<'_, Open> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps an open file and answers its number.
    pub fn add(&self, cx: &Context, file: File) -> Result<i64> {
        let mut open = self.open();
        let isolate = cx.isolate();
        if open.files.values().filter(|(owner, _)| *owner == isolate).count() >= MAX_OPEN {
            return Err(Error::new(
                "fs/too-many",
                format!("{MAX_OPEN} files are open; close some"),
            ));
        }
        open.last += 1;
        let handle = open.last;
        open.files.insert(handle, (isolate, Arc::new(Mutex::new(file))));
        Ok(handle)
    }

    /// Does something with an open file.
    pub fn with<T>(&self, cx: &Context, handle: i64, run: impl FnOnce(&mut File) -> T) -> Result<T> {
        let file = match self.open().files.get(&handle) {
            Some((owner, file)) if *owner == cx.isolate() => file.clone(),
            _ => return Err(closed(handle)),
        };
        Ok(run(&mut file.lock().unwrap_or_else(PoisonError::into_inner)))
    }

    /// Closes a file.
    pub fn remove(&self, cx: &Context, handle: i64) -> Result<()> {
        let mut open = self.open();
        match open.files.get(&handle) {
            Some((owner, _)) if *owner == cx.isolate() => {
                open.files.remove(&handle);
                Ok(())
            }
            _ => Err(closed(handle)),
        }
    }
}

fn closed(handle: i64) -> Error {
    Error::new("fs/handle", format!("{handle} is no open file"))
}

/// How a file is opened.
#[derive(Clone, Copy)]
pub struct Mode {
    letter: char,
    both: bool,
}

impl Mode {
    /// A mode as of C's fopen.
    pub fn parse(text: &str) -> Result<Mode> {
        let plain: String = text.chars().filter(|c| *c != 'b').collect();
        let mut letters = plain.chars();
        match (letters.next(), letters.next(), letters.next()) {
            (Some(letter @ ('r' | 'w' | 'a')), None, _) => Ok(Mode { letter, both: false }),
            (Some(letter @ ('r' | 'w' | 'a')), Some('+'), None) => Ok(Mode { letter, both: true }),
            _ => Err(Error::new(
                "fs/mode",
                format!("`{text}` is none of the modes r r+ w w+ a a+"),
            )),
        }
    }

    /// Whether the file may change.
    pub fn writes(self) -> bool {
        self.both || self.letter != 'r'
    }

    /// What the standard library opens it with.
    pub fn options(self) -> OpenOptions {
        let mut options = OpenOptions::new();
        options.read(self.both || self.letter == 'r');
        match self.letter {
            'r' => options.write(self.both),
            'w' => options.write(true).create(true).truncate(true),
            _ => options.append(true).create(true),
        };
        options
    }
}
