// The mailbox, spoken to by hand over a socket.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { HOME } from './support/shop.mjs';

const SINK = path.resolve(HOME, '../sinks/sink.mjs');
let dir;
let sink;

before(async () => {
  dir = mkdtempSync(path.join(tmpdir(), 'andon-sink-'));
  sink = await startSink();
});

after(async () => {
  await stopSink();
  rmSync(dir, { recursive: true, force: true });
});

async function startSink() {
  const child = spawn(process.execPath, [SINK, '--smtp', '0', '--http', '0', '--dir', dir], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let text = '';
  for await (const chunk of child.stdout) {
    text += chunk;
    if (text.includes('\n')) break;
  }
  const ports = JSON.parse(text);
  return { child, smtp: ports.smtp, url: `http://127.0.0.1:${ports.http}` };
}

function stopSink() {
  const ended = new Promise((resolve) => sink.child.once('exit', resolve));
  sink.child.kill('SIGTERM');
  return ended;
}

// A client that waits for each answer, as the protocol asks.
async function dial() {
  const socket = net.connect(sink.smtp, '127.0.0.1');
  socket.setEncoding('utf8');
  let text = '';
  let wake = () => {};
  socket.on('data', (chunk) => { text += chunk; wake(); });
  socket.on('close', () => wake());
  const answer = async () => {
    for (;;) {
      const [whole, code] = /^(?:\d{3}-.*\r\n)*(\d{3}) .*\r\n/.exec(text) ?? [];
      if (whole) {
        text = text.slice(whole.length);
        return { code: Number(code), text: whole };
      }
      if (socket.destroyed) throw new Error('the server hung up');
      await new Promise((resolve) => { wake = resolve; });
    }
  };
  return {
    answer,
    send: (data) => socket.write(data),
    say: (line) => { socket.write(`${line}\r\n`); return answer(); },
    hangUp: () => socket.destroy(),
  };
}

const messages = async (query = '') => (await fetch(`${sink.url}/messages${query}`)).json();

test('a mail is stored as it was meant, with its dots', async () => {
  const client = await dial();
  assert.equal((await client.answer()).code, 220);
  const hello = await client.say('EHLO test.example');
  assert.equal(hello.code, 250);
  assert.match(hello.text, /PIPELINING/);
  assert.equal((await client.say('MAIL FROM:<andon@acme.example>')).code, 250);
  assert.equal((await client.say('RCPT TO:<maya@acme.example>')).code, 250);
  assert.equal((await client.say('DATA')).code, 354);
  client.send('From: Andon <andon@acme.example>\r\nTo: maya@acme.example\r\n');
  client.send('Subject: =?utf-8?Q?Payments_stopped_=E2=80=93?=\r\n =?utf-8?B?IHBsZWFzZSBhbnN3ZXI=?=\r\n');
  client.send('Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n');
  client.send('Acknowledge: http://127.0.0.1:4700/p/abc=\r\ndef.\r\n..\r\n..and a line with a dot=\r\n, caf=C3=A9\r\n.');
  const stored = await client.say('');
  assert.equal(stored.code, 250);
  assert.equal((await client.say('QUIT')).code, 221);

  const [mail] = await messages('?to=Maya@acme.example');
  assert.equal(mail.kind, 'mail');
  assert.equal(mail.from, 'andon@acme.example');
  assert.deepEqual(mail.to, ['maya@acme.example']);
  assert.equal(mail.subject, 'Payments stopped – please answer');
  assert.equal(mail.text, 'Acknowledge: http://127.0.0.1:4700/p/abcdef.\r\n.\r\n.and a line with a dot, café\r\n');

  const page = await (await fetch(sink.url)).text();
  assert.ok(page.includes('href="http://127.0.0.1:4700/p/abcdef"'), 'the link on the page ends before the full stop');
});

test('a mail in two forms is read in both, and its HTML never runs on the page', async () => {
  const client = await dial();
  await client.answer();
  client.send([
    'EHLO x', 'MAIL FROM:<> SIZE=500', 'RCPT TO:<a@x.example>', 'RCPT TO:<b@x.example>', 'DATA', '',
  ].join('\r\n'));
  for (const code of [250, 250, 250, 250, 354]) assert.equal((await client.answer()).code, code);
  client.send([
    'Subject: <script>alert(1)</script>', 'MIME-Version: 1.0',
    'Content-Type: multipart/alternative; boundary="=_b"', '',
    '--=_b', 'Content-Type: text/plain; charset=utf-8', 'Content-Transfer-Encoding: base64', '', 'R3LDvMOfZQ==',
    '--=_b', 'Content-Type: text/html', '', '<p>Gr&uuml;&szlig;e<script>alert(2)</script></p>', '--=_b--', '.', 'QUIT', '',
  ].join('\r\n'));
  assert.equal((await client.answer()).code, 250);
  assert.equal((await client.answer()).code, 221);

  const [mail] = await messages('?kind=mail');
  assert.equal(mail.from, '');
  assert.deepEqual(mail.to, ['a@x.example', 'b@x.example']);
  assert.equal(mail.text, 'Grüße');
  assert.match(mail.html, /Gr&uuml;/);
  assert.doesNotMatch(await (await fetch(sink.url)).text(), /<script/);
});

test('what is out of order is refused and the conversation goes on', async () => {
  const client = await dial();
  await client.answer();
  for (const [line, code] of [
    ['MAIL FROM:<a@x.example>', 503], ['EHLO x', 250], ['RCPT TO:<b@x.example>', 503], ['DATA', 503],
    ['MAIL a@x.example', 501], ['MAIL FROM:<a@x.example>', 250], ['RCPT TO:<>', 501], ['RSET', 250],
    ['RCPT TO:<b@x.example>', 503], ['NOOP', 250], ['STARTTLS', 502],
    ['MAIL FROM:<a@x.example> SIZE=99999999', 552], ['QUIT', 221],
  ]) assert.equal((await client.say(line)).code, code, line);
});

test('a mail that is cut off before its end is not stored', async () => {
  const before = (await messages()).length;
  const client = await dial();
  await client.answer();
  await client.say('EHLO x');
  await client.say('MAIL FROM:<a@x.example>');
  await client.say('RCPT TO:<b@x.example>');
  await client.say('DATA');
  client.send('Subject: half\r\n\r\nhalf');
  client.hangUp();
  assert.equal((await messages()).length, before);
});

test('a webhook is kept with its headers and survives a restart', async () => {
  const posted = await fetch(`${sink.url}/hooks/maya?x=1`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-andon-signature': 'sha256=00' },
    body: '{"title":"Payments stopped"}',
  });
  const { id } = await posted.json();
  await stopSink();
  sink = await startSink();
  const [hook] = await messages(`?after=${id - 1}`);
  assert.equal(hook.id, id);
  assert.equal(hook.kind, 'webhook');
  assert.equal(hook.path, '/hooks/maya?x=1');
  assert.equal(hook.headers['x-andon-signature'], 'sha256=00');
  assert.equal(hook.body, '{"title":"Payments stopped"}');
  assert.match((await (await fetch(`${sink.url}/messages/1`)).json()).raw, /^From: Andon/);
  assert.equal((await fetch(`${sink.url}/messages/99999`)).status, 404);
});

test('a body that is too large is refused', async () => {
  const posted = await fetch(`${sink.url}/hooks/maya`, { method: 'POST', body: 'x'.repeat(1024 * 1024 + 1) });
  assert.equal(posted.status, 413);
});
