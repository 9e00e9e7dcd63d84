#!/usr/bin/env bash
# Licences, banned crates and sources of all dependencies (deny.toml), without the network; and known
# vulnerabilities, where the database of them can be fetched.
#   deny.sh                  all
#   deny.sh --offline        without the vulnerabilities
# Installs cargo-deny where it is missing, which takes some minutes.
set -euo pipefail
# shellcheck source=examples/env.sh
. "$(dirname "${BASH_SOURCE[0]}")/../examples/env.sh"
cd "$repo"

command -v cargo-deny >/dev/null || {
  say "installing cargo-deny"
  cargo install --quiet --locked cargo-deny
}
config=$repo/tests/deny.toml
checks=(licenses bans sources)
for manifest in Cargo.toml tests/fuzz/Cargo.toml; do
  say "$manifest"
  # Whatever is locked was fetched by the build; nothing else is asked for.
  cargo fetch --quiet --locked --manifest-path "$manifest"
  cargo deny --offline --locked --config "$config" --manifest-path "$manifest" check --hide-inclusion-graph "${checks[@]}"
done
[ "${1:-}" = --offline ] || cargo deny --locked --config "$config" check advisories
