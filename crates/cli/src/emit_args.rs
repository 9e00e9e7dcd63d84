use clap::Args;
use emit::Target;

/// Who else is to get poses.
#[derive(Debug, Clone, Args)]
pub struct EmitArgs {
    /// Hand each pose to a consumer here as soon as it exists; may be given several times.
    ///
    /// `udp://HOST:PORT` sends a JSON object a datagram, `osc://HOST:PORT` an OSC bundle (with
    /// `?by=node` a message for each node), `zmq://ADDRESS:PORT` publishes JSON to ZeroMQ subscribers,
    /// on all interfaces with `zmq://*:PORT`, `lsl://NAME` offers a stream of Lab Streaming Layer. A consumer that
    /// is slow or absent holds up nothing.
    #[arg(long = "emit", value_name = "URL", help_heading = "Output")]
    pub targets: Vec<Target>,
}
