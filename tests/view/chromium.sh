# shellcheck shell=bash
# Sourced after examples/env.sh: exports SLEAP_STREAM_TEST_CHROMIUM, a Chromium that can be driven, or ends with 77 where there is none.
chromium=${SLEAP_STREAM_TEST_CHROMIUM:-$(command -v chromium || true)}
# Ubuntu's package is a snap in disguise, which cannot be driven from here.
if [ -z "$chromium" ] || [[ $(readlink -f "$chromium") == */snap* ]] || ! "$chromium" --version >/dev/null 2>&1; then
  say "no Chromium that can be driven: set SLEAP_STREAM_TEST_CHROMIUM to one"
  exit 77
fi
export SLEAP_STREAM_TEST_CHROMIUM=$chromium
