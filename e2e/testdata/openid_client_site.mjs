// A site that logs its visitors in with openid-client. The library speaks the
// protocol alone: sessions and logins that have begun are the site's own, kept in
// memory under the names that cookies hold.

import { randomUUID } from "node:crypto";

import * as oidc from "openid-client";

import { inside, listen, newSite, problem, settings } from "./site.mjs";

const provider = await oidc.discovery(new URL(settings.issuer), settings.clientID, settings.secret);
if (process.env.SITE_CHECKS_SIGNATURES) {
  oidc.enableNonRepudiationChecks(provider);
}

const sessions = new Map();
const logins = new Map();

const app = newSite();

app.get("/callback", async (request, response) => {
  const { state } = request.query;
  const login = logins.get(state);
  logins.delete(state);
  // The cookie is of this login alone, so that those of other tabs stay.
  if (!login || !cookies(request).has(`login-${state}`)) {
    response.status(400).send(problem("this login has been forgotten"));
    return;
  }
  response.clearCookie(`login-${state}`);
  let tokens;
  try {
    tokens = await oidc.authorizationCodeGrant(provider, new URL(request.originalUrl, settings.url), {
      expectedState: state,
      expectedNonce: login.nonce,
      pkceCodeVerifier: login.verifier,
    });
  } catch (error) {
    if (error instanceof oidc.AuthorizationResponseError) {
      response.status(400).send(problem(error.error));
      return;
    }
    throw error;
  }
  const user = await oidc.fetchUserInfo(provider, tokens.access_token, tokens.claims().sub);
  const id = randomUUID();
  sessions.set(id, { who: user.sub, ...kept(tokens) });
  response.cookie("site", id, { httpOnly: true, sameSite: "lax" });
  response.redirect(login.path);
});

app.get("/leave", (request, response) => {
  const id = cookies(request).get("site");
  const farewell = oidc.buildEndSessionUrl(provider, {
    id_token_hint: sessions.get(id)?.idToken ?? "",
    post_logout_redirect_uri: `${settings.url}/goodbye`,
  });
  sessions.delete(id);
  response.redirect(farewell.href);
});

app.use(async (request, response) => {
  const path = request.originalUrl;
  const session = sessions.get(cookies(request).get("site"));
  if (session && (session.end > Date.now() || (await refreshed(session)))) {
    response.send(inside(session.who, path));
    return;
  }
  const state = oidc.randomState();
  const nonce = oidc.randomNonce();
  const verifier = oidc.randomPKCECodeVerifier();
  logins.set(state, { nonce, verifier, path });
  response.cookie(`login-${state}`, "begun", { httpOnly: true, sameSite: "lax", maxAge: 1000 * settings.patience });
  const url = oidc.buildAuthorizationUrl(provider, {
    redirect_uri: `${settings.url}/callback`,
    scope: "openid",
    state,
    nonce,
    code_challenge: await oidc.calculatePKCECodeChallenge(verifier),
    code_challenge_method: "S256",
  });
  response.redirect(url.href);
});

listen(app);

// refreshed tells whether the visit goes on by the refresh token.
async function refreshed(session) {
  if (!settings.refreshes) {
    return false;
  }
  try {
    Object.assign(session, kept(await oidc.refreshTokenGrant(provider, session.refreshToken)));
    return true;
  } catch (error) {
    if (error instanceof oidc.ResponseBodyError && error.error === "invalid_grant") {
      return false;
    }
    throw error;
  }
}

// kept is what a session holds of an answer of the token endpoint.
function kept(tokens) {
  return {
    end: Date.now() + 1000 * tokens.expires_in,
    idToken: tokens.id_token,
    refreshToken: tokens.refresh_token,
  };
}

function cookies(request) {
  return new Map((request.headers.cookie ?? "").split("; ").map((pair) => pair.split("=")));
}
