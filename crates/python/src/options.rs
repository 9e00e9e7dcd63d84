//! Options from keyword arguments of Python.

use cli::{Keyword, KeywordValue};
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict, PyFloat, PyInt, PyList, PyString, PyTuple};

use crate::errors::{ExceptionKind, raised};

/// The options of keyword arguments. `None` leaves an option at its default.
///
/// # Errors
/// A value is of a type that no option has.
pub(crate) fn keywords(options: &Bound<'_, PyDict>) -> PyResult<Vec<Keyword>> {
    let mut keywords = Vec::new();
    for (name, value) in options {
        let name: String = name.extract()?;
        if let Some(value) = keyword_value(&name, &value)? {
            keywords.push(Keyword { name, value });
        }
    }
    Ok(keywords)
}

fn keyword_value(name: &str, value: &Bound<'_, PyAny>) -> PyResult<Option<KeywordValue>> {
    if value.is_none() {
        return Ok(None);
    }
    if let Ok(switch) = value.cast::<PyBool>() {
        return Ok(Some(KeywordValue::Switch(switch.is_true())));
    }
    if let Some(size) = size(value) {
        return Ok(Some(KeywordValue::Texts(vec![size])));
    }
    let is_several = value.is_instance_of::<PyList>() || value.is_instance_of::<PyTuple>();
    let texts = match is_several {
        true => value
            .try_iter()?
            .map(|item| text(name, &item?))
            .collect::<PyResult<_>>()?,
        false => vec![text(name, value)?],
    };
    Ok(Some(KeywordValue::Texts(texts)))
}

/// `(640, 480)` as `640x480`.
fn size(value: &Bound<'_, PyAny>) -> Option<String> {
    let (width, height) = value.cast::<PyTuple>().ok()?.extract::<(u32, u32)>().ok()?;
    Some(format!("{width}x{height}"))
}

/// A text, a number or a path.
fn text(name: &str, value: &Bound<'_, PyAny>) -> PyResult<String> {
    let py = value.py();
    let is_number = value.is_instance_of::<PyInt>() || value.is_instance_of::<PyFloat>();
    if is_number && !value.is_instance_of::<PyBool>() {
        return Ok(value.str()?.to_string());
    }
    if let Ok(text) = value.cast::<PyString>() {
        return Ok(text.to_string());
    }
    if value.hasattr("__fspath__")? {
        let path = py.import("os")?.call_method1("fspath", (value,))?;
        if let Ok(path) = path.cast::<PyString>() {
            return Ok(path.to_string());
        }
    }
    let kind = value.get_type().name()?.to_string();
    let message =
        format!("{name} is of type {kind}: give a text, a number, a path, or a list of these");
    Err(raised(py, ExceptionKind::Option, message))
}
