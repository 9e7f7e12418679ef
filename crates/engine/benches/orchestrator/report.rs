//! How figures are told.

use std::io::Write;
use std::time::Duration;

/// Tells one figure: what it is, and the figure.
pub type Row<'a> = &'a dyn Fn(&str, &str);

/// A line of progress.
pub fn say(text: &str) {
    // When stderr is gone there is nobody to tell.
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// Tells a figure to whoever runs the benchmark.
pub fn print(what: &str, figure: &str) {
    writeln!(std::io::stdout(), "{what}\t{figure}").expect("somebody reads the figures");
}

/// A number with its thousands apart.
pub fn count(n: u64) -> String {
    let digits = n.to_string();
    let mut told = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            told.push(',');
        }
        told.push(digit);
    }
    told
}

pub fn millis(time: Duration) -> String {
    format!("{:.2} ms", time.as_secs_f64() * 1e3)
}

pub fn seconds(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f64())
}

/// The middle one.
pub fn median<T: Ord + Copy + Default>(all: impl Iterator<Item = T>) -> T {
    let mut all: Vec<T> = all.collect();
    all.sort_unstable();
    all.get(all.len() / 2).copied().unwrap_or_default()
}

/// The exponents of a cost between sizes of which each is ten times the one before: 1 is linear, 2 square.
pub fn exponents(costs: &[f64]) -> String {
    let between = costs.windows(2).map(|pair| match pair {
        [small, large] if *small > 0.0 => format!("{:.2}", (large / small).log10()),
        _ => "-".to_owned(),
    });
    between.collect::<Vec<_>>().join(" and ")
}

/// Memory of this process that is resident, KiB.
pub fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}

/// Processor time of this process so far.
pub fn processor_time() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = stat.rsplit_once(") ").map(|(_, rest)| rest.split_whitespace()).into_iter().flatten();
    // utime and stime are fields 14 and 15 of proc(5); counted from the state, field 3. A tick is 10 ms on Linux.
    let ticks: u64 = fields.skip(11).take(2).filter_map(|field| field.parse::<u64>().ok()).sum();
    Duration::from_millis(ticks * 10)
}

/// A size from the environment.
pub fn size(name: &str, usual: usize) -> usize {
    match std::env::var(name) {
        Ok(text) => text.parse().expect(name),
        Err(_) => usual,
    }
}
