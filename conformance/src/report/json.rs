//! For programs.

use crate::run::{Outcome, Report};
use serde_json::{Value, json};

/// One document: the sums, and every case.
pub(crate) fn json(target: &str, reports: &[Report]) -> String {
    let count = |fits: fn(&Outcome) -> bool| reports.iter().filter(|report| fits(&report.outcome)).count();
    let document = json!({
        "target": target,
        "cases": reports.len(),
        "passed": count(|outcome| matches!(outcome, Outcome::Passed)),
        "failed": count(|outcome| matches!(outcome, Outcome::Failed(_))),
        "skipped": count(|outcome| matches!(outcome, Outcome::Skipped(_))),
        "results": reports.iter().map(one).collect::<Vec<_>>(),
    });
    format!("{document:#}\n")
}

fn one(report: &Report) -> Value {
    let millis = u64::try_from(report.took.as_millis()).unwrap_or(u64::MAX);
    let mut value = json!({
        "name": report.name, "section": report.section, "spec": report.spec, "took_ms": millis,
    });
    let (outcome, detail) = match &report.outcome {
        Outcome::Passed => ("passed", json!({})),
        Outcome::Failed(f) => ("failed", json!({"step": f.step, "expected": f.expected, "seen": f.seen})),
        Outcome::Skipped(reason) => ("skipped", json!({"reason": reason})),
    };
    value["outcome"] = json!(outcome);
    value["detail"] = detail;
    value["folder"] = json!(report.folder);
    value
}
