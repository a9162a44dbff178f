// Starts the OpenTelemetry SDK for one service: logs always, spans for their ids (and exported when
// SHOP_TRACES=1). Without ANDON_URL nothing leaves the process; the shop then only prints.
import { diag, DiagConsoleLogger, DiagLogLevel, trace } from '@opentelemetry/api';
import { SeverityNumber } from '@opentelemetry/api-logs';
import { OTLPLogExporter } from '@opentelemetry/exporter-logs-otlp-http';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { BatchLogRecordProcessor, LoggerProvider } from '@opentelemetry/sdk-logs';
import { BatchSpanProcessor, NodeTracerProvider } from '@opentelemetry/sdk-trace-node';
import { ATTR_SERVICE_NAME, ATTR_SERVICE_VERSION } from '@opentelemetry/semantic-conventions';

const EXPORT_DELAY_MS = 500;
const SHUTDOWN_DEADLINE_MS = 3000;

const SEVERITY = {
  INFO: SeverityNumber.INFO,
  WARN: SeverityNumber.WARN,
  ERROR: SeverityNumber.ERROR,
};

/** Starts telemetry for the service and returns `{ log, tracer, shutdown }`. */
export function startTelemetry({ name, env = process.env }) {
  diag.setLogger(new DiagConsoleLogger(), { logLevel: DiagLogLevel.ERROR, suppressOverrideMessage: true });
  const resource = resourceFromAttributes(describeProcess(name, env));
  const target = exportTarget(env);

  const tracing = new NodeTracerProvider({
    resource,
    spanProcessors: target && env.SHOP_TRACES === '1'
      ? [new BatchSpanProcessor(new OTLPTraceExporter(target('/v1/traces')), { scheduledDelayMillis: EXPORT_DELAY_MS })]
      : [],
  });
  tracing.register();

  const logging = new LoggerProvider({
    resource,
    processors: target
      ? [new BatchLogRecordProcessor({
          exporter: new OTLPLogExporter(target('/v1/logs')),
          scheduledDelayMillis: EXPORT_DELAY_MS,
        })]
      : [],
  });
  const logger = logging.getLogger(name);

  return {
    tracer: trace.getTracer(name),
    log(severity, message, { attributes = {}, exception } = {}) {
      logger.emit({
        severityNumber: SEVERITY[severity],
        severityText: severity,
        body: message,
        attributes,
        exception,
      });
      print(severity, message, exception);
    },
    shutdown: () => within(SHUTDOWN_DEADLINE_MS, Promise.allSettled([logging.shutdown(), tracing.shutdown()])),
  };
}

function describeProcess(name, env) {
  const attributes = {
    [ATTR_SERVICE_NAME]: name,
    [ATTR_SERVICE_VERSION]: env.SERVICE_VERSION ?? '0',
    'service.namespace': 'shop',
    'service.instance.id': `${name}-${process.pid}`,
    'deployment.environment.name': 'production',
  };
  if (env.SERVICE_COMMIT) attributes['vcs.ref.head.revision'] = env.SERVICE_COMMIT;
  return attributes;
}

function exportTarget(env) {
  if (!env.ANDON_URL) return null;
  const base = env.ANDON_URL.replace(/\/+$/, '');
  const headers = env.ANDON_TOKEN ? { Authorization: `Bearer ${env.ANDON_TOKEN}` } : {};
  return (path) => ({ url: base + path, headers, timeoutMillis: 5000 });
}

// The console gets what a person watching the file wants: trouble, and a sign of life from the rest.
function print(severity, message, exception) {
  if (severity === 'INFO') return;
  const cause = exception && exception.message !== message ? ` (${exception.message})` : '';
  console.log(`${new Date().toISOString()} ${severity} ${message}${cause}`);
}

function within(deadlineMs, promise) {
  let timer;
  const deadline = new Promise((resolve) => { timer = setTimeout(resolve, deadlineMs); });
  return Promise.race([promise, deadline]).finally(() => clearTimeout(timer));
}
