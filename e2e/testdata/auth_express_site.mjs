// A site that logs its visitors in with Auth.js for Express, with the library's
// own checks: PKCE, and neither state nor nonce.

import { randomBytes } from "node:crypto";

import { Auth, raw, skipCSRFCheck } from "@auth/core";
import { ExpressAuth, getSession } from "@auth/express";

import { inside, listen, newSite, settings } from "./site.mjs";

const config = {
  basePath: "/auth",
  secret: randomBytes(32).toString("hex"),
  trustHost: true,
  providers: [
    { id: "anteroom", name: "Anteroom", type: "oidc", issuer: settings.issuer, clientId: settings.clientID, clientSecret: settings.secret },
  ],
  callbacks: {
    jwt({ token, account, profile }) {
      return account ? { ...token, sub: profile.sub, end: profile.exp, idToken: account.id_token } : token;
    },
    session({ session, token }) {
      return { ...session, who: token.sub, end: token.end, idToken: token.idToken };
    },
  },
  cookies: {
    // 900 seconds unless set.
    pkceCodeVerifier: { options: { httpOnly: true, sameSite: "lax", path: "/", secure: false, maxAge: settings.patience } },
  },
};

const app = newSite();

app.use(/\/auth\/(.*)/, ExpressAuth(config));

app.get("/leave", async (request, response) => {
  const session = await getSession(request, config);
  await act(request, response, "signout", {});
  const farewell = new URL("/logout", settings.issuer);
  farewell.searchParams.set("id_token_hint", session?.idToken ?? "");
  farewell.searchParams.set("post_logout_redirect_uri", `${settings.url}/goodbye`);
  response.redirect(farewell.href);
});

app.use(async (request, response) => {
  const path = request.originalUrl;
  const session = await getSession(request, config);
  if (session && Date.now() < 1000 * session.end) {
    response.send(inside(session.who, path));
    return;
  }
  response.redirect(await act(request, response, "signin/anteroom", { callbackUrl: path }));
});

listen(app);

// act does what the library's own page does once its button has been pressed, as
// its integrations for other frameworks do, and returns where that leads.
async function act(request, response, action, fields) {
  const answer = await Auth(
    new Request(`${settings.url}/auth/${action}`, {
      method: "POST",
      headers: { cookie: request.headers.cookie ?? "", "content-type": "application/x-www-form-urlencoded" },
      body: new URLSearchParams(fields),
    }),
    { ...config, raw, skipCSRFCheck },
  );
  for (const { name, value, options } of answer.cookies ?? []) {
    // Auth.js counts in seconds, Express in milliseconds.
    const maxAge = options.maxAge === undefined ? undefined : 1000 * options.maxAge;
    response.cookie(name, value, { ...options, maxAge, encode: encodeURIComponent });
  }
  return answer.redirect;
}
