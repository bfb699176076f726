/**
 * What a secret looks like in a text, wherever it stands: for all that leaves the process, and for the
 * words of other programs that enter our log. A leaf: any layer may call it.
 */

/** What stands where something was taken out; never says how long it was. */
export const REDACTED = '[redacted]';

/** Texts that are secrets wherever they stand; each begins at a place a word can begin. */
const SECRET_TEXT = new RegExp(
  [
    // Anthropic, OpenAI, Stripe.
    /\b(?:sk|pk|rk)[-_](?:ant-|proj-|live_|test_)?[\w-]{16,}/,
    // GitHub and GitLab.
    /\b(?:gh[oprsu]_\w{20,}|github_pat_\w{20,}|glpat-[\w-]{16,})/,
    /\bxox[abeoprs]-[\w-]{10,}/,
    /\b(?:AKIA|ASIA)[A-Z0-9]{16}\b/,
    /\bAIza[\w-]{30,}/,
    /\bnpm_\w{30,}/,
    // Our own.
    /\bod_[\w%+-]{20,}/,
    // A JSON web token, or its beginning: were the rest required, each `eyJ` would read to the end again.
    /\beyJ[\w-]{8,}(?:\.[\w-]+){0,2}/,
    /-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)/,
    /\b(?:bearer|basic)\s+[\w.~+/-]{16,}=*/,
    // user:password@host
    /(?<=:\/\/)[^\s/:@]{1,128}:[^\s/@]{1,128}(?=@)/,
    // PASSWORD=..., "api_key": "..."
    /(?<=\b[\w-]{0,64}(?:token|secret|passw(?:or)?d|api[-_]?key|access[-_]?key)["']?\s{0,4}[=:]\s{0,4}["']?)[^\s"',;&]{6,}/,
  ]
    .map(({ source }) => source)
    .join('|'),
  'gi',
);

/** A text without what looks like a secret. The caller bounds its length: patterns run over all of it. */
export function withoutSecrets(text: string): string {
  return text.replace(SECRET_TEXT, REDACTED);
}
