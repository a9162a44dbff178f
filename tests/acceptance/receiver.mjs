// A web server that keeps every page it gets: the far end of a webhook.
import http from 'node:http';
import { freePort } from './server.mjs';

export class Receiver {
  static async open() {
    const receiver = new Receiver();
    const port = await freePort();
    receiver.url = `http://127.0.0.1:${port}`;
    receiver.server = http.createServer((request, response) => receiver.#take(request, response));
    await new Promise((resolve, reject) => {
      receiver.server.once('error', reject);
      receiver.server.listen(port, '127.0.0.1', resolve);
    });
    return receiver;
  }

  /** `{at, path, headers, body, life}` of each delivery; `life` is which life of the server it came in. */
  pages = [];
  life = 0;

  #take(request, response) {
    const pieces = [];
    request.on('data', (piece) => pieces.push(piece));
    request.on('end', () => {
      const body = JSON.parse(Buffer.concat(pieces).toString('utf8'));
      this.pages.push({ at: Date.now(), path: request.url, headers: request.headers, body, life: this.life });
      response.end('ok');
    });
  }

  /** Lists the pages about alerts whose label has the value. */
  about(label, value) {
    return this.pages.filter((page) => page.body.alert?.labels?.[label] === value);
  }

  async close() {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }
}
