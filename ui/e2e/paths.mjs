// The addresses of every page, with what the mock has.
export const PAGES = [
  '/', '/services', '/services/payments', '/changes', '/changes/chg-10001', '/changes/chg-10004', '/andon', '/andon/and-41', '/andon/and-40',
  '/incidents', '/incidents/inc-12', '/incidents/inc-11', '/alerts', '/alerts/alt-88', '/on-call', '/alarms', '/alarms/payments-errors',
  '/logs', '/logs?query=service%3Apayments%20AND%20level%3Aerror&since=6h&columns=service,http.route', '/logs?query=dataset%3Amillion&since=24h', '/logs?query=dataset%3Afields&since=24h',
  '/sql', '/sql?q=select%20name%20from%20changes', '/coes', '/coes/coe-7', '/coes/coe-8',
  '/policies', '/policies/idempotency-tested', '/review?week=2026-11-16', '/audit', '/trace/incidents/inc-12', '/catalog', '/catalog/changes',
  '/catalog/components/payments', '/apply?from=components', '/demo', '/settings', '/nowhere',
]
