//! `cargo xtask demo`: from a bare machine to the main job on real input. It indexes this checkout, asks, replaces the ranking while
//! the program runs, asks again, and lets a second run show that it reads only what changed.

use std::fs;
use std::io::{BufRead, BufReader, Lines, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use crate::house::{Failure, House, done, shown};
use crate::setup::{self, Need};
use crate::test;

const EXAMPLE: &str = "examples/search";
const QUERIES: [&str; 2] = ["fiber deadline", "kill -9"];
/// A query that finds nothing: its answer tells that the one before it is complete.
const END_OF_ANSWER: &str = "zzqzzqzz";

/// Makes the machine ready, builds, indexes this checkout and searches it.
pub fn run(house: &House) -> Result<(), Failure> {
    setup::run(house, Need::Build)?;
    test::build(house)?;
    let demo = Demo {
        house,
        store: house.target.join("demo-store"),
    };
    // The first run should show all of the work; what an earlier demo indexed is of no use to it.
    let _ = fs::remove_dir_all(&demo.store);
    demo.first_run()?;
    println!("\ndemo: a second run finds the index and reads only what changed since");
    done(&mut demo.announced(&["run", EXAMPLE, ".", QUERIES[0]]))?;
    println!("\ndemo: all of it is SLP in {EXAMPLE}; go on by hand with:");
    println!("demo:   {} run {EXAMPLE}", demo.house.sup().display());
    Ok(())
}

struct Demo<'house> {
    house: &'house House,
    store: PathBuf,
}

impl Demo<'_> {
    /// A program that waits for queries; between them its ranking is replaced from outside.
    fn first_run(&self) -> Result<(), Failure> {
        println!("\ndemo: indexing this checkout into {}", self.store.display());
        let mut search = Search::start(self.announced(&["run", EXAMPLE, "."]))?;
        search.wait_until_indexed()?;
        for query in QUERIES {
            search.ask(query)?;
        }
        println!("\ndemo: another ranking, put into the store while the program above goes on");
        done(&mut self.announced(&["put", "search/rank", &format!("{EXAMPLE}/rank-by-name.slp")]))?;
        search.ask(QUERIES[0])?;
        search.finish()?;
        println!("\ndemo: and the first ranking again");
        done(&mut self.announced(&["put", "search/rank", &format!("{EXAMPLE}/rank.slp")]))
    }

    /// A `sup` command on the demo's store, shown as a user would type it.
    fn announced(&self, arguments: &[&str]) -> Command {
        let mut command = self.house.command(self.house.sup());
        command.args(arguments).env("SUP_STORE", &self.store);
        println!("demo: running `{}`", shown(&command));
        command
    }
}

/// The running example.
struct Search {
    child: Child,
    queries: ChildStdin,
    answers: Lines<BufReader<ChildStdout>>,
}

impl Search {
    fn start(mut command: Command) -> Result<Search, Failure> {
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command
            .spawn()
            .map_err(|error| Failure::chore(format!("cannot start the search: {error}")))?;
        let queries = child.stdin.take().expect("stdin was asked for as a pipe");
        let answers = BufReader::new(child.stdout.take().expect("stdout was asked for as a pipe")).lines();
        Ok(Search {
            child,
            queries,
            answers,
        })
    }

    /// Its first line of output says what was indexed.
    fn wait_until_indexed(&mut self) -> Result<(), Failure> {
        let line = self.line()?;
        println!("{line}");
        Ok(())
    }

    /// Asks and shows the answer.
    fn ask(&mut self, query: &str) -> Result<(), Failure> {
        println!();
        writeln!(self.queries, "{query}\n{END_OF_ANSWER}")
            .and_then(|()| self.queries.flush())
            .map_err(|error| Failure::chore(format!("the search takes no queries: {error}")))?;
        loop {
            let line = self.line()?;
            if line.contains(END_OF_ANSWER) {
                // What follows is that nothing was found.
                return self.line().map(drop);
            }
            println!("{line}");
        }
    }

    fn line(&mut self) -> Result<String, Failure> {
        match self.answers.next() {
            Some(Ok(line)) => Ok(line),
            _ => Err(Failure::chore("the search ended before it answered")),
        }
    }

    fn finish(self) -> Result<(), Failure> {
        let Search {
            mut child,
            queries,
            answers,
        } = self;
        drop(queries);
        answers.for_each(drop);
        let status = child
            .wait()
            .map_err(|error| Failure::chore(format!("lost sight of the search: {error}")))?;
        if status.success() {
            Ok(())
        } else {
            Err(Failure::chore(format!("the search ended with {status}")))
        }
    }
}
