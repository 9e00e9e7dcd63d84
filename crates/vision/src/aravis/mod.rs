//! GenICam cameras (GigE Vision, USB3 Vision) through the library Aravis, which is looked for when a camera is
//! first needed: without it everything else of the program works.
//!
//! `library` holds the functions, `object` what they have in common; the other files are the safe wrapper that
//! the rest of the crate uses.

mod buffer;
mod camera;
mod devices;
mod features;
pub(crate) mod format;
mod library;
mod numbers;
mod object;
mod stream;
mod values;
mod waiting;

pub(crate) use buffer::{Buffer, RawFrame};
pub(crate) use camera::Camera;
pub(crate) use devices::{Device, enable_fake, list, version};
pub(crate) use features::FeatureKind;
pub(crate) use object::{CallError, CallErrorKind};
pub(crate) use stream::{Lost, Stream};

pub use library::AravisMissing;
