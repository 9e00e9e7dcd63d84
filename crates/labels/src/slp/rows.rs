//! The rows of the datasets: packed, little-endian, as SLEAP lays them out.

use hdf5_pure::{CompoundTypeBuilder, Datatype, EnumTypeBuilder, FormatError, make_i8_type};
use protocol::CaptureClock;

/// A row and its type.
pub(super) trait Row {
    /// The fields of a row.
    fn datatype() -> Result<Datatype, FormatError>;

    /// Appends the row's bytes.
    fn pack(&self, bytes: &mut Vec<u8>);
}

/// Appends values in little-endian order.
macro_rules! pack {
    ($bytes:expr, $($value:expr),+ $(,)?) => {
        $($bytes.extend_from_slice(&$value.to_le_bytes());)+
    };
}

/// `/frames`, 36 bytes.
pub(super) struct FrameRow {
    pub(super) frame_id: u64,
    pub(super) video: u32,
    pub(super) frame_idx: u64,
    pub(super) instance_id_start: u64,
    pub(super) instance_id_end: u64,
}

impl Row for FrameRow {
    fn datatype() -> Result<Datatype, FormatError> {
        CompoundTypeBuilder::new()
            .u64_field("frame_id")
            .u32_field("video")
            .u64_field("frame_idx")
            .u64_field("instance_id_start")
            .u64_field("instance_id_end")
            .build()
    }

    fn pack(&self, bytes: &mut Vec<u8>) {
        pack!(
            bytes,
            self.frame_id,
            self.video,
            self.frame_idx,
            self.instance_id_start,
            self.instance_id_end,
        );
    }
}

/// `/instances`, 57 bytes: a predicted instance.
pub(super) struct InstanceRow {
    pub(super) instance_id: u64,
    /// Row of `/frames`.
    pub(super) frame_id: u64,
    /// Row of `/tracks_json`.
    pub(super) track: Option<i32>,
    pub(super) score: f32,
    pub(super) tracking_score: f32,
    pub(super) point_id_start: u64,
    pub(super) point_id_end: u64,
}

/// An instance that a model has found.
const PREDICTED: u8 = 1;

impl Row for InstanceRow {
    fn datatype() -> Result<Datatype, FormatError> {
        CompoundTypeBuilder::new()
            .i64_field("instance_id")
            .u8_field("instance_type")
            .u64_field("frame_id")
            .u32_field("skeleton")
            .i32_field("track")
            .i64_field("from_predicted")
            .f32_field("score")
            .u64_field("point_id_start")
            .u64_field("point_id_end")
            .f32_field("tracking_score")
            .build()
    }

    fn pack(&self, bytes: &mut Vec<u8>) {
        let (skeleton, from_predicted) = (0u32, -1i64);
        pack!(
            bytes,
            self.instance_id,
            PREDICTED,
            self.frame_id,
            skeleton,
            self.track.unwrap_or(-1),
            from_predicted,
            self.score,
            self.point_id_start,
            self.point_id_end,
            self.tracking_score,
        );
    }
}

/// `/pred_points`, 26 bytes; `/points` has the same without the score.
pub(super) struct PointRow {
    /// `None`: the node was not found.
    pub(super) xy: Option<[f32; 2]>,
    pub(super) score: f32,
}

impl PointRow {
    /// The fields of a row of `/points`.
    pub(super) fn labelled() -> Result<CompoundTypeBuilder, FormatError> {
        let boolean = EnumTypeBuilder::with_base(make_i8_type())
            .value("FALSE", 0)
            .value("TRUE", 1)
            .build()?;
        Ok(CompoundTypeBuilder::new()
            .f64_field("x")
            .f64_field("y")
            .field("visible", boolean.clone())
            .field("complete", boolean))
    }
}

impl Row for PointRow {
    fn datatype() -> Result<Datatype, FormatError> {
        Self::labelled()?.f64_field("score").build()
    }

    fn pack(&self, bytes: &mut Vec<u8>) {
        let [x, y] = self.xy.map_or([f64::NAN; 2], |xy| xy.map(f64::from));
        let (visible, complete) = (u8::from(self.xy.is_some()), 0u8);
        pack!(bytes, x, y, visible, complete, f64::from(self.score));
    }
}

/// `/frame_times`, 25 bytes.
pub(super) struct FrameTimeRow {
    pub(super) frame_id: u64,
    pub(super) captured_us: u64,
    pub(super) latency_us: u64,
    pub(super) clock: Option<CaptureClock>,
}

impl Row for FrameTimeRow {
    fn datatype() -> Result<Datatype, FormatError> {
        CompoundTypeBuilder::new()
            .u64_field("frame_id")
            .u64_field("captured_us")
            .u64_field("latency_us")
            .u8_field("clock")
            .build()
    }

    fn pack(&self, bytes: &mut Vec<u8>) {
        let clock: u8 = match self.clock {
            None => 0,
            Some(CaptureClock::Driver) => 1,
            Some(CaptureClock::Device) => 2,
            Some(CaptureClock::Arrival) => 3,
        };
        pack!(
            bytes,
            self.frame_id,
            self.captured_us,
            self.latency_us,
            clock
        );
    }
}
