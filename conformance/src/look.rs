//! How a case points at events: "the second `turn/start` that MT-1's agent got".
//!
//! Invariant: a key that nobody knows is refused when the case is read.

use crate::matcher::{self, Fields};
use crate::timeline::{Event, Source};
use serde::Deserialize;

/// Which events are meant. Exactly one of `agent`, `tracker`, `hook`, `target` and `output` says where to look.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Look {
    /// An issue by the name of its agent in the case; `*` is any.
    pub(crate) agent: Option<String>,
    /// Only its n-th process start.
    pub(crate) run: Option<u32>,
    /// A message that the fake app-server got, by method.
    pub(crate) got: Option<String>,
    /// The answer to a request of the fake app-server, by the method of the request.
    pub(crate) reply_to: Option<String>,
    /// Anything else in its record: `start`, `exit`, `turn`, `child`, `waiting`, `sent`, `stdin_closed`, `violation`, …
    pub(crate) event: Option<String>,
    /// A request to the tracker: `by_states`, `by_ids`, `viewer`, `mutation`, `other`; `*` is any.
    pub(crate) tracker: Option<String>,
    /// A hook that left its mark, by its name.
    pub(crate) hook: Option<String>,
    /// Whose hook.
    pub(crate) issue: Option<String>,
    /// `start` or `exit` of the implementation.
    pub(crate) target: Option<String>,
    /// A text in a line that the implementation printed or logged.
    pub(crate) output: Option<String>,
    /// By JSON pointer, what the event's data must hold to be meant.
    #[serde(rename = "where")]
    pub(crate) fields: Fields,
}

impl Look {
    /// What is wrong with it as it is written.
    pub(crate) fn problem(&self) -> Option<String> {
        let places = [&self.agent, &self.tracker, &self.hook, &self.target, &self.output]
            .into_iter()
            .flatten()
            .count();
        let details = [&self.got, &self.reply_to, &self.event].into_iter().flatten().count();
        match (places, details, &self.agent) {
            (1, 0, None) | (1, 1, Some(_)) => None,
            (1, _, Some(_)) => Some("an agent needs one of got, reply_to and event".to_owned()),
            (1, _, None) => Some("got, reply_to and event belong to an agent".to_owned()),
            _ => Some("one of agent, tracker, hook, target and output must say where to look".to_owned()),
        }
    }

    /// Whether this event is meant.
    pub(crate) fn means(&self, event: &Event) -> bool {
        self.place(event)
            && self.run.is_none_or(|run| run == event.run)
            && matcher::check(&self.fields, &event.data).is_ok()
    }

    fn place(&self, event: &Event) -> bool {
        let named = |name: &str, seen: &str| name == "*" || name == seen;
        match event.source {
            Source::Agent => {
                self.agent.as_deref().is_some_and(|who| named(who, &event.who)) && self.detail(event)
            }
            Source::Tracker => self.tracker.as_deref().is_some_and(|kind| named(kind, &event.kind)),
            Source::Hook => {
                self.hook.as_deref().is_some_and(|name| named(name, &event.kind))
                    && self.issue.as_deref().is_none_or(|who| named(who, &event.who))
            }
            Source::Target => self.target.as_deref().is_some_and(|kind| named(kind, &event.kind)),
            Source::Output => self.output.as_deref().is_some_and(|text| {
                event.data.get("line").and_then(serde_json::Value::as_str).is_some_and(|l| l.contains(text))
            }),
        }
    }

    fn detail(&self, event: &Event) -> bool {
        let method = event.data.get("method").and_then(serde_json::Value::as_str);
        match (&self.got, &self.reply_to, &self.event) {
            (Some(wanted), _, _) => {
                event.kind == "got" && method.is_some_and(|m| wanted == "*" || wanted == m)
            }
            (_, Some(wanted), _) => event.kind == "reply" && method == Some(wanted.as_str()),
            (_, _, Some(kind)) => event.kind == *kind,
            (None, None, None) => true,
        }
    }
}

impl std::fmt::Display for Look {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let parts = [
            ("agent", &self.agent),
            ("got", &self.got),
            ("reply_to", &self.reply_to),
            ("event", &self.event),
            ("tracker", &self.tracker),
            ("hook", &self.hook),
            ("issue", &self.issue),
            ("target", &self.target),
            ("output", &self.output),
        ];
        let mut first = true;
        for (key, value) in parts.into_iter().filter_map(|(key, value)| value.as_ref().map(|v| (key, v))) {
            write!(f, "{}{key}: {value}", if first { "" } else { ", " })?;
            first = false;
        }
        if let Some(run) = self.run {
            write!(f, ", run: {run}")?;
        }
        for (pointer, matcher) in &self.fields {
            write!(f, ", {pointer}: {matcher:?}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn look(value: Value) -> Look {
        serde_json::from_value(value).unwrap()
    }

    fn event(source: Source, kind: &str, data: Value) -> Event {
        Event { at_ms: 0, source, who: "MT-1".into(), run: 2, kind: kind.into(), data }
    }

    #[test]
    fn an_agent_is_met_by_issue_method_run_and_content() {
        let got = event(Source::Agent, "got", json!({"method": "turn/start", "params": {"n": 1}}));
        for (wanted, expected) in [
            (json!({"agent": "MT-1", "got": "turn/start"}), true),
            (json!({"agent": "*", "got": "*", "run": 2}), true),
            (json!({"agent": "MT-1", "got": "turn/start", "run": 1}), false),
            (json!({"agent": "MT-2", "got": "turn/start"}), false),
            (json!({"agent": "MT-1", "reply_to": "turn/start"}), false),
            (json!({"agent": "MT-1", "got": "turn/start", "where": {"/params/n": 2}}), false),
        ] {
            assert_eq!(look(wanted.clone()).means(&got), expected, "{wanted}");
        }
    }

    #[test]
    fn what_is_not_one_place_is_a_problem() {
        assert!(look(json!({"agent": "a", "got": "x"})).problem().is_none());
        assert!(look(json!({"tracker": "*"})).problem().is_none());
        assert!(look(json!({"agent": "a"})).problem().is_some());
        assert!(look(json!({"tracker": "*", "output": "x"})).problem().is_some());
        assert!(look(json!({})).problem().is_some());
    }
}
