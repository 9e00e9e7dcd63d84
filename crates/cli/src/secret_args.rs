//! The options for the secret that worker and client share.

use std::fmt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::Args;
use link::Secret;

use crate::private_file::{self, FileOrigin};
use crate::settings::SettingOrigins;

/// A text that must not show in messages and logs. Parsing never fails: an error would repeat it.
#[derive(Clone, PartialEq, Eq)]
pub struct Redacted(pub String);

impl fmt::Debug for Redacted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(hidden)")
    }
}

impl From<&str> for Redacted {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

/// Options for the secret that both programs take.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Between machines")]
pub struct SecretArgs {
    /// A file with the secret that worker and client share: base64 of at least 16 bytes.
    ///
    /// The variable SLEAP_ROOM_SECRET does as well.
    #[arg(long, value_name = "FILE")]
    pub secret_file: Option<PathBuf>,

    /// The secret itself; other users of this machine see a command line.
    #[arg(long, value_name = "SECRET", conflicts_with = "secret_file")]
    pub secret: Option<Redacted>,

    /// Where these options and the others that decide about a secret stand.
    #[arg(skip)]
    pub origins: SettingOrigins,
}

impl SecretArgs {
    /// The same, for the link of a stored worker that no option names: as weak as the user's settings file.
    pub fn for_stored_worker(&self) -> Self {
        Self {
            origins: self.origins.clone().with_stored_worker(),
            ..self.clone()
        }
    }
}

/// Whether this program was started with a text on its command line. Settings also come from
/// elsewhere.
pub fn is_in_process_list(text: &str) -> bool {
    std::env::args_os().any(|argument| argument.to_string_lossy().contains(text))
}

/// Reads a secret from a file that holds nothing else.
pub(crate) fn read(file: &Path, found: FileOrigin) -> Result<Secret> {
    let text = private_file::read(file, found)?;
    parse(&text).with_context(|| format!("the secret in {} cannot be used", file.display()))
}

pub(crate) fn parse(text: &str) -> Result<Secret> {
    Ok(text.parse()?)
}
