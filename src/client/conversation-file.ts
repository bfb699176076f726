/**
 * A whole conversation as one file: Markdown to read and to quote, JSON lines for programs, or a page of HTML that
 * can be handed on, with nothing in it that runs or is loaded from elsewhere.
 */
import type { Message, SessionSummary } from '../protocol/nouns.ts';

/** What the file is: its ending says it. */
export type ConversationFormat = 'md' | 'jsonl' | 'html';

/** What stands above the conversation. */
type Heading = Pick<SessionSummary, 'id' | 'provider' | 'project_path' | 'model' | 'started_at'> & {
  custom_name?: string;
  summary?: string;
  first_prompt?: string;
};

/** What of a client is needed here. */
interface Asker {
  request(message: {
    type: 'get_messages';
    session_id: string;
    limit: number;
    before?: string;
  }): Promise<{ messages: Message[]; has_older: boolean }>;
  text(of: { session_id: string; message_id: string; field: TextField }): Promise<string>;
}

type TextField = 'content' | 'tool_input' | 'tool_output';

/** Messages of one question to the server. */
const PAGE = 500;

/**
 * The parts of the file, in their order; texts that pages cut are fetched whole. Messages that come meanwhile are
 * not in it.
 *
 * @throws ClientError as `Client.request`
 */
export async function* conversationFile(
  client: Asker,
  session: Heading,
  format: ConversationFormat,
): AsyncGenerator<string> {
  const write = WRITERS[format];
  yield write.begin(session);
  // Pages lead from the newest to the oldest; the file goes the other way.
  const pages: Message[][] = [];
  for (let before: string | null = null, hasOlder = true; hasOlder; ) {
    const page: { messages: Message[]; has_older: boolean } = await client.request({
      ...{ type: 'get_messages', session_id: session.id, limit: PAGE },
      ...(before !== null && { before }),
    });
    pages.push(page.messages);
    before = page.messages[0]?.id ?? null;
    hasOlder = page.has_older && before !== null;
  }
  for (const messages of pages.reverse()) {
    for (const message of messages) yield write.message(await whole(client, message));
  }
  yield write.end;
}

/** What a session is called: its name, its provider's title, its first prompt's first line, or its id. */
export function titleOf({ id, custom_name, summary, first_prompt }: Heading): string {
  return custom_name || summary || first_prompt?.split('\n')[0]?.slice(0, 120) || id;
}

async function whole(client: Pick<Asker, 'text'>, message: Message): Promise<Message> {
  const { truncated, ...rest } = message;
  for (const field of ['content', 'tool_input', 'tool_output'] satisfies TextField[]) {
    if (truncated?.[field] === undefined) continue;
    const { session_id, id: message_id } = message;
    rest[field] = await client.text({ session_id, message_id, field });
  }
  return rest;
}

interface FileWriter {
  begin(session: Heading): string;
  message(message: Message): string;
  end: string;
}

/** What a message is called, by its author. */
const AUTHOR_NAMES: Readonly<Record<Message['message_type'], string>> = {
  user: 'User',
  assistant: 'Assistant',
  thinking: 'Thinking',
  tool: 'Tool',
  tool_result: 'Tool result',
  steer: 'User, while it worked',
  shell: 'Shell',
};

function authorOf({ message_type, tool_name, is_error }: Message): string {
  const name = tool_name === null ? AUTHOR_NAMES[message_type] : `Tool: ${tool_name}`;
  return is_error ? `${name} (failed)` : name;
}

function factsOf({ provider, project_path, model, started_at }: Heading): [string, string][] {
  const facts: [string, string | null][] = [
    ['Project', project_path],
    ['Agent', provider],
    ['Model', model],
    ['Started', started_at],
  ];
  return facts.flatMap(([name, value]) => (value === null ? [] : [[name, value]]));
}

/** Texts of a tool, each with what it is; the others are the message's own words. */
function textsOf({ content, tool_input, tool_output }: Message) {
  const blocks: [string, string][] = [];
  if (tool_input) blocks.push(['Input', tool_input]);
  if (tool_output) blocks.push(['Output', tool_output]);
  return { words: content, blocks };
}

const WRITERS: Readonly<Record<ConversationFormat, FileWriter>> = {
  jsonl: {
    begin: (session) => `${JSON.stringify({ type: 'session', session })}\n`,
    message: (message) => `${JSON.stringify({ type: 'message', message })}\n`,
    end: '',
  },
  md: {
    begin: (session) =>
      `# ${titleOf(session)}\n\n${factsOf(session)
        .map(([name, value]) => `- ${name}: ${value}\n`)
        .join('')}`,
    message: (message) => {
      const { words, blocks } = textsOf(message);
      const head = `\n## ${authorOf(message)}\n\n${message.timestamp}\n`;
      const images = message.images?.map(() => '\n(an image)\n').join('') ?? '';
      const fenced = blocks.map(([name, text]) => `\n${name}:\n\n${fence(text)}\n`).join('');
      return `${head}${words && `\n${words}\n`}${images}${fenced}`;
    },
    end: '',
  },
  html: {
    begin: (session) =>
      `${HTML_HEAD}<title>${escaped(titleOf(session))}</title>\n<h1>${escaped(titleOf(session))}</h1>\n<dl>${factsOf(
        session,
      )
        .map(([name, value]) => `<dt>${name}</dt><dd>${escaped(value)}</dd>`)
        .join('')}</dl>\n`,
    message: (message) => {
      const { words, blocks } = textsOf(message);
      const time = `<time>${escaped(message.timestamp)}</time>`;
      const head = `<h2>${escaped(authorOf(message))} ${time}</h2>`;
      const images = message.images?.map(() => '<p>(an image)</p>').join('') ?? '';
      const details = blocks
        .map(([name, text]) => `<details><summary>${name}</summary>${pre(text)}</details>`)
        .join('');
      return `<section class="${message.message_type}">${head}${words && pre(words)}${images}${details}</section>\n`;
    },
    end: '</html>\n',
  },
};

/** A block of code whose fence is longer than any inside it. */
function fence(text: string): string {
  const longest = Math.max(2, ...Array.from(text.matchAll(/`{3,}/g), ([ticks]) => ticks.length));
  const ticks = '`'.repeat(longest + 1);
  return `${ticks}\n${text}\n${ticks}`;
}

function pre(text: string): string {
  return `<pre>${escaped(text)}</pre>`;
}

function escaped(text: string): string {
  return text.replace(/[&<>"']/g, (sign) => `&#${sign.charCodeAt(0)};`);
}

/** Nothing is run or loaded: what agents print may be anything. */
const HTML_HEAD = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<style>
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
body { max-width: 50rem; margin: 2rem auto; padding: 0 1rem; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 0 1rem; }
dd { margin: 0; overflow-wrap: anywhere; }
section { border-top: 1px solid #8888; padding: 0.5rem 0; }
h2 { font-size: 1rem; }
time { font-weight: normal; opacity: 0.7; }
pre { white-space: pre-wrap; overflow-wrap: anywhere; font: inherit; margin: 0.5rem 0; }
details pre { font: 0.85rem/1.4 ui-monospace, monospace; }
.thinking pre { opacity: 0.75; font-style: italic; }
</style>
`;
