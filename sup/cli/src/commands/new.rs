//! `sup new` and `sup kernel new`: a project, and a kernel in one, to start from.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use sup_runtime::Problem;
use sup_runtime::load::is_standard;

use super::build::required;
use crate::arguments::Options;
use crate::console;
use crate::draw::Weight;
use crate::exit::Exit;
use crate::project::check_name;
use crate::project::compiler::Language;
use crate::session::Teller;

const EXAMPLES: &str = "\
Examples:
  sup new demo                                 a program, a module and their test
  sup new demo --template site                 pages behind a handler
  sup new demo --template kernel               with a kernel of its own, in Rust
  sup new demo --template kernel --lang c      in C; cpp and zig are there too

Then: cd demo && sup run, sup test, sup deps.";

const KERNEL_EXAMPLES: &str = "\
Examples:
  sup kernel new sums               a kernel in Rust: kernels/sums and tests/sums.slp in the project here
  sup kernel new sums --lang c      in C; cpp and zig are there too";

/// A file of a template: its path and its text.
type TemplateFile = (String, &'static str);

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
    #[arg(long, value_enum)]
    lang: Option<Language>,
}

/// Makes a kernel in a project.
#[derive(Args, Debug)]
#[command(after_help = KERNEL_EXAMPLES)]
pub struct NewKernel {
    /// The kernel's name: a-z, 0-9 and -, a letter first
    #[arg(value_name = "NAME")]
    name: String,

    /// What it is written in
    #[arg(long, value_enum, default_value = "rust")]
    lang: Language,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Template {
    /// A program with a module
    App,
    /// Pages behind a handler, a function from request to response
    Site,
    /// A program with a kernel of its own
    Kernel,
}

impl New {
    /// Carries it out.
    pub fn carry_out(self, options: &Options) -> Exit {
        let made = self.make();
        told(
            options,
            made.map(|()| format!("made the project {0}; next: cd {0} && sup run", self.name)),
        )
    }

    fn make(&self) -> Result<(), Problem> {
        check_name(&self.name, "project")?;
        let language = match (self.template, self.lang) {
            (Template::Kernel, language) => {
                check_kernel_name(&self.name)?;
                Some(language.unwrap_or(Language::Rust))
            }
            (_, None) => None,
            (_, Some(_)) => {
                let problem = Problem::new(
                    "new/language",
                    "--lang says what a kernel is written in, and this template has none",
                );
                return Err(problem.with_hint("add --template kernel, or leave out --lang"));
            }
        };
        let root = Path::new(&self.name);
        fs::create_dir_all(root).map_err(|error| unwritable(root, &error))?;
        let mut inside = fs::read_dir(root).map_err(|error| unwritable(root, &error))?;
        if inside.next().is_some() {
            let problem = Problem::new("new/exists", format!("{} is not empty", root.display()));
            return Err(problem.with_hint("a project is made in a new or empty directory"));
        }
        let mut files = self.template.files(&self.name);
        if let Some(language) = language {
            files.extend(kernel_files(&self.name, language));
        }
        let kernels = language
            .map(|_| format!(":{} {{}}", self.name))
            .unwrap_or_default();
        let capabilities = if language.is_some() {
            "console kernel read"
        } else {
            "console read"
        };
        let language = language.map_or("", Language::name);
        let says = [
            ("kernels", kernels.as_str()),
            ("capabilities", capabilities),
            ("language", language),
        ];
        write(root, &files, &self.name, &says)
    }
}

impl Template {
    fn files(self, name: &str) -> Vec<TemplateFile> {
        let mut files: Vec<TemplateFile> = vec![
            ("project.slp".to_owned(), include_str!("templates/project.slp")),
            (".gitignore".to_owned(), include_str!("templates/gitignore.txt")),
        ];
        let own: &[(&str, &'static str)] = match self {
            Template::App => &[
                ("init.slp", include_str!("templates/app/init.slp")),
                ("modules/greeting.slp", include_str!("templates/app/greeting.slp")),
                ("tests/NAME.slp", include_str!("templates/app/tests.slp")),
            ],
            Template::Site => &[
                ("init.slp", include_str!("templates/site/init.slp")),
                ("modules/site.slp", include_str!("templates/site/site.slp")),
                ("modules/pages.slp", include_str!("templates/site/pages.slp")),
                ("tests/NAME.slp", include_str!("templates/site/tests.slp")),
            ],
            Template::Kernel => &[("init.slp", include_str!("templates/kernel/init.slp"))],
        };
        files.extend(own.iter().map(|(path, text)| (path.replace("NAME", name), *text)));
        files
    }
}

/// The files of a kernel and its test.
fn kernel_files(name: &str, language: Language) -> Vec<TemplateFile> {
    let own: &[(&str, &'static str)] = match language {
        Language::Rust => &[
            ("Cargo.toml", include_str!("templates/rust/Cargo.toml.txt")),
            ("src/lib.rs", include_str!("templates/rust/lib.rs.txt")),
        ],
        Language::C => &[("kernel.c", include_str!("templates/c/kernel.c"))],
        Language::Cpp => &[("kernel.cpp", include_str!("templates/cpp/kernel.cpp"))],
        Language::Zig => &[("kernel.zig", include_str!("templates/zig/kernel.zig"))],
    };
    let readme = ("README.md", include_str!("templates/kernel/README.md"));
    let inside = own.iter().chain([&readme]);
    let mut files: Vec<TemplateFile> = inside
        .map(|(path, text)| (format!("kernels/{name}/{path}"), *text))
        .collect();
    files.push((
        format!("tests/{name}.slp"),
        include_str!("templates/kernel/tests.slp"),
    ));
    files
}

/// Writes files below a directory; `@key@` in a text stands for what is said of the key. A file that is there is not written over.
fn write(root: &Path, files: &[TemplateFile], name: &str, says: &[(&str, &str)]) -> Result<(), Problem> {
    for (path, text) in files {
        let path = root.join(path);
        let mut text = text.replace("@name@", name);
        for (key, value) in says {
            text = text.replace(&format!("@{key}@"), value);
        }
        let parent = path.parent().unwrap_or(root);
        fs::create_dir_all(parent).map_err(|error| unwritable(parent, &error))?;
        let mut file = fs::File::create_new(&path).map_err(|error| unwritable(&path, &error))?;
        io::Write::write_all(&mut file, text.as_bytes()).map_err(|error| unwritable(&path, &error))?;
    }
    Ok(())
}

fn unwritable(path: &Path, error: &io::Error) -> Problem {
    Problem::new(
        "new/unwritable",
        format!("{} cannot be made: {error}", path.display()),
    )
}

/// Whether a kernel can be made with that name: one that a module of the standard library has would hide the other.
fn check_kernel_name(name: &str) -> Result<(), Problem> {
    check_name(name, "kernel")?;
    if !is_standard(name) {
        return Ok(());
    }
    let message =
        format!("the standard library has a module {name}, whose names a kernel {name} would have too");
    Err(Problem::new("project/name", message).with_hint("take another name"))
}

impl NewKernel {
    /// Carries it out.
    pub fn carry_out(self, options: &Options) -> Exit {
        let made = self.make();
        told(
            options,
            made.map(|directory| {
                let load = format!("#(load \"{}\")", self.name);
                format!(
                    "made {}; next: write {load} where it is used, and sup test",
                    directory.display()
                )
            }),
        )
    }

    fn make(&self) -> Result<PathBuf, Problem> {
        check_kernel_name(&self.name)?;
        let project = required(Path::new("."))?;
        let directory = PathBuf::from("kernels").join(&self.name);
        let test = PathBuf::from("tests").join(format!("{}.slp", self.name));
        for path in [&directory, &test] {
            if project.root.join(path).exists() {
                return Err(Problem::new(
                    "new/exists",
                    format!("{} is there already", path.display()),
                ));
            }
        }
        let files = kernel_files(&self.name, self.lang);
        write(
            &project.root,
            &files,
            &self.name,
            &[("language", self.lang.name())],
        )?;
        Ok(directory)
    }
}

fn told(options: &Options, outcome: Result<String, Problem>) -> Exit {
    match outcome {
        Ok(message) => {
            console::print_line(&message);
            Exit::Fine
        }
        Err(problem) => {
            Teller::new(options).tell_of_files(&problem, Weight::Error);
            Exit::Usage
        }
    }
}
