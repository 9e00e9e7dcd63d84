//! What can be set at a camera: its features, by their GenICam names.
#![allow(unsafe_code)]

use std::collections::{BTreeSet, VecDeque};
use std::ffi::{c_int, c_uint, c_void};

use super::camera::Camera;
use super::library::{ArvGcNode, Functions};
use super::object::{CallError, c_text, checked, text};

/// The most names that are read from one list of a camera.
const MAX_NAMES: usize = 10_000;

/// `ARV_GC_ACCESS_MODE_RO` of `arvgcenums.h`.
const READ_ONLY: c_int = 0;

/// The kind of a feature's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FeatureKind {
    Integer,
    Float,
    Boolean,
    Enumeration,
    Text,
    Command,
    /// A folder of features, or a kind that has no value.
    Other,
}

impl Camera {
    /// The kind of the feature with this name; `None` where the camera has no such feature.
    pub(crate) fn feature_kind(&self, name: &str) -> Result<Option<FeatureKind>, CallError> {
        let node = self.node(name)?;
        if node.is_null() {
            return Ok(None);
        }
        let functions = self.functions();
        let is_a = |kind: unsafe extern "C" fn() -> usize| is_a(functions, node, kind);
        // Enumerations and booleans are integers, too.
        let kinds = [
            (
                FeatureKind::Command,
                functions.arv_gc_command_get_type as unsafe extern "C" fn() -> usize,
            ),
            (
                FeatureKind::Enumeration,
                functions.arv_gc_enumeration_get_type,
            ),
            (FeatureKind::Boolean, functions.arv_gc_boolean_get_type),
            (FeatureKind::Integer, functions.arv_gc_integer_get_type),
            (FeatureKind::Float, functions.arv_gc_float_get_type),
            (FeatureKind::Text, functions.arv_gc_string_get_type),
        ];
        let found = kinds.into_iter().find(|(_, kind)| is_a(*kind));
        Ok(Some(found.map_or(FeatureKind::Other, |(kind, _)| kind)))
    }

    /// Whether the feature can only be read.
    pub(crate) fn is_read_only(&self, name: &str) -> Result<bool, CallError> {
        let node = self.node(name)?;
        let functions = self.functions();
        if node.is_null() || !is_a(functions, node, functions.arv_gc_feature_node_get_type) {
            return Ok(false);
        }
        // SAFETY: the node is a feature's, as checked.
        let mode = unsafe { (functions.arv_gc_feature_node_get_actual_access_mode)(node) };
        Ok(mode == READ_ONLY)
    }

    /// The names of an enumeration's values that the camera offers now.
    pub(crate) fn entries(&self, name: &str) -> Result<Vec<String>, CallError> {
        let (functions, name) = (self.functions(), c_text(name)?);
        let list = functions.arv_device_dup_available_enumeration_feature_values_as_strings;
        let mut count: c_uint = 0;
        // SAFETY: device, text and number live through the call, whose result is a list of `count` texts of the
        // library; only the list itself is the caller's, and it is freed once.
        unsafe {
            let values = checked(functions, |error| {
                list(self.device(), name.as_ptr(), &raw mut count, error)
            })?;
            if values.is_null() {
                return Ok(Vec::new());
            }
            let count = (count as usize).min(MAX_NAMES);
            let names = (0..count).filter_map(|index| text(*values.add(index)));
            let names = names.collect();
            (functions.g_free)(values.cast::<c_void>());
            Ok(names)
        }
    }

    /// The names of all features that the camera lists.
    pub(crate) fn feature_names(&self) -> Vec<String> {
        let mut names = BTreeSet::new();
        let mut folders = VecDeque::from(["Root".to_owned()]);
        while let Some(folder) = folders.pop_front() {
            for name in self.listed(&folder) {
                if names.len() >= MAX_NAMES || !names.insert(name.clone()) {
                    continue;
                }
                folders.push_back(name);
            }
        }
        let is_feature = |name: &String| {
            let kind = self.feature_kind(name).ok().flatten();
            kind.is_some_and(|kind| kind != FeatureKind::Other)
        };
        names.into_iter().filter(is_feature).collect()
    }

    /// The names in a folder of features; none where it is no folder.
    fn listed(&self, folder: &str) -> Vec<String> {
        let functions = self.functions();
        let Ok(node) = self.node(folder) else {
            return Vec::new();
        };
        if node.is_null() || !is_a(functions, node, functions.arv_gc_category_get_type) {
            return Vec::new();
        }
        let mut names = Vec::new();
        // SAFETY: the node is a folder, as checked; the list and its texts are the library's, and stay until the
        // folder is listed again.
        unsafe {
            let mut entry = (functions.arv_gc_category_get_features)(node);
            while !entry.is_null() && names.len() < MAX_NAMES {
                names.extend(text((*entry).data.cast()));
                entry = (*entry).next;
            }
        }
        names
    }

    /// The description of a feature; null where there is none. It lives as long as the camera.
    fn node(&self, name: &str) -> Result<*mut ArvGcNode, CallError> {
        let name = c_text(name)?;
        // SAFETY: device and text live through the call.
        Ok(unsafe { (self.functions().arv_device_get_feature)(self.device(), name.as_ptr()) })
    }
}

fn is_a(
    functions: &Functions,
    node: *mut ArvGcNode,
    kind: unsafe extern "C" fn() -> usize,
) -> bool {
    // SAFETY: the node is an object of GLib or null, for which the answer is no; `kind` takes no arguments.
    unsafe { (functions.g_type_check_instance_is_a)(node.cast(), kind()) != 0 }
}
