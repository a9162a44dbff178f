// The deploy script, with a command in the place of `andon` that writes down what it is asked and
// exits as the test says.
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { TestShop } from './support/shop.mjs';

let shop;
let asked;

before(async () => {
  shop = await TestShop.start({});
  asked = path.join(shop.dir, 'asked');
  const command = path.join(shop.dir, 'andon');
  writeFileSync(command, `#!/bin/sh
printf '%s\\n' "$*" >>'${asked}'
case $1 in
  check) [ "\${CHECK:-0}" = 0 ] || echo "the line is stopped: and-7"; exit "\${CHECK:-0}" ;;
  change) [ "\${RECORD:-0}" = 0 ] || exit "\$RECORD"; echo "chg-$(wc -l <'${asked}')" ;;
esac
`, { mode: 0o755 });
  shop.env.ANDON_BIN = command;
});

after(() => shop?.close());

async function deploy(args, env = {}) {
  writeFileSync(asked, '');
  const result = await shop.run(['deploy', ...args], env);
  const [check, change] = readFileSync(asked, 'utf8').split('\n').filter(Boolean);
  return { ...result, check, change };
}

const runs = async (name) => (await shop.status(name)).version;

test('a version that was not committed is not deployed', async () => {
  const { code, stderr, check } = await deploy(['payments', '2']);
  assert.equal(code, 2);
  assert.match(stderr, /shop\.mjs commit payments 2/);
  assert.equal(check, undefined);
});

test('the test of version 2 fails, and then it is not deployed even when Andon would let it', async () => {
  await shop.must('commit', 'payments', '2');
  const { code, check, change } = await deploy(['payments', '2']);
  assert.equal(code, 1);
  assert.match(check, /--test idempotency=failed$/);
  assert.equal(change, undefined);
  assert.equal(await runs('payments'), '1');
});

test('a refusal stops the script, prints the reason and changes nothing', async () => {
  const { code, stdout, change } = await deploy(['payments', '2', '--no-test'], { CHECK: '1' });
  assert.equal(code, 1);
  assert.match(stdout, /the line is stopped: and-7/);
  assert.equal(change, undefined);
  assert.equal(await runs('payments'), '1');
});

test('a deploy stops when Andon does not answer', async () => {
  const { code } = await deploy(['payments', '2', '--no-test'], { CHECK: '4' });
  assert.equal(code, 4);
  assert.equal(await runs('payments'), '1');
});

test('without the test version 2 goes, and the record says who, what, when and that the test is missing', async () => {
  const { code, check, change } = await deploy(['payments', '2', '--no-test'], { DEPLOYED_BY: 'sam@acme.example' });
  assert.equal(code, 0);
  const commit = await shop.must('commit', 'payments', '2');
  assert.equal(check, `check --scope component:default/payments --change-version 2 --commit ${commit} --environment production --test idempotency=missing`);
  const time = '\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d(\\.\\d+)?(Z|\\+00:00)';
  for (const part of [
    'change record --service component:default/payments --version 2 ',
    `--commit ${commit} --repo ${path.join(shop.dir, 'repos/payments')} `,
    '--title Find a charge by its request id --environment production ',
    `--stage commit=${time},maya@acme\\.example `,
    `--stage build=${time}\\.\\.${time},sam@acme\\.example `,
    `--stage deploy=${time}\\.\\.${time},sam@acme\\.example `,
    '--outcome succeeded --test idempotency=missing',
  ]) assert.match(change, new RegExp(part));
  assert.equal(await runs('payments'), '2');
});

test('a rollback goes although Andon does not answer, and names the change it takes back', async () => {
  const { code, check, change } = await deploy(['payments', '--rollback'], { CHECK: '4' });
  assert.equal(code, 0);
  assert.match(check, /--change-version 1 .*--rollback$/);
  assert.match(change, /--title Back to version 1 .*--rollback --rolls-back chg-2$/);
  assert.doesNotMatch(change, /--stage (commit|build|test)=/);
  assert.equal(await runs('payments'), '1');
});

test('there is nothing to roll back to before the first version', async () => {
  const { code, stderr } = await deploy(['payments', '--rollback']);
  assert.equal(code, 2);
  assert.match(stderr, /no earlier version/);
});

test('another team deploys a change of the same kind, with its test', async () => {
  await shop.must('commit', 'checkout', '2');
  const { code, check, change } = await deploy(['checkout', '2']);
  assert.equal(code, 0);
  assert.match(check, /component:default\/checkout .*--test idempotency=passed$/);
  assert.match(change, /--stage test=.* --test idempotency=passed$/);
  assert.equal(await runs('checkout'), '2');
});

test('a deploy that Andon did not record is a failure that says so', async () => {
  await shop.must('commit', 'payments', '2');
  await shop.must('commit', 'payments', '3');
  const { code, stderr } = await deploy(['payments', '3'], { RECORD: '4' });
  assert.equal(code, 1);
  assert.match(stderr, /runs, but Andon did not record it/);
});
