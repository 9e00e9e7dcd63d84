//! `animals`: a motion model, poses, and a number of animals that is given or found out.
//!
//! Every frame, each pair of an animal and a detection gets a log-likelihood ratio: how much
//! likelier the detection is that animal than an invented one while the animal hides. The pairs
//! with the largest sum win.
//!
//! | part | what it estimates |
//! |---|---|
//! | distance | from where the animal is predicted, or from where it was; heavy tails, so that one long jump is likelier than two medium ones |
//! | pose | how the nodes lie around the animal's middle: its heading and its shape |
//! | score | how often detections of such a score were animals so far |
//! | absence | the longer an animal has been hidden, the farther it may have gone |
//!
//! All scales (steps, noise of poses, scores) are learned from the frames; none is in pixels.

mod alternatives;
mod animal;
mod jumps;
mod kernel;
mod likelihood;
mod options;
mod population;
mod scales;
mod scores;
mod tracker;

pub use options::AnimalsOptions;
pub(crate) use tracker::AnimalsTracker;
