#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# promtool lints OpenMetrics as if it were the classic text: of a valid document it refuses the types info,
# stateset and unknown, times with a fraction and exemplars, and calls a counter one without help.
# Seen with promtool 2.42.0 of Debian 12. It hits every CI job that checks an OpenMetrics exposition. The plausible
# guess: the linter of Prometheus reads every format that Prometheus scrapes, the more so since the
# same promtool makes blocks of the very documents that its linter refuses.
set -euo pipefail

version=2.42.0+ds-5+deb12u1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
if ! apt-get download -qq "prometheus=$version" 2>/dev/null; then
    echo "version changed: the archive has no prometheus $version any more"
    exit 1
fi
dpkg-deb -x prometheus_*.deb root
PATH=$work/root/usr/bin:$PATH
promtool --version 2>&1 | head -n 1

failed=0
# lint EXIT SAYS: what `check metrics` makes of the document on stdin.
lint() {
    local status=0
    cat >document
    promtool check metrics <document >said 2>&1 || status=$?
    sed 's/^/  /' said
    if [ "$status" != "$1" ] || ! grep -qF -- "$2" said; then
        echo "changed: exit $status, expected $1 and '$2'"
        failed=1
    fi
}

echo "a counter, whose samples have a name of their own:"
lint 3 'web_requests_total no help text' <<'DOCUMENT'
# TYPE web_requests counter
# HELP web_requests Requests that were answered.
web_requests_total 3 1700000000
# EOF
DOCUMENT

for type in info stateset unknown; do
    echo "type $type:"
    case $type in
    info) sample='web_info{version="1"} 1' ;;
    stateset) sample='web{web="up"} 1' ;;
    unknown) sample='web 1' ;;
    esac
    lint 1 "unknown metric type \"$type\"" <<DOCUMENT
# TYPE web $type
# HELP web Something.
$sample 1700000000
# EOF
DOCUMENT
done

echo "a time in seconds with a fraction:"
lint 1 'expected integer as timestamp' <<'DOCUMENT'
# TYPE web_load gauge
# HELP web_load How much there is to do.
web_load 1 1700000000.5
# EOF
DOCUMENT

echo "an exemplar:"
lint 1 'spurious string after timestamp' <<'DOCUMENT'
# TYPE web_seconds histogram
# HELP web_seconds How long answers took.
web_seconds_bucket{le="1"} 1 1700000000 # {trace_id="a"} 0.5
web_seconds_bucket{le="+Inf"} 1 1700000000
web_seconds_count 1 1700000000
web_seconds_sum 0.5 1700000000
# EOF
DOCUMENT

# The last one is good enough for it to be stored.
if promtool tsdb create-blocks-from openmetrics document blocks >said 2>&1 && grep -q ULID said; then
    echo "promtool tsdb create-blocks-from openmetrics takes the last document"
else
    sed 's/^/  /' said
    echo "changed: it does not"
    failed=1
fi
exit "$failed"
