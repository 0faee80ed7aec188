//! `sup repl` on a terminal: editing, history, completion, Ctrl-C.

use std::io::{Read, Write};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use portable_pty::{Child, CommandBuilder, PtySize, native_pty_system};
use sup_testkit::{TempFolder, kernel_folder, sup_path};

/// How long anything may take to appear.
const PATIENCE: Duration = Duration::from_secs(30);

/// A session on a terminal of its own.
struct Session {
    child: Box<dyn Child + Send + Sync>,
    keyboard: Box<dyn Write + Send>,
    screen: Receiver<Vec<u8>>,
    /// What appeared and was not waited for yet, without what only moves the cursor or changes colours.
    seen: String,
}

impl Session {
    fn start(folder: &TempFolder) -> Session {
        let size = PtySize {
            rows: 40,
            cols: 120,
            pixel_width: 0,
            pixel_height: 0,
        };
        let pair = native_pty_system()
            .openpty(size)
            .expect("there is a terminal to be had");
        let mut command = CommandBuilder::new(sup_path());
        command.arg("repl");
        command.env("SUP_KERNEL_PATH", kernel_folder());
        command.env("XDG_STATE_HOME", folder.path());
        command.env("TERM", "xterm");
        command.cwd(folder.path());
        let child = pair.slave.spawn_command(command).expect("the command starts");
        let keyboard = pair.master.take_writer().expect("the terminal has one keyboard");
        let mut reader = pair.master.try_clone_reader().expect("the terminal can be read");
        let (sender, screen) = channel();
        std::thread::spawn(move || {
            let _kept = pair.master;
            let mut bytes = [0; 4096];
            while let Ok(n_bytes) = reader.read(&mut bytes) {
                if n_bytes == 0 || sender.send(bytes[..n_bytes].to_vec()).is_err() {
                    return;
                }
            }
        });
        let mut session = Session {
            child,
            keyboard,
            screen,
            seen: String::new(),
        };
        session.expect("> ");
        session
    }

    fn type_in(&mut self, keys: &str) {
        self.keyboard
            .write_all(keys.as_bytes())
            .and_then(|()| self.keyboard.flush())
            .expect("the terminal takes keys");
    }

    /// Waits until that text has appeared, and forgets everything up to its end.
    #[track_caller]
    fn expect(&mut self, text: &str) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(at) = self.seen.find(text) {
                self.seen.drain(..at + text.len());
                return;
            }
            match self
                .screen
                .recv_timeout(deadline.saturating_duration_since(Instant::now()))
            {
                Ok(bytes) => self
                    .seen
                    .push_str(&without_escapes(&String::from_utf8_lossy(&bytes))),
                Err(_) => panic!("{text:?} did not appear, this did: {:?}", self.seen),
            }
        }
    }

    #[track_caller]
    fn expect_end(mut self) {
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            if let Some(status) = self.child.try_wait().expect("it can be waited for") {
                assert!(status.success(), "{status:?}");
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        drop(self.child.kill());
        panic!("the session did not end");
    }
}

/// A text without `ESC [ … letter` and carriage returns.
fn without_escapes(text: &str) -> String {
    let mut plain = String::new();
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        if character == '\r' {
            continue;
        }
        if character != '\u{1b}' {
            plain.push(character);
        } else if characters.next() == Some('[') {
            let _ = characters.by_ref().find(char::is_ascii_alphabetic);
        }
    }
    plain
}

#[test]
fn forms_go_over_several_lines_and_a_definition_says_its_name() {
    let folder = TempFolder::new("terminal");
    let mut session = Session::start(&folder);
    session.type_in("(+ 1\r2)\r");
    session.expect("\n3\n> ");
    session.type_in("(def x 41)\r");
    session.expect("\nx\n> ");
    session.type_in("(+ x 1)\r");
    session.expect("\n42\n> ");
    session.type_in("(oops)\r");
    session.expect("error[name/unbound]");
    session.expect("> ");
    session.type_in(":quit\r");
    session.expect_end();
}

#[test]
fn interrupting_stops_the_evaluation_and_not_the_session() {
    let folder = TempFolder::new("terminal");
    let mut session = Session::start(&folder);
    session.type_in("(print \"on\") (do [])\r");
    session.expect("\non\n");
    session.type_in("\u{3}");
    session.expect("vm/interrupted");
    session.expect("> ");
    session.type_in("(* 6 7)\r");
    session.expect("\n42\n> ");
    session.type_in("(half a line\u{3}");
    session.expect("> ");
    session.type_in("(* 6 8)\r");
    session.expect("\n48\n> ");
    session.type_in("\u{4}");
    session.expect_end();
}

#[test]
fn names_are_completed_and_lines_come_back_in_the_next_session() {
    let folder = TempFolder::new("terminal");
    let mut session = Session::start(&folder);
    session.type_in("(str/starts\t \"abc\" \"a\")\r");
    session.expect("\ntrue\n> ");
    session.type_in("\u{4}");
    session.expect_end();
    assert!(folder.read("sup/history").contains("(str/starts? \"abc\" \"a\")"));
    let mut session = Session::start(&folder);
    session.type_in("\u{1b}[A\r");
    session.expect("\ntrue\n> ");
    session.type_in("\u{4}");
    session.expect_end();
}
