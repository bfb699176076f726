/**
 * The access token on this side: asked for once, kept by the browser for this origin, sent only inside
 * socket.io's handshake. Never in an address, a log or the page.
 */

const KEY = 'orbitdock.token';
let token: string | null = null;

/** The token, or null when none was given (a local page needs none). */
export function readToken(): string | null {
  token ??= stored();
  return token;
}

/** Keeps a token until the tab closes, or for good. */
export function keepToken(given: string, forGood: boolean): void {
  token = given;
  try {
    (forGood ? localStorage : sessionStorage).setItem(KEY, given);
  } catch {
    // Storage may be forbidden; the token then lives as long as the page.
  }
}

/** What a link of `orbitdock-server pair` carries behind its `#`. */
const PAIRING = /^#pair=(odp_[\w-]{43})$/;

/**
 * Makes a token of the code in the address, if there is one. The code leaves the address and the history at once;
 * the token is kept for good, as this device's own.
 *
 * @param server  address of the server, with a slash at its end
 * @returns what went wrong, as a sentence; null when nothing did
 */
export async function pairFromAddress(server: string): Promise<string | null> {
  const code = PAIRING.exec(window.location.hash)?.[1];
  if (code === undefined) return null;
  const { pathname, search } = window.location;
  window.history.replaceState(window.history.state, '', `${pathname}${search}`);
  try {
    const answer = await fetch(new URL('api/pair', server), {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ code, device: deviceName(navigator.userAgent) }),
    });
    const body = (await answer.json()) as { token?: string; error?: { message?: string } };
    if (body.token === undefined)
      return body.error?.message ?? `The server answered ${answer.status}`;
    keepToken(body.token, true);
    return null;
  } catch (error) {
    return `This device was not paired: ${(error as Error).message}`;
  }
}

/** What a person would call the device, by what its browser says of itself. */
export function deviceName(agent: string): string {
  const devices = ['iPhone', 'iPad', 'Android', 'Macintosh', 'Windows', 'CrOS', 'Linux'];
  const browsers = ['Edg', 'Firefox', 'Chrome', 'Safari'];
  const device = devices.find((name) => agent.includes(name)) ?? 'device';
  const browser = browsers.find((name) => agent.includes(name));
  return browser === undefined ? device : `${device} ${browser === 'Edg' ? 'Edge' : browser}`;
}

/** The server refused it. */
export function forgetToken(): void {
  token = null;
  try {
    sessionStorage.removeItem(KEY);
    localStorage.removeItem(KEY);
  } catch {
    // Nothing was stored then.
  }
}

function stored(): string | null {
  try {
    return sessionStorage.getItem(KEY) ?? localStorage.getItem(KEY);
  } catch {
    return null;
  }
}
