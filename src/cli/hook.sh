#!/bin/sh
# OrbitDock's hook of Claude Code: hook.sh [type] [wait|words], one hook as JSON on stdin. Written by `init`.
# File first, then send, delete on 2xx: what is not delivered waits in spool/ for the server. Never says
# a word (stdout would reach the model), never fails, sends nothing of its environment but the terminal's
# name and id at a session's start. POSIX sh and curl only.
# To a server on this machine it goes through the unix socket in this directory: only we and our server can
# open it. Without one (a tunnel, a container) the process that listens on the port may be another user's: it gets no token
# and no secret, but a proof that we have the server's `hook-secret` (an HMAC, for this hook only), and is
# believed only when his answer proves the same. Else the file stays. Needs sha256sum, shasum or openssl.
# With `wait` it also waits for an answer, beside the dialog that the terminal shows meanwhile, and prints the
# server's; no answer, no server, no proof: it prints nothing, and the terminal decides.
# With `words`, at the end of a turn, it asks for messages of clients to this session, where the server has noted
# that some wait, and prints what the agent shall go on with. A server elsewhere is always asked, for 2 s at most.
case ${2-} in wait | words) exec 3>&1 ;; esac # the --wait below inherits it
exec >/dev/null 2>&1
case ${1-} in --*) ;; *) stamp=$(date +%s%N) ;; esac # first of all: hooks carry no time of their own
limit= # nothing here waits longer: signals are ignored, and curl cannot keep time on a machine too busy
command -v timeout && limit='timeout -s KILL 5'
if [ "${ORBITDOCK_SESSION-}" ]; then $limit cat; exit 0; fi # a session we run ourselves reports by another way
[ "${1-}" = --wait ] || trap '' HUP INT TERM # Claude Code ends its pending hooks when it exits
LC_ALL=C
umask 077
case $0 in */*) CDPATH='' cd -- "${0%/*}" || exit 0 ;; esac

octal() { # the bytes that $1 names in hex, each XORed with $2, as `printf %b` reads them
  hex=$1 escapes=
  while [ "$hex" ]; do
    rest=${hex#??}
    byte=$((0x${hex%"$rest"} ^ $2)) hex=$rest
    escapes=$escapes\\0$((byte / 64))$((byte / 8 % 8))$((byte % 8))
  done
}
hmac() { # HMAC-SHA-256 of its arguments as lines; the key goes through pipes only
  mac=$({ printf %b "$inner" && printf '%s\n' "$@"; } | $sha256)
  octal "${mac%% *}" 0
  mac=$(printf %b "$outer$escapes" | $sha256)
  mac=${mac%% *}
}
prepare_hmac() { # fails where it cannot be made
  read -r secret <hook-secret
  case $secret in *[!0-9a-f]*) return 1 ;; esac
  [ ${#secret} -eq 64 ] || return 1
  [ "$(command -v printf)" = printf ] || return 1 # a program would show the key in `ps`
  if command -v sha256sum; then sha256=sha256sum
  elif command -v shasum; then sha256='shasum -a 256'
  elif command -v openssl; then sha256='openssl dgst -sha256 -r'
  else return 1; fi
  secret=${secret}0000000000000000000000000000000000000000000000000000000000000000
  octal "$secret" 0x36 && inner=$escapes
  octal "$secret" 0x5c && outer=$escapes
}

if [ "${1-}" = --deliver ] || [ "${1-}" = --wait ]; then
  mode=$1 file=$2 key=$3 type=$4 awaits=$5 words=$6 url=
  [ -f "$file" ] || [ "$mode" = --wait ] || exit 0 # the server was faster
  while IFS='=' read -r name value; do [ "$name" != url ] || url=$value; done <hook.conf
  set -- -q -s -g --noproxy '*' --connect-timeout 1 \
    -H 'Content-Type: application/json' -H 'Expect:' -H "Idempotency-Key: $key"
  [ -z "$awaits" ] || set -- "$@" -H 'X-OrbitDock-Awaits: 1'
  [ -z "$words" ] || set -- "$@" -H 'X-OrbitDock-Words: 1'
  # Both times are of this machine's clock: their difference is the delay, whatever the clock says.
  sent=$(date +%s%N)
  case $sent in *[!0-9]* | '') sent= ;; esac
  [ -z "$type" ] || set -- "$@" -H "X-OrbitDock-Hook: $type"
  trusted=1 socket= proof=
  case $url in
    http://127.* | http://0.* | 'http://[::'* | http://localhost | http://localhost[:/]*)
      if [ -S orbitdock.sock ]; then
        url=http://localhost socket=1
        set -- "$@" --unix-socket orbitdock.sock
      else
        trusted=
      fi
      ;;
  esac
  if [ "$trusted" ] && [ -f hook-headers ]; then
    set -- "$@" -H @hook-headers # from a file: `ps` shows arguments
  elif [ ! "$socket" ] && [ -f hook-secret ] && prepare_hmac; then
    [ ${#sent} -eq 19 ] || sent=$(date +%s)000000000
    if [ "$mode" = --wait ]; then digest=$($limit $sha256 <&5); else digest=$($limit $sha256 <"$file"); fi
    digest=${digest%% *}
    hmac orbitdock-hook "$key" "$sent" "$type" "$digest"
    proof=$mac
    set -- "$@" -D - -H "Authorization: OrbitDock-Hook $proof" -H "X-OrbitDock-Digest: $digest"
  fi
  [ -z "$sent" ] || set -- "$@" -H "X-OrbitDock-Sent: $sent"
  if [ "$mode" = --wait ]; then
    [ "$trusted$proof" ] || exit 0
    said=spool/.tmp-$key-answer
    { exec 6>"$said" 7<"$said"; } && rm -f "$said" || exit 0 # gone by name: nothing is left, however this ends
    ulimit -c 0
    ulimit -f 65536 # another program's answer may have no end
    curl=
    trap '[ -z "$curl" ] || kill "$curl"; exit 0' HUP INT TERM
    within=86340
    [ -z "$words" ] || within=5 # the turn in the terminal ends after this
    [ -z "$words" ] || [ -e orbitdock.db ] || within=2 # not known whether any wait
    curl "$@" -f --max-time $within --data-binary @- --url "$url/api/hook/answer" <&4 >&6 3>&- &
    curl=$!
    wait "$curl" || exit 0
    claimed= # read line by line: to take a long answer apart by patterns takes time by the square of its length
    while [ "$proof" ] && read -r line && [ ${#line} -gt 1 ]; do claimed=$claimed$line; done <&7
    text=$(cat <&7)
    if [ "$proof" ]; then
      digest=$(printf %s "$text" | $sha256)
      hmac orbitdock-answer "$key" "$proof" "${digest%% *}"
      case $claimed in *"$mac"*) ;; *) exit 0 ;; esac
    fi
    case $text in '{'*'}') printf '%s\n' "$text" >&3 ;; esac
    exit 0
  fi
  answer=$($limit curl "$@" --max-time 4 -o /dev/null -w '%{http_code}' --data-binary "@$file" --url "$url/api/hook")
  if [ "$proof" ]; then
    hmac orbitdock-stored "$key" "$proof"
    case $answer in *"$mac"*2??) rm -f "$file" ;; esac
  else
    case $trusted$answer in 12??) rm -f "$file" ;; esac
  fi
  exit 0
fi

case $stamp in *[!0-9]* | '') stamp= ;; esac # `date` without %N
[ ${#stamp} -eq 19 ] || stamp=$(date +%s)000000000
case ${CLAUDE_PID-} in *[!0-9]* | '') claude=0 ;; *) claude=$CLAUDE_PID ;; esac
case ${1-} in *[!a-z_]*) type= ;; *) type=${1-} ;; esac
key=$stamp-$$-$claude
file=spool/$key${type:+.$type}.json
[ -d spool ] || mkdir -p spool
terminal= # where the session runs, so that the app can bring it to the front
if [ "$type" = claude_session_start ]; then
  plain() { case $2 in '' | *[!A-Za-z0-9._:-]*) ;; *) terminal=$terminal\"$1\":\"$2\", ;; esac; }
  plain terminal_session_id "${ITERM_SESSION_ID-}"
  plain terminal_app "${TERM_PROGRAM-}"
fi
tmp=spool/.tmp-$key
$limit cat >"$tmp" && [ -s "$tmp" ] && {
  [ -z "$terminal" ] || {
    # Blank lines and a byte order mark may stand before the brace; what has none goes as it is.
    blank="^\\($(printf '\357\273\277')\\)*[[:space:]]*"
    sed -e x -e '/./{x' -e 'b' -e '}' -e x -e "/$blank\$/d" -e "s/$blank{/{$terminal/" \
      -e h -e 's/.*/1/' -e x "$tmp" >"$tmp-2" && mv "$tmp-2" "$tmp"
  }
} && mv "$tmp" "$file" || {
  rm -f "$tmp" "$tmp-2"
  exit 0
}
awaits= words=
case ${2-} in
  wait)
    case ${CLAUDE_CODE_ENTRYPOINT-} in
      sdk*) ;; # no person sees a dialog: it goes on at once, as without us
      *) awaits=1 ;;
    esac
    ;;
  words)
    words=1
    if [ ! -e orbitdock.db ] || { [ -s queued-words ] && grep -qFf queued-words "$file"; }; then awaits=1; fi
    ;;
esac
[ ! "$awaits" ] || exec 4<"$file" 5<"$file" || awaits= # its own: who delivers the file removes it
detach=
command -v setsid && detach=setsid # out of Claude Code's process group, where there is such a tool
$detach sh "./${0##*/}" --deliver "$file" "$key" "$type" "$awaits" "$words" </dev/null 3>&- 4<&- 5<&- &
[ "$awaits" ] || exit 0
trap - HUP INT TERM
exec sh "./${0##*/}" --wait "$file" "$key" "$type" 1 "$words" </dev/null
