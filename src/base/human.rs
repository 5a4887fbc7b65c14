//! Sizes and durations as people read them.

use std::time::Duration;

/// `bytes` with a decimal unit, as registries bill them: `0 B`, `999 B`, `1.5 kB`, `52 MB`.
pub fn size(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["kB", "MB", "GB", "TB", "PB"];
    if bytes < 1000 {
        return format!("{bytes} B");
    }
    #[expect(clippy::cast_precision_loss, reason = "two digits are shown")]
    let mut value = bytes as f64 / 1000.0;
    let mut unit = 0;
    while value >= 999.5 && unit + 1 < UNITS.len() {
        value /= 1000.0;
        unit += 1;
    }
    if value < 9.95 { format!("{value:.1} {}", UNITS[unit]) } else { format!("{value:.0} {}", UNITS[unit]) }
}

/// `duration` with the precision that matters: `85 ms`, `3.2 s`, `4 min 05 s`.
pub fn duration(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        0 => format!("{} ms", duration.as_millis()),
        1..60 => format!("{:.1} s", duration.as_secs_f64()),
        _ => format!("{} min {:02} s", seconds / 60, seconds % 60),
    }
}

/// `1 layer`, `2 layers`.
pub fn count(number: usize, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        let shown: Vec<_> = [0, 999, 1000, 1536, 9_949, 52_000_000, 999_600, 5_000_000_000].map(size).into();
        assert_eq!(shown, ["0 B", "999 B", "1.0 kB", "1.5 kB", "9.9 kB", "52 MB", "1.0 MB", "5.0 GB"]);
    }

    #[test]
    fn durations() {
        let shown = [85, 3_200, 245_000].map(|ms| duration(Duration::from_millis(ms)));
        assert_eq!(shown, ["85 ms", "3.2 s", "4 min 05 s"]);
    }
}
