use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::UdpSocket;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// Length of a STUN header (RFC 8489, section 5).
const HEADER: usize = 20;
const ALLOCATE: u16 = 0x0003;
const ALLOCATE_ERROR: u16 = 0x0113;
const USERNAME: u16 = 0x0006;
const ERROR_CODE: u16 = 0x0009;
const REALM: u16 = 0x0014;
const NONCE: u16 = 0x0015;
const UNAUTHENTICATED: [u8; 4] = [0, 0, 4, 1];
const QUOTA_REACHED: [u8; 4] = [0, 0, 4, 86];

/// Longer than any client takes that asks at all.
const PATIENCE: Duration = Duration::from_secs(60);

/// A TURN server on a free port that asks each client for its user name, keeps that, and relays nothing.
pub struct Relay {
    pub address: SocketAddr,
    names: Arc<watch::Sender<Vec<String>>>,
    task: JoinHandle<()>,
}

impl Relay {
    pub async fn start() -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").await.expect("a free port");
        let address = socket.local_addr().expect("it is bound");
        let names = Arc::new(watch::Sender::default());
        let task = tokio::spawn(serve(socket, Arc::clone(&names)));
        Self {
            address,
            names,
            task,
        }
    }

    /// Forgets who has asked.
    pub fn forget(&self) {
        self.names.send_replace(Vec::new());
    }

    /// Waits until a client asks whose user name begins like that; returns the names so far.
    pub async fn asked_by(&self, beginning: &str) -> Vec<String> {
        let mut names = self.names.subscribe();
        let is_one = |name: &String| name.starts_with(beginning);
        let asked = names.wait_for(|names| names.iter().any(is_one));
        let asked = timeout(PATIENCE, asked).await;
        let names = asked.expect("the relay is asked").expect("it is there");
        names.iter().filter(|name| is_one(name)).cloned().collect()
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(socket: UdpSocket, names: Arc<watch::Sender<Vec<String>>>) {
    let mut buffer = [0; 1500];
    loop {
        let (length, from) = socket.recv_from(&mut buffer).await.expect("a datagram");
        let request = &buffer[..length];
        if length < HEADER || request[..2] != ALLOCATE.to_be_bytes() {
            continue;
        }
        let answer = match username(request) {
            Some(name) => {
                names.send_modify(|names| names.push(name));
                refusal(request, &[(ERROR_CODE, &QUOTA_REACHED)])
            }
            None => refusal(
                request,
                &[
                    (ERROR_CODE, &UNAUTHENTICATED),
                    (REALM, b"room"),
                    (NONCE, b"once"),
                ],
            ),
        };
        let _ = socket.send_to(&answer, from).await;
    }
}

fn username(request: &[u8]) -> Option<String> {
    let mut rest = request.get(HEADER..)?;
    while let [kind_1, kind_2, length_1, length_2, after @ ..] = rest {
        let length = usize::from(u16::from_be_bytes([*length_1, *length_2]));
        if u16::from_be_bytes([*kind_1, *kind_2]) == USERNAME {
            return String::from_utf8(after.get(..length)?.to_vec()).ok();
        }
        rest = after.get(length.next_multiple_of(4)..)?;
    }
    None
}

/// Of attributes whose values fill whole words of four bytes.
fn refusal(request: &[u8], attributes: &[(u16, &[u8])]) -> Vec<u8> {
    let mut body = Vec::new();
    for (kind, value) in attributes {
        body.extend(kind.to_be_bytes());
        body.extend((value.len() as u16).to_be_bytes());
        body.extend(*value);
    }
    let mut answer = ALLOCATE_ERROR.to_be_bytes().to_vec();
    answer.extend((body.len() as u16).to_be_bytes());
    // The cookie and the transaction's id.
    answer.extend(&request[4..HEADER]);
    answer.extend(body);
    answer
}
