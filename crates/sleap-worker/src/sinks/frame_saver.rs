//! `--save-every N`: every Nth frame as a PNG file, written beside the stream.

use std::num::NonZeroU64;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use anyhow::Context;
use protocol::{Encoding, Frame, Limits, Message};
use vision::png::PngError;

use super::save_counts::SaveCounts;
use crate::frame_decoder::FrameDecoder;
use crate::pipeline::{DecodedFrame, FlushWait, FrameNeeds, FrameSink, StreamHeader};
use crate::streams::ResultRoute;

/// Frames that may wait for the disk before the stream waits for it: every chosen frame is kept.
const SAVE_QUEUE_LEN: usize = 4;

enum SaverMessage {
    Frame(ChosenFrame),
    Flush(SyncSender<()>),
}

struct ChosenFrame {
    frame: Frame,
    /// Where it is written.
    dir: Arc<Path>,
    /// Where it is counted once it is written.
    route: Arc<ResultRoute>,
}

/// A stream of which frames are saved.
struct SavedStream {
    route: Arc<ResultRoute>,
    dir: Arc<Path>,
    /// Its frames so far.
    seen: u64,
}

/// Writes every Nth frame of each stream. Dropping it finishes the files that it has begun.
pub(crate) struct FrameSaver {
    every: NonZeroU64,
    dir: Arc<Path>,
    streams: Vec<SavedStream>,
    saved: SaveCounts,
    queue: Option<SyncSender<SaverMessage>>,
    thread: Option<JoinHandle<()>>,
}

impl FrameSaver {
    /// Makes the folder and starts the writing thread.
    pub(crate) fn start(dir: &Path, every: NonZeroU64, limits: Limits) -> anyhow::Result<Self> {
        std::fs::create_dir_all(dir)
            .with_context(|| format!("cannot make the folder {}", dir.display()))?;
        let decoder = FrameDecoder::new(limits).context("cannot set up the JPEG decoder")?;
        let (queue, messages) = sync_channel(SAVE_QUEUE_LEN);
        let saved = SaveCounts::new("frames", "--save-every");
        let thread = std::thread::Builder::new()
            .name("save".into())
            .spawn({
                let saved = saved.clone();
                move || write_all(decoder, &messages, &saved)
            })
            .context("cannot start the saving thread")?;
        Ok(Self {
            every,
            dir: dir.into(),
            streams: Vec::new(),
            saved,
            queue: Some(queue),
            thread: Some(thread),
        })
    }

    /// The counts of saved frames.
    pub(crate) fn counts(&self) -> SaveCounts {
        self.saved.clone()
    }

    fn send(&self, message: SaverMessage) -> bool {
        self.queue
            .as_ref()
            .is_some_and(|queue| queue.send(message).is_ok())
    }
}

impl FrameSink for FrameSaver {
    fn needs(&self) -> FrameNeeds {
        FrameNeeds {
            frame: true,
            ..FrameNeeds::default()
        }
    }

    /// A stream that begins beside another one has a folder of its own: both number their frames from 0.
    fn stream_started(&mut self, stream: &StreamHeader<'_>) {
        let route = Arc::clone(stream.stream);
        let dir = match self.streams.is_empty() {
            true => Arc::clone(&self.dir),
            false => {
                let dir = self.dir.join(route.name());
                // Where it cannot be made, the frames are reported as not saved.
                let _ = std::fs::create_dir(&dir);
                dir.into()
            }
        };
        self.streams.push(SavedStream {
            route,
            dir,
            seen: 0,
        });
    }

    /// The first frame of each stream is saved.
    fn result(&mut self, frame: &DecodedFrame, _: &Message) {
        let mut streams = self.streams.iter_mut();
        let Some(stream) = streams.find(|it| Arc::ptr_eq(&it.route, &frame.route)) else {
            return;
        };
        let is_chosen = stream.seen.is_multiple_of(self.every.get());
        stream.seen += 1;
        if let Some(chosen) = frame.frame.as_ref().filter(|_| is_chosen) {
            let chosen = ChosenFrame {
                frame: chosen.clone(),
                dir: Arc::clone(&stream.dir),
                route: Arc::clone(&frame.route),
            };
            self.send(SaverMessage::Frame(chosen));
        }
    }

    fn stream_ended(&mut self, stream: &Arc<ResultRoute>) {
        self.streams.retain(|it| !Arc::ptr_eq(&it.route, stream));
    }

    /// Until every chosen frame is on the disk.
    fn flush(&mut self) -> Option<FlushWait> {
        let (done, flushed) = sync_channel(1);
        self.send(SaverMessage::Flush(done)).then(|| {
            // The thread replies or has ended; in both cases nothing more is written.
            let wait = move || {
                let _ = flushed.recv();
            };
            Box::new(wait) as FlushWait
        })
    }
}

impl Drop for FrameSaver {
    fn drop(&mut self) {
        self.queue = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn write_all(mut decoder: FrameDecoder, messages: &Receiver<SaverMessage>, saved: &SaveCounts) {
    for message in messages {
        match message {
            SaverMessage::Frame(chosen) => match write_free(&chosen, &mut decoder) {
                Ok(()) => {
                    chosen.route.counts.saved.fetch_add(1, Relaxed);
                    saved.saved(1);
                }
                Err(error) => {
                    saved.lost(1);
                    match saved.because(|| format!("{error:#}")) {
                        true => tracing::warn!(
                            "frame not saved: {error:#}; further ones are logged with -v"
                        ),
                        false => tracing::debug!("frame not saved: {error:#}"),
                    }
                }
            },
            SaverMessage::Flush(done) => {
                let _ = done.send(());
            }
        }
    }
}

/// Writes `frame_000042.png`, or `frame_000042-2.png` where an earlier stream, or another program, left
/// a file of that name.
fn write_free(chosen: &ChosenFrame, decoder: &mut FrameDecoder) -> anyhow::Result<()> {
    let ChosenFrame { frame, dir, .. } = chosen;
    let id = frame.meta.frame_id;
    let mut name = format!("frame_{id:06}.png");
    for copy in 2u64.. {
        let path = dir.join(&name);
        // A name that is in use costs no encoding.
        if !path.exists() {
            match write(&path, frame, decoder) {
                Err(error) if error.downcast_ref().is_some_and(PngError::exists) => {}
                written => return written,
            }
        }
        name = format!("frame_{id:06}-{copy}.png");
    }
    unreachable!("no disk has so many files")
}

fn write(path: &Path, frame: &Frame, decoder: &mut FrameDecoder) -> anyhow::Result<()> {
    let meta = &frame.meta;
    if let Encoding::U16 { .. } = meta.encoding {
        let samples: Vec<u16> = frame
            .data
            .chunks_exact(2)
            .map(|sample| u16::from_le_bytes([sample[0], sample[1]]))
            .collect();
        vision::png::write_u16(path, meta.width, meta.height, meta.channels, &samples)?;
        return Ok(());
    }
    let image = decoder.image(frame)?;
    vision::png::write(path, &image, false)?;
    Ok(())
}
