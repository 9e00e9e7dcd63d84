//! Outputs of 16-bit floats, as numbers of 32 bits.

use half::f16;
use ort::value::{DynValue, Tensor, TensorElementType};

/// Widens an output of 16-bit floats; others stay as they are.
pub(super) fn widen(value: DynValue) -> ort::Result<DynValue> {
    if !super::is_tensor_of(value.dtype(), TensorElementType::Float16) {
        return Ok(value);
    }
    let (shape, data) = value.try_extract_tensor::<f16>()?;
    let wide: Vec<f32> = data.iter().map(|number| number.to_f32()).collect();
    Ok(Tensor::from_array((shape.clone(), wide))?.into_dyn())
}
