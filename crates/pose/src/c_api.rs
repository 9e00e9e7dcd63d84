//! Functions of ONNX Runtime's C API that `ort` does not wrap: compiled-in providers, and which
//! provider runs which node.
#![allow(
    unsafe_code,
    reason = "calls of the C API; every pointer that comes back is checked before it is read"
)]

use std::{
    ffi::{CStr, c_char},
    ptr, slice,
};

use ort::{
    AsPointer,
    session::Session,
    sys::{OrtEpAssignedNode, OrtEpAssignedSubgraph, OrtStatusPtr},
};

/// The session option that makes ONNX Runtime keep what [`assigned_nodes`] reads.
pub(crate) const RECORD_ASSIGNMENT: &str = "session.record_ep_graph_assignment_info";

/// More entries than any graph has; an array that claims more is not read.
const MAX_ENTRIES: usize = 1 << 20;

/// A node and the provider that runs it.
pub(crate) struct AssignedNode {
    /// Such as `CPUExecutionProvider`.
    pub(crate) provider: String,
    /// Such as `Conv`.
    pub(crate) operator: String,
}

/// Every node of a session that was made with [`RECORD_ASSIGNMENT`]. Nodes that a provider fused
/// count as they were before.
///
/// # Errors
/// ONNX Runtime has not recorded it, or returns a null pointer or an impossible length.
pub(crate) fn assigned_nodes(session: &Session) -> ort::Result<Vec<AssignedNode>> {
    let api = ort::api();
    let mut nodes = Vec::new();
    // SAFETY: the session is alive, the out-pointers are valid, and the array is the session's.
    let subgraphs: &[*const OrtEpAssignedSubgraph] = unsafe {
        array(session, |data, length| {
            (api.Session_GetEpGraphAssignmentInfo)(session.ptr(), data, length)
        })
    }?;
    for &subgraph in subgraphs {
        not_null(subgraph)?;
        // SAFETY: a subgraph of the session, not null; the string is the session's.
        let provider = unsafe { text(|out| (api.EpAssignedSubgraph_GetEpName)(subgraph, out)) }?;
        // SAFETY: a subgraph of the session, not null; the array is the session's.
        let members: &[*const OrtEpAssignedNode] = unsafe {
            array(session, |data, length| {
                (api.EpAssignedSubgraph_GetNodes)(subgraph, data, length)
            })
        }?;
        for &node in members {
            not_null(node)?;
            // SAFETY: a node of the session, not null; the string is the session's.
            let operator = unsafe { text(|out| (api.EpAssignedNode_GetOperatorType)(node, out)) }?;
            let provider = provider.clone();
            nodes.push(AssignedNode { provider, operator });
        }
    }
    Ok(nodes)
}

/// The execution providers that the loaded ONNX Runtime was compiled with, best first.
///
/// # Errors
/// ONNX Runtime refuses, or returns a null pointer.
pub(crate) fn compiled_providers() -> ort::Result<Vec<String>> {
    let api = ort::api();
    let (mut names, mut length) = (ptr::null_mut::<*mut c_char>(), 0);
    // SAFETY: both out-pointers are valid for the call.
    check(unsafe { (api.GetAvailableProviders)(&mut names, &mut length) })?;
    not_null(names)?;
    let count = usize::try_from(length).unwrap_or(0).min(MAX_ENTRIES);
    // SAFETY: not null, `length` entries long, and not released before the names are copied.
    let read = unsafe { slice::from_raw_parts(names, count) }
        .iter()
        // SAFETY: the entries are C strings, which `copy` checks for null.
        .map(|&name| unsafe { copy(name) })
        .collect();
    // SAFETY: what the first call gave, not used after this.
    check(unsafe { (api.ReleaseAvailableProviders)(names, length) })?;
    read
}

/// Calls a function that gives an array.
///
/// # Safety
/// Where `call` succeeds, it has set a pointer and the number of entries behind it, and they live
/// as long as `_owner`.
unsafe fn array<T>(
    _owner: &Session,
    call: impl FnOnce(*mut *const *const T, *mut usize) -> OrtStatusPtr,
) -> ort::Result<&[*const T]> {
    let (mut data, mut length) = (ptr::null(), 0);
    check(call(&mut data, &mut length))?;
    if length == 0 {
        return Ok(&[]);
    }
    not_null(data)?;
    if length > MAX_ENTRIES {
        return Err(ort::Error::new(format!("an array of {length} entries")));
    }
    // SAFETY: not null, and the caller guarantees the rest.
    Ok(unsafe { slice::from_raw_parts(data, length) })
}

/// Calls a function that gives a string, and copies it.
///
/// # Safety
/// Where `call` succeeds, it has set a pointer to a C string, or null.
unsafe fn text(call: impl FnOnce(*mut *const c_char) -> OrtStatusPtr) -> ort::Result<String> {
    let mut text = ptr::null();
    check(call(&mut text))?;
    // SAFETY: the caller guarantees it.
    unsafe { copy(text) }
}

/// # Safety
/// `text` is a C string, or null.
unsafe fn copy(text: *const c_char) -> ort::Result<String> {
    not_null(text)?;
    // SAFETY: not null, and the caller guarantees the rest.
    let text = unsafe { CStr::from_ptr(text) };
    Ok(text.to_string_lossy().into_owned())
}

fn check(status: OrtStatusPtr) -> ort::Result<()> {
    // SAFETY: every caller passes the status of a C API function, once.
    unsafe { ort::Error::result_from_status(status) }
}

fn not_null<T>(pointer: *const T) -> ort::Result<()> {
    if pointer.is_null() {
        return Err(ort::Error::new("ONNX Runtime returned a null pointer"));
    }
    Ok(())
}
