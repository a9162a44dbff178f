// Each service's own tests: the promise that version 2 of payments breaks is one that a test holds.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { HOME, run } from './support/shop.mjs';

// A test run that is started by a test run would report to it instead of exiting with a failure.
const { NODE_TEST_CONTEXT, ...env } = process.env;

async function idempotencyTest(service, version) {
  const file = path.join(HOME, 'services', service, 'versions', version, 'test/idempotency.test.mjs');
  return (await run(process.execPath, ['--test', file], env)).code;
}

for (const [service, version, expected] of [
  ['payments', '1', 0], ['payments', '2', 1], ['payments', '3', 0], ['checkout', '1', 0], ['checkout', '2', 0],
]) {
  test(`the idempotency test ${expected === 0 ? 'passes on' : 'fails on'} ${service} ${version}`, async () => {
    assert.equal(await idempotencyTest(service, version), expected);
  });
}

test('the storefront passes its own tests', async () => {
  const file = path.join(HOME, 'services/storefront/versions/1/test/catalogue.test.mjs');
  assert.equal((await run(process.execPath, ['--test', file], env)).code, 0);
});

test('the policy in YAML carries the Rego module as it is', () => {
  const rego = readFileSync(path.join(HOME, 'policies/idempotency.rego'), 'utf8');
  const yaml = readFileSync(path.join(HOME, 'policies/idempotency.yaml'), 'utf8');
  const indented = rego.trimEnd().split('\n').map((line) => (line ? `    ${line}` : '')).join('\n');
  assert.ok(yaml.includes(`  rego: |\n${indented}\n`), 'policies/idempotency.yaml has another module than the .rego file');
});
