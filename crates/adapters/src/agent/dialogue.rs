//! A talk with an agent whose protocol is messages both ways: what is to be done, and the loop that does it.
//!
//! Invariant: a [`Dialogue`] is pure; whatever waits, waits here, and every wait ends.

use std::collections::VecDeque;

use domain::failure::Failure;
use serde_json::Value;

use super::conversation::{Conversation, Done, Next};
use super::waiting::Waiting;
use super::{Activity, Then, ToolAnswer};

/// Things to do, in order.
pub(super) enum Step {
    Tell(Activity),
    Send(Value),
    Wait(Waiting),
    Call(ToolCall),
    /// A turn ended well: its last words.
    TurnOver(String),
    /// Only a person can answer this.
    Block(String),
    Fail(Failure),
}

/// A tool of the host, called by the agent.
pub(super) struct ToolCall {
    /// What the answer is sent back with.
    pub id: Value,
    pub name: String,
    pub arguments: Value,
}

/// One agent's protocol: messages in, steps out.
pub(super) trait Dialogue {
    /// The first words.
    fn open(&mut self) -> Vec<Step>;
    /// What follows from a message.
    fn hear(&mut self, message: Value) -> Vec<Step>;
    /// Asks for the end of the turn.
    fn interrupt(&mut self) -> Vec<Step>;
    /// Another turn on the thread.
    fn turn(&mut self, prompt: &str) -> Vec<Step>;
    /// The turns that have begun.
    fn turns(&self) -> u32;
    /// The message that answers a call of the agent.
    fn tool_result(&self, id: &Value, answer: &ToolAnswer) -> Value;
}

/// Does what the dialogue says until it ends.
pub(super) async fn work(
    conversation: &mut Conversation,
    talk: &mut (impl Dialogue + Send),
) -> Result<Done, Failure> {
    let mut steps = VecDeque::from(talk.open());
    loop {
        while let Some(step) = steps.pop_front() {
            match step {
                Step::Tell(activity) => conversation.tell(activity).await,
                Step::Send(message) => conversation.send(&message).await?,
                Step::Wait(what) => conversation.wait_for(what),
                Step::Call(call) => {
                    let answer = conversation.call_tool(&call.name, call.arguments).await?;
                    conversation.send(&talk.tool_result(&call.id, &answer)).await?;
                }
                Step::TurnOver(said) => match conversation.after(talk.turns()).await? {
                    Then::Finish => return Ok(Done::Finished(said)),
                    Then::Continue { prompt } => steps.extend(talk.turn(&prompt)),
                    Then::Fail(failure) => return Err(failure),
                },
                Step::Block(question) => return Ok(Done::Blocked(question)),
                Step::Fail(failure) => return Err(failure),
            }
        }
        steps.extend(match conversation.next().await? {
            Next::Message(message) => talk.hear(message),
            Next::Interrupt => talk.interrupt(),
        });
    }
}

/// Of a text that only people read, the start that is told, characters.
pub(super) const TOLD_START: usize = 2_000;
/// Of a command's output, the end that is told, characters.
pub(super) const TOLD_TAIL: usize = 2_000;

/// Something for people to read.
pub(super) fn noticed(event: &str, text: &str) -> Step {
    Step::Tell(Activity::Noticed { event: event.to_owned(), text: start_of(text) })
}

/// The start of `text`, as much as people are told.
pub(super) fn start_of(text: &str) -> String {
    text.chars().take(TOLD_START).collect()
}

/// The end of `text`, as much as people are told.
pub(super) fn tail_of(text: &str) -> String {
    let skip = text.chars().count().saturating_sub(TOLD_TAIL);
    text.chars().skip(skip).collect()
}
