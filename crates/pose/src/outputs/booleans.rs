//! Boolean outputs, whose bytes a damaged or hostile graph may set to anything.
#![allow(
    unsafe_code,
    reason = "the bytes of a boolean tensor can be read in no other way before they are known to be 0 \
              or 1"
)]

use std::slice;

use ort::value::{DynTensor, DynValue, Tensor, TensorElementType};

/// An output that can be read as `bool`s: ONNX Runtime passes on what lies in the graph's file, and
/// a `bool` that is neither 0 nor 1 is undefined behaviour. Any other byte is true, as in C. Other
/// outputs stay as they are.
pub(super) fn checked(value: DynValue) -> ort::Result<DynValue> {
    if !super::is_tensor_of(value.dtype(), TensorElementType::Bool) {
        return Ok(value);
    }
    let tensor: DynTensor = value.downcast()?;
    match of_others(bytes(&tensor)?) {
        None => Ok(tensor.into_dyn()),
        Some(booleans) => Ok(Tensor::from_array((tensor.shape().clone(), booleans))?.into_dyn()),
    }
}

/// The bytes as booleans, if there are others than 0 and 1.
fn of_others(bytes: &[u8]) -> Option<Vec<bool>> {
    let others = bytes.iter().any(|&byte| byte > 1);
    others.then(|| bytes.iter().map(|&byte| byte != 0).collect())
}

/// The bytes of a tensor of booleans.
fn bytes(tensor: &DynTensor) -> ort::Result<&[u8]> {
    if !tensor.memory_info().is_cpu_accessible() {
        return Err(ort::Error::new(
            "a boolean output is not in the process's memory",
        ));
    }
    let (data, length) = (
        tensor.data_ptr().cast::<u8>(),
        tensor.shape().num_elements(),
    );
    if data.is_null() || length == 0 {
        return Ok(&[]);
    }
    // SAFETY: not null; ONNX Runtime's tensors of booleans have a byte for each of their elements,
    // which lie in the process's memory for as long as the tensor, and every byte is a `u8`.
    Ok(unsafe { slice::from_raw_parts(data, length) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_byte_that_is_no_truth_becomes_one() {
        crate::runtime::environment().expect("ONNX Runtime");
        let truths = Tensor::from_array(([2_usize, 2], vec![true, false, false, true]));
        let mut value = truths.expect("a tensor");
        let data = value.data_ptr_mut().cast::<u8>();
        // SAFETY: the tensor has four bytes, and nothing reads them as `bool`s before the check.
        unsafe { data.add(2).write(0xA5) };
        let value = checked(value.into_dyn()).expect("truths");
        let (shape, truths) = value.try_extract_tensor::<bool>().expect("truths");
        assert_eq!(shape[..], [2, 2]);
        assert_eq!(truths, [true, false, true, true]);
    }

    #[test]
    fn tensors_of_truths_and_others_stay() {
        crate::runtime::environment().expect("ONNX Runtime");
        assert_eq!(of_others(&[0, 1, 1]), None);
        let none = Tensor::from_array(([0_usize, 2], Vec::<bool>::new())).expect("a tensor");
        let none = checked(none.into_dyn()).expect("no truths");
        assert!(
            none.try_extract_tensor::<bool>()
                .expect("bools")
                .1
                .is_empty()
        );
        let numbers = Tensor::from_array(([1_usize], vec![7_i64])).expect("a tensor");
        let numbers = checked(numbers.into_dyn()).expect("numbers");
        assert_eq!(numbers.try_extract_tensor::<i64>().expect("numbers").1, [7]);
    }
}
