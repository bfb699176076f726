/** What went wrong at the provider, in words that name the remedy. Pure. */
import { OrbitError } from '../../../errors.ts';
import type { TurnError } from '../protocol/generated/v2/TurnError.ts';

const REMEDIES: Record<string, string> = {
  contextWindowExceeded: 'The conversation is too long for the model: compact the context.',
  usageLimitExceeded: 'Your plan’s limit is reached: wait until it resets, or sign in differently.',
  rateLimitExceeded: 'Too many requests: wait a moment and send it again.',
  sessionBudgetExceeded: 'The budget of this session is used up: begin a new one.',
  serverOverloaded: 'The provider is overloaded: wait a moment and send it again.',
  internalServerError: 'The provider failed: send it again, or try another model.',
  unauthorized: 'Codex is not signed in: run `codex login`, or sign in from the app.',
  badRequest: 'The provider refused the request: try another model or another message.',
  sandboxError: 'The sandbox could not be set up: `codex doctor` says why.',
  httpConnectionFailed: 'The provider could not be reached: check network and sign-in.',
  responseStreamConnectionFailed: 'The provider could not be reached: check the network.',
  responseStreamDisconnected: 'The connection broke off: send it again.',
  responseTooManyFailedAttempts: 'The provider kept refusing: wait a moment and send it again.',
};

/** Words of a failed turn for the conversation. */
export function wordsOfTurnError(error: TurnError | null): string {
  if (error === null) return 'The turn failed and Codex did not say why. Send a message to go on.';
  const { codexErrorInfo: info, message } = error;
  const kind = typeof info === 'string' ? info : (Object.keys(info ?? {})[0] ?? '');
  const status = statusIn(info);
  const remedy =
    status === 401 || status === 403 ? REMEDIES.unauthorized : (REMEDIES[kind] ?? 'Send it again.');
  return `${message}\n\n${remedy}`;
}

function statusIn(info: unknown): number | null {
  if (typeof info !== 'object' || info === null) return null;
  const [details] = Object.values(info) as Array<{ httpStatusCode?: unknown } | null>;
  return typeof details?.httpStatusCode === 'number' ? details.httpStatusCode : null;
}

/** The reason inside a failure, without the sentence around it. */
export function reasonOf(error: unknown): string {
  if (error instanceof OrbitError && typeof error.details.reason === 'string') {
    return error.details.reason;
  }
  return error instanceof Error ? error.message : String(error);
}
