//! Which execution provider runs how much of a graph.

use std::{collections::BTreeSet, fmt};

/// Which execution providers run a graph's nodes, the one with most nodes first.
///
/// Displayed as `cuda 212 of 215 nodes, cpu 3 (NonZero, TopK)`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Placement {
    /// Every provider that runs a node.
    pub providers: Vec<ProviderShare>,
}

/// What one execution provider runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProviderShare {
    /// ONNX Runtime's name for it, such as `CPUExecutionProvider`.
    pub provider: String,
    /// How many nodes, as they were before providers fused them.
    pub nodes: usize,
    /// Their operators, each once, in alphabetical order.
    pub operators: Vec<String>,
}

impl Placement {
    /// Counts nodes that are given as provider and operator.
    pub(crate) fn count<'a>(nodes: impl Iterator<Item = (&'a str, &'a str)>) -> Self {
        let mut found: Vec<(&str, usize, BTreeSet<&str>)> = Vec::new();
        for (provider, operator) in nodes {
            let at = found.iter().position(|(known, ..)| *known == provider);
            let at = at.unwrap_or_else(|| {
                found.push((provider, 0, BTreeSet::new()));
                found.len() - 1
            });
            found[at].1 += 1;
            found[at].2.insert(operator);
        }
        found.sort_by_key(|(_, nodes, _)| std::cmp::Reverse(*nodes));
        let share = |(provider, nodes, operators): (&str, usize, BTreeSet<&str>)| ProviderShare {
            provider: provider.to_owned(),
            nodes,
            operators: operators.into_iter().map(str::to_owned).collect(),
        };
        Self {
            providers: found.into_iter().map(share).collect(),
        }
    }

    /// Nodes of the graph.
    pub fn nodes(&self) -> usize {
        self.providers.iter().map(|share| share.nodes).sum()
    }

    /// Nodes that one of these providers runs.
    pub(crate) fn nodes_on(&self, providers: &[&str]) -> usize {
        self.providers
            .iter()
            .filter(|share| providers.contains(&share.provider.as_str()))
            .map(|share| share.nodes)
            .sum()
    }
}

impl ProviderShare {
    /// The provider's name without `ExecutionProvider`, in small letters: `cpu`, `cuda`.
    pub fn short_name(&self) -> String {
        let name = &self.provider;
        name.strip_suffix("ExecutionProvider")
            .unwrap_or(name)
            .to_lowercase()
    }
}

/// The most operators that are named of a provider that runs the smaller part.
const MAX_LISTED: usize = 6;

impl fmt::Display for Placement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some((first, others)) = self.providers.split_first() else {
            return f.write_str("no nodes");
        };
        let all = self.nodes();
        write!(f, "{} {} of {all} nodes", first.short_name(), first.nodes)?;
        for share in others {
            let named = &share.operators[..share.operators.len().min(MAX_LISTED)];
            let more = if named.len() < share.operators.len() {
                ", ..."
            } else {
                ""
            };
            let (name, nodes) = (share.short_name(), share.nodes);
            write!(f, ", {name} {nodes} ({}{more})", named.join(", "))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CUDA: &str = "CUDAExecutionProvider";
    const CPU: &str = "CPUExecutionProvider";

    #[test]
    fn nodes_are_counted_by_provider_and_the_greatest_share_comes_first() {
        let nodes = [
            (CPU, "TopK"),
            (CUDA, "Conv"),
            (CUDA, "Relu"),
            (CPU, "NonZero"),
            (CUDA, "Conv"),
            (CPU, "TopK"),
            (CUDA, "Conv"),
        ];
        let placement = Placement::count(nodes.into_iter());
        assert_eq!(placement.nodes(), 7);
        assert_eq!(placement.nodes_on(&[CUDA]), 4);
        assert_eq!(placement.nodes_on(&["TensorrtExecutionProvider"]), 0);
        assert_eq!(
            placement.to_string(),
            "cuda 4 of 7 nodes, cpu 3 (NonZero, TopK)"
        );
    }

    #[test]
    fn many_operators_are_cut_short() {
        let operators = ["A", "B", "C", "D", "E", "F", "G"];
        let nodes = operators.iter().map(|operator| (CPU, *operator));
        let placement = Placement::count([(CUDA, "Conv"); 9].into_iter().chain(nodes));
        assert!(
            placement
                .to_string()
                .ends_with("cpu 7 (A, B, C, D, E, F, ...)")
        );
    }

    #[test]
    fn an_empty_graph_has_no_providers() {
        let placement = Placement::count(std::iter::empty());
        assert_eq!(
            (placement.nodes(), placement.to_string().as_str()),
            (0, "no nodes")
        );
    }
}
