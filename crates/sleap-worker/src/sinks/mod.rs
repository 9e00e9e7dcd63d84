//! Receivers of frames with their results: the window, the live view, saved frames, consumers of poses, rules.

mod emit_sink;
mod frame_saver;
mod poses_sink;
mod rules_sink;
mod save_counts;
mod view_sink;
mod window_sink;
mod window_text;

pub(crate) use emit_sink::EmitSink;
pub(crate) use frame_saver::FrameSaver;
pub(crate) use poses_sink::PosesSink;
pub(crate) use rules_sink::{RulesSink, WorkerRules};
pub(crate) use save_counts::SaveCounts;
pub(crate) use view_sink::ViewSink;
pub(crate) use window_sink::WindowSink;
