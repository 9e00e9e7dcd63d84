//! A model inside of another program: the frames of one call run beside each other.

use std::fmt;
use std::panic::resume_unwind;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use anyhow::Result;
use pose::{FramePrediction, FrameView, ModelDescription, PredictError, RunsOn};

use crate::serve;

/// Copies of a model that run beside each other at most: each holds the model's weights once more.
const MOST_COPIES: usize = 4;

/// A model inside of another program, for any of its threads.
pub struct EmbeddedModel {
    /// All cores, for one frame at a time.
    whole: Mutex<pose::Model>,
    info: ModelDescription,
    /// How copies with a share of the cores are loaded; `None`: there is nothing to share.
    sharing: Option<Sharing>,
    copies: Mutex<Option<Copies>>,
}

type Copies = Arc<[Mutex<pose::Model>]>;

struct Sharing {
    dir: PathBuf,
    options: pose::Options,
    copies: usize,
}

impl fmt::Debug for EmbeddedModel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut model = f.debug_struct("EmbeddedModel");
        model.field("info", &self.info).finish_non_exhaustive()
    }
}

impl EmbeddedModel {
    /// A model that is not copied.
    pub(super) fn alone(model: pose::Model) -> Self {
        Self {
            info: model.info().clone(),
            whole: Mutex::new(model),
            sharing: None,
            copies: Mutex::default(),
        }
    }

    /// A model of this folder. On a CPU, where `options` leave the threads open, several frames run on copies of it.
    pub(super) fn load(dir: PathBuf, options: &pose::Options) -> Result<Self> {
        let model = serve::load_model(&dir, options)?;
        let cores = pose::usable_cores();
        let processor = match &model.info().runs_on {
            RunsOn::Devices(devices) if devices.are_cpu() => Some(devices.first()),
            _ => None,
        };
        let processor = processor.filter(|_| options.threads.is_none() && cores > 1);
        let copies = cores.min(MOST_COPIES);
        let sharing = processor.map(|device| Sharing {
            dir,
            options: pose::Options {
                device,
                threads: Some(cores / copies),
                ..options.clone()
            },
            copies,
        });
        Ok(Self {
            sharing,
            ..Self::alone(model)
        })
    }

    /// What is known of the model.
    pub fn info(&self) -> &ModelDescription {
        &self.info
    }

    /// The poses of frames, in their order. The first call with several of them loads the copies.
    ///
    /// # Errors
    /// ONNX Runtime failed, or the outputs of a frame cannot be used; no frame has a prediction then.
    pub fn predict(&self, frames: &[FrameView<'_>]) -> Result<Vec<FramePrediction>> {
        match &self.sharing {
            Some(sharing) if frames.len() > 1 => {
                let copies = self.copies(sharing)?;
                let size = frames
                    .len()
                    .div_ceil(copies.len())
                    .min(self.info.max_batch.max(1));
                beside_each_other(&copies, &frames.chunks(size).collect::<Vec<_>>())
            }
            _ => Ok(lock(&self.whole).predict(frames)?),
        }
    }

    fn copies(&self, sharing: &Sharing) -> Result<Copies> {
        let mut copies = lock(&self.copies);
        if let Some(copies) = &*copies {
            return Ok(copies.clone());
        }
        let load = |_| {
            Ok(Mutex::new(pose::Model::load(
                &sharing.dir,
                &sharing.options,
            )?))
        };
        let loaded: Copies = (0..sharing.copies).map(load).collect::<Result<_>>()?;
        Ok(copies.insert(loaded).clone())
    }
}

/// The poses of all batches, each of which goes to the copy that is free first.
fn beside_each_other(
    copies: &[Mutex<pose::Model>],
    batches: &[&[FrameView<'_>]],
) -> Result<Vec<FramePrediction>> {
    let next = &AtomicUsize::new(0);
    let run =
        |copy: &Mutex<pose::Model>| -> Result<Vec<(usize, Vec<FramePrediction>)>, PredictError> {
            let mut model = lock(copy);
            let mut predicted = Vec::new();
            while let at = next.fetch_add(1, Ordering::Relaxed)
                && let Some(batch) = batches.get(at)
            {
                predicted.push((at, model.predict(batch)?));
            }
            Ok(predicted)
        };
    let Some((first, others)) = copies.split_first() else {
        return Ok(Vec::new());
    };
    let mut predicted = thread::scope(|scope| {
        let others: Vec<_> = others
            .iter()
            .take(batches.len().saturating_sub(1))
            .map(|copy| scope.spawn(move || run(copy)))
            .collect();
        let mut predicted = run(first)?;
        for other in others {
            let joined = other.join();
            predicted.extend(joined.unwrap_or_else(|panic| resume_unwind(panic))?);
        }
        Ok::<_, PredictError>(predicted)
    })?;
    predicted.sort_by_key(|(at, _)| *at);
    Ok(predicted.into_iter().flat_map(|(_, batch)| batch).collect())
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // After a panic the buffers hold what the next prediction replaces.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
