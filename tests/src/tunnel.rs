use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;

/// A way to a TCP server, which can be cut.
pub struct Tunnel {
    pub address: SocketAddr,
    carried: Arc<Carried>,
}

#[derive(Default)]
struct Carried {
    /// Both ends of each connection.
    ends: Mutex<Vec<TcpStream>>,
    /// What the server has said so far.
    said: Mutex<Vec<u8>>,
    grown: Condvar,
    /// What the server says is lost.
    loses: AtomicBool,
}

impl Tunnel {
    /// Begins to lead to `server`. Its threads end with the test.
    pub fn to(server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        let carried = Arc::<Carried>::default();
        let holder = Arc::clone(&carried);
        thread::spawn(move || {
            for near in listener.incoming().map_while(Result::ok) {
                let Ok(far) = TcpStream::connect(server) else {
                    continue;
                };
                carry(&near, &far, |_| true);
                let heard = Arc::clone(&holder);
                carry(&far, &near, move |bytes| heard.add(bytes));
                holder.ends.lock().unwrap().extend([near, far]);
            }
        });
        Self { address, carried }
    }

    /// Waits until the server has said `words` so often.
    pub fn says(&self, words: &str, times: usize) {
        let mut said = self.carried.said.lock().unwrap();
        while String::from_utf8_lossy(&said).matches(words).count() < times {
            said = self.carried.grown.wait(said).unwrap();
        }
    }

    /// From now on nothing that the server says arrives, as where a process stops that has it unread.
    pub fn lose(&self) {
        self.carried.loses.store(true, Relaxed);
    }

    /// Ends all connections that there are, on both sides. New ones lose nothing.
    pub fn cut(&self) {
        self.carried.loses.store(false, Relaxed);
        for end in self.carried.ends.lock().unwrap().drain(..) {
            let _ = end.shutdown(Shutdown::Both);
        }
    }
}

impl Carried {
    /// Takes note of what the server says; whether it arrives.
    fn add(&self, bytes: &[u8]) -> bool {
        self.said.lock().unwrap().extend_from_slice(bytes);
        self.grown.notify_all();
        !self.loses.load(Relaxed)
    }
}

/// Carries what comes from one to the other if it `passes`, and its end.
fn carry(from: &TcpStream, to: &TcpStream, passes: impl Fn(&[u8]) -> bool + Send + 'static) {
    let mut from = from.try_clone().expect("a further handle");
    let mut to = to.try_clone().expect("a further handle");
    thread::spawn(move || {
        let mut buffer = [0; 4096];
        while let Ok(count @ 1..) = from.read(&mut buffer) {
            let bytes = &buffer[..count];
            if passes(bytes) && to.write_all(bytes).is_err() {
                break;
            }
        }
        let _ = to.shutdown(Shutdown::Write);
    });
}
