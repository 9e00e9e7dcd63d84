//! Calls of the protocol on a connection that is made again by itself.

use std::error::Error;
use std::time::Duration;

use http::uri::PathAndQuery;
use prost::Message;
use protocol::text::cut;
use tokio::time::{Instant, timeout_at};
use tonic::client::Grpc;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::transport::{Channel, ClientTlsConfig, Endpoint};
use tonic::{Code, Request, Status};

use crate::codec::Bounded;
use crate::messages::{InferRequest, InferResponse, SERVICE};
use crate::model_url::ModelUrl;

/// The largest answer with outputs, and the largest of any other kind.
const MAX_OUTPUTS: usize = 32 << 20;
const MAX_ANSWER: usize = 1 << 20;

/// How long making a connection may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// A connection that is silent during a call is asked so often whether it lives, and given up so long after. Servers of
/// gRPC's C++ library end connections on which they are asked three times during one call.
const KEEP_ALIVE: Duration = Duration::from_secs(30);
const KEEP_ALIVE_TIMEOUT: Duration = Duration::from_secs(10);

/// The longest text of a server that is passed on.
const MAX_TEXT: usize = 300;

/// Why a call has no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum CallError {
    /// The server or its model is not there (any more); it may come back.
    Away(String),
    /// The server knows no such call.
    Unknown,
    /// The call was answered with an error, or with what cannot be used.
    Refused(String),
}

/// A server's connection. Clones share it.
#[derive(Clone)]
pub(crate) struct Client {
    channel: Channel,
    endpoint: Endpoint,
    token: Option<MetadataValue<Ascii>>,
}

impl Client {
    /// Makes no connection yet. Has to be called inside of a runtime.
    ///
    /// # Errors
    /// The machine has no certificates of authorities.
    pub(crate) fn new(
        url: &ModelUrl,
        token: Option<MetadataValue<Ascii>>,
    ) -> Result<Self, tonic::transport::Error> {
        let endpoint = Endpoint::from_shared(url.endpoint())?
            .connect_timeout(CONNECT_TIMEOUT)
            .tcp_nodelay(true)
            .tcp_keepalive(Some(KEEP_ALIVE))
            .http2_keep_alive_interval(KEEP_ALIVE)
            .keep_alive_timeout(KEEP_ALIVE_TIMEOUT);
        let endpoint = match url.is_encrypted() {
            true => endpoint.tls_config(ClientTlsConfig::new().with_native_roots())?,
            false => endpoint,
        };
        Ok(Self {
            channel: endpoint.connect_lazy(),
            endpoint,
            token,
        })
    }

    /// The same with a connection of its own: the one before may be silent without an end.
    pub(crate) fn renewed(&self) -> Self {
        Self {
            channel: self.endpoint.connect_lazy(),
            ..self.clone()
        }
    }

    /// Calls `method`, whose answer is no larger than descriptions are.
    pub(crate) async fn ask<Q, A>(
        &self,
        method: &str,
        question: Q,
        deadline: Instant,
    ) -> Result<A, CallError>
    where
        Q: Message + 'static,
        A: Message + Default + 'static,
    {
        self.call(method, question, MAX_ANSWER, deadline).await
    }

    /// Runs the model; the answer has tensors.
    pub(crate) async fn infer(
        &self,
        request: InferRequest,
        deadline: Instant,
    ) -> Result<InferResponse, CallError> {
        let answer = self.call("ModelInfer", request, MAX_OUTPUTS, deadline);
        answer.await
    }

    async fn call<Q, A>(
        &self,
        method: &str,
        question: Q,
        max_bytes: usize,
        deadline: Instant,
    ) -> Result<A, CallError>
    where
        Q: Message + 'static,
        A: Message + Default + 'static,
    {
        let path = PathAndQuery::try_from(format!("{SERVICE}{method}"));
        let path = path.map_err(|error| CallError::Refused(error.to_string()))?;
        let mut request = Request::new(question);
        if let Some(token) = &self.token {
            request
                .metadata_mut()
                .insert("authorization", token.clone());
        }
        let mut grpc = Grpc::new(self.channel.clone()).max_decoding_message_size(max_bytes);
        let answer = async {
            grpc.ready().await.map_err(|error| away(&error))?;
            let answer = grpc.unary(request, path, Bounded::new()).await;
            answer.map(tonic::Response::into_inner).map_err(failed)
        };
        let silent = |_| Err(CallError::Away("it does not answer".to_owned()));
        timeout_at(deadline, answer).await.unwrap_or_else(silent)
    }
}

/// What a status says about the server.
fn failed(status: Status) -> CallError {
    // A status that was made of a lost connection has a source; one that the server sent has none.
    if status.source().is_some() {
        return away(&status);
    }
    let text = shown(&status);
    match status.code() {
        Code::Unavailable | Code::NotFound | Code::DeadlineExceeded | Code::Cancelled => {
            CallError::Away(text)
        }
        Code::Unimplemented => CallError::Unknown,
        _ => CallError::Refused(text),
    }
}

fn away(error: &dyn Error) -> CallError {
    CallError::Away(deepest(error))
}

/// The deepest of the causes: the others say no more than that there was an error.
pub(crate) fn deepest(error: &dyn Error) -> String {
    let mut cause = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    short(&cause.to_string())
}

/// The server's own words, and what they are where it says none.
fn shown(status: &Status) -> String {
    match short(status.message()) {
        text if text.is_empty() => status.code().description().to_owned(),
        text => text,
    }
}

/// A server's text, not endless. It is escaped where it is displayed.
fn short(text: &str) -> String {
    cut(text.trim(), MAX_TEXT).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_of_the_model_is_final_and_an_absent_one_is_not() {
        let refused = failed(Status::invalid_argument("wrong shape"));
        assert_eq!(refused, CallError::Refused("wrong shape".into()));
        let absent = failed(Status::not_found("no model"));
        assert_eq!(absent, CallError::Away("no model".into()));
        let lost = std::io::Error::other("reset by peer");
        let lost = failed(Status::from_error(Box::new(lost)));
        assert_eq!(lost, CallError::Away("reset by peer".into()));
        assert_eq!(failed(Status::unimplemented("")), CallError::Unknown);
        // Too large an answer is no reason to ask again.
        assert!(matches!(
            failed(Status::out_of_range("too large")),
            CallError::Refused(_)
        ));
    }

    #[test]
    fn texts_of_servers_are_not_endless() {
        assert_eq!(short(" no model\n"), "no model");
        assert!(short(&"é".repeat(9999)).chars().count() < 2 * MAX_TEXT);
        assert!(!shown(&Status::internal("")).is_empty());
    }
}
