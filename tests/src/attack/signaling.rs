//! Attacks on the signaling port, over bare TCP: a WebSocket library would not misbehave so.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout, timeout_at};

/// Connections that stay open and register, until then; how many were taken.
pub async fn crowd(signal: &str, count: usize, until: Instant) -> usize {
    let mut sockets = Vec::new();
    for index in 0..count {
        let Some(mut socket) = upgraded(signal).await else {
            continue;
        };
        let register = format!(r#"{{"type":"register","peer_id":"worker-{index}"}}"#);
        if send(&mut socket, &register).await {
            sockets.push(socket);
        }
    }
    tokio::time::sleep_until(until).await;
    sockets.len()
}

/// Requests that come byte by byte and never end, until then; how many were begun.
pub async fn slow_loris(signal: &str, count: usize, until: Instant) -> usize {
    let request = request(signal);
    let mut sockets = Vec::new();
    for _ in 0..count {
        if let Ok(socket) = TcpStream::connect(address(signal)).await {
            sockets.push(socket);
        }
    }
    let begun = sockets.len();
    // The last bytes are never sent.
    for byte in request.as_bytes()[..request.len() - 2].iter().cycle() {
        if Instant::now() >= until {
            break;
        }
        for socket in &mut sockets {
            let _ = socket.write_all(&[*byte]).await;
        }
        sleep(Duration::from_millis(50)).await;
    }
    begun
}

/// Messages whose length is a lie or too much, until then; how many were ended by the server.
pub async fn huge_messages(signal: &str, until: Instant) -> usize {
    let mut refused = 0;
    for length in [1 << 20, 1 << 30, u64::from(u32::MAX), 1 << 62]
        .into_iter()
        .cycle()
    {
        if Instant::now() >= until {
            break;
        }
        let Some(mut socket) = upgraded(signal).await else {
            sleep(Duration::from_millis(20)).await;
            continue;
        };
        let mut frame = vec![0x81, 0x80 | 127];
        frame.extend(u64::to_be_bytes(length));
        frame.extend([0; 4]);
        let _ = socket.write_all(&frame).await;
        let bytes = vec![b'x'; 64 << 10];
        let ended = async {
            for _ in 0..64 {
                if socket.write_all(&bytes).await.is_err() {
                    return;
                }
            }
            // What follows a refusal is the end.
            let _ = socket.read_to_end(&mut Vec::new()).await;
        };
        refused += usize::from(timeout_at(until, ended).await.is_ok());
    }
    refused
}

/// Messages to the worker as fast as they are taken, registered and not answered, until then; how many.
pub async fn message_flood(signal: &str, worker: &str, until: Instant) -> usize {
    let candidate = format!(
        r#"{{"type":"candidate","target":"{worker}","candidate":"candidate:1 1 udp 1 192.0.2.1 9 typ host {}"}}"#,
        "x".repeat(2000)
    );
    let mut sent = 0;
    while Instant::now() < until {
        let Some(mut socket) = upgraded(signal).await else {
            sleep(Duration::from_millis(20)).await;
            continue;
        };
        let register = r#"{"type":"register","peer_id":"client-flood"}"#;
        let flood = async {
            let mut open = send(&mut socket, register).await;
            while open {
                open = send(&mut socket, &candidate).await;
                sent += usize::from(open);
            }
        };
        let _ = timeout_at(until, flood).await;
    }
    sent
}

fn address(signal: &str) -> &str {
    signal.trim_start_matches("ws://")
}

fn request(signal: &str) -> String {
    format!(
        "GET / HTTP/1.1\r\nHost: {}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n",
        address(signal)
    )
}

/// A WebSocket, if the server takes it.
async fn upgraded(signal: &str) -> Option<TcpStream> {
    let upgrade = async {
        let mut socket = TcpStream::connect(address(signal)).await.ok()?;
        socket.write_all(request(signal).as_bytes()).await.ok()?;
        let mut answer = Vec::new();
        while !answer.ends_with(b"\r\n\r\n") {
            answer.push(socket.read_u8().await.ok()?);
        }
        answer.starts_with(b"HTTP/1.1 101").then_some(socket)
    };
    timeout(super::PATIENCE, upgrade).await.ok().flatten()
}

/// A text of less than 64 KiB, masked with zeros.
async fn send(socket: &mut TcpStream, text: &str) -> bool {
    let mut frame = vec![0x81, 0x80 | 126];
    frame.extend((text.len() as u16).to_be_bytes());
    frame.extend([0; 4]);
    frame.extend(text.as_bytes());
    socket.write_all(&frame).await.is_ok()
}
