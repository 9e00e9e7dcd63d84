//! A model on a server: asking what it is, calling it, waiting for it while it is away.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use net::Backoff;
use tokio::runtime::{Builder, Runtime};
use tokio::time::timeout_at;
use tracing::{info, warn};

use crate::client::{CallError, Client, deepest};
use crate::description::ServedModel;
use crate::error::StartError;
use crate::messages::{
    InferRequest, InferResponse, ModelConfigResponse, ModelMetadataResponse, ModelReadyResponse,
    ModelRequest, ServerReadyRequest, ServerReadyResponse,
};
use crate::model_url::ModelUrl;
use crate::options::ServerOptions;
use crate::outage::Outage;
use crate::token;

/// How often a call is sent when the connection is lost under it: it may be what ends the server.
const MAX_SENDS: usize = 3;

/// How long the answers may take whether a server is back.
const LONGEST_QUESTION: Duration = Duration::from_secs(5);

/// Pauses between questions whether a server is back.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// A model on a server.
pub(crate) struct Server {
    url: ModelUrl,
    wait: Duration,
    /// Replaced while the server is away.
    client: Mutex<Client>,
    model: ServedModel,
    outage: Mutex<Outage>,
    /// Held by the one call that asks whether the server is back.
    asks: tokio::sync::Mutex<()>,
    /// After the client, which is dropped inside of nothing else.
    runtime: OwnRuntime,
}

/// A thread for the connection. Dropping it does not wait, so that it can be dropped anywhere.
struct OwnRuntime(Option<Runtime>);

impl Server {
    /// Connects, and asks what the model is.
    ///
    /// # Errors
    /// The server or the model is not ready, or the connection cannot be set up.
    pub(crate) fn connect(options: &ServerOptions) -> Result<Self, StartError> {
        let url = options.url.clone();
        let token = options.token_file.as_deref();
        let token = token.map(|file| token::read(&url, file)).transpose()?;
        let setup = |reason: String| StartError::Setup {
            url: url.to_string(),
            reason,
        };
        let runtime = OwnRuntime::start().map_err(|error| setup(error.to_string()))?;
        let client = {
            let _inside = runtime.enter();
            Client::new(&url, token).map_err(|error| setup(deepest(&error)))?
        };
        let deadline = Instant::now() + options.wait.max(LONGEST_QUESTION);
        let model = runtime.block_on(describe(&client, &url, deadline))?;
        Ok(Self {
            url,
            wait: options.wait,
            client: Mutex::new(client),
            model,
            outage: Mutex::default(),
            asks: tokio::sync::Mutex::default(),
            runtime,
        })
    }

    pub(crate) fn url(&self) -> &ModelUrl {
        &self.url
    }

    pub(crate) fn model(&self) -> &ServedModel {
        &self.model
    }

    /// Runs the model; waits for the server where it is away.
    ///
    /// # Errors
    /// The rest of a sentence that begins with the server: it refuses, or is away for too long.
    pub(crate) fn infer(&self, request: &InferRequest) -> Result<InferResponse, String> {
        self.runtime.block_on(self.infer_or_wait(request))
    }

    async fn infer_or_wait(&self, request: &InferRequest) -> Result<InferResponse, String> {
        let deadline = self.outage().deadline(Instant::now(), self.wait);
        for _ in 0..MAX_SENDS {
            if self.outage().is_on() {
                let back = timeout_at(deadline.into(), self.comes_back());
                back.await.map_err(|_| self.absence())?;
            }
            let sent = Instant::now();
            let client = self.client();
            let answer = client.infer(request.clone(), deadline.into());
            match answer.await {
                Ok(answer) => return Ok(answer),
                Err(CallError::Refused(reason)) => return Err(format!("refuses: {reason}")),
                Err(CallError::Unknown) => return Err("does not know ModelInfer".to_owned()),
                Err(CallError::Away(reason)) => self.outage().found(sent, &reason),
            }
            if Instant::now() >= deadline {
                return Err(self.absence());
            }
        }
        let absence = self.absence();
        Err(format!(
            "{absence}; it was asked {MAX_SENDS} times for the same frames"
        ))
    }

    /// Resolves once the server is back; one call asks, and the others wait for it.
    async fn comes_back(&self) {
        let _one = self.asks.lock().await;
        let mut pauses = Backoff::new(FIRST_PAUSE, LONGEST_PAUSE);
        while self.outage().is_on() {
            let asked = Instant::now();
            let answer = describe(&self.client(), &self.url, asked + LONGEST_QUESTION).await;
            let reason = match answer {
                Ok(model) if model.is_like(&self.model) => return self.is_back(),
                Ok(_) => {
                    "serves another model under this name since it is back: start the worker again"
                        .to_owned()
                }
                Err(error) => error.to_string(),
            };
            self.is_still_away(asked, &reason);
            let renewed = self.client().renewed();
            *lock(&self.client) = renewed;
            tokio::time::sleep(pauses.next_pause()).await;
        }
    }

    fn is_still_away(&self, asked: Instant, reason: &str) {
        let mut outage = self.outage();
        let lost = outage.goes_on().map(str::to_owned);
        outage.found(asked, reason);
        if let Some(lost) = lost {
            warn!(
                server = %self.url.server(),
                lost,
                now = reason,
                wait_s = self.wait.as_secs_f64(),
                "the inference server is away: frames wait for it, and fail once it was away for so long"
            );
        }
    }

    fn is_back(&self) {
        let Some(ended) = self.outage().ends(Instant::now()) else {
            return;
        };
        let away_s = ended.lasted.as_secs_f64();
        let server = self.url.server();
        match ended.was_told {
            true => info!(%server, away_s, "the inference server is back"),
            false => {
                info!(%server, away_s, "the inference server was away for a moment: frames were sent again")
            }
        }
    }

    /// That the server is away, and why.
    fn absence(&self) -> String {
        match self.outage().state(Instant::now()) {
            Some((lasts, reason)) => format!("is away for {:.1} s: {reason}", lasts.as_secs_f64()),
            None => "was away".to_owned(),
        }
    }

    fn outage(&self) -> MutexGuard<'_, Outage> {
        lock(&self.outage)
    }

    fn client(&self) -> Client {
        lock(&self.client).clone()
    }
}

// The lock was poisoned by a panic; outage and connection are valid at any time.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Asks whether server and model are ready, and what the model is.
async fn describe(
    client: &Client,
    url: &ModelUrl,
    deadline: Instant,
) -> Result<ServedModel, StartError> {
    let (deadline, server) = (deadline.into(), url.server());
    let away = |reason: String| StartError::Away {
        server: server.clone(),
        reason,
    };
    let question = ServerReadyRequest {};
    let ready = client.ask::<_, ServerReadyResponse>("ServerReady", question, deadline);
    match ready.await {
        Ok(ServerReadyResponse { ready: true }) => {}
        Ok(_) => return Err(away("it is not ready yet".to_owned())),
        Err(CallError::Away(reason)) => return Err(away(reason)),
        Err(CallError::Unknown) => {
            return Err(away("it does not speak KServe's v2 protocol".to_owned()));
        }
        Err(CallError::Refused(reason)) => return Err(StartError::Refused { server, reason }),
    }
    let model = |reason: String| StartError::Model {
        server: server.clone(),
        model: url.model_and_version(),
        reason,
    };
    let failed = |error| match error {
        CallError::Away(reason) | CallError::Refused(reason) => model(reason),
        CallError::Unknown => model("it does not describe models".to_owned()),
    };
    let question = ModelRequest {
        name: url.model().to_owned(),
        version: url.version().to_owned(),
    };
    let ready = client.ask::<_, ModelReadyResponse>("ModelReady", question.clone(), deadline);
    if !ready.await.map_err(failed)?.ready {
        return Err(model("it is not there, or not ready".to_owned()));
    }
    let metadata =
        client.ask::<_, ModelMetadataResponse>("ModelMetadata", question.clone(), deadline);
    let metadata = metadata.await.map_err(failed)?;
    // Only Triton has it.
    let config = client.ask::<_, ModelConfigResponse>("ModelConfig", question, deadline);
    let config = config.await.ok().and_then(|answer| answer.config);
    let max_batch_size = config.map_or(0, |config| config.max_batch_size);
    Ok(ServedModel::new(metadata, max_batch_size))
}

impl OwnRuntime {
    fn start() -> std::io::Result<Self> {
        let mut builder = Builder::new_multi_thread();
        let runtime = builder
            .worker_threads(1)
            .thread_name("engine")
            .enable_all()
            .build()?;
        Ok(Self(Some(runtime)))
    }
}

impl std::ops::Deref for OwnRuntime {
    type Target = Runtime;

    fn deref(&self) -> &Runtime {
        match &self.0 {
            Some(runtime) => runtime,
            None => unreachable!("it is taken out when it is dropped"),
        }
    }
}

impl Drop for OwnRuntime {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}
