// How another shop.mjs talks to the one that runs: HTTP on the loopback, with a token from a file
// that only its owner may read.
import http from 'node:http';
import { randomBytes, timingSafeEqual } from 'node:crypto';
import { rmSync } from 'node:fs';
import { readJsonFile, writeWhole } from './files.mjs';
import { UsageError } from './layout.mjs';

const MAXIMUM_BODY_BYTES = 16 * 1024;
const ANSWER_TIMEOUT_MS = 60_000;

/** Serves `commands` (name -> async function of the arguments); returns a function that ends it. */
export async function serveControl(paths, commands) {
  const token = randomBytes(24).toString('hex');
  const server = http.createServer((request, response) => {
    respond(request, token, commands).then(
      (result) => finish(response, 200, result ?? {}),
      (error) => finish(response, error.status ?? 500, { error: error.message, usage: error instanceof UsageError }),
    );
  });
  await new Promise((resolve, reject) => server.once('error', reject).listen(0, '127.0.0.1', resolve));
  writeWhole(paths.control, `${JSON.stringify({ port: server.address().port, token, pid: process.pid })}\n`, 0o600);
  return () => {
    rmSync(paths.control, { force: true });
    server.close();
    server.closeAllConnections();
  };
}

async function respond(request, token, commands) {
  const given = Buffer.from(request.headers.authorization ?? '');
  const expected = Buffer.from(`Bearer ${token}`);
  if (given.length !== expected.length || !timingSafeEqual(given, expected)) {
    throw Object.assign(new Error('wrong token'), { status: 401 });
  }
  const command = Object.hasOwn(commands, request.url.slice(1)) ? commands[request.url.slice(1)] : null;
  if (!command) throw Object.assign(new Error(`no command ${request.url}`), { status: 404 });
  let text = '';
  for await (const chunk of request) {
    text += chunk;
    if (text.length > MAXIMUM_BODY_BYTES) throw Object.assign(new Error('body too large'), { status: 413 });
  }
  return command(JSON.parse(text || '{}'));
}

function finish(response, status, body) {
  response.writeHead(status, { 'content-type': 'application/json', connection: 'close' });
  response.end(JSON.stringify(body));
}

/** Sends one command to the running shop of this work folder. */
export function ask(paths, command, args = {}) {
  const address = readJsonFile(paths.control, null);
  if (!address) return Promise.reject(new UsageError(`no shop runs in ${paths.root}; start it with: shop.mjs up --dir ${paths.root}`));
  return new Promise((resolve, reject) => {
    const request = http.request({
      host: '127.0.0.1',
      port: address.port,
      path: `/${command}`,
      method: 'POST',
      agent: false,
      timeout: ANSWER_TIMEOUT_MS,
      headers: { authorization: `Bearer ${address.token}` },
    });
    request.on('timeout', () => request.destroy(new Error(`the shop did not answer ${command} in time`)));
    request.on('error', (error) => {
      reject(error.code === 'ECONNREFUSED' ? new UsageError(`the shop in ${paths.root} is gone; start it again`) : error);
    });
    request.on('response', async (response) => {
      try {
        let text = '';
        for await (const chunk of response) text += chunk;
        const body = JSON.parse(text);
        if (response.statusCode === 200) resolve(body);
        else reject(body.usage ? new UsageError(body.error) : new Error(body.error));
      } catch (error) {
        reject(error);
      }
    });
    request.end(JSON.stringify(args));
  });
}
