//! For people.

use crate::case::Case;
use crate::run::{Outcome, Report};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// Passed, failed, skipped.
type Tally = (usize, usize, usize);

/// Failures first, then the table: the last thing on the screen is the sum.
pub(crate) fn table(name: &str, reports: &[Report]) -> String {
    let mut text = String::new();
    // Writing to a String cannot fail.
    for report in reports {
        match &report.outcome {
            Outcome::Failed(_) => text.push_str(&failure(report)),
            Outcome::Skipped(reason) => {
                let _ = writeln!(text, "skipped  {} {}: {reason}", report.section, report.name);
            }
            Outcome::Passed => {}
        }
    }
    let _ = writeln!(text, "\n{name}, by section of the specification\n");
    let _ =
        writeln!(text, "{:<10} {:>6} {:>7} {:>7} {:>8}", "section", "cases", "passed", "failed", "skipped");
    let mut sum: Tally = (0, 0, 0);
    for (section, tally) in sections(reports) {
        row(&mut text, &section, tally);
        sum = (sum.0 + tally.0, sum.1 + tally.1, sum.2 + tally.2);
    }
    row(&mut text, "all", sum);
    text
}

fn row(text: &mut String, section: &str, (passed, failed, skipped): Tally) {
    let cases = passed + failed + skipped;
    let _ = writeln!(text, "{section:<10} {cases:>6} {passed:>7} {failed:>7} {skipped:>8}");
}

/// By section, in the order of their numbers.
fn sections(reports: &[Report]) -> Vec<(String, Tally)> {
    let mut tallies: BTreeMap<(Vec<u32>, String), Tally> = BTreeMap::new();
    for report in reports {
        let numbers = report.section.split('.').map(|part| part.parse().unwrap_or(u32::MAX)).collect();
        let tally = tallies.entry((numbers, report.section.clone())).or_default();
        match report.outcome {
            Outcome::Passed => tally.0 += 1,
            Outcome::Failed(_) => tally.1 += 1,
            Outcome::Skipped(_) => tally.2 += 1,
        }
    }
    tallies.into_iter().map(|((_, section), tally)| (section, tally)).collect()
}

fn failure(report: &Report) -> String {
    let Outcome::Failed(failure) = &report.outcome else { return String::new() };
    let step = failure.step.map_or("rule of every case".to_owned(), |step| format!("step {step}"));
    let mut text = format!(
        "\nFAILED   {} {} ({step}, {:.1} s)\n  asked    {}\n  expected {}\n  seen     {}\n",
        report.section,
        report.name,
        report.took.as_secs_f64(),
        report.spec.replace('\n', "\n           "),
        failure.expected.replace('\n', "\n           "),
        failure.seen.replace('\n', "\n           "),
    );
    if let Some(folder) = &report.folder {
        let _ = writeln!(text, "  folder   {}", folder.display());
    }
    text
}

/// One line while it runs.
pub(crate) fn progress(report: &Report, at: usize, count: usize) -> String {
    let verdict = match report.outcome {
        Outcome::Passed => "ok",
        Outcome::Failed(_) => "FAILED",
        Outcome::Skipped(_) => "skipped",
    };
    format!(
        "{at:>4}/{count} {verdict:<8} {} {} ({:.1} s)\n",
        report.section,
        report.name,
        report.took.as_secs_f64()
    )
}

pub(crate) fn list(cases: &[Case]) -> String {
    let mut text = String::new();
    for case in cases {
        let needs =
            if case.needs.is_empty() { String::new() } else { format!(" [{}]", case.needs.join(", ")) };
        let see = case.see.as_ref().map(|see| format!(" (see {see})")).unwrap_or_default();
        let spec = case.spec.split_whitespace().collect::<Vec<_>>().join(" ");
        let _ = writeln!(text, "{:<6} {}{needs}\n       {spec}{see}", case.section, case.name);
    }
    let _ = writeln!(text, "{} cases", cases.len());
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::Failure;
    use std::time::Duration;

    pub(crate) fn report(section: &str, outcome: Outcome) -> Report {
        Report {
            name: "n".into(),
            section: section.into(),
            spec: "what is asked".into(),
            outcome,
            took: Duration::ZERO,
            folder: None,
        }
    }

    #[test]
    fn rows_are_in_the_order_of_numbers_and_add_up() {
        let failure = Failure { step: Some(2), expected: "a".into(), seen: "b".into(), settled: false };
        let reports = [
            report("17.10", Outcome::Passed),
            report("17.2", Outcome::Failed(failure)),
            report("17.2", Outcome::Skipped("none".into())),
        ];
        let text = table("x", &reports);
        let rows: Vec<Vec<&str>> =
            text.lines().rev().take(3).map(|line| line.split_whitespace().collect()).collect();
        assert_eq!(
            rows,
            [["all", "3", "1", "1", "1"], ["17.10", "1", "1", "0", "0"], ["17.2", "2", "0", "1", "1"],]
        );
        assert!(
            text.contains("step 2") && text.contains("expected a") && text.contains("seen     b"),
            "{text}"
        );
    }
}
