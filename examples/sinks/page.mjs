// The mailbox as a page for people: newest first, links to click, nothing that runs.

const STYLE = `
  :root { color-scheme: light dark; font: 15px/1.5 system-ui, sans-serif; }
  body { max-width: 52rem; margin: 2rem auto; padding: 0 1rem; }
  article { border: 1px solid color-mix(in srgb, currentColor 25%, transparent); border-radius: 8px; margin: 1rem 0; padding: .75rem 1rem; }
  header { display: flex; gap: .75rem; flex-wrap: wrap; align-items: baseline; }
  h1 { font-size: 1.3rem; } h2 { font-size: 1rem; margin: 0; }
  small { opacity: .7; } .kind { border: 1px solid; border-radius: 4px; padding: 0 .35rem; font-size: .8rem; }
  pre { white-space: pre-wrap; overflow-wrap: anywhere; margin: .5rem 0 0; }
`;

const escaped = (text) => String(text)
  .replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');

// A link ends before the punctuation that closes a sentence.
function withLinks(text) {
  return String(text)
    .split(/(https?:\/\/[^\s<>"']*[^\s<>"'.,;:!?)\]}])/)
    .map((piece, index) => (index % 2 === 0
      ? escaped(piece)
      : `<a href="${escaped(piece)}" rel="noreferrer" target="_blank">${escaped(piece)}</a>`))
    .join('');
}

function article(message) {
  const mail = message.kind === 'mail';
  const title = mail ? message.subject || '(no subject)' : `${message.method} ${message.path}`;
  const people = mail ? `from ${message.from || '(nobody)'} to ${message.to.join(', ')}` : '';
  const body = mail ? message.text ?? textOf(message.html ?? '') : pretty(message.body);
  return `<article id="m${message.id}"><header><span class="kind">${escaped(message.kind)}</span>
<h2>${escaped(title)}</h2><small>${escaped(people)}</small>
<small><a href="/messages/${message.id}">${escaped(message.received_at)}</a></small></header>
<pre>${withLinks(body)}</pre></article>`;
}

function pretty(body) {
  try {
    return JSON.stringify(JSON.parse(body), null, 2);
  } catch {
    return body;
  }
}

// A mail without a plain part is shown as its words and the addresses of its links, never as HTML.
function textOf(html) {
  return html
    .replace(/<(script|style)\b[\s\S]*?<\/\1\s*>/gi, '')
    .replace(/<a\b[^>]*href="([^"]*)"[^>]*>([\s\S]*?)<\/a>/gi, '$2 $1 ')
    .replace(/<(br|\/p|\/div|\/tr|\/h\d|\/li)\b[^>]*>/gi, '\n')
    .replace(/<[^>]*>/g, '')
    .replaceAll('&lt;', '<').replaceAll('&gt;', '>').replaceAll('&quot;', '"').replaceAll('&amp;', '&');
}

/** Renders the list of messages. */
export function renderPage(messages) {
  const list = messages.length > 0
    ? messages.map(article).join('\n')
    : '<p>Nothing has arrived yet. Mail and webhooks show up here within seconds.</p>';
  return `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Mailbox (${messages.length})</title>
<meta name="viewport" content="width=device-width, initial-scale=1"><meta http-equiv="refresh" content="5">
<style>${STYLE}</style></head><body><h1>Mailbox</h1>${list}</body></html>`;
}
