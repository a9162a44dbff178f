#!/usr/bin/env node
// The demo's mailbox: a real SMTP server and a webhook receiver that keep whatever arrives.
//
//   node sink.mjs --smtp PORT --http PORT --dir DIR
//
// GET / shows the messages, GET /messages lists them as JSON (?after=NUMBER&kind=mail|webhook&to=ADDRESS),
// GET /messages/NUMBER is one, with the mail as it came; a POST or PUT to any other path is a webhook.
import http from 'node:http';
import { parseArgs } from 'node:util';
import { Box } from './box.mjs';
import { readMail } from './mime.mjs';
import { renderPage } from './page.mjs';
import { smtpServer } from './smtp.mjs';

const MAXIMUM_WEBHOOK_BYTES = 1024 * 1024;
const SHOWN_ON_PAGE = 200;

function readPort(text, name) {
  const port = Number(text);
  if (text === undefined || !Number.isInteger(port) || port < 0 || port > 65_535) {
    throw new Error(`--${name} needs a port from 0 to 65535`);
  }
  return port;
}

function readOptions() {
  const { values } = parseArgs({
    options: { smtp: { type: 'string' }, http: { type: 'string' }, dir: { type: 'string' } },
  });
  if (!values.dir) throw new Error('--dir is missing');
  return { dir: values.dir, smtp: readPort(values.smtp, 'smtp'), http: readPort(values.http, 'http') };
}

function storeMail(box, { from, to, data }) {
  const { headers, subject, text, html } = readMail(data);
  return box.add({ kind: 'mail', from, to, subject, text, html, headers, raw: data.toString('latin1') }).id;
}

async function storeWebhook(box, request, url) {
  const chunks = [];
  let size = 0;
  for await (const chunk of request) {
    size += chunk.length;
    if (size > MAXIMUM_WEBHOOK_BYTES) throw Object.assign(new Error('body is too large'), { status: 413 });
    chunks.push(chunk);
  }
  return box.add({
    kind: 'webhook',
    method: request.method,
    path: url.pathname + url.search,
    headers: request.headers,
    body: Buffer.concat(chunks).toString('utf8'),
  });
}

async function answer(box, request, response) {
  const url = new URL(request.url, 'http://sink');
  const one = /^\/messages\/(\d+)$/.exec(url.pathname);
  if (request.method === 'POST' || request.method === 'PUT') {
    const { id } = await storeWebhook(box, request, url);
    return send(response, 200, { id });
  }
  if (request.method !== 'GET' && request.method !== 'HEAD') return send(response, 405, { error: 'GET, POST or PUT' });
  if (url.pathname === '/') return sendPage(response, renderPage(box.list({}).slice(0, SHOWN_ON_PAGE)));
  if (url.pathname === '/messages') {
    const after = Number(url.searchParams.get('after') ?? 0);
    const list = box.list({ after, kind: url.searchParams.get('kind'), to: url.searchParams.get('to') });
    return send(response, 200, list.map(({ raw, ...shown }) => shown));
  }
  const message = one && box.messages.find(({ id }) => id === Number(one[1]));
  return message ? send(response, 200, message) : send(response, 404, { error: 'there is no such page' });
}

function send(response, status, body) {
  response.writeHead(status, { 'content-type': 'application/json; charset=utf-8' });
  response.end(JSON.stringify(body));
}

function sendPage(response, html) {
  response.writeHead(200, {
    'content-type': 'text/html; charset=utf-8',
    'content-security-policy': "default-src 'none'; style-src 'unsafe-inline'",
  });
  response.end(html);
}

function listen(server, port) {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', () => resolve(server.address().port));
  });
}

async function main() {
  const options = readOptions();
  const box = new Box(options.dir);
  const smtp = smtpServer({ accept: async (mail) => storeMail(box, mail) });
  const web = http.createServer((request, response) => {
    answer(box, request, response).catch((error) => send(response, error.status ?? 500, { error: error.message }));
  });
  const ports = { smtp: await listen(smtp, options.smtp), http: await listen(web, options.http) };
  console.log(JSON.stringify({ ready: true, ...ports }));

  const stop = () => {
    smtp.close();
    web.close();
    web.closeAllConnections();
    box.close();
    process.exit(0);
  };
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
}

main().catch((error) => {
  console.error(`sink: ${error.message}`);
  process.exitCode = 2;
  process.exit();
});
