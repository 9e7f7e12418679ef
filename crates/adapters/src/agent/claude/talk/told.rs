//! What Claude Code tells: its session, the model's words, what tools did, the end of a turn.

use domain::call::Usage;
use serde_json::Value;
use tokio::time::Instant;

use super::failed::failure;
use super::{MAX_OPEN, Talk, Use, What};
use crate::agent::Activity;
use crate::agent::dialogue::{Step, noticed, tail_of};

/// How Claude Code begins the result of a command that failed.
const EXIT_CODE: &str = "Exit code ";

impl Talk {
    pub(super) fn system(&mut self, message: &Value) -> Vec<Step> {
        match message["subtype"].as_str().unwrap_or_default() {
            // Told again with every turn.
            "init" if self.thread.is_none() => {
                let session = message["session_id"].as_str().unwrap_or_default().to_owned();
                self.thread = Some(session.clone());
                vec![Step::Tell(Activity::Started { session })]
            }
            "api_retry" => {
                let status = message["error_status"].as_u64().map(|code| format!("HTTP {code}"));
                let why = status.or_else(|| message["error"].as_str().map(str::to_owned));
                vec![Step::Tell(Activity::Retrying {
                    why: why.unwrap_or_else(|| "the request failed".to_owned()),
                })]
            }
            "compact_boundary" => vec![noticed("compacted", "the conversation was shortened")],
            _ => Vec::new(),
        }
    }

    /// A piece of the model's answer; `ours`: not a sub-agent's.
    pub(super) fn assistant(&mut self, message: &Value, ours: bool) -> Vec<Step> {
        let mut steps = self.requested(message["id"].as_str().unwrap_or_default());
        for block in message["content"].as_array().into_iter().flatten() {
            match block["type"].as_str() {
                Some("text") => {
                    let text = block["text"].as_str().unwrap_or_default().to_owned();
                    if ours {
                        self.said.clone_from(&text);
                    }
                    steps.push(Step::Tell(Activity::Said { text }));
                }
                Some("tool_use") => self.begun(block),
                Some(_) | None => {}
            }
        }
        steps
    }

    fn begun(&mut self, block: &Value) {
        let input = |key: &str| block["input"][key].as_str().unwrap_or_default().to_owned();
        let what = match block["name"].as_str() {
            Some("Bash") => What::Ran(input("command")),
            Some("Edit" | "Write" | "MultiEdit") => What::Edited(input("file_path")),
            Some("NotebookEdit") => What::Edited(input("notebook_path")),
            Some(_) | None => return,
        };
        if self.open.len() < MAX_OPEN {
            let id = block["id"].as_str().unwrap_or_default().to_owned();
            self.open.insert(id, Use { what, since: Instant::now() });
        }
    }

    /// Results of tools.
    pub(super) fn results(&mut self, message: &Value) -> Vec<Step> {
        let blocks = message["content"].as_array().into_iter().flatten();
        let results = blocks.filter(|block| block["type"] == "tool_result");
        results.filter_map(|block| self.ended(block)).map(Step::Tell).collect()
    }

    fn ended(&mut self, block: &Value) -> Option<Activity> {
        let Use { what, since } = self.open.remove(block["tool_use_id"].as_str()?)?;
        let failed = block["is_error"] == true;
        match what {
            What::Ran(command) => {
                let output = text_of(&block["content"]);
                let ms = u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX);
                let exit = if failed { exit_code(&output) } else { Some(0) };
                Some(Activity::Ran { command, exit, ms, output_tail: tail_of(&output) })
            }
            What::Edited(file) => (!failed).then(|| Activity::Edited { files: vec![file] }),
        }
    }

    /// The end of a turn.
    pub(super) fn result(&mut self, message: &Value) -> Vec<Step> {
        self.active = false;
        self.used = self.used.plus(usage(&message["usage"]));
        let mut steps = vec![Step::Tell(Activity::Usage { total: self.used })];
        if let Some(dollars) = message["total_cost_usd"].as_f64() {
            steps.push(noticed("cost", &format!("{dollars:.6} USD at list price")));
        }
        for denied in message["permission_denials"].as_array().into_iter().flatten() {
            let what = denied["tool_name"].as_str().unwrap_or("a tool").to_owned();
            steps.push(Step::Tell(Activity::Declined { what }));
        }
        let failed = message["is_error"] == true || message["subtype"] != "success";
        let status = match (failed, self.asked > 0) {
            (true, true) => "interrupted",
            (true, false) => "failed",
            (false, _) => "completed",
        }
        .to_owned();
        steps.push(Step::Tell(Activity::TurnEnded { n: self.turns, status }));
        let said = std::mem::take(&mut self.said);
        steps.push(if failed {
            Step::Fail(failure(message))
        } else {
            Step::TurnOver(message["result"].as_str().map_or(said, str::to_owned))
        });
        steps
    }
}

/// Of one turn. Anthropic counts what its cache gave and took beside the input.
fn usage(told: &Value) -> Usage {
    let number = |key: &str| told[key].as_u64().unwrap_or_default();
    let (cached, cache_write) = (number("cache_read_input_tokens"), number("cache_creation_input_tokens"));
    Usage {
        input: number("input_tokens").saturating_add(cached).saturating_add(cache_write),
        cached,
        cache_write,
        output: number("output_tokens"),
        reasoning: told["output_tokens_details"]["thinking_tokens"].as_u64().unwrap_or_default(),
    }
}

fn text_of(content: &Value) -> String {
    match content {
        Value::String(text) => text.clone(),
        Value::Array(parts) => parts.iter().filter_map(|part| part["text"].as_str()).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => String::new(),
    }
}

fn exit_code(output: &str) -> Option<i32> {
    output.strip_prefix(EXIT_CODE)?.lines().next()?.trim().parse().ok()
}
