#!/usr/bin/env bash
# Runs every fuzz target of the module, one after the other, FUZZTIME each
# (default 30s). Finding no target at all is an error: it would mean that the
# search is broken, not that there is nothing to fuzz.
set -euo pipefail

go=${GO:-go}
fuzztime=${FUZZTIME:-30s}

cd "$(dirname "$0")/.."

# `go test -list` prints the names of a package's targets and then a line
# "ok <package> <time>".
list=$("$go" test -list '^Fuzz' ./...)
targets=$(awk '/^Fuzz/ { names[n++] = $1 } /^ok/ { for (i = 0; i < n; i++) print $2, names[i]; n = 0 }' <<<"$list")
if [ -z "$targets" ]; then
  echo 'fuzz: found no fuzz target' >&2
  exit 1
fi

# Until Go 1.27 the fuzzer can report its own deadline as the failure of a
# target that was merely still running (go.dev/issue/75804). A real finding
# writes the failing input down, or fails on a seed and names it; only the bare
# deadline is tried once more.
fuzz() {
  local package=$1 name=$2 log=$3
  for try in 1 2; do
    if "$go" test -run '^$' -fuzz "^$name\$" -fuzztime "$fuzztime" "$package" 2>&1 | tee "$log"; then
      return 0
    fi
    if ! grep -qE '^ +context deadline exceeded$' "$log" ||
      grep -qE 'Failing input|failure while|panic|_test\.go:' "$log"; then
      return 1
    fi
    echo "fuzz: $name met the fuzzer's own deadline (try $try)" >&2
  done
  return 1
}

log=$(mktemp)
trap 'rm -f "$log"' EXIT
count=0
while read -r package name; do
  fuzz "$package" "$name" "$log" </dev/null
  count=$((count + 1))
done <<<"$targets"
echo "fuzz: targets run: $count, $fuzztime each; nothing found"
