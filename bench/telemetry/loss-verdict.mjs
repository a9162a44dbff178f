// What of the senders' lines is there, how often, and whether it may be.

const NAMES = "attr(attributes, 'sender')";
// Some protocols carry texts alone.
const SEQUENCES = "cast(attr(attributes, 'sequence') as bigint)";

/** An answer has at most so many rows. */
const ASKED_SEQUENCES = 100_000;

/** How often a line may be there: once, and once more for each time it was sent without an answer. */
function allowed(sender, sequence) {
  return 1 + sender.inDoubt.filter(([first, last]) => sequence >= first && sequence <= last).length;
}

/** Counts by search what SQL counts, so that both see the same. */
async function searched(server, name) {
  return (await server.get(`/api/v1/logs/histogram?query=${encodeURIComponent(`sender:${name}`)}&since=24h`)).total;
}

async function verdictOf(server, sender) {
  const of = `from logs where ${NAMES} = '${sender.name}'`;
  const [{ lines, different, first, last }] = await server.sql(`select count(*) as lines, count(distinct ${SEQUENCES}) as different, min(${SEQUENCES}) as first, max(${SEQUENCES}) as last ${of}`);
  const unasked = [];
  for (let from = 0; lines !== different && from <= Number(last); from += ASKED_SEQUENCES) {
    const twice = await server.sql(`select ${SEQUENCES} as sequence, count(*) as times ${of} and ${SEQUENCES} between ${from} and ${from + ASKED_SEQUENCES - 1} group by 1 having count(*) > 1`);
    unasked.push(...twice.filter(({ sequence, times }) => times > allowed(sender, sequence)));
  }
  const missing = Math.max(sender.acknowledged, Number(last ?? 0)) - Number(different);
  return { sender: `${sender.name} (${sender.protocolName})`, acknowledged: sender.acknowledged, lines: Number(lines), missing, beyond: Number(last ?? 0) - sender.acknowledged, first, duplicates: lines - different, unasked, searched: await searched(server, sender.name) };
}

/** Judges all senders, who must have ended: every line acknowledged, none missing, none there twice unasked. */
export async function judge(server, senders) {
  const all = [];
  for (const sender of senders) all.push(await verdictOf(server, sender));
  const wrong = [];
  for (const one of all) {
    if (one.missing !== 0) wrong.push(`${one.sender}: ${one.missing} of ${one.acknowledged} acknowledged lines are missing`);
    if (one.beyond > 0) wrong.push(`${one.sender}: ${one.beyond} lines that were never acknowledged, after all were`);
    if (one.unasked.length > 0) wrong.push(`${one.sender}: ${one.unasked.length} lines are there more often than they were sent in doubt: ${JSON.stringify(one.unasked.slice(0, 5))}`);
    if (one.searched !== one.lines) wrong.push(`${one.sender}: search counts ${one.searched} lines, SQL ${one.lines}`);
  }
  const sum = (key) => all.reduce((total, one) => total + one[key], 0);
  return { acknowledged: sum('acknowledged'), lines: sum('lines'), missing: sum('missing'), duplicates: sum('duplicates'), wrong, senders: all };
}

/** How long telemetry that was killed a moment ago may refuse. */
const REFUSING_MS = 30_000;

/** Asks again while telemetry comes back: a question that is under way when it dies is refused. */
async function answered(server, path) {
  for (const until = Date.now() + REFUSING_MS; ;) {
    const { status, body } = await server.call('GET', path);
    if (status === 200) return body;
    if (status !== 503 || Date.now() > until) throw new Error(`GET ${path}: ${status} ${JSON.stringify(body).slice(0, 300)}`);
    await new Promise((done) => setTimeout(done, 50));
  }
}

/** A glance between two kills: at least as many lines are there as were acknowledged before the glance. */
export async function glance(server, senders) {
  const before = senders.reduce((sum, sender) => sum + sender.acknowledged, 0);
  const { total, complete, missing } = await answered(server, '/api/v1/logs/histogram?query=sender:*&since=24h');
  if (complete === false) return [`search leaves something out: ${JSON.stringify(missing).slice(0, 300)}`];
  return total >= before ? [] : [`${before} lines were acknowledged, ${total} are there`];
}
