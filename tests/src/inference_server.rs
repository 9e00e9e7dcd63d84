//! An inference server of a test: KServe's v2 protocol over HTTP/2, with whatever answers a test gives.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use bytes::{BufMut, Bytes, BytesMut};
use h2::server::SendResponse;
use kserve::messages::{
    InferOutput, InferRequest, InferResponse, ModelMetadataResponse, ModelReadyResponse,
    ServerReadyResponse, TensorMetadata,
};
use prost::Message;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

/// What the server answers.
#[derive(Clone, Debug)]
pub enum Answer {
    Message(Bytes),
    /// A status other than OK, with its text.
    Status(u32, String),
    /// A body that is no message.
    Bytes(Bytes),
    /// Nothing, ever.
    Silence,
    /// The end of all connections.
    HangUp,
    /// The same, and no new ones until [`InferenceServer::comes_back`].
    GoAway,
}

/// Answers the call of this name.
pub type Answers = Arc<dyn Fn(&str, Bytes) -> Answer + Send + Sync>;

/// An inference server on a free port of this machine, until it is dropped.
pub struct InferenceServer {
    address: SocketAddr,
    shared: Arc<Shared>,
    _runtime: Runtime,
}

struct Shared {
    answers: Mutex<Answers>,
    /// Calls of the model.
    calls: AtomicUsize,
    /// The last token that a client has shown.
    token: Mutex<Option<String>>,
    tls: Option<TlsAcceptor>,
    /// How often connections were ended; at `true` new ones are ended, too.
    ends: watch::Sender<(usize, bool)>,
}

impl InferenceServer {
    pub fn start(answers: Answers) -> Self {
        Self::start_as(answers, None)
    }

    /// Starts it with TLS, for `localhost`; `certificate` will be the file that clients have to trust.
    pub fn start_encrypted(answers: Answers, certificate: &Path) -> Self {
        let names = vec!["localhost".to_owned()];
        let own = rcgen::generate_simple_self_signed(names).expect("a certificate");
        std::fs::write(certificate, own.cert.pem()).expect("it is written");
        let key = PrivateKeyDer::try_from(own.signing_key.serialize_der()).expect("a key");
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("versions of TLS")
            .with_no_client_auth()
            .with_single_cert(vec![own.cert.der().clone()], key);
        let mut config = config.expect("certificate and key go together");
        config.alpn_protocols = vec![b"h2".to_vec()];
        Self::start_as(answers, Some(TlsAcceptor::from(Arc::new(config))))
    }

    fn start_as(answers: Answers, tls: Option<TlsAcceptor>) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .expect("a runtime");
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0"));
        let listener = listener.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let shared = Arc::new(Shared {
            answers: Mutex::new(answers),
            calls: AtomicUsize::new(0),
            ends: watch::Sender::new((0, false)),
            token: Mutex::default(),
            tls,
        });
        runtime.spawn(listen(listener, Arc::clone(&shared)));
        Self {
            address,
            shared,
            _runtime: runtime,
        }
    }

    /// The URL of a model on this server.
    pub fn url(&self, model: &str) -> String {
        match self.shared.tls {
            None => format!("grpc://{}/{model}", self.address),
            Some(_) => format!("grpcs://localhost:{}/{model}", self.address.port()),
        }
    }

    /// The last token that a client has shown.
    pub fn token(&self) -> Option<String> {
        self.shared.token.lock().expect("no panic").clone()
    }

    /// Answers differently from now on.
    pub fn answers(&self, answers: Answers) {
        *self.shared.answers() = answers;
    }

    /// Calls of the model so far.
    pub fn calls(&self) -> usize {
        self.shared.calls.load(Ordering::SeqCst)
    }

    /// Takes connections again after [`Answer::GoAway`].
    pub fn comes_back(&self) {
        self.shared
            .ends
            .send_modify(|(_, is_away)| *is_away = false);
    }
}

impl Shared {
    fn end_connections(&self, stays_away: bool) -> Option<()> {
        self.ends.send_modify(|(ends, is_away)| {
            *ends += 1;
            *is_away |= stays_away;
        });
        None
    }

    fn answers(&self) -> MutexGuard<'_, Answers> {
        self.answers.lock().expect("answers do not panic")
    }
}

async fn listen(listener: TcpListener, shared: Arc<Shared>) {
    while let Ok((socket, _)) = listener.accept().await {
        tokio::spawn(connection(socket, Arc::clone(&shared)));
    }
}

async fn connection(socket: TcpStream, shared: Arc<Shared>) {
    let mut ends = shared.ends.subscribe();
    let (before, is_away) = *ends.borrow_and_update();
    if is_away {
        return;
    }
    let serve = async {
        match &shared.tls {
            None => serve(socket, &shared).await,
            Some(tls) => serve(tls.accept(socket).await.ok()?, &shared).await,
        }
    };
    tokio::select! {
        _ = serve => {}
        _ = ends.wait_for(|(ends, _)| *ends > before) => {}
    }
}

async fn serve(socket: impl AsyncRead + AsyncWrite + Unpin, shared: &Arc<Shared>) -> Option<()> {
    let mut calls = h2::server::handshake(socket).await.ok()?;
    while let Some(Ok((request, respond))) = calls.accept().await {
        tokio::spawn(answer(request, respond, Arc::clone(shared)));
    }
    Some(())
}

async fn answer(
    request: http::Request<h2::RecvStream>,
    mut respond: SendResponse<Bytes>,
    shared: Arc<Shared>,
) -> Option<()> {
    let (head, mut body) = request.into_parts();
    let token = head.headers.get("authorization");
    let token = token.and_then(|token| token.to_str().ok());
    *shared.token.lock().ok()? = token.map(str::to_owned);
    let method = head.uri.path().rsplit('/').next()?.to_owned();
    let mut question = BytesMut::new();
    while let Some(data) = body.data().await {
        let data = data.ok()?;
        body.flow_control().release_capacity(data.len()).ok()?;
        question.extend_from_slice(&data);
    }
    // Before the message stand a flag and its length.
    let question = question.freeze().slice(5..);
    let answers = Arc::clone(&shared.answers());
    if method == "ModelInfer" {
        shared.calls.fetch_add(1, Ordering::SeqCst);
    }
    // An answer may wait for other calls.
    let answer = tokio::task::spawn_blocking(move || answers(&method, question)).await;
    let (body, status, text) = match answer.ok()? {
        Answer::Message(message) => (framed(&message), 0, String::new()),
        Answer::Status(status, text) => (Bytes::new(), status, text),
        Answer::Bytes(bytes) => (bytes, 0, String::new()),
        Answer::Silence => return std::future::pending().await,
        Answer::HangUp => return shared.end_connections(false),
        Answer::GoAway => return shared.end_connections(true),
    };
    let response = http::Response::builder().header("content-type", "application/grpc");
    let mut stream = respond.send_response(response.body(()).ok()?, false).ok()?;
    if !body.is_empty() {
        stream.send_data(body, false).ok()?;
    }
    let mut trailers = http::HeaderMap::new();
    trailers.insert("grpc-status", status.into());
    trailers.insert("grpc-message", text.parse().ok()?);
    stream.send_trailers(trailers).ok()
}

fn framed(message: &[u8]) -> Bytes {
    let mut frame = BytesMut::with_capacity(message.len() + 5);
    frame.put_u8(0);
    frame.put_u32(u32::try_from(message.len()).expect("a short message"));
    frame.put_slice(message);
    frame.freeze()
}

/// The model of the demonstration as a server describes it, with peaks that are made of a frame's own pixels.
#[derive(Clone, Debug)]
pub struct ServedDemo {
    pub metadata: ModelMetadataResponse,
}

impl Default for ServedDemo {
    fn default() -> Self {
        let tensor = |name: &str, datatype: &str, shape: &[i64]| TensorMetadata {
            name: name.into(),
            datatype: datatype.into(),
            shape: shape.to_vec(),
        };
        let metadata = ModelMetadataResponse {
            versions: vec!["1".into()],
            platform: "a test".into(),
            inputs: vec![tensor("image", "UINT8", &[-1, 1, -1, -1])],
            outputs: vec![
                tensor("peaks", "FP32", &[-1, 5, 2]),
                tensor("peak_vals", "FP32", &[-1, 5]),
            ],
        };
        Self { metadata }
    }
}

impl ServedDemo {
    /// The answer of a server that is in order.
    pub fn answer(&self, method: &str, question: Bytes) -> Answer {
        let message = match method {
            "ServerReady" => ServerReadyResponse { ready: true }.encode_to_vec(),
            "ModelReady" => ModelReadyResponse { ready: true }.encode_to_vec(),
            "ModelMetadata" => self.metadata.encode_to_vec(),
            "ModelInfer" => {
                peaks(&InferRequest::decode(question).expect("a request")).encode_to_vec()
            }
            _ => return Answer::Status(12, format!("no {method} here")),
        };
        Answer::Message(message.into())
    }

    /// All answers of a server that is in order.
    pub fn answers(self) -> Answers {
        Arc::new(move |method, question| self.answer(method, question))
    }
}

/// Peaks of which each is made of the pixels of its frame.
pub fn peaks(request: &InferRequest) -> InferResponse {
    let batch = usize::try_from(request.inputs[0].shape[0]).expect("a batch");
    let pixels = &request.raw_input_contents[0];
    let (mut peaks, mut values) = (Vec::new(), Vec::new());
    for frame in pixels.chunks(pixels.len() / batch) {
        for node in 0..5 {
            let sum = |from: usize| -> u64 {
                let pixels = frame.iter().skip(from + node).step_by(7);
                pixels.map(|&pixel| u64::from(pixel)).sum()
            };
            peaks.extend([(sum(0) % 256) as f32, (sum(3) % 192) as f32]);
            values.push(1.0 - 0.1 * node as f32);
        }
    }
    let output = |name: &str, shape: &[i64]| InferOutput {
        name: name.into(),
        datatype: "FP32".into(),
        shape: shape.to_vec(),
        contents: None,
    };
    let bytes = |values: &[f32]| values.iter().flat_map(|it| it.to_le_bytes()).collect();
    let batch = request.inputs[0].shape[0];
    InferResponse {
        model_version: "1".into(),
        outputs: vec![
            output("peaks", &[batch, 5, 2]),
            output("peak_vals", &[batch, 5]),
        ],
        raw_output_contents: vec![bytes(&peaks), bytes(&values)],
    }
}
