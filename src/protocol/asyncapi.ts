/**
 * The AsyncAPI 3.0 document of the socket: every message in both directions, as JSON Schema (draft 7, which
 * is what AsyncAPI's own form of schemas is made of), from the schemas that check them. It stands beside the
 * OpenAPI document and is made on request; loads arktype and all schemas of the wire.
 */
import { CLIENT_TYPES } from './client.ts';
import { wireSchemas } from './openapi.ts';
import { SERVER_TYPES } from './schemas.ts';

type Json = Record<string, unknown>;

/** The whole document. @param version the server's */
export function asyncApiDocument(version: string): Json & { asyncapi: string } {
  const tags = [...new Set([...CLIENT_TYPES, ...SERVER_TYPES])];
  return {
    asyncapi: '3.0.0',
    info: {
      title: 'OrbitDock Server',
      version,
      description:
        'The live state, over a WebSocket; socket.io carries the same messages. A frame of a session may also carry its `revision`. Objects may gain fields in a later version: ignore what you do not know.',
      license: { name: 'MIT' },
    },
    defaultContentType: 'application/json',
    channels: {
      socket: {
        address: '/ws',
        description: 'One JSON object a frame; the first one of the server is `hello`.',
        messages: fromTags(tags, (tag) => ({ $ref: `#/components/messages/${tag}` })),
      },
    },
    operations: {
      take: operation('receive', 'What a client may say', CLIENT_TYPES),
      tell: operation('send', 'What the server tells', SERVER_TYPES),
    },
    components: {
      messages: fromTags(tags, (tag) => ({
        name: tag,
        payload: { $ref: `#/components/schemas/${tag}` },
      })),
      schemas: wireSchemas('draft-07'),
    },
  };
}

function operation(action: 'send' | 'receive', summary: string, tags: readonly string[]): Json {
  return {
    action,
    summary,
    channel: { $ref: '#/channels/socket' },
    messages: tags.map((tag) => ({ $ref: `#/channels/socket/messages/${tag}` })),
  };
}

function fromTags(tags: readonly string[], make: (tag: string) => Json): Json {
  return Object.fromEntries(tags.map((tag) => [tag, make(tag)]));
}
