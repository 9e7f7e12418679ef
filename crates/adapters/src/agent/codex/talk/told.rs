//! What Codex tells: items, usage, retries, the end of a turn.

use serde_json::Value;

use super::asked::{asks_a_person, question};
use super::failed::{error_text, failure};
use super::{Talk, limits, usage};
use crate::agent::Activity;
use crate::agent::conversation::protocol;
use crate::agent::dialogue::{Step, noticed, tail_of};

/// Notifications that people may want to read.
const WORTH_TELLING: [&str; 6] = [
    "warning",
    "configWarning",
    "guardianWarning",
    "deprecationNotice",
    "thread/compacted",
    "model/rerouted",
];

impl Talk {
    pub(super) fn told(&mut self, method: &str, params: &Value) -> Vec<Step> {
        // A sub-agent's thread reports here too; only ours ends the session.
        let ours = params["threadId"].as_str().is_none_or(|id| Some(id) == self.thread.as_deref());
        if asks_a_person(method, params) {
            return vec![Step::Block(question(method, params))];
        }
        match method {
            "turn/started" if ours => {
                self.turn = params["turn"]["id"].as_str().map(str::to_owned);
                Vec::new()
            }
            "item/completed" => self.item(&params["item"], ours),
            "thread/tokenUsage/updated" if ours => self.counted(&params["tokenUsage"]),
            "error" if params["willRetry"] == true => {
                vec![Step::Tell(Activity::Retrying { why: error_text(&params["error"]) })]
            }
            "turn/completed" if ours => self.completed(&params["turn"]),
            told if WORTH_TELLING.contains(&told) => {
                vec![noticed(
                    told,
                    params["message"].as_str().or(params["summary"].as_str()).unwrap_or_default(),
                )]
            }
            // Items carry what commands printed and models said.
            other if other.starts_with("item/") => Vec::new(),
            _ => {
                let found = limits::find(params).cloned();
                let limits = found.map(|limits| Step::Tell(Activity::RateLimits { limits }));
                let counted = usage::wrapped(params).map(|usage| self.counted(&usage)).unwrap_or_default();
                limits.into_iter().chain(counted).collect()
            }
        }
    }

    fn counted(&mut self, usage: &Value) -> Vec<Step> {
        let (told, within) = self.counted.update(usage);
        let steps = told.into_iter().map(Step::Tell);
        steps.chain(within.err().map(Step::Fail)).collect()
    }

    fn item(&mut self, item: &Value, ours: bool) -> Vec<Step> {
        let text = |key: &str| item[key].as_str().unwrap_or_default().to_owned();
        let activity = match item["type"].as_str() {
            Some("agentMessage") => {
                if ours {
                    self.said = text("text");
                }
                Activity::Said { text: text("text") }
            }
            Some("commandExecution") => Activity::Ran {
                command: text("command"),
                exit: item["exitCode"].as_i64().and_then(|code| i32::try_from(code).ok()),
                ms: item["durationMs"].as_u64().unwrap_or_default(),
                output_tail: tail_of(&text("aggregatedOutput")),
            },
            Some("fileChange") => {
                let changes = item["changes"].as_array().into_iter().flatten();
                let files = changes.filter_map(|change| change["path"].as_str()).map(str::to_owned).collect();
                Activity::Edited { files }
            }
            Some(_) | None => return Vec::new(),
        };
        vec![Step::Tell(activity)]
    }

    fn completed(&mut self, turn: &Value) -> Vec<Step> {
        self.turn = None;
        let status = turn["status"].as_str().unwrap_or("unknown");
        let items = turn["items"].as_array().into_iter().flatten();
        let last = items.filter_map(|item| item["text"].as_str()).next_back().map(str::to_owned);
        let said = std::mem::take(&mut self.said);
        let end = match status {
            "completed" => Step::TurnOver(last.unwrap_or(said)),
            "failed" => Step::Fail(failure(&turn["error"])),
            "interrupted" => {
                Step::Fail(protocol("codex ended its turn as interrupted, and nobody asked for it"))
            }
            _ => Step::Fail(protocol("codex ended its turn with a status nobody knows")),
        };
        let status = status.chars().take(32).collect();
        vec![Step::Tell(Activity::TurnEnded { n: self.turns, status }), end]
    }
}
