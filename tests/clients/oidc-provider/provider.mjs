// A real, certified OpenID provider on a free port of loopback, for tests; prints its issuer once it listens.
//
// Three clients with the secret "secret": `scientist` and `stranger` get tokens for themselves, `dragoman` is the
// resource server that asks for the meaning of opaque ones. The resource that is asked for (RFC 8707) decides the
// kind of token: urn:dragoman:jwt a signed one, urn:dragoman:opaque a handle; urn:other:jwt is somebody else's.
import { generateKeyPairSync } from 'node:crypto';
import { createServer } from 'node:http';

import { Provider } from 'oidc-provider';

const SECRET = 'secret';
const RESOURCES = {
  'urn:dragoman:jwt': { audience: 'dragoman', accessTokenFormat: 'jwt' },
  'urn:dragoman:opaque': { audience: 'dragoman', accessTokenFormat: 'opaque' },
  'urn:other:jwt': { audience: 'other', accessTokenFormat: 'jwt' },
};

function signingKey() {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  return { ...privateKey.export({ format: 'jwk' }), use: 'sig', alg: 'RS256', kid: 'test' };
}

function client(id) {
  return {
    client_id: id,
    client_secret: SECRET,
    grant_types: ['client_credentials'],
    redirect_uris: [],
    response_types: [],
  };
}

function configuration(lifetime) {
  return {
    clients: ['scientist', 'stranger', 'dragoman'].map(client),
    jwks: { keys: [signingKey()] },
    scopes: ['geo.run'],
    ttl: { ClientCredentials: lifetime },
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      introspection: { enabled: true },
      revocation: { enabled: true },
      resourceIndicators: {
        enabled: true,
        defaultResource: () => 'urn:dragoman:jwt',
        getResourceServerInfo: (_context, resource) => {
          const known = RESOURCES[resource];
          if (!known) throw new Error(`unknown resource ${resource}`);
          return { scope: 'geo.run', accessTokenTTL: lifetime, jwt: { sign: { alg: 'RS256' } }, ...known };
        },
      },
    },
  };
}

const server = createServer();
server.listen(0, '127.0.0.1', () => {
  const issuer = `http://127.0.0.1:${server.address().port}`;
  const provider = new Provider(issuer, configuration(Number(process.argv[2] ?? 300)));
  server.on('request', provider.callback());
  console.log(`issuer ${issuer}`);
});
