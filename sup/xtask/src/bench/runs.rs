//! Our own runs: CPU times of the release build, saved below the target directory and compared with an earlier run.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use super::{build, cpu_ms, geometric_mean, median, name_of, programs};
use crate::house::{Failure, House, captured};
use crate::json;

const N_RUNS: usize = 5;
/// A smaller change is not told, however quiet the machine was.
const TELLING: f64 = 0.03;

/// What one program took: CPU time of the whole process in milliseconds, over the runs.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Figure {
    bench: String,
    median_ms: u64,
    least_ms: u64,
    most_ms: u64,
}

/// Times every program, prints it beside the run it is compared with, and saves.
pub fn run(house: &House, against: Option<&Path>) -> Result<(), Failure> {
    let folder = house.target.join("bench");
    let before = match against {
        Some(path) => read(path)?,
        None => last_saved(&folder).map_or_else(|| Ok(Vec::new()), |path| read(&path))?,
    };
    build(house)?;
    fs::create_dir_all(&folder)
        .map_err(|error| Failure::chore(format!("cannot make {}: {error}", folder.display())))?;
    let mut figures = Vec::new();
    let mut ratios = Vec::new();
    println!(
        "{:<12} {:>8} {:>15} {:>8} {:>6}",
        "bench", "cpu ms", "least–most", "before", "ratio"
    );
    for program in programs(house)? {
        let figure = measure(house, &program)?;
        let old = before.iter().find(|old| old.bench == figure.bench);
        println!("{}", row(&figure, old));
        ratios.extend(old.map(|old| ratio(&figure, old)));
        figures.push(figure);
    }
    if let Some(mean) = geometric_mean(&ratios) {
        println!("geometric mean of the ratios {mean:.3}; * marks what is beyond the noise of both runs");
    }
    let path = save(house, &folder, &figures)?;
    println!("saved as {}", path.display());
    Ok(())
}

fn measure(house: &House, program: &Path) -> Result<Figure, Failure> {
    let mut times: Vec<u64> = (0..N_RUNS)
        .map(|_| cpu_ms(house, &house.sup(), program))
        .collect::<Result<_, _>>()?;
    Ok(Figure {
        bench: name_of(program),
        median_ms: median(&mut times),
        least_ms: times[0],
        most_ms: times[N_RUNS - 1],
    })
}

fn ratio(figure: &Figure, before: &Figure) -> f64 {
    figure.median_ms.max(1) as f64 / before.median_ms.max(1) as f64
}

/// Whether two figures differ by more than chance: no run of one lies among the runs of the other, and the medians are apart.
fn is_beyond_noise(figure: &Figure, before: &Figure) -> bool {
    let are_apart = figure.least_ms > before.most_ms || figure.most_ms < before.least_ms;
    are_apart && (ratio(figure, before) - 1.0).abs() > TELLING
}

fn row(figure: &Figure, before: Option<&Figure>) -> String {
    let range = format!("{}–{}", figure.least_ms, figure.most_ms);
    let start = format!("{:<12} {:>8} {range:>15}", figure.bench, figure.median_ms);
    let Some(before) = before else {
        return format!("{start} {:>8} {:>6}", "–", "–");
    };
    let mark = if is_beyond_noise(figure, before) { " *" } else { "" };
    let ratio = ratio(figure, before);
    format!("{start} {:>8} {ratio:>6.2}{mark}", before.median_ms)
}

/// Writes `SECONDS-COMMIT.json`: one line for each figure, so that a later run can read it line by line.
fn save(house: &House, folder: &Path, figures: &[Figure]) -> Result<PathBuf, Failure> {
    let seconds = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs());
    let commit = captured(house.command("git").args(["rev-parse", "--short", "HEAD"])).unwrap_or_default();
    let commit = commit.trim();
    let path = folder.join(format!(
        "{seconds}-{}.json",
        if commit.is_empty() { "none" } else { commit }
    ));
    let lines: Vec<String> = figures.iter().map(line_of_figure).collect();
    let text = format!(
        "{{\n \"commit\": {}, \"unix_s\": {seconds}, \"runs\": {N_RUNS},\n \"figures\": [\n{}\n ]\n}}\n",
        json::quoted(commit),
        lines.join(",\n")
    );
    fs::write(&path, text)
        .map_err(|error| Failure::chore(format!("cannot write {}: {error}", path.display())))?;
    Ok(path)
}

/// The newest run in a folder.
fn last_saved(folder: &Path) -> Option<PathBuf> {
    let entries = fs::read_dir(folder).ok()?;
    let paths = entries.flatten().map(|entry| entry.path());
    paths
        .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        .max()
}

fn read(path: &Path) -> Result<Vec<Figure>, Failure> {
    let text = fs::read_to_string(path)
        .map_err(|error| Failure::chore(format!("cannot read {}: {error}", path.display())))?;
    let figures: Vec<Figure> = text.lines().filter_map(figure_of_line).collect();
    if figures.is_empty() {
        return Err(Failure::chore(format!("{} holds no figures", path.display())));
    }
    Ok(figures)
}

fn line_of_figure(figure: &Figure) -> String {
    format!(
        "  {{\"bench\": {}, \"cpu_ms\": {}, \"least_ms\": {}, \"most_ms\": {}}}",
        json::quoted(&figure.bench),
        figure.median_ms,
        figure.least_ms,
        figure.most_ms
    )
}

/// A figure; runs that were saved without their extremes are read as if every run had taken the median.
fn figure_of_line(line: &str) -> Option<Figure> {
    let median_ms = number(line, "cpu_ms")?;
    Some(Figure {
        bench: json::string_field(line, "bench")?,
        median_ms,
        least_ms: number(line, "least_ms").unwrap_or(median_ms),
        most_ms: number(line, "most_ms").unwrap_or(median_ms),
    })
}

fn number(line: &str, field: &str) -> Option<u64> {
    let (_, rest) = line.split_once(&format!("\"{field}\": "))?;
    let end = rest
        .find(|character: char| !character.is_ascii_digit())
        .unwrap_or(rest.len());
    rest[..end].parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::scratch::Scratch;

    fn figure(bench: &str, median_ms: u64, least_ms: u64, most_ms: u64) -> Figure {
        Figure {
            bench: bench.to_owned(),
            median_ms,
            least_ms,
            most_ms,
        }
    }

    #[test]
    fn a_saved_run_is_read_back() {
        let scratch = Scratch::new("bench");
        let house = House::at(scratch.path().to_path_buf());
        let figures = [figure("fib", 236, 230, 250), figure("empty", 0, 0, 1)];
        let path = save(&house, scratch.path(), &figures).expect("the folder can be written");
        assert_eq!(last_saved(scratch.path()), Some(path.clone()));
        assert_eq!(read(&path).expect("it was just written"), figures);
        assert!(read(&scratch.path().join("none.json")).is_err());
    }

    #[test]
    fn a_ratio_above_one_is_slower_than_before_and_marked_beyond_the_noise() {
        let before = figure("fib", 200, 190, 220);
        assert_eq!(
            row(&figure("fib", 300, 290, 310), Some(&before)),
            "fib               300         290–310      200   1.50 *"
        );
        assert_eq!(
            row(&figure("fib", 230, 210, 250), Some(&before)),
            "fib               230         210–250      200   1.15"
        );
        assert_eq!(
            row(&figure("fib", 300, 300, 300), None),
            "fib               300         300–300        –      –"
        );
        assert!(
            is_beyond_noise(&figure("fib", 180, 170, 185), &before),
            "faster is told too"
        );
        assert!(
            !is_beyond_noise(&figure("fib", 1001, 1001, 1001), &figure("fib", 1000, 1000, 1000)),
            "one part in a thousand is nothing"
        );
    }
}
