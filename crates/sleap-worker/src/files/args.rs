//! Options of file transfer.

use std::path::PathBuf;

/// Bytes in the units that people use for disks.
const UNITS: [(&str, u64); 5] = [
    ("TB", 1_000_000_000_000),
    ("GB", 1_000_000_000),
    ("MB", 1_000_000),
    ("KB", 1_000),
    ("B", 1),
];

/// Options of file transfer.
#[derive(Debug, Clone, clap::Args)]
pub struct FileArgs {
    /// Take no streams; files that clients send are still predicted.
    #[arg(long)]
    pub no_stream: bool,

    /// The largest file that a client may send; 0 takes none.
    #[arg(long, value_name = "BYTES", default_value = "20GB", value_parser = bytes)]
    pub max_upload: u64,

    /// All files that clients have sent together; what others keep in the same folder is not counted.
    #[arg(long, value_name = "BYTES", default_value = "100GB", value_parser = bytes)]
    pub upload_quota: u64,

    /// Where files are while they are needed: in sleap-stream-uploads, a folder that the worker makes in
    /// this one (default: sleap-stream in the user's cache). Nothing else is deleted or changed.
    #[arg(long, value_name = "DIR")]
    pub upload_dir: Option<PathBuf>,

    /// Predict so many files of clients at the same time; the others wait in the order in which they came.
    ///
    /// They share the model, so that all of them together take as long as one after the other.
    #[arg(long, value_name = "N", default_value = "1", value_parser = clap::value_parser!(u16).range(1..=64))]
    pub max_jobs: u16,

    /// Keep files that clients have sent, instead of removing them when their predictions are
    /// delivered.
    #[arg(long)]
    pub keep: bool,
}

/// `5GB`, `500 MB` or a number of bytes.
fn bytes(text: &str) -> Result<u64, String> {
    let wrong = || format!("'{text}' is not a size such as 5GB, 500MB or 1000000");
    let upper = text.trim().to_ascii_uppercase();
    let unit = UNITS
        .iter()
        .find_map(|(unit, size)| Some((upper.strip_suffix(unit)?, *size)));
    let (number, size) = unit.unwrap_or((&upper, 1));
    let number: f64 = number.trim().parse().map_err(|_| wrong())?;
    let bytes = number * size as f64;
    // What a float counts exactly is a thousand times the largest disk.
    match (0.0..=9e15).contains(&bytes) {
        true => Ok(bytes as u64),
        false => Err(wrong()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_written_as_people_do() {
        assert_eq!(bytes("5GB"), Ok(5_000_000_000));
        assert_eq!(bytes("1.5 mb"), Ok(1_500_000));
        assert_eq!(bytes("64kB"), Ok(64_000));
        assert_eq!(bytes("10B"), Ok(10));
        assert_eq!(bytes("0"), Ok(0));
        for text in ["", "GB", "-1", "5XB", "inf", "NaN", "1e30"] {
            assert!(bytes(text).is_err(), "{text}");
        }
    }
}
