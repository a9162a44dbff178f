// Log lines as OpenTelemetry sends them: OTLP in JSON and in protobuf (the few fields that a line needs).
const SEVERITIES = { info: 9, warn: 13, error: 17 };
const nanos = (line) => BigInt(Date.parse(line.timestamp)) * 1_000_000n;
const FIELDS = ['http.route', 'http.response.status_code', 'duration_ms', 'user'];

function perService(lines) {
  const groups = new Map();
  for (const line of lines) {
    if (!groups.has(line.service)) groups.set(line.service, []);
    groups.get(line.service).push(line);
  }
  return groups;
}

/** One request in JSON. */
export function otlpJson(lines) {
  const value = (plain) => (typeof plain === 'number' ? { intValue: String(plain) } : { stringValue: plain });
  const attribute = (key, plain) => ({ key, value: value(plain) });
  const resourceLogs = [...perService(lines)].map(([service, group]) => ({
    resource: { attributes: [attribute('service.name', service)] },
    scopeLogs: [{
      logRecords: group.map((line) => ({
        timeUnixNano: String(nanos(line)),
        severityNumber: SEVERITIES[line.level],
        severityText: line.level,
        body: { stringValue: line.message },
        attributes: FIELDS.map((field) => attribute(field, line[field])),
        traceId: line.trace_id,
        spanId: line.span_id,
      })),
    }],
  }));
  return Buffer.from(JSON.stringify({ resourceLogs }));
}

function varint(number) {
  const bytes = [];
  let rest = number;
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes.push((rest % 0x80) | 0x80);
  bytes.push(rest);
  return Buffer.from(bytes);
}

const delimited = (field, bytes) => Buffer.concat([varint(field * 8 + 2), varint(bytes.length), bytes]);
const text = (field, plain) => delimited(field, Buffer.from(plain));
const number = (field, plain) => Buffer.concat([varint(field * 8), varint(plain)]);

function fixed64(field, big) {
  const bytes = Buffer.alloc(9);
  bytes[0] = field * 8 + 1;
  bytes.writeBigUInt64LE(big, 1);
  return bytes;
}

const keyValue = (field, key, plain) =>
  delimited(field, Buffer.concat([text(1, key), delimited(2, typeof plain === 'number' ? number(3, plain) : text(1, plain))]));

const logRecord = (line) => delimited(2, Buffer.concat([
  fixed64(1, nanos(line)),
  number(2, SEVERITIES[line.level]),
  text(3, line.level),
  delimited(5, text(1, line.message)),
  ...FIELDS.map((field) => keyValue(6, field, line[field])),
  delimited(9, Buffer.from(line.trace_id, 'hex')),
  delimited(10, Buffer.from(line.span_id, 'hex')),
]));

/** One request in protobuf (opentelemetry.proto.collector.logs.v1.ExportLogsServiceRequest). */
export function otlpProtobuf(lines) {
  return Buffer.concat([...perService(lines)].map(([service, group]) => delimited(1, Buffer.concat([
    delimited(1, keyValue(1, 'service.name', service)),
    delimited(2, Buffer.concat(group.map(logRecord))),
  ]))));
}
