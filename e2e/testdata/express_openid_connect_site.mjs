// A site that logs its visitors in with express-openid-connect: as it is by
// default, by an ID token that a form brings, or, if SITE_USES_CODE is set, by a
// code.

import { randomBytes } from "node:crypto";

import oidc from "express-openid-connect";

import { inside, listen, newSite, settings } from "./site.mjs";

const app = newSite();

app.use(
  oidc.auth({
    issuerBaseURL: settings.issuer,
    baseURL: settings.url,
    clientID: settings.clientID,
    secret: randomBytes(32).toString("hex"),
    authRequired: false,
    idpLogout: true,
    ...(process.env.SITE_USES_CODE && {
      clientSecret: settings.secret,
      authorizationParams: { response_type: "code" },
    }),
  }),
);

app.get("/leave", (request, response) => response.oidc.logout({ returnTo: "/goodbye" }));

// The library's session lasts for a day unless it is told otherwise, whatever the
// provider says: the site looks at the end of the ID token by itself.
app.use(async (request, response) => {
  const path = request.originalUrl;
  if (hasEnded(request.oidc) && settings.refreshes) {
    try {
      await request.oidc.accessToken?.refresh();
    } catch (error) {
      console.error(error);
    }
  }
  if (hasEnded(request.oidc)) {
    response.oidc.login({ returnTo: path });
    return;
  }
  response.send(inside(request.oidc.idTokenClaims.sub, path));
});

listen(app);

function hasEnded(visit) {
  return !visit.isAuthenticated() || Date.now() >= 1000 * visit.idTokenClaims.exp;
}
