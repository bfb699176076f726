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
