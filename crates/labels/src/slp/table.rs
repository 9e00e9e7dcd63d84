//! A dataset that rows are appended to.

use hdf5_pure::{Dataset, Datatype, Error, File, FileBuilder, MaxExtent};

use crate::error::WriteError;

/// A dataset of a new file.
pub(super) struct DatasetLayout {
    pub(super) name: &'static str,
    pub(super) datatype: Datatype,
    /// Rows of a chunk.
    pub(super) chunk: usize,
    /// Rows that are there from the beginning.
    pub(super) first: Vec<u8>,
}

impl DatasetLayout {
    pub(super) fn new(name: &'static str, datatype: Datatype, chunk: usize) -> Self {
        Self {
            name,
            datatype,
            chunk,
            first: Vec::new(),
        }
    }

    pub(super) fn row_bytes(&self) -> usize {
        self.datatype.type_size() as usize
    }

    /// Adds the dataset to a file that is being made.
    pub(super) fn build(&self, file: &mut FileBuilder) {
        let rows = (self.first.len() / self.row_bytes()) as u64;
        file.create_dataset(self.name)
            .with_raw_data(self.datatype.clone(), self.first.clone(), rows)
            .with_shape(&[rows])
            .with_maxshape(&[MaxExtent::Unlimited])
            .with_chunks(&[self.chunk as u64]);
    }
}

/// A dataset of rows of fixed length, and the rows of the next append.
pub(super) struct RowDataset {
    dataset: Dataset,
    row_bytes: usize,
    chunk: usize,
    /// Rows in the file and waiting.
    rows: u64,
    waiting: Vec<u8>,
}

impl RowDataset {
    pub(super) fn open(file: &File, layout: &DatasetLayout) -> Result<Self, Error> {
        let row_bytes = layout.row_bytes();
        Ok(Self {
            dataset: file.dataset(layout.name)?,
            row_bytes,
            chunk: layout.chunk,
            rows: (layout.first.len() / row_bytes) as u64,
            waiting: Vec::new(),
        })
    }

    /// Rows in the file and waiting: the index of the next one.
    pub(super) fn rows(&self) -> u64 {
        self.rows
    }

    /// Takes a row, which fills the type's bytes exactly.
    pub(super) fn push(&mut self, row: &[u8]) {
        debug_assert_eq!(row.len(), self.row_bytes);
        self.waiting.extend_from_slice(row);
        self.rows += 1;
    }

    /// Takes a text that fits, as a row of texts.
    pub(super) fn push_padded(&mut self, text: &[u8]) {
        self.push(&padded(text, self.row_bytes));
    }

    /// Bytes that an append would write.
    pub(super) fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// Whether an append would end on a chunk's border.
    pub(super) fn is_even(&self) -> bool {
        self.rows.is_multiple_of(self.chunk as u64)
    }

    /// Writes other rows in place of those in the file: as many, and nothing may wait. They are in the
    /// file once it is committed.
    pub(super) fn replace(&mut self, rows: Vec<u8>) -> Result<(), Error> {
        debug_assert!(self.waiting.is_empty());
        let (datatype, count) = (self.dataset.datatype()?, self.rows);
        self.dataset.write_staged(|dataset| {
            dataset.with_raw_data(datatype, rows, count);
        })
    }

    /// Bytes of a row.
    pub(super) fn row_bytes(&self) -> usize {
        self.row_bytes
    }

    /// Appends what waits.
    pub(super) fn append(&mut self) -> Result<(), WriteError> {
        if self.waiting.is_empty() {
            return Ok(());
        }
        let appended = self.dataset.append_raw(&self.waiting);
        self.waiting.clear();
        appended.map_err(|error| WriteError::Hdf5(error.to_string()))
    }
}

/// A text padded to `room` bytes; callers have checked that it fits.
pub(super) fn padded(text: &[u8], room: usize) -> Vec<u8> {
    let mut bytes = text.to_vec();
    bytes.resize(room, 0);
    bytes
}
