//! `seawall trace RUN`: one tree from the run down to each model request.

use super::ui::{Tone, Ui, clean, cost, millis, tokens};
use super::{Context, Ended, Exit};
use std::collections::BTreeMap;
use std::io;
use wire::{Span, SpanKind, Trace};

/// Show the trace of a run as a tree: attempts, turns, model calls, tools
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  seawall trace 7g2k1m9q0rstvwxy\n  seawall trace 7g2k1m9q0rstvwxy --json | jq '.spans[] | select(.kind == \"call\")'"
)]
pub struct Args {
    /// The run's id, as `seawall runs` lists it
    #[arg(value_name = "RUN")]
    run: String,
}

/// Prints the tree.
pub async fn run(args: &Args, context: &Context) -> Ended {
    let trace = context.client()?.trace(&args.run).await?;
    context.ui.document(&trace)?;
    print(&trace, &context.ui)?;
    Ok(Exit::Done)
}

/// Prints a trace for people; `demo` shows one as well.
pub fn print(trace: &Trace, ui: &Ui) -> io::Result<()> {
    for line in lines(trace) {
        ui.line(line)?;
    }
    let spend = &trace.spend;
    let sum = format!(
        "{} call(s), {}, {}",
        spend.calls,
        tokens(spend.tokens),
        cost(spend.cost_micro_usd, spend.rehearsal)
    );
    ui.line(ui.tone(&sum, Tone::Bold))?;
    if spend.rehearsal {
        ui.line(ui.tone("a rehearsal answered: no model was called, no money was spent", Tone::Warn))?;
    }
    if trace.truncated {
        ui.line(ui.tone("there are more spans than fit; see --json or the dashboard", Tone::Dim))?;
    }
    Ok(())
}

/// The tree, one line for each span.
pub fn lines(trace: &Trace) -> Vec<String> {
    let mut children: BTreeMap<&str, Vec<&Span>> = BTreeMap::new();
    let known = |id: &str| trace.spans.iter().any(|span| span.id == id);
    let mut roots = vec![];
    for span in &trace.spans {
        match span.parent.as_deref().filter(|parent| known(parent)) {
            Some(parent) => children.entry(parent).or_default().push(span),
            None => roots.push(span),
        }
    }
    // An own stack instead of recursion: a trace is as deep as whoever made it wanted.
    let mut stack: Vec<(&Span, String, String)> =
        roots.into_iter().rev().map(|span| (span, String::new(), String::new())).collect();
    let mut lines = vec![];
    while let Some((span, lead, below)) = stack.pop() {
        lines.push(format!("{lead}{}", label(span)));
        // Taken out, so that a circle of parents ends.
        let inner = children.remove(span.id.as_str()).unwrap_or_default();
        let last = inner.len().saturating_sub(1);
        for (number, child) in inner.into_iter().enumerate().rev() {
            let (branch, trunk) = if number == last { ("└─ ", "   ") } else { ("├─ ", "│  ") };
            stack.push((child, format!("{below}{branch}"), format!("{below}{trunk}")));
        }
    }
    lines
}

fn label(span: &Span) -> String {
    let kind = match span.kind {
        SpanKind::Run => "run",
        SpanKind::Attempt => "attempt",
        SpanKind::Turn => "turn",
        SpanKind::Call => "call",
        SpanKind::Tool => "tool",
    };
    let name = clean(&span.name);
    let name = if name.starts_with(kind) { name } else { format!("{kind} {name}") };
    let mut parts = vec![name];
    if span.kind == SpanKind::Run || span.kind == SpanKind::Call {
        parts.push(format!("[{}]", span.id));
    }
    parts.push(span.status.clone());
    parts.extend(span.lasted_ms().map(millis));
    parts.extend(span.tokens.map(tokens));
    parts.extend(span.cost_micro_usd.map(|money| money.to_string()));
    if span.rehearsal {
        parts.push("rehearsal".to_owned());
    }
    parts.join("  ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::{MicroUsd, Timestamp};

    fn span(id: &str, parent: Option<&str>, kind: SpanKind, name: &str) -> Span {
        Span {
            id: id.into(),
            parent: parent.map(str::to_owned),
            kind,
            name: name.into(),
            start: Timestamp(0).into(),
            end: Some(Timestamp(1_500_000).into()),
            tokens: None,
            cost_micro_usd: None,
            status: "done".into(),
            attributes: BTreeMap::new(),
            rehearsal: false,
        }
    }

    fn trace(spans: Vec<Span>) -> Trace {
        Trace { run: "r".into(), issue: "S-1".into(), spend: wire::Spend::default(), spans, truncated: false }
    }

    #[test]
    fn a_trace_is_a_tree() {
        let mut call = span("c", Some("a"), SpanKind::Call, "play/x");
        (call.rehearsal, call.cost_micro_usd) = (true, Some(MicroUsd(20_000)));
        call.tokens = Some(domain::call::Usage { input: 900, cached: 100, output: 4, ..Default::default() });
        let tree = trace(vec![
            span("r", None, SpanKind::Run, "author of SHOP-1"),
            span("a", Some("r"), SpanKind::Attempt, "attempt 1"),
            call,
            span("t", Some("c"), SpanKind::Tool, "shell"),
            span("b", Some("r"), SpanKind::Attempt, "attempt 2"),
        ]);
        let expect = [
            "run author of SHOP-1  [r]  done  1.5 s",
            "├─ attempt 1  done  1.5 s",
            "│  └─ call play/x  [c]  done  1.5 s  900 in (100 cached), 4 out  0.02 USD  rehearsal",
            "│     └─ tool shell  done  1.5 s",
            "└─ attempt 2  done  1.5 s",
        ];
        assert_eq!(lines(&tree), expect);
    }

    #[test]
    fn an_orphan_is_shown_and_a_circle_ends() {
        let orphan = trace(vec![span("x", Some("gone"), SpanKind::Tool, "t")]);
        assert_eq!(lines(&orphan).len(), 1);
        let circle = trace(vec![
            span("r", None, SpanKind::Run, "r"),
            span("a", Some("b"), SpanKind::Tool, "a"),
            span("b", Some("a"), SpanKind::Tool, "b"),
        ]);
        assert_eq!(lines(&circle).len(), 1);
    }
}
