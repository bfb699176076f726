/**
 * A small MCP server on stdio, run by the agent itself: `add` adds, `survey` asks its user a form before it
 * answers; which one, `form` in its arguments says. Its text is written into a scratch folder and run from there.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Plain JavaScript, so that the scratch home needs nothing of ours. */
const PROGRAM = `
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
const forms = JSON.parse(readFileSync(process.argv[2], 'utf8'));
const say = (message) => process.stdout.write(JSON.stringify({ jsonrpc: '2.0', ...message }) + '\\n');
const waiting = new Map();
let next = 1;
const ask = (method, params) => new Promise((resolve) => {
  const id = 'q' + next++;
  waiting.set(id, resolve);
  say({ id, method, params });
});
const text = (value) => ({ content: [{ type: 'text', text: String(value) }] });
const number = { type: 'number' };
const tools = [
  { name: 'add', description: 'Adds', inputSchema: { type: 'object', properties: { a: number, b: number } } },
  { name: 'survey', description: 'Asks', inputSchema: { type: 'object', properties: { form: number } }, annotations: { readOnlyHint: true } },
];
async function answer({ id, method, params }) {
  if (method === 'initialize') {
    const serverInfo = { name: 'calc', version: '1' };
    say({ id, result: { protocolVersion: params.protocolVersion, capabilities: { tools: {} }, serverInfo } });
  } else if (method === 'tools/list') say({ id, result: { tools } });
  else if (method === 'tools/call' && params.name === 'add') {
    say({ id, result: text(params.arguments.a + params.arguments.b) });
  } else if (method === 'tools/call') {
    const result = await ask('elicitation/create', forms[params.arguments.form ?? 0]);
    say({ id, result: text('survey says ' + JSON.stringify(result)) });
  } else if (id !== undefined) say({ id, error: { code: -32601, message: 'no such method' } });
}
createInterface({ input: process.stdin }).on('line', (line) => {
  const message = JSON.parse(line);
  if (message.method) void answer(message);
  else waiting.get(message.id)?.(message.result ?? message.error);
});
`;

/** What a form asks, as MCP has it. */
export interface McpForm {
  message: string;
  requestedSchema: { type: 'object'; properties: Record<string, object>; required?: string[] };
}

const SURVEY: McpForm = {
  message: 'A few questions',
  requestedSchema: {
    type: 'object',
    properties: {
      colour: { type: 'string', title: 'Colour', enum: ['red', 'blue'] },
      count: { type: 'integer', title: 'Count' },
      sure: { type: 'boolean', title: 'Sure' },
    },
    required: ['colour', 'count'],
  },
};

/** Writes the server into a folder and returns how it is started: a program and its words. */
export function writeMcpServer(folder: string, forms: readonly McpForm[] = [SURVEY]) {
  const path = join(folder, 'calc-server.mjs');
  const asked = join(folder, 'forms.json');
  writeFileSync(path, PROGRAM);
  writeFileSync(asked, JSON.stringify(forms));
  return { command: process.execPath, args: [path, asked] };
}

/** The same, as the table that makes Codex start it as \`calc\`. */
export function mcpServerTable(folder: string, forms: readonly McpForm[] = [SURVEY]): string {
  const { command, args } = writeMcpServer(folder, forms);
  return `
[mcp_servers.calc]
command = ${JSON.stringify(command)}
args = ${JSON.stringify(args)}
`;
}
