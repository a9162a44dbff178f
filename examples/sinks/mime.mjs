// Reads a mail for people: headers, and the plain and the HTML text of its parts (RFC 5322, 2045, 2047).

const DEEPEST = 8;
const MOST_PARTS = 100;

/** Reads a whole mail and returns `{ headers, subject, text, html }`; what is broken is shown as it came. */
export function readMail(data) {
  const mail = { headers: {}, subject: '', text: null, html: null };
  const { headers, body } = split(data.toString('latin1'));
  for (const [name, value] of headers) mail.headers[name] ??= decodeWords(value);
  mail.subject = mail.headers.subject ?? '';
  readPart(headers, body, mail, 0, { parts: 0 });
  return mail;
}

function readPart(headers, body, mail, depth, seen) {
  seen.parts += 1;
  if (depth > DEEPEST || seen.parts > MOST_PARTS) return;
  const { value: type, parameters } = parameterised(headers.get('content-type') ?? 'text/plain');
  if (type.startsWith('multipart/') && parameters.boundary) {
    for (const part of partsOf(body, parameters.boundary)) {
      const inner = split(part);
      readPart(inner.headers, inner.body, mail, depth + 1, seen);
    }
    return;
  }
  const place = { 'text/plain': 'text', 'text/html': 'html' }[type];
  if (!place || mail[place] !== null) return;
  const bytes = decodeTransfer(body, headers.get('content-transfer-encoding') ?? '7bit');
  mail[place] = decodeCharset(bytes, parameters.charset ?? 'utf-8');
}

function split(text) {
  const end = text.search(/\r?\n\r?\n/);
  const head = end < 0 ? text : text.slice(0, end);
  const body = end < 0 ? '' : text.slice(end).replace(/^\r?\n\r?\n/, '');
  const headers = new Map();
  for (const line of head.replace(/\r?\n[ \t]+/g, ' ').split(/\r?\n/)) {
    const colon = line.indexOf(':');
    if (colon <= 0) continue;
    const name = line.slice(0, colon).trim().toLowerCase();
    if (!headers.has(name)) headers.set(name, line.slice(colon + 1).trim());
  }
  return { headers, body };
}

function partsOf(body, boundary) {
  const parts = [];
  let current = null;
  for (const line of body.split(/\r?\n/)) {
    const mark = line.trimEnd();
    if (mark === `--${boundary}` || mark === `--${boundary}--`) {
      if (current) parts.push(current.join('\r\n'));
      current = mark.endsWith('--') && mark.length > boundary.length + 2 ? null : [];
    } else if (current) {
      current.push(line);
    }
  }
  if (current?.length) parts.push(current.join('\r\n'));
  return parts;
}

function parameterised(header) {
  const [value, ...rest] = header.split(';');
  const parameters = {};
  for (const piece of rest) {
    const [, name, quoted, plain] = /^\s*([^=\s]+)\s*=\s*(?:"([^"]*)"|(.*?))\s*$/.exec(piece) ?? [];
    if (name) parameters[name.toLowerCase()] = quoted ?? plain;
  }
  return { value: value.trim().toLowerCase(), parameters };
}

function decodeTransfer(body, encoding) {
  switch (encoding.trim().toLowerCase()) {
    case 'base64': return Buffer.from(body, 'base64');
    case 'quoted-printable': return quotedPrintable(body.replace(/[ \t]+(\r?\n|$)/g, '$1').replace(/=\r?\n/g, ''));
    default: return Buffer.from(body, 'latin1');
  }
}

function quotedPrintable(text) {
  return Buffer.from(
    text.replace(/=([0-9A-Fa-f]{2})/g, (_, hex) => String.fromCharCode(Number.parseInt(hex, 16))),
    'latin1',
  );
}

function decodeCharset(bytes, charset) {
  try {
    return new TextDecoder(charset).decode(bytes);
  } catch {
    return bytes.toString('utf8');
  }
}

// Encoded words: `=?utf-8?B?…?=` and `=?utf-8?Q?…?=`; the space between two of them is not text.
function decodeWords(value) {
  const raw = Buffer.from(value, 'latin1').toString('utf8');
  return raw
    .replace(/(\?=)\s+(=\?)/g, '$1$2')
    .replace(/=\?([^?\s]+)\?([BbQq])\?([^?]*)\?=/g, (_, charset, kind, text) => {
      const bytes = kind.toUpperCase() === 'B'
        ? Buffer.from(text, 'base64')
        : quotedPrintable(text.replaceAll('_', ' '));
      return decodeCharset(bytes, charset);
    });
}
