// S3 servers that nobody here wrote: s3rver, on a folder, which can go away and come back on the same port, and moto,
// which makes sure of signatures and of what a key may do.
import { existsSync, mkdirSync, readdirSync, statSync } from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { nodeModules, python } from './senders.mjs';
import { freePort, newFolder, removeFolder, run, spawnOwned, until } from './server.mjs';

export const BUCKET = 'acme-logs';
/** The only key that it knows. */
export const KEY = { AWS_ACCESS_KEY_ID: 'S3RVER', AWS_SECRET_ACCESS_KEY: 'S3RVER' };

const answers = (url) => new Promise((resolve) => {
  http.get(url, (answer) => { answer.resume(); resolve(true); }).once('error', () => resolve(false));
});

/** Makes a user with the rights that the guide names, a bucket, and a key: four calls that need no signature yet. */
const SETUP = `
import boto3, json, sys
at = dict(endpoint_url=sys.argv[1], region_name="us-east-1", aws_access_key_id="setup", aws_secret_access_key="setup")
iam = boto3.client("iam", **at)
iam.create_user(UserName="andon")
statement = {"Effect": "Allow", "Action": json.loads(sys.argv[3]), "Resource": "*"}
iam.put_user_policy(UserName="andon", PolicyName="archive", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [statement]}))
boto3.client("s3", **at).create_bucket(Bucket=sys.argv[2])
key = iam.create_access_key(UserName="andon")["AccessKey"]
print(json.dumps({"AWS_ACCESS_KEY_ID": key["AccessKeyId"], "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"]}))
`;

/** An S3 server that refuses wrong signatures and what a key may not do; it keeps objects in its memory. */
export class StrictBucketServer {
  static async start(actions) {
    const interpreter = await python(['moto[server]==5.2.5', 'boto3==1.44.5'], 'python-moto');
    const server = new StrictBucketServer();
    server.url = `http://127.0.0.1:${await freePort()}`;
    const args = ['-m', 'moto.server', '-H', '127.0.0.1', '-p', new URL(server.url).port];
    server.child = spawnOwned(interpreter, args, { stdio: 'ignore', env: { ...process.env, INITIAL_NO_AUTH_ACTION_COUNT: '4' } });
    await until('moto answers', () => answers(`${server.url}/moto-api/`));
    const { code, stdout, stderr } = await run(interpreter, ['-c', SETUP, server.url, BUCKET, JSON.stringify(actions)]);
    if (code !== 0) throw new Error(stderr);
    server.key = JSON.parse(stdout);
    return server;
  }

  async close() {
    this.child.kill('SIGKILL');
    await this.child.ended;
  }
}

export class BucketServer {
  static async start() {
    const modules = await nodeModules(['s3rver@3.7.1'], 's3rver');
    const server = new BucketServer(path.join(modules, 'node_modules', '.bin', 's3rver'), newFolder('bucket'), await freePort());
    await server.open();
    return server;
  }

  constructor(program, folder, port) {
    Object.assign(this, { program, folder, port });
    this.url = `http://127.0.0.1:${port}`;
  }

  /** Starts it, on what is stored already. */
  async open() {
    const data = path.join(this.folder, 'data');
    mkdirSync(data, { recursive: true });
    const args = ['--directory', data, '--address', '127.0.0.1', '--port', String(this.port), '--silent', '--no-vhost-buckets', '--configure-bucket', BUCKET];
    this.child = spawnOwned(process.execPath, [this.program, ...args], { stdio: ['ignore', 'ignore', 'inherit'] });
    await until('the S3 server answers', () => answers(this.url));
  }

  /** Takes it away as a power cut would. */
  async kill() {
    this.child.kill('SIGKILL');
    await this.child.ended;
  }

  async close() {
    if (this.child) await this.kill();
    removeFolder(this.folder);
  }

  /** Lists objects with their lengths, by their names. */
  objects() {
    const folder = path.join(this.folder, 'data', BUCKET);
    const found = new Map();
    if (!existsSync(folder)) return found;
    for (const name of readdirSync(folder, { recursive: true })) {
      const suffix = '._S3rver_object';
      if (name.endsWith(suffix)) found.set(name.slice(0, -suffix.length), statSync(path.join(folder, name)).size);
    }
    return found;
  }
}
