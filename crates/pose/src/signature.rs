//! What a graph takes and gives, and whether that is what a model of its kind does.

use crate::outputs::{ElementType, RequiredOutput, TensorSpec};

/// The name that sleap-nn gives the only input.
pub(crate) const INPUT: &str = "image";

/// The inputs and outputs of a graph.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GraphSignature {
    /// What it takes: of exports `image`, uint8 `[batch, channels, height, width]`.
    pub inputs: Vec<TensorSpec>,
    /// What it gives.
    pub outputs: Vec<TensorSpec>,
}

impl GraphSignature {
    /// Height and width where the graph has them fixed.
    pub(crate) fn fixed_size(&self) -> (Option<u32>, Option<u32>) {
        let size = |axis: usize| {
            let shape = &self.inputs.first()?.shape;
            // What has other dimensions is no size of an image.
            let length = *shape.get(axis).filter(|_| shape.len() == 4)?;
            u32::try_from(length).ok().filter(|&n| n > 0)
        };
        (size(2), size(3))
    }

    /// Whether an output has 16-bit floats, which are coarse as coordinates.
    pub(crate) fn gives_half(&self, name: &str) -> bool {
        let mut outputs = self.outputs.iter();
        outputs.any(|output| output.name == name && output.element == ElementType::Float16)
    }

    /// What the graph gives, for a sentence.
    pub(crate) fn described_outputs(&self) -> String {
        let outputs: Vec<_> = self.outputs.iter().map(TensorSpec::to_string).collect();
        match outputs.is_empty() {
            true => "no outputs".to_owned(),
            false => format!("the outputs {}", outputs.join(", ")),
        }
    }

    /// Checks that the graph takes `image` u8 `[B, channels, H, W]` and gives `outputs`. The error is what it lacks.
    pub(crate) fn check(&self, channels: u32, outputs: &[RequiredOutput]) -> Result<(), String> {
        let fits = |input: &TensorSpec| {
            let shape = &input.shape;
            input.name == INPUT
                && input.element == ElementType::Uint8
                && shape.len() == 4
                && (shape[1] < 0 || shape[1] == i64::from(channels))
        };
        if !matches!(&self.inputs[..], [only] if fits(only)) {
            return Err(format!(
                "single input '{INPUT}' of uint8 [batch, {channels}, height, width]"
            ));
        }
        let is_missing =
            |spec: &&RequiredOutput| !self.outputs.iter().any(|output| spec.fits(output));
        match outputs.iter().find(is_missing) {
            Some(missing) => Err(missing.to_string()),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tensor(name: &str, element: ElementType, shape: &[i64]) -> TensorSpec {
        TensorSpec {
            name: name.to_owned(),
            element,
            shape: shape.to_vec(),
        }
    }

    fn signature() -> GraphSignature {
        GraphSignature {
            inputs: vec![tensor("image", ElementType::Uint8, &[-1, 1, 192, -1])],
            outputs: vec![tensor("peaks", ElementType::Float16, &[-1, 5, 2])],
        }
    }

    const PEAKS: RequiredOutput = RequiredOutput::f32("peaks", 3);

    #[test]
    fn an_export_fits_with_floats_of_either_size() {
        let graph = signature();
        assert_eq!(graph.check(1, &[PEAKS]), Ok(()));
        assert_eq!(graph.fixed_size(), (Some(192), None));
        assert!(graph.gives_half("peaks") && !graph.gives_half("peak_vals"));
        assert_eq!(GraphSignature::default().fixed_size(), (None, None));
        let mut flat = signature();
        flat.inputs[0].shape = vec![1, 192, 256];
        assert_eq!(flat.fixed_size(), (None, None));
    }

    #[test]
    fn what_is_missing_is_named() {
        let change = |change: fn(&mut GraphSignature)| {
            let mut graph = signature();
            change(&mut graph);
            graph.check(1, &[PEAKS]).expect_err("it does not fit")
        };
        for missing in [
            change(|it| it.inputs.clear()),
            change(|it| it.inputs.push(it.inputs[0].clone())),
            change(|it| it.inputs[0].name = "input".to_owned()),
            change(|it| it.inputs[0].element = ElementType::Float32),
            change(|it| it.inputs[0].shape = vec![1, 192, 256]),
            change(|it| it.inputs[0].shape[1] = 3),
        ] {
            assert!(missing.contains("input 'image' of uint8"), "{missing}");
        }
        for missing in [
            change(|it| it.outputs.clear()),
            change(|it| it.outputs[0].element = ElementType::Int64),
            change(|it| it.outputs[0].shape = vec![5, 2]),
        ] {
            assert_eq!(missing, "output 'peaks' of float32 in 3 dimensions");
        }
    }
}
