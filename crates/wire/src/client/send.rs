//! One request over one connection.

use super::{CONNECT_TIMEOUT, Client, Error};
use crate::MAX_ANSWER_BYTES;
use crate::error::{ErrorBody, ErrorDetail};
use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HOST};
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use std::io;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::timeout;

impl Client {
    /// The body of a successful answer.
    pub(super) async fn request(&self, method: Method, path: &str, body: Vec<u8>) -> Result<Bytes, Error> {
        let exchange = async {
            let response = self.send(method, path, body, &[]).await?;
            let status = response.status();
            let body = self.whole(response.into_body()).await?;
            if status.is_success() { Ok(body) } else { Err(self.refusal(status, &body)) }
        };
        timeout(self.answer_timeout, exchange).await.map_err(|_| self.timed_out(self.answer_timeout))?
    }

    /// Sends a request and gives its answer with the body still to come.
    pub(super) async fn send(
        &self,
        method: Method,
        path: &str,
        body: Vec<u8>,
        headers: &[(&str, String)],
    ) -> Result<Response<Incoming>, Error> {
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header(HOST, &self.address)
            .header(ACCEPT, "application/json, text/event-stream")
            .header(CONTENT_TYPE, "application/json");
        if let Some(secret) = &self.secret {
            request = request.header(AUTHORIZATION, format!("Bearer {secret}"));
        }
        for (name, value) in headers {
            request = request.header(*name, value);
        }
        let unsendable = |_| Error::Unsendable { address: self.address.clone() };
        let request = request.body(Full::new(Bytes::from(body))).map_err(unsendable)?;
        let io = TokioIo::new(self.connect().await?);
        let (mut sender, connection) = http1::handshake(io).await.map_err(|e| self.broken(e))?;
        // The connection ends by itself when the answer's body is read or dropped.
        tokio::spawn(connection);
        sender.send_request(request).await.map_err(|e| self.broken(e))
    }

    /// The error that an answer of `status` stands for.
    pub(super) fn refusal(&self, status: StatusCode, body: &[u8]) -> Error {
        let detail =
            serde_json::from_slice::<ErrorBody>(body).map(|b| b.error).unwrap_or_else(|_| ErrorDetail {
                code: "unknown".to_owned(),
                message: format!("the control door at {} answered {status}", self.address),
                hint: String::new(),
            });
        if status == StatusCode::UNAUTHORIZED {
            return Error::Unauthorized { address: self.address.clone(), detail };
        }
        Error::Refused { status: status.as_u16(), detail }
    }

    /// The whole body, if it is not too large.
    pub(super) async fn whole(&self, body: Incoming) -> Result<Bytes, Error> {
        match Limited::new(body, MAX_ANSWER_BYTES).collect().await {
            Ok(whole) => Ok(whole.to_bytes()),
            Err(error) => match error.downcast::<hyper::Error>() {
                Ok(error) => Err(self.broken(*error)),
                Err(_) => Err(Error::TooLarge { address: self.address.clone(), limit: MAX_ANSWER_BYTES }),
            },
        }
    }

    async fn connect(&self) -> Result<TcpStream, Error> {
        let unreachable = |source: io::Error| Error::Unreachable { address: self.address.clone(), source };
        let patience = CONNECT_TIMEOUT.min(self.answer_timeout);
        match timeout(patience, TcpStream::connect(&self.address)).await {
            Ok(stream) => stream.map_err(unreachable),
            Err(_) => Err(self.timed_out(patience)),
        }
    }

    pub(super) fn broken(&self, source: hyper::Error) -> Error {
        Error::Broken { address: self.address.clone(), source }
    }

    fn timed_out(&self, after: Duration) -> Error {
        Error::TimedOut { address: self.address.clone(), after_ms: after.as_millis() }
    }
}
