//! What a look through a whole video tells of it, as sleap-nn's `prepare` does.

use crate::detection::Detection;
use crate::mot::body_size::{Pairs, links, resolved};
use crate::mot::boxes::MIN_SIDE;
use crate::mot::detections::{BoxDetection, extent};
use crate::mot::options::MotOptions;
use crate::mot::stride::Stride;
use crate::numeric::{nan_median, nan_quantile};

/// A good detection has a score that is above so many of all.
const SCORE_QUANTILE: f64 = 0.95;
/// The least that scores are divided by.
const MIN_NORMALIZER: f64 = 1e-6;
/// Detections that follow each other clearly count from so many on.
const MIN_CHAIN_LEN: usize = 10;
/// A detection that follows is nearer than this share of the distance between animals.
const LINK_SHARE: f64 = 0.5;

/// What was measured.
pub(crate) struct Calibration {
    /// The options with it.
    pub(crate) options: MotOptions,
    /// The steps between the frames.
    pub(crate) stride: Stride,
    /// How far animals go in a fast step, pixels; NaN where that is not known, or not used.
    pub(crate) step_p95: f64,
}

/// Looks through a video. `frame`: number and detections of each of `count` frames.
pub(crate) fn calibrated(
    options: &MotOptions,
    count: usize,
    frame: &dyn Fn(usize) -> (i64, Vec<Detection>),
) -> Calibration {
    let boxes = |index: usize| {
        let (number, detections) = frame(index);
        let all = detections
            .iter()
            .map(|one| BoxDetection::of(one, options, MIN_SIDE));
        let valid: Vec<_> = all.filter(BoxDetection::is_valid).collect();
        (number, valid)
    };
    let mut stride = Stride::new(options.time_base);
    let (mut scores, mut diagonals, mut spacings) = (Vec::new(), Vec::new(), Vec::new());
    let mut last = None;
    for index in 0..count {
        let (number, found) = boxes(index);
        if let Some(last) = last.replace(number) {
            stride.note(number.saturating_sub(last));
        }
        scores.extend(found.iter().map(|one| one.score));
        diagonals.extend(found.iter().filter_map(diagonal));
        let near = Pairs::of(&found).nearest.into_iter();
        spacings.extend(near.filter(|distance| distance.is_finite()));
    }
    let stride = stride.settled();
    let (diagonal, spacing) = (nan_median(&diagonals), nan_median(&spacings));
    let has_extent = diagonal > 0.0;
    let are_used = options.joins_tracks() || (options.body_size.is_none() && !has_extent);
    let steps = match are_used {
        true => steps(count, &boxes, &stride, spacing),
        false => Vec::new(),
    };
    let size = || resolved(diagonal, nan_quantile(&steps, 0.99), spacing);
    let measured = options.body_size.unwrap_or_else(size);
    let quantile = nan_quantile(&scores, SCORE_QUANTILE);
    let normalizer = match quantile.is_finite() {
        true => quantile.max(MIN_NORMALIZER),
        false => 1.0,
    };
    let options = MotOptions {
        body_size: Some(measured),
        score_normalizer: normalizer,
        ..options.clone()
    };
    Calibration {
        options,
        stride,
        step_p95: nan_quantile(&steps, 0.95),
    }
}

/// The extent of a pose of two nodes or more.
fn diagonal(found: &BoxDetection) -> Option<f64> {
    let bounds = extent(&found.points).filter(|_| found.visible >= 2)?;
    let side = |low: f64, high: f64| (high - low).max(MIN_SIDE);
    Some(side(bounds[0], bounds[2]).hypot(side(bounds[1], bounds[3])))
}

/// Detections that follow each other clearly.
#[derive(Default)]
struct Chain {
    /// Pixels from one to the next, a step.
    steps: Vec<f64>,
}

/// How far animals go in a step, pixels, where that can be told.
fn steps(
    count: usize,
    boxes: &dyn Fn(usize) -> (i64, Vec<BoxDetection>),
    stride: &Stride,
    spacing: f64,
) -> Vec<f64> {
    let reach = match spacing.is_nan() {
        true => f64::INFINITY,
        false => LINK_SHARE * spacing,
    };
    let mut kept = Vec::new();
    let mut end = |chain: Chain| {
        if chain.steps.len() + 1 >= MIN_CHAIN_LEN {
            kept.extend(chain.steps);
        }
    };
    let mut previous: Option<(i64, Vec<BoxDetection>, Pairs, Vec<Chain>)> = None;
    for index in 0..count {
        let (number, found) = boxes(index);
        let pairs = Pairs::of(&found);
        let mut chains: Vec<Chain> = found.iter().map(|_| Chain::default()).collect();
        if let Some((last, earlier, before, mut open)) = previous.take() {
            let steps = f64::from(stride.steps_of(number.saturating_sub(last)));
            for link in links(&earlier, &before, &found, &pairs, reach) {
                let mut chain = std::mem::take(&mut open[link.from]);
                chain.steps.push(link.distance / steps);
                chains[link.to] = chain;
            }
            open.into_iter().for_each(&mut end);
        }
        previous = Some((number, found, pairs, chains));
    }
    if let Some((_, _, _, open)) = previous {
        open.into_iter().for_each(&mut end);
    }
    kept
}
