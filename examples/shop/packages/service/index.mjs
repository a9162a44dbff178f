// The paved road of Acme's services: one call gives a service its HTTP server, one structured log
// record per request, trace context in and out, a health check and a clean stop.
import http from 'node:http';
import { context, propagation, SpanKind, SpanStatusCode } from '@opentelemetry/api';
import { activeTraceId, call, CallTimeout, readJson } from './client.mjs';
import { startTelemetry } from './telemetry.mjs';

export { CallTimeout };

const MAXIMUM_BODY_BYTES = 64 * 1024;
const SLOW_MS = 300;

/** A failure that has an HTTP status; `attributes` are added to the log record of the request. */
export class HttpError extends Error {
  constructor(status, message, { cause, attributes, name = 'HttpError' } = {}) {
    super(message, { cause });
    this.name = name;
    this.status = status;
    this.attributes = attributes ?? {};
  }
}

/**
 * Runs a service until it is told to stop. `routes` maps `"GET /path"` to a function that takes
 * `{ query, headers, body }` and returns `{ status, body, message, attributes }`.
 */
export function runService({ name, routes, env = process.env }) {
  const telemetry = startTelemetry({ name, env });
  const client = {
    call: (method, url, options) => call(telemetry.tracer, method, url, options),
    log: telemetry.log,
  };
  const table = routes(client);
  const version = env.SERVICE_VERSION ?? '0';
  const server = http.createServer((request, response) => {
    const path = new URL(request.url, 'http://shop').pathname;
    if (path === '/healthz') return answer(response, 200, { service: name, version, pid: process.pid });
    traced(telemetry, table, request, response, path);
  });
  server.listen(Number(env.PORT ?? 0), '127.0.0.1', () => {
    console.log(`${name} version ${version} listens on 127.0.0.1:${server.address().port}`);
    telemetry.log('INFO', `${name} version ${version} started`);
  });
  stopCleanly(server, telemetry);
  return server;
}

function traced(telemetry, table, request, response, path) {
  const handler = table[`${request.method} ${path}`];
  if (!handler) return answer(response, 404, { error: `no route for ${request.method} ${path}` });
  const parent = propagation.extract(context.active(), request.headers);
  context.with(parent, () => {
    telemetry.tracer.startActiveSpan(`${request.method} ${path}`, { kind: SpanKind.SERVER }, async (span) => {
      const started = performance.now();
      const outcome = await handle(handler, request);
      const durationMs = Math.round(performance.now() - started);
      const status = outcome.status;
      span.setAttributes({ 'http.request.method': request.method, 'url.path': path, 'http.response.status_code': status });
      if (status >= 500) span.setStatus({ code: SpanStatusCode.ERROR, message: outcome.message });
      record(telemetry, request, path, outcome, durationMs);
      answer(response, status, { ...outcome.body, trace_id: activeTraceId() });
      span.end();
    });
  });
}

async function handle(handler, request) {
  const url = new URL(request.url, 'http://shop');
  try {
    const body = await readJson(request, MAXIMUM_BODY_BYTES).catch((error) => {
      throw new HttpError(400, `unreadable body: ${error.message}`);
    });
    return await handler({ query: url.searchParams, headers: request.headers, body });
  } catch (error) {
    return {
      status: error.status ?? 500,
      body: { error: error.message, ...error.attributes },
      message: error.message,
      attributes: error.attributes ?? {},
      exception: error,
    };
  }
}

// One record per request, wide enough to answer who, what, how much and how long.
function record(telemetry, request, path, outcome, durationMs) {
  const { status, exception } = outcome;
  if (outcome.quiet) return;
  const failed = status >= 500 || (exception && status === 409);
  const severity = failed ? 'ERROR' : durationMs > SLOW_MS ? 'WARN' : 'INFO';
  const message = outcome.message ?? `${request.method} ${path}`;
  telemetry.log(severity, severity === 'WARN' ? `slow: ${message}, ${durationMs} ms` : message, {
    exception: failed ? exception : undefined,
    attributes: {
      ...outcome.attributes,
      'http.request.method': request.method,
      'url.path': path,
      'http.response.status_code': status,
      duration_ms: durationMs,
    },
  });
}

function answer(response, status, body) {
  const payload = JSON.stringify(body);
  response.writeHead(status, {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(payload),
    connection: 'close',
  });
  response.end(payload);
}

// Requests under way are finished and telemetry is sent before the process ends. A service whose
// supervisor has died stops as well, so that no orphan keeps a port.
function stopCleanly(server, telemetry) {
  let stopping = false;
  const stop = () => {
    if (stopping) return;
    stopping = true;
    server.close(() => {
      telemetry.shutdown().then(() => process.exit(0));
    });
    server.closeIdleConnections();
  };
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
  process.on('disconnect', stop);
}
