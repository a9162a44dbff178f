// Calls another service with a JSON body, a time limit and the trace carried on.
import http from 'node:http';
import { context, propagation, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';

const MAXIMUM_ANSWER_BYTES = 256 * 1024;
const RESTART_GRACE_MS = 15_000;
const RESTART_POLL_MS = 50;

/** Says that a call to another service got no answer in time. */
export class CallTimeout extends Error {
  constructor(target, timeoutMs) {
    super(`no answer from ${target} within ${timeoutMs} ms`);
    this.name = 'CallTimeout';
  }
}

/** Sends one request and returns `{ status, body }`; any HTTP status is an answer, not an error. */
export async function call(tracer, method, url, { body, headers = {}, timeoutMs = 10_000 } = {}) {
  const target = new URL(url);
  return tracer.startActiveSpan(`${method} ${target.pathname}`, { kind: SpanKind.CLIENT }, async (span) => {
    span.setAttributes({ 'http.request.method': method, 'url.full': url, 'server.address': target.hostname });
    try {
      const answer = await sendUntilListening({ method, target, body, headers, timeoutMs });
      span.setAttribute('http.response.status_code', answer.status);
      if (answer.status >= 500) span.setStatus({ code: SpanStatusCode.ERROR });
      return answer;
    } catch (error) {
      span.recordException(error);
      span.setStatus({ code: SpanStatusCode.ERROR, message: error.message });
      throw error;
    } finally {
      span.end();
    }
  });
}

// A refused connection means that the request never arrived, so trying again is always safe. It
// bridges the moment in which the other service restarts with a new version.
async function sendUntilListening(request) {
  const giveUpAt = Date.now() + RESTART_GRACE_MS;
  for (;;) {
    try {
      return await send(request);
    } catch (error) {
      if (error.code !== 'ECONNREFUSED' || Date.now() > giveUpAt) throw error;
      await new Promise((resolve) => setTimeout(resolve, RESTART_POLL_MS));
    }
  }
}

function send({ method, target, body, headers, timeoutMs }) {
  const payload = body === undefined ? undefined : JSON.stringify(body);
  const outgoing = { accept: 'application/json', ...headers };
  if (payload !== undefined) {
    outgoing['content-type'] = 'application/json';
    outgoing['content-length'] = Buffer.byteLength(payload);
  }
  propagation.inject(context.active(), outgoing);

  return new Promise((resolve, reject) => {
    const request = http.request(target, { method, headers: outgoing, agent: false });
    const timer = setTimeout(() => request.destroy(new CallTimeout(target.host, timeoutMs)), timeoutMs);
    const fail = (error) => { clearTimeout(timer); reject(error); };
    request.on('error', fail);
    request.on('response', (response) => {
      readJson(response, MAXIMUM_ANSWER_BYTES).then((answer) => {
        clearTimeout(timer);
        resolve({ status: response.statusCode, body: answer });
      }, fail);
    });
    request.end(payload);
  });
}

/** Reads a JSON body of at most `limitBytes`; an empty body is `null`. */
export async function readJson(stream, limitBytes) {
  const chunks = [];
  let size = 0;
  for await (const chunk of stream) {
    size += chunk.length;
    if (size > limitBytes) throw new RangeError(`body is larger than ${limitBytes} bytes`);
    chunks.push(chunk);
  }
  const text = Buffer.concat(chunks).toString('utf8');
  return text === '' ? null : JSON.parse(text);
}

/** Returns the trace id of the active span, or undefined outside one. */
export function activeTraceId() {
  return trace.getActiveSpan()?.spanContext().traceId;
}
