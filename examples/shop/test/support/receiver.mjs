// A real OTLP/HTTP receiver for JSON bodies, small enough to read.
import http from 'node:http';

export async function startReceiver() {
  const records = [];
  const spans = [];
  const refused = [];
  const server = http.createServer(async (request, response) => {
    let text = '';
    for await (const chunk of request) text += chunk;
    const body = JSON.parse(text);
    if (request.headers.authorization !== 'Bearer test-token') {
      refused.push(request.headers.authorization);
      response.writeHead(401).end();
      return;
    }
    if (request.url === '/v1/logs') records.push(...flatten(body.resourceLogs, 'scopeLogs', 'logRecords'));
    if (request.url === '/v1/traces') spans.push(...flatten(body.resourceSpans, 'scopeSpans', 'spans'));
    response.writeHead(200, { 'content-type': 'application/json' }).end('{}');
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    records,
    spans,
    refused,
    url: `http://127.0.0.1:${server.address().port}`,
    close: () => { server.close(); server.closeAllConnections(); },
  };
}

function flatten(resources, scopes, leaves) {
  return resources.flatMap((resource) => resource[scopes].flatMap((scope) => scope[leaves].map((leaf) => ({
    ...leaf,
    service: plain(resource.resource.attributes)['service.name'],
    resource: plain(resource.resource.attributes),
    attributes: plain(leaf.attributes ?? []),
    body: leaf.body?.stringValue,
  }))));
}

function plain(attributes) {
  return Object.fromEntries(attributes.map(({ key, value }) => {
    const [kind, content] = Object.entries(value)[0];
    return [key, kind === 'intValue' ? Number(content) : content];
  }));
}
