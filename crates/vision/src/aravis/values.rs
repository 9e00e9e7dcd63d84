//! Values of a camera's features, by their GenICam names.
#![allow(unsafe_code)]

use super::camera::Camera;
use super::object::{CallError, c_text, checked, text};

/// Calls a function with the camera's device, a feature's name, further arguments, and the place for an error.
macro_rules! call {
    ($camera:expr, $name:ident, $feature:expr $(, $argument:expr)*) => {{
        let (functions, device, feature) = ($camera.functions(), $camera.device(), c_text($feature)?);
        // SAFETY: the device is the camera's, and all that the arguments point to lives through the call.
        checked(functions, |error| unsafe {
            (functions.$name)(device, feature.as_ptr() $(, $argument)*, error)
        })
    }};
}

impl Camera {
    /// Whether the camera has the feature, and offers it now.
    pub(crate) fn has(&self, feature: &str) -> bool {
        let is_available = || call!(self, arv_device_is_feature_available, feature);
        is_available().is_ok_and(|available| available != 0)
    }

    pub(crate) fn integer(&self, feature: &str) -> Result<i64, CallError> {
        call!(self, arv_device_get_integer_feature_value, feature)
    }

    pub(crate) fn set_integer(&self, feature: &str, value: i64) -> Result<(), CallError> {
        call!(self, arv_device_set_integer_feature_value, feature, value)
    }

    /// The least and the greatest value.
    pub(crate) fn integer_bounds(&self, feature: &str) -> Result<(i64, i64), CallError> {
        let (mut least, mut most) = (i64::MIN, i64::MAX);
        call!(
            self,
            arv_device_get_integer_feature_bounds,
            feature,
            &raw mut least,
            &raw mut most
        )?;
        Ok((least, most))
    }

    /// The step from one value to the next, at least 1.
    pub(crate) fn integer_step(&self, feature: &str) -> i64 {
        let step = || call!(self, arv_device_get_integer_feature_increment, feature);
        step().unwrap_or(1).max(1)
    }

    pub(crate) fn float(&self, feature: &str) -> Result<f64, CallError> {
        call!(self, arv_device_get_float_feature_value, feature)
    }

    pub(crate) fn set_float(&self, feature: &str, value: f64) -> Result<(), CallError> {
        call!(self, arv_device_set_float_feature_value, feature, value)
    }

    /// The least and the greatest value.
    pub(crate) fn float_bounds(&self, feature: &str) -> Result<(f64, f64), CallError> {
        let (mut least, mut most) = (f64::MIN, f64::MAX);
        call!(
            self,
            arv_device_get_float_feature_bounds,
            feature,
            &raw mut least,
            &raw mut most
        )?;
        Ok((least, most))
    }

    pub(crate) fn boolean(&self, feature: &str) -> Result<bool, CallError> {
        call!(self, arv_device_get_boolean_feature_value, feature).map(|value| value != 0)
    }

    pub(crate) fn set_boolean(&self, feature: &str, value: bool) -> Result<(), CallError> {
        call!(
            self,
            arv_device_set_boolean_feature_value,
            feature,
            value.into()
        )
    }

    /// A text, or the name of an enumeration's value.
    pub(crate) fn text(&self, feature: &str) -> Result<String, CallError> {
        let value = call!(self, arv_device_get_string_feature_value, feature)?;
        // SAFETY: the text belongs to the feature, and stays until it is read again.
        Ok(unsafe { text(value) }.unwrap_or_default())
    }

    /// Sets a text, or an enumeration by its value's name.
    pub(crate) fn set_text(&self, feature: &str, value: &str) -> Result<(), CallError> {
        let value = c_text(value)?;
        call!(
            self,
            arv_device_set_string_feature_value,
            feature,
            value.as_ptr()
        )
    }

    pub(crate) fn execute(&self, command: &str) -> Result<(), CallError> {
        call!(self, arv_device_execute_command, command)
    }
}
