// oidc-provider on this machine, with a user who logs in at once. Its port is the first line on stdout.
import { createServer } from 'node:http';
import Provider from 'oidc-provider';

// What the user who logs in can do: the class that is asked for first, with a password and, if one is asked for, a code.
function login({ acr_values: asked }) {
  const [acr] = (asked ?? '').split(' ');
  return { accountId: 'user-1', acr: acr || 'bronze', amr: acr ? ['pwd', 'otp'] : ['pwd'], ts: Math.floor(Date.now() / 1000) };
}

function make(issuer) {
  const provider = new Provider(issuer, {
    acrValues: ['bronze', 'gold'],
    clients: [
      {
        client_id: 'app',
        token_endpoint_auth_method: 'none',
        grant_types: ['authorization_code'],
        response_types: ['code'],
        redirect_uris: ['http://127.0.0.1/callback'],
        application_type: 'native',
      },
    ],
    // The access token says how the user logged in (RFC 9470 §4).
    extraTokenClaims: (ctx) => {
      const { acr, amr, authTime } = ctx.oidc.entities.AuthorizationCode ?? {};
      return { acr, amr, auth_time: authTime };
    },
    features: {
      devInteractions: { enabled: false },
      registration: { enabled: true },
      resourceIndicators: {
        enabled: true,
        useGrantedResource: () => true,
        getResourceServerInfo: (ctx, resource) => ({
          scope: 'read write', audience: resource, accessTokenFormat: 'jwt', accessTokenTTL: 300, jwt: { sign: { alg: 'RS256' } },
        }),
      },
    },
    scopes: ['openid', 'offline_access', 'read', 'write'],
    interactions: { url: (ctx, { uid }) => `/interaction/${uid}` },
    findAccount: (ctx, id) => ({ accountId: id, claims: () => ({ sub: id }) }),
    cookies: { keys: ['not a secret'] },
    ttl: { AccessToken: 300, Grant: 3600, IdToken: 300, Session: 3600, Interaction: 300 },
  });
  return { provider, callback: provider.callback() };
}

async function interact({ provider }, request, response) {
  const { prompt, params, session, grantId } = await provider.interactionDetails(request, response);
  if (prompt.name === 'login') {
    return provider.interactionFinished(request, response, { login: login(params) });
  }
  const { accountId } = session;
  const grant = grantId ? await provider.Grant.find(grantId) : new provider.Grant({ accountId, clientId: params.client_id });
  grant.addOIDCScope(['openid', ...(prompt.details.missingOIDCScope ?? [])].join(' '));
  for (const [resource, scopes] of Object.entries(prompt.details.missingResourceScopes ?? {})) {
    grant.addResourceScope(resource, scopes.join(' '));
  }
  return provider.interactionFinished(request, response, { consent: { grantId: await grant.save() } });
}

let made;
const server = createServer((request, response) => {
  const answer = request.url.startsWith('/interaction/') ? interact(made, request, response) : made.callback(request, response);
  Promise.resolve(answer).catch((error) => { response.statusCode = 500; response.end(String(error.stack)); });
});
server.listen(0, '127.0.0.1', () => {
  made = make(`http://127.0.0.1:${server.address().port}`);
  console.log(JSON.stringify(server.address().port));
});
process.stdin.resume().on('end', () => process.exit(0));
