//! One request in, one answer out.

use super::conversation::{self, Place};
use super::dialect::{Dialect, Said};
use super::frames::Pace;
use super::item::Item;
use super::messages::Messages;
use super::playback::{Playback, Step};
use super::responses::Responses;
use super::scenario::{Act, Fault, Play, Scenario, Turn};
use super::tools::{self, Invocation};
use crate::protocol::Operation;
use base::ids::Ids;
use bytes::Bytes;
use domain::call::Usage;
use domain::{Millis, Timestamp};
use serde_json::{Value, json};

/// A model writes about one token for four bytes.
const BYTES_PER_TOKEN: u64 = 4;

/// A rehearsal's answer to one request.
#[derive(Debug)]
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    /// `text/event-stream` or `application/json`.
    pub content_type: &'static str,
    /// The `retry-after` header, seconds.
    pub retry_after: Option<u32>,
    /// The wait before the head of the answer goes out.
    pub delay: Millis,
    /// What follows.
    pub body: Playback,
}

/// Answers `body`, a request for `operation`. `ids` name the answer and its items; `max_output_tokens` bounds the usage
/// that is estimated (not one that the scenario states). Never fails: what cannot be played is an error answer that
/// says why, in the shape of the real API.
pub fn answer(
    scenario: &Scenario,
    operation: Operation,
    body: &[u8],
    max_output_tokens: u64,
    ids: &Ids,
    now: Timestamp,
) -> Reply {
    let part = Part { scenario, body, max_output_tokens, ids, now };
    match operation {
        Operation::CreateResponse => part.play::<Responses>(),
        Operation::CreateMessage => part.play::<Messages>(),
        Operation::CountTokens => part.count(),
    }
}

/// A request, and what is needed to answer it.
struct Part<'a> {
    scenario: &'a Scenario,
    body: &'a [u8],
    max_output_tokens: u64,
    ids: &'a Ids,
    now: Timestamp,
}

impl Part<'_> {
    fn play<D: Dialect>(&self) -> Reply {
        let Ok(request) = serde_json::from_slice::<Value>(self.body) else {
            return refused::<D>("the body is not JSON; send application/json");
        };
        self.played::<D>(&request).unwrap_or_else(|why| refused::<D>(&why))
    }

    fn played<D: Dialect>(&self, request: &Value) -> Result<Reply, String> {
        let place = conversation::place::<D>(self.scenario, request)?;
        let turn = place.script.turn(place.turn).ok_or_else(|| over(self.scenario, place))?;
        let (text, acts) = match &turn.play {
            Play::Fail(fault) => return Ok(failed::<D>(fault, turn.delay)),
            Play::Say { text, acts } => (text.as_deref(), acts),
        };
        let items = items(text, invocations(acts, &D::offered(request))?, place);
        let usage = turn.usage.unwrap_or_else(|| self.estimate(&items));
        let said = Said { request, items: &items, usage, ids: self.ids, now: self.now };
        Ok(if request["stream"] == true { streamed::<D>(&said, turn) } else { whole::<D>(&said, turn) })
    }

    fn estimate(&self, items: &[Item]) -> Usage {
        let written: u64 = items.iter().map(|item| item.content().len() as u64).sum();
        let output = tokens(written).max(1).min(self.max_output_tokens);
        Usage { input: tokens(self.body.len() as u64), output, ..Usage::default() }
    }

    /// The estimate alone: no script is asked, and no turn is played.
    fn count(&self) -> Reply {
        let counted = json!({"input_tokens": tokens(self.body.len() as u64)});
        document(200, &counted, None, Millis(0))
    }
}

fn tokens(bytes: u64) -> u64 {
    bytes.div_ceil(BYTES_PER_TOKEN)
}

fn over(scenario: &Scenario, place: Place<'_>) -> String {
    let Place { script, turn } = place;
    format!(
        "script {} of scenario {} has no turn {}; it ends after {}, or let its last turn repeat",
        script.name,
        scenario.file,
        turn + 1,
        script.turns.len()
    )
}

fn invocations(acts: &[Act], offered: &[tools::Tool<'_>]) -> Result<Vec<Invocation>, String> {
    let done: Vec<_> = acts.iter().map(|act| tools::invoke(act, offered)).collect::<Result<_, _>>()?;
    Ok(done.into_iter().flatten().collect())
}

fn items(text: Option<&str>, invocations: Vec<Invocation>, place: Place<'_>) -> Vec<Item> {
    let message = text.map(|text| Item::Message { text: text.to_owned() });
    let calls = invocations.into_iter().enumerate().map(|(number, invocation)| {
        let call_id = conversation::call_id(&place.script.name, place.turn, number);
        Item::Call { call_id, invocation }
    });
    message.into_iter().chain(calls).collect()
}

fn streamed<D: Dialect>(said: &Said<'_>, turn: &Turn) -> Reply {
    let pace = Pace { delay: turn.delay, chunk_delay: turn.chunk_delay, cut_after: turn.cut_after };
    let body = Playback::new(D::stream(said, pace));
    Reply { status: 200, content_type: "text/event-stream", retry_after: None, delay: Millis(0), body }
}

fn whole<D: Dialect>(said: &Said<'_>, turn: &Turn) -> Reply {
    let whole = D::document(said);
    let mut reply = document(200, &whole, None, turn.delay);
    if turn.cut_after.is_some() {
        // Half of a JSON document, then nothing: what a broken connection looks like without streaming.
        let whole = whole.to_string();
        let half = whole.as_bytes()[..whole.len() / 2].to_vec();
        reply.body = Playback::new(vec![Step::Send(Bytes::from(half)), Step::Cut]);
    }
    reply
}

fn failed<D: Dialect>(fault: &Fault, delay: Millis) -> Reply {
    document(fault.status, &D::failed(fault), fault.retry_after, delay)
}

fn refused<D: Dialect>(why: &str) -> Reply {
    let fault =
        Fault { status: 400, code: "rehearsal_off_script".into(), message: why.into(), retry_after: None };
    failed::<D>(&fault, Millis(0))
}

fn document(status: u16, document: &Value, retry_after: Option<u32>, delay: Millis) -> Reply {
    let body = Playback::new(vec![Step::Send(Bytes::from(document.to_string()))]);
    Reply { status, content_type: "application/json", retry_after, delay, body }
}
