//! The page's two links: one that watches, one that also streams. Each has a token that is kept over
//! restarts.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use subtle::ConstantTimeEq;

use super::tls;

/// Which links of the page are served.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum ViewLinks {
    /// Both.
    #[default]
    Both,
    /// Watch only: no camera of a browser can be streamed.
    Look,
    /// Stream only: no page shows the stream of another client.
    Send,
}

/// What a link allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LinkKind {
    /// Watch.
    Look,
    /// Stream a camera, and watch unless watching is switched off.
    Send,
}

impl LinkKind {
    pub(super) const ALL: [Self; 2] = [Self::Look, Self::Send];

    /// The name of the link, in front of its token and in messages.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Look => "look",
            Self::Send => "send",
        }
    }

    /// Whether a worker with this setting serves the link.
    pub(super) fn is_served(self, links: ViewLinks) -> bool {
        match self {
            Self::Look => links != ViewLinks::Send,
            Self::Send => links != ViewLinks::Look,
        }
    }

    fn file(self, folder: &Path) -> PathBuf {
        folder.join(format!("{}-token", self.name()))
    }
}

/// The tokens of both links. No `Debug`: tokens must not get into logs.
pub(super) struct ViewTokens([(LinkKind, String); 2]);

impl ViewTokens {
    /// The kept tokens, or new ones that are kept from now on; with `renew` always new ones.
    ///
    /// # Errors
    /// A file holds no token, or there are no random numbers.
    pub(super) fn load(folder: Option<&Path>, renew: bool) -> Result<Self> {
        let token = |kind: LinkKind| {
            let file = folder.map(|folder| kind.file(folder));
            let kept = cli::stored_secret_at(file.as_deref(), renew);
            let secret = kept.context("the live view has no token")?;
            Ok::<_, anyhow::Error>((kind, format!("{}-{}", kind.name(), secret.reveal())))
        };
        Ok(Self([token(LinkKind::Look)?, token(LinkKind::Send)?]))
    }

    /// The link that this token belongs to. Takes the same time whichever it is.
    pub(super) fn find(&self, token: &str) -> Option<LinkKind> {
        let is = |known: &str| bool::from(known.as_bytes().ct_eq(token.as_bytes()));
        let found = self.0.each_ref().map(|(kind, known)| (*kind, is(known)));
        let [first, second] = found;
        [first, second]
            .into_iter()
            .find_map(|(kind, is)| is.then_some(kind))
    }

    /// The token of a link, with the link's name in front.
    pub(super) fn of(&self, kind: LinkKind) -> &str {
        let [(_, look), (_, send)] = &self.0;
        match kind {
            LinkKind::Look => look,
            LinkKind::Send => send,
        }
    }
}

/// Removes the kept tokens, so that links that were printed before no longer work.
///
/// # Errors
/// A file cannot be removed.
pub(crate) fn forget_tokens() -> Result<()> {
    tls::folder().map_or(Ok(()), |folder| forget_in(&folder))
}

fn forget_in(folder: &Path) -> Result<()> {
    for file in LinkKind::ALL.map(|kind| kind.file(folder)) {
        match std::fs::remove_file(&file) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(error).with_context(|| format!("cannot remove {}", file.display()));
            }
            _ => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(tokens: &ViewTokens) -> [String; 2] {
        LinkKind::ALL.map(|kind| tokens.of(kind).to_owned())
    }

    #[test]
    fn tokens_are_kept_in_private_files_until_they_are_renewed() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("view");
        let load = |renew| texts(&ViewTokens::load(Some(&folder), renew).unwrap());
        let first = load(false);
        assert_eq!(load(false), first);
        let renewed = load(true);
        assert!(renewed[0] != first[0] && renewed[1] != first[1]);
        assert_eq!(load(false), renewed);
        #[cfg(unix)]
        for kind in LinkKind::ALL {
            use std::os::unix::fs::PermissionsExt;
            let mode = std::fs::metadata(kind.file(&folder)).unwrap().permissions();
            assert_eq!(mode.mode() & 0o777, 0o600);
        }
        forget_in(&folder).unwrap();
        forget_in(&folder).unwrap();
        assert!(load(false)[0] != renewed[0]);
    }

    #[test]
    fn each_token_belongs_to_its_link() {
        let tokens = ViewTokens::load(None, false).unwrap();
        let [look, send] = texts(&tokens);
        assert!(look.starts_with("look-") && send.starts_with("send-"));
        assert_eq!(tokens.find(&look), Some(LinkKind::Look));
        assert_eq!(tokens.find(&send), Some(LinkKind::Send));
        let as_send = look.replace("look-", "send-");
        for other in [
            "",
            "look-",
            "send-",
            &look[5..],
            &as_send,
            &format!("{send}0"),
        ] {
            assert_eq!(tokens.find(other), None, "{other}");
        }
    }

    #[test]
    fn a_link_that_is_switched_off_is_not_served() {
        let served = |links| LinkKind::ALL.map(|kind| kind.is_served(links));
        assert_eq!(served(ViewLinks::Both), [true, true]);
        assert_eq!(served(ViewLinks::Look), [true, false]);
        assert_eq!(served(ViewLinks::Send), [false, true]);
    }
}
