//! Columns for people: names, versions, short hashes, times.

/// Characters of a hash that are shown.
const HASH_CHARS: usize = 12;
const SECONDS_A_DAY: i64 = 86_400;

/// The beginning of a hash.
pub fn short(hash: &str) -> &str {
    hash.get(..HASH_CHARS).unwrap_or(hash)
}

/// A time in microseconds since 1970 as ISO 8601 in UTC, to the second.
pub fn time(micros: &str) -> String {
    let Ok(micros) = micros.parse::<i64>() else {
        return micros.to_owned();
    };
    let seconds = micros.div_euclid(1_000_000);
    let (year, month, day) = date(seconds.div_euclid(SECONDS_A_DAY));
    let second = seconds.rem_euclid(SECONDS_A_DAY);
    let (hour, minute) = (second / 3600, second / 60 % 60);
    format!(
        "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{:02}Z",
        second % 60
    )
}

/// The date of a day counted from 1970-01-01, in the Gregorian calendar. Years are counted from March, so that the day that
/// comes and goes is a year's last.
fn date(day: i64) -> (i64, i64, i64) {
    const DAYS_OF_400_YEARS: i64 = 146_097;
    const FROM_MARCH_0000: i64 = 719_468;
    let day = day + FROM_MARCH_0000;
    let (era, day) = (
        day.div_euclid(DAYS_OF_400_YEARS),
        day.rem_euclid(DAYS_OF_400_YEARS),
    );
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day_of_month = day - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (era * 400 + year + i64::from(month <= 2), month, day_of_month)
}

/// The lines of `sup ls`.
pub fn listing(rows: &[Vec<String>]) -> String {
    let shown = rows.iter().filter_map(|row| {
        let [name, version, hash, at, n_bytes] = row.as_slice() else {
            return None;
        };
        Some(vec![
            name.clone(),
            format!("@{version}"),
            short(hash).to_owned(),
            time(at),
            n_bytes.clone(),
        ])
    });
    aligned(&shown.collect::<Vec<_>>())
}

/// The lines of `sup log`.
pub fn log(rows: &[Vec<String>]) -> String {
    let shown = rows.iter().filter_map(|row| {
        let [version, at, what, name, rest @ ..] = row.as_slice() else {
            return None;
        };
        let subject = if name.is_empty() { "-" } else { name };
        let mut cells = vec![format!("@{version}"), time(at), what.clone(), subject.to_owned()];
        match rest {
            [hash] => cells.push(short(hash).to_owned()),
            more => cells.extend_from_slice(more),
        }
        Some(cells)
    });
    aligned(&shown.collect::<Vec<_>>())
}

/// Rows as lines whose columns stand below each other.
pub fn aligned(rows: &[Vec<String>]) -> String {
    let n_columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        rows.iter()
            .filter_map(|row| row.get(column))
            .map(|cell| cell.chars().count())
            .max()
    };
    let widths: Vec<usize> = (0..n_columns).map(|column| width(column).unwrap_or(0)).collect();
    let mut text = String::new();
    for row in rows {
        let cells: Vec<String> = row
            .iter()
            .zip(&widths)
            .map(|(cell, width)| format!("{cell:width$}"))
            .collect();
        text.push_str(cells.join("  ").trim_end());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_dates_in_every_century() {
        for (seconds, expected) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_735_689_599, "2024-12-31T23:59:59Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
            (-1, "1969-12-31T23:59:59Z"),
        ] {
            assert_eq!(time(&(seconds * 1_000_000_i64).to_string()), expected);
        }
    }

    #[test]
    fn columns_stand_below_each_other() {
        let row = |cells: [&str; 3]| cells.map(str::to_owned).to_vec();
        let text = aligned(&[row(["a", "1", "x"]), row(["longer", "22", ""])]);
        assert_eq!(text, "a       1   x\nlonger  22\n");
    }
}
