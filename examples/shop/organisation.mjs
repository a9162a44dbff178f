#!/usr/bin/env node
// Prints the demo organisation for `andon apply -f -`, its webhooks sent to the mailbox at MAILBOX_PORT.
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';

const DEFAULT_MAILBOX = '127.0.0.1:4715';

const folder = path.join(import.meta.dirname, 'andon');
const files = readdirSync(folder).filter((name) => name.endsWith('.yaml')).sort();
const texts = files.map((name) => readFileSync(path.join(folder, name), 'utf8'));
console.log(texts.join('\n---\n').replaceAll(DEFAULT_MAILBOX, `127.0.0.1:${process.env.MAILBOX_PORT ?? 4715}`));
