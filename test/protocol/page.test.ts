/** src/protocol/README.md says what the schemas say; `npm run protocol-page` writes it anew. */
import { readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { FACTS } from '../../machines/session-facts.ts';
import { CODES, OrbitError } from '../../src/errors.ts';
import { OPERATIONS, type Operation } from '../../src/protocol/api.ts';
import { CLIENT_TYPES } from '../../src/protocol/client.ts';
import { decode } from '../../src/protocol/codec.ts';
import { SERVER_TYPES, validationErrorOf } from '../../src/protocol/schemas.ts';
import { CLIENT_MESSAGES } from '../support/client-messages.ts';
import { ANY_MESSAGE, CLIENT_WORDS } from '../support/protocol-page/client-words.ts';
import { ERROR_WORDS } from '../support/protocol-page/error-words.ts';
import { exampleOf, protocolPage } from '../support/protocol-page/page.ts';
import { SERVER_WORDS } from '../support/protocol-page/server-words.ts';

const FILE = new URL('../../src/protocol/README.md', import.meta.url);

describe('src/protocol/README.md', () => {
  const text = protocolPage();

  it('is what the schemas say (else: npm run protocol-page)', () => {
    if (process.env.UPDATE_DOCS) writeFileSync(FILE, text);
    expect(readFileSync(FILE, 'utf8')).toBe(text);
  });

  it('has a section with an example for every message in both directions', () => {
    for (const tag of [...CLIENT_TYPES, ...SERVER_TYPES]) {
      const isHook = tag.startsWith('claude_') && tag !== 'claude_capabilities';
      expect(text).toContain(isHook ? `\`${tag}\`` : `\n### ${tag}\n`);
    }
  });

  it('has a row for every error code', () => {
    for (const code of CODES) expect(text).toContain(`| <a id="${code}"></a>\`${code}\` |`);
  });

  it('links only to what is on it', () => {
    const anchors = new Set([
      ...[...text.matchAll(/^#+ (.+)$/gm)].map(([, title = '']) => title.toLowerCase()),
      ...[...text.matchAll(/<a id="(\w+)">/g)].map(([, id]) => id),
    ]);
    const links = [...text.matchAll(/\]\(#([^)]+)\)/g)].map(([, target = '']) => target);
    expect(links.filter((target) => !anchors.has(target))).toEqual([]);
  });

  it('leaves no cell of the table of errors empty', () => {
    const rows = text.split('\n').filter((line) => /^\| <a id/.test(line));
    expect(rows.filter((row) => /\|\s*\|/.test(row))).toEqual([]);
  });
});

describe('the examples of the page', () => {
  it.each(CLIENT_TYPES)('%s is a message that the server takes', (type) => {
    const body = CLIENT_MESSAGES[type as keyof typeof CLIENT_MESSAGES];
    expect(decode({ type, ...body })).not.toBeInstanceOf(OrbitError);
  });

  it.each(SERVER_TYPES)('%s is a message that the server may send', (type) => {
    expect(validationErrorOf(exampleOf(type))).toBeNull();
  });
});

describe('the words of the page', () => {
  it('name as facts what takes a revision, and nothing else', () => {
    const facts = Object.entries(FACTS).filter(([, { takesRevision }]) => takesRevision);
    const named = Object.entries(SERVER_WORDS).filter(([, { to }]) => to.includes('facts'));
    expect(named.map(([tag]) => tag).sort()).toEqual(facts.map(([tag]) => tag).sort());
  });

  it('name for every code something that can give it', () => {
    const given = new Set([
      ...ANY_MESSAGE,
      ...Object.values(CLIENT_WORDS).flatMap(({ errors }) => errors),
      ...Object.values<Operation>(OPERATIONS).flatMap(({ refusals }) => refusals),
    ]);
    const lost = CODES.filter((code) => !given.has(code) && ERROR_WORDS[code].from === undefined);
    expect(lost).toEqual([]);
  });
});
