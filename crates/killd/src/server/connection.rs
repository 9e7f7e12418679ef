//! One connection: reads requests, hands them to the plane, writes the answers.
//!
//! Invariants: a request that takes long holds up no other request of any connection; a client that does not read
//! its answers holds up only itself; when the connection of a supervisor ends, for whatever reason, its runs die.

use std::sync::Arc;

use base::lines::{BoundedLines, Line};
use base::tasks::Tasks;
use tokio::io::AsyncWriteExt;
use tokio::net::UnixStream;
use tokio::net::unix::OwnedWriteHalf;
use tokio::sync::{Semaphore, mpsc};
use tokio_util::sync::DropGuard;

use crate::plane::Plane;
use crate::protocol::{Answer, MAX_ANSWER_BYTES, MAX_REQUEST_BYTES, Op, Reply, Request};
use crate::runs::ConnectionId;

/// Slow requests of one connection at once; the next is read when one is done.
const MAX_IN_FLIGHT: usize = 32;
/// Answers waiting to be written.
const MAX_ANSWERS: usize = 64;

/// Serves `stream` until it ends or the task set is drained.
pub(super) async fn serve(plane: Arc<Plane>, tasks: Tasks, stream: UnixStream, number: ConnectionId) {
    let (reader, writer) = stream.into_split();
    let (answers, queue) = mpsc::channel(MAX_ANSWERS);
    let over = tasks.token().child_token();
    tasks.spawn("answers", write(queue, writer, over.clone().drop_guard()));
    let in_flight = Arc::new(Semaphore::new(MAX_IN_FLIGHT));
    let mut connection = Connection { plane, tasks, number, answers, in_flight, supervises: None };
    let mut lines = BoundedLines::new(reader, MAX_REQUEST_BYTES);
    loop {
        let line = tokio::select! {
            line = lines.next() => line,
            () = over.cancelled() => break,
        };
        let Ok(Some(line)) = line else { break };
        tokio::select! {
            () = connection.handle(line) => {}
            () = over.cancelled() => break,
        }
    }
}

struct Connection {
    plane: Arc<Plane>,
    tasks: Tasks,
    number: ConnectionId,
    answers: mpsc::Sender<Answer>,
    in_flight: Arc<Semaphore>,
    supervises: Option<Supervision>,
}

/// Ends with the connection, also when its task is aborted or panics.
struct Supervision {
    plane: Arc<Plane>,
    number: ConnectionId,
}

impl Drop for Supervision {
    fn drop(&mut self) {
        self.plane.supervisor_gone(self.number);
    }
}

impl Connection {
    async fn handle(&mut self, line: Line) {
        let request = match parse(&line) {
            Ok(request) => request,
            Err(answer) => return self.answer(answer).await,
        };
        let Request { id, op } = request;
        let reply = match op {
            Op::Supervise { name } => self.supervise(&name),
            Op::Register(_) if self.supervises.is_none() => {
                error("only a supervisor may register; supervise first")
            }
            Op::Register(registration) => self.plane.register(registration, self.number),
            Op::Release { run, fence } => self.plane.release(&run, fence),
            Op::Check { labels } => self.plane.check(&labels),
            Op::Stop { order, dry_run: true, .. } => self.plane.would_reach(&order),
            slow @ (Op::Stop { .. } | Op::KillRun { .. } | Op::Lift(_) | Op::Status) => {
                return self.handle_slow(id, slow).await;
            }
        };
        self.answer(Answer { id, reply }).await;
    }

    async fn handle_slow(&self, id: u64, op: Op) {
        let Ok(place) = Arc::clone(&self.in_flight).acquire_owned().await else { return };
        let (plane, answers) = (Arc::clone(&self.plane), self.answers.clone());
        self.tasks.spawn("request", async move {
            let reply = perform(&plane, op).await;
            // The client may be gone; what it asked for is done all the same.
            let _ = answers.send(Answer { id, reply }).await;
            drop(place);
        });
    }

    fn supervise(&mut self, name: &str) -> Reply {
        if self.supervises.is_some() {
            return Reply::Ok;
        }
        let reply = self.plane.supervise(name, self.number);
        if reply == Reply::Ok {
            self.supervises = Some(Supervision { plane: Arc::clone(&self.plane), number: self.number });
        }
        reply
    }

    async fn answer(&self, answer: Answer) {
        // Fails when the writer ended, which also ends the connection.
        let _ = self.answers.send(answer).await;
    }
}

async fn perform(plane: &Plane, op: Op) -> Reply {
    match op {
        Op::Stop { order, tombstone: true, .. } => plane.stop(order).await,
        Op::Stop { order, tombstone: false, .. } => plane.stop_once(order).await,
        Op::KillRun { run, fence, why } => plane.kill_run(&run, fence, &why).await,
        Op::Lift(lift) => plane.lift(lift).await,
        Op::Status => plane.status().await,
        Op::Supervise { .. } | Op::Register(_) | Op::Release { .. } | Op::Check { .. } => {
            error("this request is not one of the slow ones")
        }
    }
}

async fn write(mut queue: mpsc::Receiver<Answer>, mut writer: OwnedWriteHalf, _over: DropGuard) {
    while let Some(answer) = queue.recv().await {
        if writer.write_all(&encode(answer)).await.is_err() {
            return;
        }
    }
}

fn encode(answer: Answer) -> Vec<u8> {
    let id = answer.id;
    let mut line = serde_json::to_vec(&answer).unwrap_or_default();
    if line.is_empty() || line.len() > MAX_ANSWER_BYTES {
        line = serde_json::to_vec(&Answer { id, reply: shortened(answer.reply) }).unwrap_or_default();
    }
    line.push(b'\n');
    line
}

/// What was proved matters more than the list of what it was proved of.
fn shortened(reply: Reply) -> Reply {
    match reply {
        Reply::Receipt(mut receipt) => {
            receipt.runs.clear();
            receipt.why.get_or_insert_with(|| "the list of runs is too long to send".into()).truncate(256);
            Reply::Receipt(receipt)
        }
        Reply::Ok
        | Reply::Refused { .. }
        | Reply::WouldReach { .. }
        | Reply::Status(_)
        | Reply::Checked { .. }
        | Reply::Error { .. } => error("the answer is too long to send; release runs that have ended"),
    }
}

fn parse(line: &Line) -> Result<Request, Answer> {
    let text = match line {
        Line::Whole(text) => text,
        Line::TooLong { bytes, .. } => {
            let why = format!("a request of {bytes} bytes is too long; at most {MAX_REQUEST_BYTES}");
            return Err(Answer { id: 0, reply: Reply::Error { why } });
        }
    };
    serde_json::from_slice(text).map_err(|problem| {
        // The id may be readable when the rest is not.
        let id = serde_json::from_slice::<serde_json::Value>(text).ok();
        let id = id.and_then(|value| value.get("id")?.as_u64()).unwrap_or(0);
        Answer { id, reply: Reply::Error { why: format!("not a request: {problem}") } }
    })
}

fn error(why: &str) -> Reply {
    Reply::Error { why: why.to_owned() }
}
