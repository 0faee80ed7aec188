//! `sup new`: a project to start from.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use sup_runtime::Problem;

use crate::arguments::Options;
use crate::console;
use crate::exit::Exit;
use crate::session::Teller;

const EXAMPLES: &str = "\
Examples:
  sup new demo                                 a program and its test
  sup new demo --template kernel               with a kernel of its own, in Rust
  sup new demo --template kernel --lang c      in C";

/// Longest name, in bytes.
const MAX_NAME_BYTES: usize = 64;

/// Makes a project.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct New {
    /// The project's name, and its directory: a-z, 0-9 and -, a letter first
    #[arg(value_name = "NAME")]
    name: String,

    /// What to start from
    #[arg(long, value_enum, default_value = "app")]
    template: Template,

    /// What the kernel is written in
    #[arg(long, value_enum, default_value = "rust")]
    lang: Language,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Template {
    App,
    Kernel,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Language {
    Rust,
    C,
}

impl New {
    /// Carries it out.
    pub fn carry_out(self, options: &Options) -> Exit {
        match self.make() {
            Ok(()) => {
                console::print_line(&format!("made {0}; next: cd {0} && sup run", self.name));
                Exit::Fine
            }
            Err(problem) => {
                Teller::new(options).tell_without_sources(&problem);
                Exit::Usage
            }
        }
    }

    fn make(&self) -> Result<(), Problem> {
        check_name(&self.name)?;
        let root = Path::new(&self.name);
        let refused = |error: io::Error| {
            Problem::new(
                "new/unwritable",
                format!("{} cannot be made: {error}", root.display()),
            )
        };
        fs::create_dir_all(root).map_err(refused)?;
        if fs::read_dir(root).map_err(refused)?.next().is_some() {
            let problem = Problem::new("new/exists", format!("{} is not empty", root.display()));
            return Err(problem.with_hint("a project is made in a new or empty directory"));
        }
        for (path, text) in self.files() {
            let path = root.join(path);
            let parent = path.parent().unwrap_or(root);
            fs::create_dir_all(parent).map_err(refused)?;
            fs::write(&path, text.replace("NAME", &self.name)).map_err(refused)?;
        }
        Ok(())
    }

    fn files(&self) -> Vec<(PathBuf, &'static str)> {
        let own = Path::new("kernels").join(&self.name);
        if self.template == Template::App {
            return vec![
                ("init.slp".into(), "(println \"hello from NAME\")\n"),
                (
                    "tests/NAME.slp".replace("NAME", &self.name).into(),
                    ";;; NAME adds\n(+ 1 2)      ;=> 3\n",
                ),
            ];
        }
        let mut files = vec![
            ("init.slp".into(), "#(load \"NAME\")\n(println (NAME/add 1 2))\n"),
            (
                "tests/NAME.slp".replace("NAME", &self.name).into(),
                ";;; the kernel NAME adds\n#(load \"NAME\")\n(NAME/add 1 2)      ;=> 3\n",
            ),
        ];
        if self.lang == Language::C {
            files.push((own.join("kernel.c"), include_str!("templates/kernel.c")));
        } else {
            files.push((own.join("Cargo.toml"), include_str!("templates/kernel.toml.txt")));
            files.push((own.join("src/lib.rs"), include_str!("templates/kernel.rs.txt")));
        }
        files
    }
}

/// Whether a kernel or project can have that name.
///
/// # Errors
/// `new/name` when it cannot.
pub fn check_name(name: &str) -> Result<(), Problem> {
    let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let starts_well = name.bytes().next().is_some_and(|byte| byte.is_ascii_lowercase());
    if starts_well && name.len() <= MAX_NAME_BYTES && name.bytes().all(is_plain) {
        return Ok(());
    }
    let problem = Problem::new(
        "new/name",
        format!("{name:?} cannot be the name of a project or kernel"),
    );
    Err(problem.with_hint("a name has a-z, 0-9 and -, begins with a letter, and has at most 64 characters"))
}
