//! Several devices that run calls of one worker, and that fail.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use pose::{BatchOutputs, PredictError, SessionError};
use protocol::Message;
use tokio::sync::mpsc;

use super::test_frame::frame;
use super::{DecodedFrame, Engine, Pipeline, PipelineOptions, PipelineStream, StreamClass};
use crate::streams::ResultRoute;

/// A device of a test: fails in calls with some frames, and notes what it ran.
#[derive(Clone, Default)]
pub(crate) struct TestDevice {
    /// Frames that it cannot run.
    fails: BTreeSet<u64>,
    /// From this frame on it cannot run any.
    lost_at: Option<u64>,
    ran: Arc<Mutex<Vec<u64>>>,
}

impl TestDevice {
    fn failing(fails: impl IntoIterator<Item = u64>) -> Self {
        Self {
            fails: fails.into_iter().collect(),
            ..Self::default()
        }
    }

    fn lost_at(frame: u64) -> Self {
        Self {
            lost_at: Some(frame),
            ..Self::default()
        }
    }

    pub(super) fn run(
        &mut self,
        frames: &[DecodedFrame],
    ) -> Result<Option<BatchOutputs>, PredictError> {
        let fails = |id: u64| self.fails.contains(&id) || self.lost_at.is_some_and(|at| id >= at);
        if frames.iter().any(|frame| fails(frame.frame_id)) {
            let message = "asked for by a test".into();
            return Err(SessionError::Run { message }.into());
        }
        let ids = frames.iter().map(|frame| frame.frame_id);
        self.ran
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .extend(ids);
        Ok(None)
    }

    fn ran(&self) -> usize {
        self.ran
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .len()
    }
}

/// Runs so many frames of a stream; the numbers of those with a result, and of those whose result is an error, in the
/// order in which they came.
async fn run(devices: &[TestDevice], frames: u64) -> (Vec<u64>, Vec<u64>) {
    let engine = Engine::Test(devices.to_vec());
    let pipeline = Pipeline::start(engine, PipelineOptions::default()).unwrap();
    let outcome = stream(&pipeline, frames).await;
    drop(pipeline);
    outcome
}

async fn stream(pipeline: &Pipeline, frames: u64) -> (Vec<u64>, Vec<u64>) {
    let (replies, mut outbox) = mpsc::channel(4);
    let route = Arc::new(ResultRoute::new(replies, true));
    let stream: PipelineStream = pipeline.open(route, StreamClass::File);
    let send = async {
        for id in 0..frames {
            stream.frame(frame(id)).await.unwrap();
        }
        stream.flush().await.unwrap();
    };
    let read = async {
        let (mut done, mut failed) = (Vec::new(), Vec::new());
        while done.len() + failed.len() < frames as usize {
            match outbox.recv().await.unwrap() {
                Message::FrameReceived(received) => done.push(received.frame_id),
                Message::Error(error) => failed.push(error.frame_id.unwrap()),
                other => panic!("{other:?}"),
            }
        }
        (done, failed)
    };
    tokio::join!(send, read).1
}

#[tokio::test]
async fn results_of_several_devices_keep_the_order_of_their_stream() {
    let devices = [(); 3].map(|()| TestDevice::default());
    let (done, failed) = run(&devices, 500).await;
    assert!(done.into_iter().eq(0..500));
    assert!(failed.is_empty());
    assert_eq!(devices.iter().map(TestDevice::ran).sum::<usize>(), 500);
}

#[tokio::test]
async fn a_device_that_is_lost_costs_no_frame() {
    for lost_at in [0, 1, 50] {
        let devices = [TestDevice::default(), TestDevice::lost_at(lost_at)];
        let (done, failed) = run(&devices, 200).await;
        assert!(done.into_iter().eq(0..200), "lost at {lost_at}");
        assert!(failed.is_empty());
    }
    // It is lost while others are lost, too, and one is left.
    let devices = [10, 11, u64::MAX, 12].map(TestDevice::lost_at);
    let (done, _) = run(&devices, 200).await;
    assert!(done.into_iter().eq(0..200));
}

#[tokio::test]
async fn frames_that_no_device_runs_fail_alone() {
    let bad = [3, 4, 77];
    let devices = [(); 2].map(|()| TestDevice::failing(bad));
    let (done, failed) = run(&devices, 200).await;
    assert_eq!(failed, bad);
    assert!(done.into_iter().eq((0..200).filter(|id| !bad.contains(id))));
}

#[tokio::test]
async fn where_all_devices_are_lost_every_frame_says_so() {
    for number in 1..4 {
        let devices = vec![TestDevice::lost_at(20); number];
        let (done, failed) = run(&devices, 60).await;
        assert!(done.into_iter().eq(0..20));
        assert!(failed.into_iter().eq(20..60));
    }
}

#[tokio::test]
async fn streams_beside_each_other_keep_their_orders_when_a_device_is_lost() {
    let devices = vec![TestDevice::default(), TestDevice::lost_at(40)];
    let pipeline = Pipeline::start(Engine::Test(devices), PipelineOptions::default()).unwrap();
    let streams = [200, 150, 100].map(|frames| stream(&pipeline, frames));
    let [first, second, third] = streams;
    let (first, second, third) = tokio::join!(first, second, third);
    for ((done, failed), frames) in [(first, 200), (second, 150), (third, 100)] {
        assert!(done.into_iter().eq(0..frames));
        assert!(failed.is_empty());
    }
    pipeline.flush().await.unwrap();
}
