//! A provider whose every byte the test decides.

use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

pub struct Provider(TcpListener);

/// One request that came in, not answered yet.
pub struct Exchange {
    pub head: String,
    pub body: Vec<u8>,
    socket: TcpStream,
}

pub const COMPLETED: &str = "event: response.completed\ndata: {\"type\":\"response.completed\",\"response\":\
    {\"id\":\"resp_7\",\"usage\":{\"input_tokens\":10,\"output_tokens\":5}}}\n\n";

/// The same for the Messages API: 10 tokens of input, 30 of it from the cache and 20 into it, 5 of output.
pub const MESSAGE: &str = "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"msg_7\",\"usage\":\
    {\"input_tokens\":10,\"cache_read_input_tokens\":30,\"cache_creation_input_tokens\":20,\"output_tokens\":1}}}\n\n\
    event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"},\
    \"usage\":{\"output_tokens\":5}}\n\nevent: message_stop\ndata: {\"type\":\"message_stop\"}\n\n";

impl Provider {
    pub async fn start() -> Self {
        Self(TcpListener::bind("127.0.0.1:0").await.unwrap())
    }

    pub fn base_url(&self) -> String {
        format!("http://{}/v1", self.0.local_addr().unwrap())
    }

    pub async fn accept(&self) -> Exchange {
        let (mut socket, _) = self.0.accept().await.unwrap();
        let mut read = Vec::new();
        let head_end = loop {
            if let Some(at) = read.windows(4).position(|w| w == b"\r\n\r\n") {
                break at + 4;
            }
            assert!(socket.read_buf(&mut read).await.unwrap() > 0, "the request broke off");
        };
        let head = String::from_utf8(read[..head_end].to_vec()).unwrap();
        let length = head.lines().find_map(|l| l.strip_prefix("content-length: ")).expect("a length");
        let length: usize = length.parse().unwrap();
        while read.len() < head_end + length {
            assert!(socket.read_buf(&mut read).await.unwrap() > 0, "the body broke off");
        }
        Exchange { head, body: read[head_end..].to_vec(), socket }
    }
}

impl Exchange {
    pub async fn write(&mut self, text: &str) {
        self.socket.write_all(text.as_bytes()).await.unwrap();
        self.socket.flush().await.unwrap();
    }

    /// The head of a streamed answer.
    pub async fn begin(&mut self) {
        self.write(
            "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\nx-request-id: req_1\r\n\
             set-cookie: a=b\r\ntransfer-encoding: chunked\r\n\r\n",
        )
        .await;
    }

    pub async fn chunk(&mut self, text: &str) {
        self.write(&format!("{:x}\r\n{text}\r\n", text.len())).await;
    }

    pub async fn end(&mut self) {
        self.write("0\r\n\r\n").await;
    }

    pub async fn answer(&mut self, status: &str, json: &str) {
        let length = json.len();
        self.write(&format!(
            "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{json}"
        ))
        .await;
    }

    /// Waits until the gateway has closed its side.
    pub async fn closed(&mut self) {
        let mut rest = [0; 64];
        let read = tokio::time::timeout(Duration::from_secs(5), self.socket.read(&mut rest)).await;
        assert!(matches!(read.expect("closed within 5 s"), Ok(0) | Err(_)), "the gateway sent more");
    }
}
