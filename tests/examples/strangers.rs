//! Peers without the secret that do their worst to a worker, for measurements.
//!
//!     strangers SIGNAL COUNT SECONDS

use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use tokio::time::Instant;

#[tokio::main]
async fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [signal, count, seconds] = &arguments[..] else {
        eprintln!("usage: strangers SIGNAL COUNT SECONDS");
        std::process::exit(2);
    };
    let (Ok(count), Ok(seconds)) = (count.parse(), seconds.parse()) else {
        eprintln!("COUNT and SECONDS are numbers");
        std::process::exit(2);
    };
    let until = Instant::now() + Duration::from_secs(seconds);
    let tally = e2e::attack::strangers(signal, count, until).await;
    let (offers, channels) = (tally.offers.load(Relaxed), tally.channels.load(Relaxed));
    println!("{offers} offers, {channels} open channels");
}
