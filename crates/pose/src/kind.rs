//! Which kinds of model there are, and which of them give poses.

use std::{fmt, str::FromStr};

/// sleap-nn's `model_type`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ModelKind {
    /// One animal a frame.
    SingleInstance,
    /// One anchor point an animal.
    Centroid,
    /// Centroids, then one crop an animal.
    TopDown,
    /// All points, then part-affinity fields group them.
    BottomUp,
    /// All points, then class maps group them by identity.
    MultiClassBottomUp,
    /// Top-down with an identity for each animal.
    MultiClassTopDown,
}

/// Why a `model_type` cannot be run.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KindError {
    /// A bottom-up model whose skeleton cannot be walked from a root.
    #[error(
        "the skeleton's {edges} edges have no root: a bottom-up model needs edges that lead away from \
         one node"
    )]
    NoRoot {
        /// How many edges there are.
        edges: usize,
    },
    /// A kind that gives something other than points.
    #[error("models of kind '{name}' are not supported: they give {gives}, not poses")]
    NoPoses {
        /// The `model_type`.
        name: String,
        /// What such a model gives.
        gives: &'static str,
    },
    /// One half of a top-down pair.
    #[error(
        "models of kind '{name}' work on crops and need a centroid model: export both together, \
         `sleap-nn export CENTROID_DIR INSTANCE_DIR -o OUT`"
    )]
    HalfOfTopDown {
        /// The `model_type`.
        name: String,
    },
    /// Not a kind of sleap-nn 0.3.5.
    #[error("unknown model kind '{name}': was this written by a newer `sleap-nn export`?")]
    Unknown {
        /// The `model_type`.
        name: String,
    },
}

impl ModelKind {
    /// All kinds.
    pub const ALL: [Self; 6] = [
        Self::SingleInstance,
        Self::Centroid,
        Self::TopDown,
        Self::BottomUp,
        Self::MultiClassBottomUp,
        Self::MultiClassTopDown,
    ];

    /// sleap-nn's name for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::SingleInstance => "single_instance",
            Self::Centroid => "centroid",
            Self::TopDown => "topdown",
            Self::BottomUp => "bottomup",
            Self::MultiClassBottomUp => "multi_class_bottomup",
            Self::MultiClassTopDown => "multi_class_topdown_combined",
        }
    }
}

impl ModelKind {
    /// Whether the model itself tells which animal is which.
    pub fn knows_identities(self) -> bool {
        matches!(self, Self::MultiClassBottomUp | Self::MultiClassTopDown)
    }
}

impl FromStr for ModelKind {
    type Err = KindError;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        if let Some(kind) = Self::ALL.into_iter().find(|kind| kind.name() == name) {
            return Ok(kind);
        }
        let name = name.to_owned();
        Err(match name.as_str() {
            "centered_instance" | "multi_class_topdown" => KindError::HalfOfTopDown { name },
            "embedding" => KindError::NoPoses {
                name,
                gives: "embeddings",
            },
            "bbox_centernet" | "bbox_ssd" => KindError::NoPoses {
                name,
                gives: "boxes",
            },
            _ if name.contains("segmentation") => KindError::NoPoses {
                name,
                gives: "masks",
            },
            _ => KindError::Unknown { name },
        })
    }
}

impl fmt::Display for ModelKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_sleap_nn_s_name() {
        for kind in ModelKind::ALL {
            assert_eq!(kind.to_string().parse(), Ok(kind));
        }
    }

    #[test]
    fn what_cannot_be_run_is_named() {
        for (name, words) in [
            ("centered_instance", "centroid model"),
            ("multi_class_topdown", "centroid model"),
            ("bottomup_segmentation", "masks, not poses"),
            ("centered_instance_segmentation", "masks, not poses"),
            ("semantic_segmentation", "masks, not poses"),
            ("embedding", "embeddings, not poses"),
            ("bbox_ssd", "boxes, not poses"),
            ("bbox_centernet", "boxes, not poses"),
            ("hologram", "unknown model kind"),
            ("", "unknown model kind"),
        ] {
            let message = name.parse::<ModelKind>().expect_err(name).to_string();
            assert!(message.contains(&format!("'{name}'")), "{message}");
            assert!(message.contains(words), "{message}");
        }
    }
}
