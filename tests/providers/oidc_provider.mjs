// oidc-provider on this machine. Its port is the first line on stdout; each line on stdin is a command, answered by one.
import { generateKeyPairSync } from 'node:crypto';
import { createServer } from 'node:http';
import { createInterface } from 'node:readline';
import Provider from 'oidc-provider';

const TYPES = { RSA: ['rsa', { modulusLength: 2048 }], EC: ['ec', { namedCurve: 'P-256' }], OKP: ['ed25519', {}] };
let count = 0;

// Without `alg`: which algorithms a key is for is then left to whoever reads it.
function key(kty) {
  const { privateKey } = generateKeyPairSync(...TYPES[kty]);
  count += 1;
  return { ...privateKey.export({ format: 'jwk' }), kid: `${kty}-${count}`, use: 'sig' };
}

const client = { redirect_uris: [], response_types: [], token_endpoint_auth_method: 'client_secret_basic' };
const ALGORITHMS = ['RS256', 'PS256', 'ES256', 'EdDSA', 'Ed25519'];

function make(issuer, keys) {
  return new Provider(issuer, {
    jwks: { keys },
    clients: [
      { ...client, client_id: 'machine', client_secret: 'a secret', grant_types: ['client_credentials'] },
      {
        ...client,
        client_id: 'web',
        client_secret: 'another secret',
        grant_types: ['authorization_code', 'refresh_token'],
        response_types: ['code'],
        redirect_uris: ['https://app.example/callback'],
      },
      { ...client, client_id: 'orders-api', client_secret: 'a/secret: with+signs', grant_types: [] },
    ],
    scopes: ['openid', 'offline_access', 'read', 'write'],
    enabledJWA: { idTokenSigningAlgValues: ALGORITHMS },
    clientAuthMethods: ['client_secret_basic', 'client_secret_post'],
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      introspection: { enabled: true, allowedPolicy: () => true },
      revocation: { enabled: true },
      resourceIndicators: {
        enabled: true,
        useGrantedResource: () => true,
        // The algorithm stands at the end of the resource's name; "opaque" is none.
        getResourceServerInfo: (ctx, resource) => {
          const alg = resource.split('/').pop();
          return alg === 'opaque'
            ? { scope: 'read write', audience: resource, accessTokenFormat: 'opaque', accessTokenTTL: 300 }
            : { scope: 'read write', audience: resource, accessTokenFormat: 'jwt', accessTokenTTL: 300, jwt: { sign: { alg } } };
        },
      },
    },
    ttl: { ClientCredentials: 300, AccessToken: 300, Grant: 3600, RefreshToken: 3600, IdToken: 300 },
    findAccount: (ctx, id) => ({ accountId: id, claims: () => ({ sub: id }) }),
    cookies: { keys: ['not a secret'] },
  });
}

let provider;
let callback;
const server = createServer((request, response) => callback(request, response));

function use(keys) {
  provider = make(`http://127.0.0.1:${server.address().port}`, keys);
  callback = provider.callback();
  return keys;
}

const commands = {
  // The next keys in front, so that they sign, and the old ones behind.
  rotate({ keep }) {
    current = use([...Object.keys(TYPES).map(key), ...(keep ? current : [])]);
    return current.map(({ kid }) => kid);
  },
  // What is left of a login: a refresh token.
  async login({ account, resource }) {
    const web = await provider.Client.find('web');
    const grant = new provider.Grant({ accountId: account, clientId: 'web' });
    grant.addOIDCScope('openid offline_access');
    grant.addResourceScope(resource, 'read');
    const grantId = await grant.save();
    const token = new provider.RefreshToken({
      accountId: account, client: web, grantId, gty: 'authorization_code', scope: 'openid offline_access read', resource,
      claims: {}, rotations: 0, iiat: Math.floor(Date.now() / 1000),
    });
    return token.save();
  },
};

let current;
server.listen(0, '127.0.0.1', () => {
  current = use(Object.keys(TYPES).map(key));
  console.log(JSON.stringify(server.address().port));
});
createInterface({ input: process.stdin }).on('line', async (line) => {
  const { command, ...values } = JSON.parse(line);
  try {
    console.log(JSON.stringify({ result: await commands[command](values) }));
  } catch (error) {
    console.log(JSON.stringify({ error: String(error.stack) }));
  }
}).on('close', () => process.exit(0));
