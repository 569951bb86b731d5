// An Azure Blob server on a free loopback port, with a container. Ends when its standard input does.
//
// Prints one line once it is ready: its port. The account and its key are the emulator's, which Microsoft publishes.
'use strict';
const crypto = require('crypto');
const http = require('http');

const ACCOUNT = 'devstoreaccount1';
const KEY = 'Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==';
const CONTAINER = 'exports';

process.stdin.on('end', () => process.exit());
process.stdin.resume();

const print = process.stdout.write.bind(process.stdout);
process.stdout.write = (text) => {
  const listening = /successfully listen.*:(\d+)/.exec(text);
  if (listening) createContainer(Number(listening[1]));
  return true;
};

function createContainer(port) {
  const path = `/${ACCOUNT}/${CONTAINER}`;
  const headers = { 'x-ms-date': new Date().toUTCString(), 'x-ms-version': '2021-12-02' };
  const named = Object.entries(headers).map(([name, value]) => `${name}:${value}\n`).join('');
  const signed = `PUT${'\n'.repeat(12)}${named}/${ACCOUNT}${path}\nrestype:container`;
  const signature = crypto.createHmac('sha256', Buffer.from(KEY, 'base64')).update(signed).digest('base64');
  headers.Authorization = `SharedKey ${ACCOUNT}:${signature}`;
  const options = { host: '127.0.0.1', port, path: `${path}?restype=container`, method: 'PUT', headers };
  http.request(options, (reply) => {
    if (reply.statusCode !== 201) throw new Error(`cannot create the container: ${reply.statusCode}`);
    print(`${port}\n`);
  }).end();
}

process.argv.push('--blobHost', '127.0.0.1', '--blobPort', '0', '--inMemoryPersistence', '--silent',
  '--skipApiVersionCheck', '--disableTelemetry', '--disableProductStyleUrl');
require('azurite/dist/src/blob/main.js');
