//! Following a graph's data backwards, from its outputs to where they are found.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::onnx::{OnnxGraph, OnnxNode};

/// How the graph finds peaks on its confidence maps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PeakSearch {
    /// The highest cell of each map (`ArgMax`).
    Highest,
    /// The k best of each map's local maxima (`TopK`).
    Local,
}

/// Where a graph finds its peaks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct PeakTensors {
    /// The tensor of the confidence maps, `[.., h, w]`.
    pub(super) maps: String,
    /// The tensor of the peaks' cells, as indices into maps of h * w cells.
    pub(super) cells: String,
    pub(super) search: PeakSearch,
}

/// Why peaks are not found in a graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TraceError {
    /// Nothing finds peaks.
    Nothing,
    /// Peaks are found on several tensors.
    Several,
}

/// A graph by its tensors.
pub(super) struct TensorGraph<'g> {
    nodes: &'g [OnnxNode],
    /// The node that makes a tensor.
    makers: HashMap<&'g str, usize>,
    initializers: HashSet<&'g str>,
}

impl<'g> TensorGraph<'g> {
    pub(super) fn new(graph: &'g OnnxGraph) -> Self {
        let outputs = |(index, node): (usize, &'g OnnxNode)| {
            node.outputs.iter().map(move |name| (name.as_str(), index))
        };
        Self {
            nodes: &graph.nodes,
            makers: graph.nodes.iter().enumerate().flat_map(outputs).collect(),
            initializers: graph.initializers.iter().map(|n| n.name.as_str()).collect(),
        }
    }

    /// Where the graph finds the peaks of its output `points`. Peaks of `besides`, if given, are
    /// left out, although `points` may depend on them too.
    pub(super) fn peaks(
        &self,
        points: &str,
        besides: Option<&str>,
    ) -> Result<PeakTensors, TraceError> {
        let others = besides.map(|output| self.searches(output));
        let mut found = None;
        for index in self.searches(points) {
            if others
                .as_ref()
                .is_some_and(|others| others.contains(&index))
            {
                continue;
            }
            let peaks = self
                .searched(&self.nodes[index])
                .ok_or(TraceError::Nothing)?;
            match &found {
                None => found = Some(peaks),
                // The same search twice, as in graphs that also read the neighbouring cells.
                Some(PeakTensors { maps, search, .. })
                    if (maps, search) == (&peaks.maps, &peaks.search) => {}
                Some(_) => return Err(TraceError::Several),
            }
        }
        found.ok_or(TraceError::Nothing)
    }

    fn maker(&self, tensor: &str) -> Option<&'g OnnxNode> {
        self.makers.get(tensor).map(|&index| &self.nodes[index])
    }

    /// The nodes that search for the maxima on which `output` depends; not those on which it
    /// depends only through another search.
    fn searches(&self, output: &str) -> BTreeSet<usize> {
        let mut found = BTreeSet::new();
        let mut seen = HashSet::new();
        let mut ahead: Vec<_> = self.makers.get(output).copied().into_iter().collect();
        while let Some(index) = ahead.pop() {
            if !seen.insert(index) {
                continue;
            }
            let node = &self.nodes[index];
            if node.is("ArgMax") || node.is("TopK") {
                found.insert(index);
                continue;
            }
            let makers = node.inputs.iter().filter_map(|name| {
                let index = self.makers.get(name.as_str())?;
                Some(*index)
            });
            ahead.extend(makers);
        }
        found
    }

    fn searched(&self, node: &OnnxNode) -> Option<PeakTensors> {
        let (search, cells) = if node.is("ArgMax") {
            (PeakSearch::Highest, node.outputs.first()?)
        } else {
            (PeakSearch::Local, node.outputs.get(1)?)
        };
        Some(PeakTensors {
            maps: self.maps(node.inputs.first()?)?.to_owned(),
            cells: cells.clone(),
            search,
        })
    }

    /// The maps whose cells stand in a row in `row`: the input of the reshaping that made it.
    /// Between them may be a mask (all cells but the maxima replaced by a constant).
    fn maps<'n>(&self, row: &'n str) -> Option<&'n str>
    where
        'g: 'n,
    {
        let mut tensor = row;
        // As many steps as there are nodes, if the graph were one chain: a circle ends too.
        for _ in 0..self.nodes.len() {
            let node = self.maker(tensor)?;
            let input = |at: usize| node.inputs.get(at).map(String::as_str);
            if node.is("Reshape") || node.is("Flatten") {
                return input(0);
            } else if node.is("Cast") || node.is("Identity") {
                tensor = input(0)?;
            } else if node.is("Where") {
                let (yes, no) = (input(1)?, input(2)?);
                tensor = match (self.is_constant(yes), self.is_constant(no)) {
                    (false, true) => yes,
                    (true, false) => no,
                    _ => return None,
                };
            } else {
                return None;
            }
        }
        None
    }

    /// Whether all cells of a tensor are the same whatever the frame shows.
    fn is_constant(&self, tensor: &str) -> bool {
        let mut tensor = tensor;
        for _ in 0..=self.nodes.len() {
            if self.initializers.contains(tensor) {
                return true;
            }
            let Some(node) = self.maker(tensor) else {
                return false;
            };
            if node.is("Constant") || node.is("ConstantOfShape") {
                return true;
            }
            let passes = ["Cast", "CastLike", "Expand", "Identity"];
            match node.inputs.first() {
                Some(input) if passes.iter().any(|name| node.is(name)) => tensor = input,
                _ => return false,
            }
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::super::onnx::OnnxTensor;
    use super::*;

    fn node(operator: &str, inputs: &[&str], outputs: &[&str]) -> OnnxNode {
        let names = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
        OnnxNode {
            inputs: names(inputs),
            outputs: names(outputs),
            op_type: operator.to_owned(),
            ..OnnxNode::default()
        }
    }

    fn graph(nodes: Vec<OnnxNode>) -> OnnxGraph {
        OnnxGraph {
            nodes,
            initializers: vec![OnnxTensor {
                name: "low".to_owned(),
            }],
            outputs: Vec::new(),
        }
    }

    fn peaks(nodes: Vec<OnnxNode>) -> Result<PeakTensors, TraceError> {
        TensorGraph::new(&graph(nodes)).peaks("peaks", Some("centroids"))
    }

    fn found(maps: &str, cells: &str, search: PeakSearch) -> Result<PeakTensors, TraceError> {
        let (maps, cells) = (maps.to_owned(), cells.to_owned());
        Ok(PeakTensors {
            maps,
            cells,
            search,
        })
    }

    /// `maps` -> one row a map -> `cells` by `ArgMax` -> `out`.
    fn highest(maps: &str, cells: &str, out: &str) -> Vec<OnnxNode> {
        let row = format!("{cells} row");
        vec![
            node("Conv", &["image"], &[maps]),
            node("Reshape", &[maps], &[&row]),
            node("ArgMax", &[&row], &[cells]),
            node("Mul", &[cells, "stride"], &[out]),
        ]
    }

    /// The same by `TopK` with a mask, whose lower branch is made by `low`.
    fn local(low: OnnxNode) -> Vec<OnnxNode> {
        vec![
            node("Conv", &["image"], &["maps"]),
            node("Reshape", &["maps"], &["flat"]),
            node("Greater", &["maps"], &["mask"]),
            low,
            node("Where", &["mask", "flat", "lowest"], &["masked"]),
            node("Cast", &["masked"], &["float"]),
            node("TopK", &["float", "k"], &["values", "cells"]),
        ]
    }

    #[test]
    fn the_highest_cell_is_found_on_its_maps() {
        let nodes = highest("maps", "cells", "peaks");
        assert_eq!(peaks(nodes), found("maps", "cells", PeakSearch::Highest));
    }

    #[test]
    fn local_maxima_are_found_below_their_mask() {
        for low in [
            node("ConstantOfShape", &["shape"], &["lowest"]),
            node("Expand", &["low", "shape"], &["lowest"]),
            node("Constant", &[], &["lowest"]),
        ] {
            let mut nodes = local(low);
            nodes.push(node("Mul", &["cells", "stride"], &["peaks"]));
            assert_eq!(peaks(nodes), found("maps", "cells", PeakSearch::Local));
        }
    }

    #[test]
    fn two_changing_branches_of_a_mask_are_no_maps() {
        let mut nodes = local(node("Neg", &["flat"], &["lowest"]));
        nodes.push(node("Mul", &["cells", "stride"], &["peaks"]));
        assert_eq!(peaks(nodes), Err(TraceError::Nothing));
    }

    #[test]
    fn centroids_are_not_meant_although_crops_depend_on_them() {
        let mut nodes = highest("centroid maps", "centroid cells", "centroids");
        nodes.extend(highest("maps", "cells", "in crop"));
        nodes.push(node("Add", &["in crop", "centroids"], &["peaks"]));
        assert_eq!(
            peaks(nodes.clone()),
            found("maps", "cells", PeakSearch::Highest)
        );
        let both = TensorGraph::new(&graph(nodes)).peaks("peaks", None);
        assert_eq!(both, Err(TraceError::Several));
    }

    #[test]
    fn the_same_search_may_stand_there_twice() {
        let mut nodes = highest("maps", "cells", "rough");
        nodes.push(node("ArgMax", &["cells row"], &["again"]));
        nodes.push(node("Add", &["rough", "again"], &["peaks"]));
        let Ok(peaks) = peaks(nodes) else {
            panic!("one search");
        };
        assert_eq!(peaks.maps, "maps");
    }

    #[test]
    fn what_is_no_search_for_peaks_is_not_taken_for_one() {
        for nodes in [
            vec![],
            vec![node("Conv", &["image"], &["peaks"])],
            // Not reshaped, and an operator of another domain.
            vec![node("ArgMax", &["image"], &["peaks"])],
            vec![
                node("Reshape", &["image"], &["row"]),
                OnnxNode {
                    domain: "other".to_owned(),
                    ..node("ArgMax", &["row"], &["peaks"])
                },
            ],
            // Too few inputs and outputs.
            vec![node("ArgMax", &[], &["peaks"])],
            vec![node("TopK", &["row"], &["peaks"])],
            vec![
                node("Reshape", &[], &["row"]),
                node("ArgMax", &["row"], &["peaks"]),
            ],
        ] {
            assert_eq!(peaks(nodes), Err(TraceError::Nothing));
        }
    }

    #[test]
    fn circles_end() {
        for operator in ["Cast", "Where"] {
            let nodes = vec![
                node(operator, &["row", "row", "low"], &["row"]),
                node("ArgMax", &["row"], &["cells"]),
                node("Add", &["cells", "peaks"], &["peaks"]),
            ];
            assert_eq!(peaks(nodes), Err(TraceError::Nothing));
        }
        let nodes = vec![
            node("Expand", &["around"], &["around"]),
            node("Where", &["mask", "row", "around"], &["row"]),
            node("ArgMax", &["row"], &["peaks"]),
        ];
        assert_eq!(peaks(nodes), Err(TraceError::Nothing));
    }
}
