// Loaded into a server before its own code: its wall clock, and what it does once a minute or less often, run so
// many times faster. What is measured in seconds and below stays as it is.
const FACTOR = 1000;
const LONG_MS = 60_000;

const RealDate = Date;
const startedAt = RealDate.now();
const now = () => Math.round(startedAt + (RealDate.now() - startedAt) * FACTOR);

globalThis.Date = class extends RealDate {
  constructor(...parts) {
    if (parts.length === 0) super(now());
    else super(...parts);
  }
  static now() {
    return now();
  }
};
for (const name of ['setTimeout', 'setInterval']) {
  const real = globalThis[name];
  globalThis[name] = Object.assign(
    (run, ms, ...rest) => real(run, ms >= LONG_MS ? ms / FACTOR : ms, ...rest),
    real,
  );
}
