//! The file that is sent: its checksum, and its bytes.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};

use anyhow::{Context, Result, bail};
use atomic_file::open_regular;
use bytes::Bytes;
use protocol::CHUNK_BYTES;
use ring::digest;
use tokio::sync::mpsc;

/// Bytes that are read at once.
const BLOCK: usize = 16 * CHUNK_BYTES;

/// Blocks that may wait for the link.
const READ_AHEAD: usize = 2;

/// Not to be sent as a chunk: the worker would take it for a sign of life.
const KEEP_ALIVE_MESSAGE: &[u8] = b"KEEP_ALIVE";

/// A file that is to be sent.
#[derive(Debug, Clone)]
pub(super) struct SourceFile {
    pub(super) bytes: u64,
    pub(super) sha256: String,
}

/// Opens the file; gives the number of its bytes too.
pub(super) fn open(path: &Path) -> Result<(File, u64)> {
    let name = path.display();
    let file = open_regular(path).with_context(|| format!("cannot read {name}"))?;
    let metadata = file
        .metadata()
        .with_context(|| format!("cannot read {name}"))?;
    match metadata.len() {
        0 => bail!("{name} is empty (0 bytes). The recording or the copy was interrupted"),
        bytes => Ok((file, bytes)),
    }
}

/// Reads the complete file. `done` follows the bytes; once `stop` is set it ends early, with an error.
pub(super) fn checksum(
    mut file: File,
    done: &AtomicU64,
    stop: &AtomicBool,
) -> io::Result<SourceFile> {
    let mut digest = digest::Context::new(&digest::SHA256);
    let mut block = vec![0; BLOCK];
    let mut bytes = 0;
    loop {
        if stop.load(Relaxed) {
            return Err(io::ErrorKind::Interrupted.into());
        }
        match file.read(&mut block)? {
            0 => break,
            read => {
                digest.update(&block[..read]);
                bytes += read as u64;
                done.store(bytes, Relaxed);
            }
        }
    }
    Ok(SourceFile {
        bytes,
        sha256: protocol::hex(digest.finish().as_ref()),
    })
}

/// The bytes from `offset` on, read ahead by a thread, until all of them are read or the receiver is dropped.
pub(super) fn blocks(path: Arc<Path>, offset: u64) -> mpsc::Receiver<io::Result<Bytes>> {
    let (out, blocks) = mpsc::channel(READ_AHEAD);
    tokio::task::spawn_blocking(move || {
        let opened = open_regular(&path).and_then(|mut file| {
            file.seek(SeekFrom::Start(offset))?;
            Ok(file)
        });
        let mut file = match opened {
            Ok(file) => file,
            Err(error) => return drop(out.blocking_send(Err(error))),
        };
        loop {
            let mut block = Vec::with_capacity(BLOCK);
            let read = Read::by_ref(&mut file)
                .take(BLOCK as u64)
                .read_to_end(&mut block);
            let block = match read {
                Ok(0) => return,
                read => read.map(|_| Bytes::from(block)),
            };
            let failed = block.is_err();
            if out.blocking_send(block).is_err() || failed {
                return;
            }
        }
    });
    blocks
}

/// A block as messages, none of which the worker would take for a sign of life.
pub(super) fn chunks(block: &Bytes) -> Vec<Bytes> {
    let mut chunks = Vec::with_capacity(block.len() / CHUNK_BYTES + 2);
    for at in (0..block.len()).step_by(CHUNK_BYTES) {
        let mut chunk = block.slice(at..block.len().min(at + CHUNK_BYTES));
        if chunk == KEEP_ALIVE_MESSAGE {
            chunks.push(chunk.split_to(1));
        }
        chunks.push(chunk);
    }
    chunks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_make_the_block_and_none_is_a_sign_of_life() {
        for (bytes, tail) in [
            (0, &b"KEEP_ALIVE"[..]),
            (CHUNK_BYTES, b"KEEP_ALIVE"),
            (3, b"ab"),
            (CHUNK_BYTES, b""),
        ] {
            let block = Bytes::from([&vec![7; bytes], tail].concat());
            let chunks = chunks(&block);
            assert_eq!(chunks.concat(), block);
            assert!(
                chunks
                    .iter()
                    .all(|chunk| chunk != KEEP_ALIVE_MESSAGE && !chunk.is_empty())
            );
            assert!(chunks.iter().all(|chunk| chunk.len() <= CHUNK_BYTES));
        }
    }

    #[test]
    fn the_checksum_is_that_of_all_bytes() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("abc");
        std::fs::write(&path, "abc").unwrap();
        let (file, bytes) = open(&path).unwrap();
        let done = AtomicU64::new(0);
        let file = checksum(file, &done, &AtomicBool::new(false)).unwrap();
        assert_eq!((bytes, file.bytes, done.load(Relaxed)), (3, 3, 3));
        let expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(file.sha256, expected);
        std::fs::write(&path, "").unwrap();
        assert!(open(&path).is_err());
        assert!(open(dir.path()).is_err());
    }
}
