//! The columns of sleap-io's `instances` format: one instance a row.
//!
//! `frame_idx, video_path, track, track_score, score`, then `x`, `y` and `score` of each node.
//! Cells are empty where there is nothing: no track, a node that was not found. Where several cameras show the same
//! moments, the last column is `moment`.
//!
//! Names come from models and peers, and spreadsheets run cells that begin like a formula. Such a name
//! gets a `'` before it, as OWASP advises, and one with a semicolon, at which spreadsheets of many
//! countries split cells, is quoted. Numbers are left as they are.

use crate::error::WriteError;
use crate::header::{LabelsHeader, unnamed};
use crate::lines::{LineTarget, LineWriter};
use crate::record::{PredictionRecord, check_nodes};
use crate::sink::RecordWriter;

/// Instances as rows.
pub(crate) struct CsvWriter {
    writer: ::csv::Writer<LineWriter>,
    header: LabelsHeader,
    /// Nodes of each instance, once the row of names is written.
    nodes: Option<usize>,
}

impl CsvWriter {
    pub(crate) fn new(out: LineTarget, header: LabelsHeader) -> Result<Self, WriteError> {
        let mut csv = Self {
            writer: ::csv::WriterBuilder::new()
                // Cells with this character are quoted, too.
                .comment(Some(b';'))
                .from_writer(LineWriter::new(out)),
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
        let columns =
            |node: &String| ["x", "y", "score"].map(|what| name(&format!("{node}.{what}")));
        let moment = self.header.has_moments.then(|| "moment".to_owned());
        let nodes_columns = nodes.iter().flat_map(columns);
        self.writer
            .write_record(first.chain(nodes_columns).chain(moment))
            .map_err(refused)?;
        self.nodes = Some(nodes.len());
        Ok(())
    }

    fn instance(&mut self, record: &PredictionRecord, index: usize) -> Result<(), WriteError> {
        let prediction = &record.prediction;
        let frame_reference = self.header.frame_reference(record);
        let track = record.track(index);
        let track_score = prediction.track_scores.get(index).copied().flatten();
        let score = prediction.instance_scores.get(index).copied().flatten();
        let points = prediction.instances[index].iter();
        let confidence = prediction.confidence.get(index);
        let first = [
            frame_reference.frame_idx.to_string(),
            name(
                self.header
                    .video(frame_reference)
                    .file_of(frame_reference.frame_idx),
            ),
            name(track.unwrap_or_default()),
            track_score.map_or("0.0".to_owned(), |score| number(Some(score))),
            number(score),
        ];
        let cells = points.enumerate().flat_map(|(node, point)| {
            let score = confidence.and_then(|row| row.get(node).copied().flatten());
            let [x, y] = point.map_or([None; 2], |xy| xy.map(Some));
            [number(x), number(y), number(score)]
        });
        let moment = record.moment.map(|moment| moment.to_string());
        let moment = self.header.has_moments.then(|| moment.unwrap_or_default());
        self.writer
            .write_record(first.into_iter().chain(cells).chain(moment))
            .map_err(refused)
    }
}

impl RecordWriter for CsvWriter {
    fn write(&mut self, record: &PredictionRecord) -> Result<(), WriteError> {
        let prediction = &record.prediction;
        let Some(nodes) = check_nodes(prediction, self.nodes)? else {
            return Ok(());
        };
        if self.nodes.is_none() {
            self.names(&unnamed(nodes).nodes)?;
        }
        (0..prediction.instances.len()).try_for_each(|index| self.instance(record, index))
    }

    /// A file without instances has the columns that all files have.
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

/// A name that no spreadsheet evaluates as a formula.
pub(crate) fn name(text: &str) -> String {
    const BEGINNINGS: [char; 11] = ['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠'];
    match text.starts_with(BEGINNINGS) {
        true => format!("'{text}"),
        false => text.to_owned(),
    }
}

/// As sleap-io writes it: the 64-bit value, which reads back to the same bits.
fn number(value: Option<f32>) -> String {
    let finite = value.filter(|value| value.is_finite());
    finite.map_or_else(String::new, |value| format!("{:?}", f64::from(value)))
}

pub(crate) fn refused(error: ::csv::Error) -> WriteError {
    WriteError::Io(error.into())
}

#[cfg(test)]
mod tests {
    use protocol::{Prediction, Skeleton};

    use super::*;

    #[test]
    fn tracks_have_their_scores() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.csv");
        let record = PredictionRecord {
            prediction: Prediction {
                instances: vec![vec![Some([1.0, 2.0])]; 2],
                tracks: vec![Some("track_0".to_owned()), None],
                track_scores: vec![Some(0.75), None],
                ..Prediction::default()
            },
            ..PredictionRecord::default()
        };
        let out = LineTarget::File(std::fs::File::create(&path).unwrap());
        let mut csv = CsvWriter::new(out, LabelsHeader::default()).unwrap();
        csv.write(&record).unwrap();
        csv.end().unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        let cells = |row: usize| -> Vec<_> { text.lines().nth(row).unwrap().split(',').collect() };
        assert_eq!(&cells(1)[2..4], ["track_0", "0.75"]);
        assert_eq!(&cells(2)[2..4], ["", "0.0"]);
    }

    #[test]
    fn moments_of_several_cameras_are_the_last_column() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.csv");
        let record = PredictionRecord {
            prediction: Prediction {
                instances: vec![vec![Some([1.0, 2.0])]],
                ..Prediction::default()
            },
            moment: Some(17),
            ..PredictionRecord::default()
        };
        let out = LineTarget::File(std::fs::File::create(&path).unwrap());
        let header = LabelsHeader {
            has_moments: true,
            ..LabelsHeader::default()
        };
        let mut csv = CsvWriter::new(out, header).unwrap();
        csv.write(&record).unwrap();
        csv.end().unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        let last = |line: &str| line.rsplit(',').next().map(str::to_owned);
        let cells: Vec<_> = text.lines().filter_map(last).collect();
        assert_eq!(cells, ["moment", "17"]);
    }

    #[test]
    fn names_are_no_formulas_and_numbers_stay_numbers() {
        let harmful = ["=1+2", "+1", "-1", "@x", "\t=1", "\r=1", "\n=1", "＝1"];
        let harmless = ["a;=1", "nose"];
        let nodes: Vec<String> = harmful
            .iter()
            .chain(&harmless)
            .map(|it| (*it).to_owned())
            .collect();
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.csv");
        let record = PredictionRecord {
            prediction: Prediction {
                instances: vec![vec![Some([-1.5, 2.0]); nodes.len()]],
                tracks: vec![Some("=cmd|' /C calc'!A0".to_owned())],
                ..Prediction::default()
            },
            ..PredictionRecord::default()
        };
        let skeleton = Some(Skeleton {
            nodes,
            ..Skeleton::default()
        });
        let header = LabelsHeader {
            skeleton,
            ..LabelsHeader::default()
        };
        let out = LineTarget::File(std::fs::File::create(&path).unwrap());
        let mut csv = CsvWriter::new(out, header).unwrap();
        csv.write(&record).unwrap();
        csv.end().unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        let mut reader = ::csv::ReaderBuilder::new();
        let mut rows = reader.has_headers(false).from_reader(text.as_bytes());
        let rows: Vec<_> = rows.records().map(Result::unwrap).collect();
        let mut names = rows[0].iter().skip(5).step_by(3);
        for name in harmful {
            assert_eq!(names.next(), Some(format!("'{name}.x").as_str()));
        }
        for name in harmless {
            assert_eq!(names.next(), Some(format!("{name}.x").as_str()));
        }
        // A spreadsheet that splits cells at semicolons does not split this one.
        assert!(text.contains(r#","a;=1.x","#), "{text}");
        assert_eq!(&rows[1][2], "'=cmd|' /C calc'!A0");
        assert_eq!(&rows[1][5], "-1.5");
    }
}
