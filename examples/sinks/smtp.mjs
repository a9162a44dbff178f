// A small SMTP server (RFC 5321): it takes any mail from anybody on this machine and hands it on whole.
import net from 'node:net';

const MAXIMUM_LINE_BYTES = 4096;
const MAXIMUM_MAIL_BYTES = 10 * 1024 * 1024;
const MAXIMUM_RECIPIENTS = 100;
const IDLE_LIMIT_MS = 60_000;

/** Makes the server; `accept({ from, to, data })` must have stored the mail when its promise resolves. */
export function smtpServer({ accept, hostname = 'sink.localhost' }) {
  return net.createServer((socket) => new Conversation(socket, accept, hostname));
}

class Conversation {
  constructor(socket, accept, hostname) {
    Object.assign(this, { socket, accept, hostname });
    this.pending = Buffer.alloc(0);
    this.busy = false;
    this.greeted = false;
    this.reset();
    socket.setTimeout(IDLE_LIMIT_MS, () => this.end(421, 'idle for too long'));
    socket.on('error', () => socket.destroy());
    socket.on('data', (chunk) => { this.pending = Buffer.concat([this.pending, chunk]); this.work(); });
    this.reply(220, `${hostname} ESMTP sink`);
  }

  reset() {
    this.from = null;
    this.to = [];
    this.body = null;
    this.bodyBytes = 0;
  }

  reply(code, text) {
    if (this.socket.writable) this.socket.write(`${code} ${text}\r\n`);
  }

  end(code, text) {
    this.reply(code, text);
    this.socket.end();
    this.ended = true;
  }

  // Lines are taken one at a time: a client that pipelines gets its answers in order, and none before
  // the mail ahead of it is stored.
  async work() {
    if (this.busy) return;
    this.busy = true;
    for (let end; !this.ended && (end = this.pending.indexOf('\n')) >= 0;) {
      const line = this.pending.subarray(0, end > 0 && this.pending[end - 1] === 0x0d ? end - 1 : end);
      this.pending = this.pending.subarray(end + 1);
      if (this.body) await this.bodyLine(line);
      else this.command(line.toString('utf8'));
    }
    const limit = this.body ? MAXIMUM_MAIL_BYTES : MAXIMUM_LINE_BYTES;
    if (!this.ended && this.pending.length > limit) this.end(500, 'line too long');
    this.busy = false;
  }

  async bodyLine(line) {
    if (line.length === 1 && line[0] === 0x2e) return this.finishMail();
    // A line that begins with a dot was sent with one more (RFC 5321, 4.5.2).
    const content = line[0] === 0x2e ? line.subarray(1) : line;
    this.bodyBytes += content.length + 2;
    if (this.bodyBytes <= MAXIMUM_MAIL_BYTES) this.body.push(content, Buffer.from('\r\n'));
  }

  async finishMail() {
    const mail = { from: this.from, to: this.to, data: Buffer.concat(this.body) };
    const tooLarge = this.bodyBytes > MAXIMUM_MAIL_BYTES;
    this.reset();
    if (tooLarge) return this.reply(552, `mail is larger than ${MAXIMUM_MAIL_BYTES} bytes`);
    try {
      const id = await this.accept(mail);
      this.reply(250, `stored as ${id}`);
    } catch (error) {
      this.reply(451, `not stored: ${error.message}`);
    }
  }

  command(line) {
    const [, verb, rest] = /^\s*([A-Za-z]*)\s?(.*)$/s.exec(line);
    const commands = {
      EHLO: () => this.hello(rest, true),
      HELO: () => this.hello(rest, false),
      MAIL: () => this.mail(rest),
      RCPT: () => this.recipient(rest),
      DATA: () => this.data(),
      RSET: () => { this.reset(); this.reply(250, 'forgotten'); },
      NOOP: () => this.reply(250, 'nothing done'),
      VRFY: () => this.reply(252, 'every address is taken'),
      QUIT: () => this.end(221, 'goodbye'),
    };
    const name = verb.toUpperCase();
    if (Object.hasOwn(commands, name)) commands[name]();
    else this.reply(502, 'this command is not known here');
  }

  hello(name, extended) {
    if (name.trim() === '') return this.reply(501, 'say who you are');
    this.greeted = true;
    this.reset();
    if (!extended) return this.reply(250, this.hostname);
    const lines = [this.hostname, 'PIPELINING', '8BITMIME', 'SMTPUTF8', `SIZE ${MAXIMUM_MAIL_BYTES}`];
    lines.forEach((text, index) => this.socket.write(`250${index < lines.length - 1 ? '-' : ' '}${text}\r\n`));
  }

  mail(rest) {
    if (!this.greeted) return this.reply(503, 'say EHLO first');
    if (this.from !== null) return this.reply(503, 'a mail is under way');
    const address = path(/^FROM:/i, rest);
    if (address === null) return this.reply(501, 'write MAIL FROM:<address>');
    const size = /\bSIZE=(\d+)/i.exec(rest);
    if (size && Number(size[1]) > MAXIMUM_MAIL_BYTES) {
      return this.reply(552, `mail is larger than ${MAXIMUM_MAIL_BYTES} bytes`);
    }
    this.from = address;
    this.reply(250, 'sender taken');
  }

  recipient(rest) {
    if (this.from === null) return this.reply(503, 'say MAIL first');
    const address = path(/^TO:/i, rest);
    if (!address) return this.reply(501, 'write RCPT TO:<address>');
    if (this.to.length >= MAXIMUM_RECIPIENTS) return this.reply(452, 'too many recipients');
    this.to.push(address);
    this.reply(250, 'recipient taken');
  }

  data() {
    if (this.to.length === 0) return this.reply(503, 'say RCPT first');
    this.body = [];
    this.reply(354, 'end the mail with a line that is only a dot');
  }
}

// The address in `FROM:<a@b>` or `TO:<a@b>`; `null` when there is none, empty for the null sender.
function path(prefix, rest) {
  if (!prefix.test(rest)) return null;
  const found = /^\s*<([^<>\s]*)>/.exec(rest.replace(prefix, ''));
  return found ? found[1] : null;
}
