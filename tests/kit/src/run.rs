//! Starting programs: arguments, input, a limit of time that always holds, and what came out.

use std::env;
use std::ffi::{OsStr, OsString};
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// How long a program may run when the test does not say.
pub const DEFAULT_LIMIT: Duration = Duration::from_secs(60);

/// The checkout that the tests belong to.
pub fn checkout() -> PathBuf {
    let kit = Path::new(env!("CARGO_MANIFEST_DIR"));
    kit.ancestors()
        .nth(2)
        .expect("the kit lies two folders below the workspace")
        .to_path_buf()
}

/// The `sup` command under test: `$SUP_BIN`, else the one in the release folder that this test was built into.
///
/// # Panics
///
/// When there is none. A test that quietly did nothing would be worse.
pub fn sup_path() -> PathBuf {
    let path = match env::var_os("SUP_BIN") {
        Some(path) => PathBuf::from(path),
        None => release_folder().join(format!("sup{}", env::consts::EXE_SUFFIX)),
    };
    assert!(
        path.is_file(),
        "there is no `sup` at {}: run `cargo build --release` first, or `cargo xtask test`, or set SUP_BIN",
        path.display()
    );
    path
}

/// The folder of the stock kernels' libraries: `$SUP_KERNEL_PATH`, else beside the `sup` under test.
pub fn kernel_folder() -> PathBuf {
    env::var_os("SUP_KERNEL_PATH").map_or_else(release_folder, PathBuf::from)
}

/// `target/release/deps/some_test-123` lies one below the folder of the products.
fn release_folder() -> PathBuf {
    let own = env::current_exe().expect("a test knows its own path");
    own.ancestors()
        .nth(2)
        .expect("cargo builds tests into target/release/deps")
        .to_path_buf()
}

/// A run of the `sup` under test, with its kernels, away from the user's own store and settings.
pub fn sup() -> Run {
    Run::program(sup_path())
        .env("SUP_KERNEL_PATH", kernel_folder())
        .env_remove("SUP_STORE")
        .env("XDG_DATA_HOME", no_home().join("data"))
        .env("XDG_CONFIG_HOME", no_home().join("config"))
}

/// Where nothing of the user who runs the tests is found: neither a store, nor kernels, nor whom to trust.
fn no_home() -> PathBuf {
    env::temp_dir().join(format!("sup-tests-{}-no-home", std::process::id()))
}

/// A program to start.
#[derive(Debug)]
pub struct Run {
    command: Command,
    input: Vec<u8>,
    limit: Duration,
}

impl Run {
    /// Any program.
    pub fn program(program: impl AsRef<OsStr>) -> Run {
        Run {
            command: Command::new(program),
            input: Vec::new(),
            limit: DEFAULT_LIMIT,
        }
    }

    /// One more argument.
    pub fn arg(mut self, argument: impl AsRef<OsStr>) -> Run {
        self.command.arg(argument);
        self
    }

    /// More arguments.
    pub fn args<Argument: AsRef<OsStr>>(mut self, arguments: impl IntoIterator<Item = Argument>) -> Run {
        self.command.args(arguments);
        self
    }

    /// What the program reads from stdin; without it there is nothing to read.
    pub fn input(mut self, input: impl Into<Vec<u8>>) -> Run {
        self.input = input.into();
        self
    }

    /// A variable of its environment.
    pub fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Run {
        self.command.env(name, value);
        self
    }

    /// A variable that it does not see.
    pub fn env_remove(mut self, name: &str) -> Run {
        self.command.env_remove(name);
        self
    }

    /// The folder it works in.
    pub fn folder(mut self, folder: impl AsRef<Path>) -> Run {
        self.command.current_dir(folder);
        self
    }

    /// How long it may run before it is killed and the test fails.
    pub fn limit(mut self, limit: Duration) -> Run {
        self.limit = limit;
        self
    }

    /// The words of the command line, for messages.
    fn shown(&self) -> String {
        let words: Vec<OsString> = std::iter::once(self.command.get_program())
            .chain(self.command.get_args())
            .map(OsStr::to_os_string)
            .collect();
        words
            .iter()
            .map(|word| word.to_string_lossy().into_owned())
            .collect::<Vec<_>>()
            .join(" ")
    }

    /// Runs it to its end.
    ///
    /// # Panics
    ///
    /// When it cannot be started, and when it is still running at its limit: it is killed, and what it had printed is shown.
    #[track_caller]
    pub fn finish(mut self) -> Finished {
        let shown = self.shown();
        let mut child = self
            .command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("cannot start `{shown}`: {error}"));
        let mut stdin = child.stdin.take().expect("stdin was asked for as a pipe");
        let input = std::mem::take(&mut self.input);
        // A program that ends without reading its input closes the pipe, which is its right.
        let writer = thread::spawn(move || drop(stdin.write_all(&input)));
        let stdout = read_all(child.stdout.take().expect("stdout was asked for as a pipe"));
        let stderr = read_all(child.stderr.take().expect("stderr was asked for as a pipe"));
        let status = wait_until(&mut child, Instant::now() + self.limit);
        if status.is_none() {
            let _ = child.kill();
            let _ = child.wait();
        }
        let (stdout, stderr) = (joined(stdout), joined(stderr));
        let _ = writer.join();
        let Some(status) = status else {
            panic!(
                "`{shown}` still ran after {:?}\n--- stdout\n{stdout}\n--- stderr\n{stderr}",
                self.limit
            );
        };
        Finished {
            shown,
            status,
            stdout,
            stderr,
        }
    }

    /// Starts it and leaves it running, for tests that talk to it or kill it.
    #[track_caller]
    pub fn start(mut self) -> Running {
        let shown = self.shown();
        let mut child = self
            .command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("cannot start `{shown}`: {error}"));
        let stdin = child.stdin.take();
        let lines = lines_of(child.stdout.take().expect("stdout was asked for as a pipe"));
        let stderr = Some(read_all(
            child.stderr.take().expect("stderr was asked for as a pipe"),
        ));
        Running {
            shown,
            child,
            stdin,
            lines,
            stderr,
            deadline: Instant::now() + self.limit,
        }
    }
}

/// What a program left behind.
#[derive(Debug)]
pub struct Finished {
    shown: String,
    /// How it ended.
    pub status: ExitStatus,
    /// What it printed.
    pub stdout: String,
    /// What it complained.
    pub stderr: String,
}

impl Finished {
    /// The exit code; None when a signal ended it.
    pub fn code(&self) -> Option<i32> {
        self.status.code()
    }

    /// Panics, showing everything, unless it ended with that code.
    #[track_caller]
    pub fn expect_code(self, code: i32) -> Finished {
        assert!(
            self.code() == Some(code),
            "`{}` ended with {}, not with code {code}\n--- stdout\n{}\n--- stderr\n{}",
            self.shown,
            self.status,
            self.stdout,
            self.stderr
        );
        self
    }

    /// Panics unless it succeeded; returns what it printed, without the last newline.
    #[track_caller]
    pub fn expect_output(self) -> String {
        let mut stdout = self.expect_code(0).stdout;
        if stdout.ends_with('\n') {
            stdout.pop();
        }
        stdout
    }
}

/// A program that is running; it is killed when the value is dropped.
#[derive(Debug)]
pub struct Running {
    shown: String,
    child: Child,
    stdin: Option<ChildStdin>,
    lines: Receiver<String>,
    stderr: Option<JoinHandle<Vec<u8>>>,
    deadline: Instant,
}

impl Running {
    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Writes to its stdin.
    #[track_caller]
    pub fn say(&mut self, text: &str) {
        let stdin = self.stdin.as_mut().expect("stdin is still open");
        stdin
            .write_all(text.as_bytes())
            .and_then(|()| stdin.flush())
            .expect("the program still reads");
    }

    /// Closes its stdin.
    pub fn close_input(&mut self) {
        self.stdin = None;
    }

    /// Its next line of stdout, without the newline; None at the end.
    ///
    /// # Panics
    ///
    /// When no line comes until its limit.
    #[track_caller]
    pub fn line(&mut self) -> Option<String> {
        match self
            .lines
            .recv_timeout(self.deadline.saturating_duration_since(Instant::now()))
        {
            Ok(line) => Some(line),
            Err(RecvTimeoutError::Disconnected) => None,
            Err(RecvTimeoutError::Timeout) => panic!("`{}` printed no line until its limit", self.shown),
        }
    }

    /// Ends it at once (`kill -9`) and waits for the end.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Whether it is still running.
    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().is_ok_and(|status| status.is_none())
    }

    /// Closes its stdin and waits for its end, until its limit.
    #[track_caller]
    pub fn finish(mut self) -> Finished {
        self.stdin = None;
        let shown = self.shown.clone();
        let status = wait_until(&mut self.child, self.deadline);
        if status.is_none() {
            self.kill();
        }
        let stdout: String = self.lines.iter().map(|line| line + "\n").collect();
        let stderr = joined(self.stderr.take().expect("stderr is read once"));
        let status = status
            .unwrap_or_else(|| panic!("`{shown}` still ran\n--- stdout\n{stdout}\n--- stderr\n{stderr}"));
        Finished {
            shown,
            status,
            stdout,
            stderr,
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.kill();
    }
}

fn read_all(mut pipe: impl Read + Send + 'static) -> JoinHandle<Vec<u8>> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        let _ = pipe.read_to_end(&mut bytes);
        bytes
    })
}

/// The lines of a pipe as they come, so that waiting for one can end.
fn lines_of(pipe: ChildStdout) -> Receiver<String> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        for line in BufReader::new(pipe).split(b'\n').map_while(Result::ok) {
            if sender.send(String::from_utf8_lossy(&line).into_owned()).is_err() {
                return;
            }
        }
    });
    receiver
}

fn joined(reader: JoinHandle<Vec<u8>>) -> String {
    String::from_utf8_lossy(&reader.join().expect("reading a pipe does not panic")).into_owned()
}

fn wait_until(child: &mut Child, deadline: Instant) -> Option<ExitStatus> {
    let mut pause = Duration::from_micros(200);
    loop {
        if let Ok(Some(status)) = child.try_wait() {
            return Some(status);
        }
        if Instant::now() >= deadline {
            return None;
        }
        thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(10));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Run {
        Run::program("sh").args(["-c", script])
    }

    #[test]
    fn output_errors_and_code_are_kept_apart() {
        let finished = shell("echo out; echo err >&2; exit 3").finish().expect_code(3);
        assert_eq!(
            (finished.stdout.as_str(), finished.stderr.as_str()),
            ("out\n", "err\n")
        );
    }

    #[test]
    fn input_larger_than_a_pipe_does_not_block() {
        let input = "line\n".repeat(100_000);
        assert_eq!(
            Run::program("cat").input(input.clone()).finish().expect_output(),
            input.trim_end()
        );
        shell("exit 0").input(input).finish().expect_code(0);
    }

    #[test]
    fn a_program_that_never_ends_is_killed_and_shown() {
        let run = shell("echo before; exec sleep 600").limit(Duration::from_millis(200));
        let panic = std::panic::catch_unwind(std::panic::AssertUnwindSafe(move || run.finish()))
            .expect_err("it ran into its limit");
        let message = panic.downcast_ref::<String>().expect("the message is a string");
        assert!(
            message.contains("still ran after 200ms") && message.contains("before"),
            "{message}"
        );
    }

    #[test]
    fn a_running_program_answers_and_is_gone_with_its_value() {
        let mut running = Run::program("cat").start();
        running.say("hello\n");
        assert_eq!(running.line().as_deref(), Some("hello"));
        assert!(running.is_running());
        running.say("rest\n");
        assert_eq!(running.finish().expect_output(), "rest");

        let mut killed = shell("exec sleep 600").start();
        killed.kill();
        assert!(!killed.is_running());
    }
}
