// Loaded into a server under test before its own code: its wall clock goes wrong by as many milliseconds as a file says.
// Timers and the monotonic clock stay as they are, as on a machine whose clock is set.
const { readFileSync } = require('node:fs');

const path = process.env.CHAOS_CLOCK;
const RealDate = Date;
let offsetMs = 0;

function look() {
  try {
    offsetMs = Number(readFileSync(path, 'utf8')) || 0;
  } catch {
    // Not written yet: the clock is right.
    offsetMs = 0;
  }
}

globalThis.Date = class extends RealDate {
  constructor(...parts) {
    if (parts.length === 0) super(RealDate.now() + offsetMs);
    else super(...parts);
  }
  static now() {
    return RealDate.now() + offsetMs;
  }
};
look();
setInterval(look, 100).unref();
