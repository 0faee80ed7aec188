//! `--stats` and `--profile`: figures that are true, and stacks that flame-graph tools read.

use sup_testkit::{TempFolder, sup};

use crate::check;

/// The figure behind a name in a line of JSON.
#[track_caller]
fn figure(line: &str, name: &str) -> u64 {
    let marker = format!("\"{name}\":");
    let rest = line
        .split_once(&marker)
        .unwrap_or_else(|| panic!("{name} is not in {line}"))
        .1;
    let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
    digits
        .parse()
        .unwrap_or_else(|_| panic!("{name} is no number in {line}"))
}

#[test]
fn statistics_are_told_on_standard_error_and_count_what_was_done() {
    let stats = |expression: &str| {
        let finished = check(&["--json", "eval", "--stats", expression], 0);
        let line = finished.stderr.lines().last().unwrap_or_default().to_owned();
        (finished.stdout, line)
    };
    let (stdout, small) = stats("(+ 1 2)");
    assert_eq!(stdout, "3\n");
    let (_, large) = stats("(dotimes (i 1000000) {i i i i i i i i})");
    assert!(
        figure(&large, "fuel") >= figure(&small, "fuel") + 1_000_000,
        "{large}"
    );
    let allocated = figure(&large, "allocated_bytes") - figure(&small, "allocated_bytes");
    assert!(
        (9 * 8_000_000..16 * 8_000_000).contains(&allocated),
        "a million lists of eight words and a header: {allocated}"
    );
    assert!(figure(&large, "minor_collections") > 10, "{large}");
    assert!(
        figure(&large, "longest_pause_ns") <= figure(&large, "pause_ns"),
        "{large}"
    );
    assert!(
        figure(&large, "cpu_ns") > 0 && figure(&large, "wall_ns") > 0,
        "{large}"
    );
    assert!(figure(&large, "peak_resident_bytes") > 1 << 20, "{large}");
    let (_, kept) = stats("(def kept (range 2000000)) (count kept)");
    assert!(figure(&kept, "peak_heap_bytes") >= 16_000_000, "{kept}");
    let fibers = |n: u64| {
        figure(
            &stats(&format!("(for (i (range {n})) (await (spawn (fn () [i]))))")).1,
            "fibers",
        )
    };
    assert_eq!(fibers(10), fibers(1) + 9);
}

#[test]
fn statistics_are_told_of_a_program_that_raised() {
    let finished = check(&["eval", "--stats", "(error \"no\")"], 1);
    for word in [
        "error[",
        "collections",
        "pauses",
        "allocated",
        "peak resident",
        "fuel",
        "time",
    ] {
        assert!(
            finished.stderr.contains(word),
            "{word} is not in {}",
            finished.stderr
        );
    }
}

const HOT: &str = "\
(defn hot (n) [(let (a 0) (dotimes (i n) (set a (rem (+ a (* i i)) 1000003))) a)])
(defn warm (n) [(+ (hot n) 1)])
(defn cold () [(+ 1 2)])
(dotimes (i 30) (warm 100000) (cold))
";

/// Stacks with their ticks; panics when a line has another form.
#[track_caller]
fn folded(text: &str) -> Vec<(Vec<String>, u64)> {
    text.lines()
        .map(|line| {
            let (stack, ticks) = line
                .rsplit_once(' ')
                .unwrap_or_else(|| panic!("no count in {line:?}"));
            let frames: Vec<String> = stack.split(';').map(str::to_owned).collect();
            assert!(frames.iter().all(|frame| !frame.is_empty()), "{line:?}");
            (
                frames,
                ticks.parse().unwrap_or_else(|_| panic!("no number in {line:?}")),
            )
        })
        .collect()
}

fn ticks_where(stacks: &[(Vec<String>, u64)], holds: impl Fn(&[String]) -> bool) -> u64 {
    let chosen = stacks.iter().filter(|(frames, _)| holds(frames));
    chosen.map(|(_, ticks)| ticks).sum()
}

#[test]
fn a_profile_shows_where_the_time_went() {
    let folder = TempFolder::new("profile");
    folder.write("hot.slp", HOT);
    sup()
        .args(["run", "--profile", "out.folded", "hot.slp"])
        .folder(folder.path())
        .finish()
        .expect_code(0);
    let text = std::fs::read_to_string(folder.path().join("out.folded")).expect("it was written");
    let stacks = folded(&text);
    let all = ticks_where(&stacks, |_| true);
    let in_hot = ticks_where(&stacks, |frames| {
        frames.first().is_some_and(|first| first == "hot.slp") && frames.iter().any(|frame| frame == "hot")
    });
    assert!(all >= 20, "{text}");
    assert!(in_hot * 10 > all * 8, "{in_hot} of {all} ticks in\n{text}");
    assert!(
        stacks.iter().any(|(frames, _)| {
            frames
                .windows(2)
                .any(|pair| pair[0] == "warm" && pair[1] == "hot")
        }),
        "the caller stands before the called: {text}"
    );
}

#[test]
fn primitives_and_fibers_are_in_the_profile() {
    let text = "(def numbers (for (i (range 300000)) (rem (* i 7919) 1000003)))\n\
                (defn sorted () [(dotimes (i 20) (sort numbers))])\n\
                (await (spawn sorted))\n";
    let finished = check(&["eval", "--profile", "-", text], 0);
    let profile = finished
        .stdout
        .split_once("{")
        .map_or(finished.stdout.as_str(), |(before, _)| before);
    let stacks = folded(profile);
    let in_sort = ticks_where(&stacks, |frames| {
        frames.first().is_some_and(|first| first == "sorted") && frames.iter().any(|frame| frame == "%sort")
    });
    let all = ticks_where(&stacks, |_| true);
    assert!(in_sort * 2 > all, "{in_sort} of {all} ticks in\n{profile}");
}

#[test]
fn a_profile_is_written_though_the_program_raised_and_told_when_it_cannot_be() {
    let folder = TempFolder::new("profile-raise");
    let out = folder.path().join("out.folded");
    let out = out.to_str().expect("temporary folders have plain names");
    check(
        &["eval", "--profile", out, "(dotimes (i 3000000)) (error \"no\")"],
        1,
    );
    assert!(std::fs::read_to_string(out).is_ok_and(|text| !text.is_empty()));
    let finished = check(&["eval", "--profile", "/nowhere/at/all", "1"], 2);
    assert!(finished.stderr.contains("profile/file"), "{}", finished.stderr);
    assert_eq!(finished.stdout, "", "nothing was run");
}

#[test]
fn deep_recursion_is_cut_in_a_profile() {
    let text = "(defn down (n) [(if (= n 0) 0 (+ 1 (down (- n 1))))]) (dotimes (i 60) (down 90000))";
    let finished = check(&["eval", "--profile", "-", text], 0);
    let stacks = folded(&finished.stdout);
    assert!(
        stacks.iter().all(|(frames, _)| frames.len() <= 258),
        "{}",
        stacks.len()
    );
    assert!(
        stacks
            .iter()
            .any(|(frames, _)| frames.first().is_some_and(|first| first == "[more]")),
        "{} stacks",
        stacks.len()
    );
}
