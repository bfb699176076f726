/**
 * The service under a real user manager of systemd: it is ready when it serves, comes back when it is killed or hangs,
 * and ends in order. The manager runs in namespaces of its own, with a /run, /tmp and /var/tmp of its own: it may
 * empty them. Takes root and systemd.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it, onTestFinished } from 'vitest';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** Says one line `name: value` for each thing that is looked at. */
const SCRIPT = `
set -e
mount -t tmpfs none /run; mkdir -p -m 700 /run/systemd/system /run/user/0 /run/h/node_modules
cp -r '${ROOT}/dist' /run/h/dist
for each in better-sqlite3 bindings file-uri-to-path; do
  cp -r '${ROOT}/node_modules/'$each /run/h/node_modules/
done
mount -t tmpfs none /tmp; mount -t tmpfs none /var/tmp
umount -R /sys/fs/cgroup; mount -t cgroup2 none /sys/fs/cgroup
export XDG_RUNTIME_DIR=/run/user/0 HOME=/run/h
unset DBUS_SESSION_BUS_ADDRESS ORBITDOCK_DATA_DIR
/lib/systemd/systemd --user --unit=default.target >/run/manager.log 2>&1 &
until [ -S /run/user/0/systemd/private ]; do sleep 0.1; done
dir="/run/h/a b%h\\$(touch /run/PWNED)"
orbit() { node /run/h/dist/main.js --data-dir "$dir" "$@"; }
show() { systemctl --user show orbitdock-server -p "$1" --value; }
serves() { curl -fsS --max-time 2 http://127.0.0.1:4987/health >/dev/null 2>&1; }
orbit install-service --enable --bind 127.0.0.1:4987 >/dev/null
# Enabling waits until it is ready: nothing is waited for here.
serves && echo "ready: serves"
echo "status: $(orbit status | grep -c 'Service: active')"
echo "text: $(show StatusText)"
kill -9 "$(show MainPID)"
until [ "$(show NRestarts)" = 1 ] && serves; do sleep 0.1; done
echo "killed: serves again"
sed -i 's/^WatchdogSec=.*/WatchdogSec=3/' /run/h/.config/systemd/user/orbitdock-server.service
systemctl --user daemon-reload
orbit restart >/dev/null
first=$(show MainPID)
sleep 8
[ "$(show MainPID)" = "$first" ] && echo "working: left alone"
kill -STOP "$first"
until [ "$(show MainPID)" != "$first" ] && serves; do sleep 0.1; done
echo "hung: serves again"
orbit stop >/dev/null
echo "stopped: $(show ActiveState) $(show Result)"
orbit status >/dev/null || echo "status: $?"
orbit uninstall-service >/dev/null
ls -A /run/h/.config/systemd/user | wc -l | sed 's/^/left: /'
[ -e /run/PWNED ] || echo "path: only data"
`;

it('serves, comes back and stops under systemd', { timeout: 180_000 }, () => {
  const dir = mkdtempSync(join(tmpdir(), 'orbit-service-'));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  const script = join(dir, 'script.sh');
  writeFileSync(script, SCRIPT);
  const namespaces = ['--fork', '--pid', '--mount-proc', '--mount', '--cgroup', '--kill-child'];
  const { stdout, stderr, status } = spawnSync('unshare', [...namespaces, 'bash', script], {
    encoding: 'utf8',
    timeout: 170_000,
  });
  expect({ lines: stdout.trim().split('\n'), status }, stderr).toEqual({
    lines: [
      'ready: serves',
      'status: 1',
      'text: Serving on http://127.0.0.1:4987',
      'killed: serves again',
      'working: left alone',
      'hung: serves again',
      'stopped: inactive success',
      'status: 3',
      'left: 0',
      'path: only data',
    ],
    status: 0,
  });
});
