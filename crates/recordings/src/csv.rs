//! The columns of sleap-io's `instances` format: one instance a row.
//!
//! `frame_idx, video_path, track, track_score, score`, then `x`, `y` and `score` of each node.
//! Cells are empty where there is nothing: no track, a node that was not found.

use crate::header::{Header, unnamed};
use crate::lines::{Lines, Out};
use crate::record::check_nodes;
use crate::{Record, Sink, WriteError};

/// Instances as rows.
pub(crate) struct Csv {
    writer: ::csv::Writer<Lines>,
    header: Header,
    /// Nodes of each instance, once the row of names is written.
    nodes: Option<usize>,
}

impl Csv {
    pub(crate) fn new(out: Out, header: Header) -> Result<Self, WriteError> {
        let mut csv = Self {
            writer: ::csv::WriterBuilder::new().from_writer(Lines::new(out)),
            header,
            nodes: None,
        };
        if let Some(skeleton) = csv.header.skeleton.clone() {
            csv.names(&skeleton.nodes)?;
            csv.flush()?;
        }
        Ok(csv)
    }

    fn names(&mut self, nodes: &[String]) -> Result<(), WriteError> {
        let first = ["frame_idx", "video_path", "track", "track_score", "score"];
        let first = first.into_iter().map(str::to_owned);
        let columns = |node: &String| ["x", "y", "score"].map(|what| format!("{node}.{what}"));
        self.writer
            .write_record(first.chain(nodes.iter().flat_map(columns)))
            .map_err(refused)?;
        self.nodes = Some(nodes.len());
        Ok(())
    }

    fn instance(&mut self, record: &Record, index: usize) -> Result<(), WriteError> {
        let prediction = &record.prediction;
        let place = self.header.place(record);
        let track = prediction.tracks.get(index).and_then(Option::as_deref);
        let score = prediction.instance_scores.get(index).copied().flatten();
        let points = prediction.instances[index].iter();
        let confidence = prediction.confidence.get(index);
        let first = [
            place.frame_idx.to_string(),
            self.header.video(place).filename.clone(),
            track.unwrap_or_default().to_owned(),
            "0.0".to_owned(),
            number(score),
        ];
        let cells = points.enumerate().flat_map(|(node, point)| {
            let score = confidence.and_then(|row| row.get(node).copied().flatten());
            let [x, y] = point.map_or([None; 2], |xy| xy.map(Some));
            [number(x), number(y), number(score)]
        });
        self.writer
            .write_record(first.into_iter().chain(cells))
            .map_err(refused)
    }
}

impl Sink for Csv {
    fn write(&mut self, record: &Record) -> Result<(), WriteError> {
        let prediction = &record.prediction;
        let Some(nodes) = check_nodes(prediction, self.nodes)? else {
            return Ok(());
        };
        if self.nodes.is_none() {
            self.names(&unnamed(nodes).nodes)?;
        }
        (0..prediction.instances.len()).try_for_each(|index| self.instance(record, index))
    }

    /// A file that nobody is seen in has the columns that all have.
    fn end(&mut self) -> Result<(), WriteError> {
        if self.nodes.is_none() {
            self.names(&[])?;
        }
        self.flush()
    }

    fn flush(&mut self) -> Result<(), WriteError> {
        Ok(self.writer.flush()?)
    }

    fn waiting(&self) -> usize {
        self.writer.get_ref().waiting()
    }
}

/// As sleap-io writes it: the 64-bit value, which reads back to the same bits.
fn number(value: Option<f32>) -> String {
    let finite = value.filter(|value| value.is_finite());
    finite.map_or_else(String::new, |value| format!("{:?}", f64::from(value)))
}

fn refused(error: ::csv::Error) -> WriteError {
    WriteError::Io(error.into())
}
