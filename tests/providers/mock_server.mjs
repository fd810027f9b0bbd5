// oauth2-mock-server on this machine. Its address is the first line on stdout; each line on stdin is a command.
import { createInterface } from 'node:readline';
import { OAuth2Server } from 'oauth2-mock-server';

const server = new OAuth2Server();
await server.issuer.keys.generate('RS256', { kid: 'first' });
await server.start(0, '127.0.0.1');
server.issuer.url = `http://127.0.0.1:${server.address().port}`;
console.log(JSON.stringify(server.address().port));

const commands = {
  async rotate({ alg, kid }) {
    await server.issuer.keys.generate(alg, { kid });
    return kid;
  },
  async token({ kid, claims, header }) {
    return server.issuer.buildToken({
      kid,
      scopesOrTransform: (h, payload) => {
        Object.assign(h, header ?? {});
        Object.assign(payload, claims);
      },
    });
  },
  async down() {
    await server.stop();
    return null;
  },
};

createInterface({ input: process.stdin }).on('line', async (line) => {
  const { command, ...values } = JSON.parse(line);
  try {
    console.log(JSON.stringify({ result: await commands[command](values) }));
  } catch (error) {
    console.log(JSON.stringify({ error: String(error.stack) }));
  }
}).on('close', () => process.exit(0));
