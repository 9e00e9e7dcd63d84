# shellcheck shell=bash
# Counting checks (sourced).

# check WHAT COMMAND...: counts what holds and says what does not.
passed=0 failed=0
check() {
  local what=$1
  shift
  if "$@"; then
    passed=$((passed + 1))
    echo "ok      $what"
  else
    failed=$((failed + 1))
    echo "FAILED  $what"
  fi
}

# The closing line; false if anything failed.
count_checks() {
  echo "$passed passed, $failed failed"
  [ "$failed" = 0 ]
}
