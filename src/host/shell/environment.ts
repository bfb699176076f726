/** What a client's command inherits of our environment. */

/** Ours: address, token, data directory, and whatever else begins like them. */
const OUR_NAME = /^ORBITDOCK_/;

/**
 * The environment of a command: ours without what configures this server, and without its token under
 * whatever name.
 */
export function commandEnvironment(
  env: Readonly<Record<string, string | undefined>>,
  token: string | null,
): Record<string, string> {
  const kept = Object.entries(env).filter(
    (entry): entry is [string, string] =>
      entry[1] !== undefined &&
      !OUR_NAME.test(entry[0]) &&
      (token === null || !entry[1].includes(token)),
  );
  return Object.fromEntries(kept);
}
