#!/bin/sh
# A dashboard with curl and jq: who works, who waits, and for what. Run it with
# `sh src/client/examples/dashboard.sh http://127.0.0.1:4000`; `watch -n 2` before it keeps it up to date.
# To answer what it shows, with the id in its first column:
#   curl "$api/sessions/$id/approve" -H 'Content-Type: application/json' -d '{"decision":"approved"}'
set -eu
api="${1:-http://127.0.0.1:4000}/api"
# The token by stdin: what stands in arguments is seen by every user of the machine.
get() {
  echo "${ORBITDOCK_AUTH_TOKEN:+header = \"Authorization: Bearer $ORBITDOCK_AUTH_TOKEN\"}" | curl -fsS -K - "$1"
}
get "$api/sessions" | jq -r '.sessions[] | select(.status == "active") | [.id, .work_status] | @tsv' |
  while read -r id status; do
    get "$api/sessions/$id/snapshot" | jq -r --arg status "$status" '.session
      | (.pending_approval // {} | .command // .question // .file_path) as $asked
      | [.id, $status, .project_name, .custom_name // .summary // .first_prompt, $asked] | map(. // "") | @tsv'
  done
