// What the sites that use JavaScript libraries share: their settings, which come
// from the environment, their pages, and how they listen.

import express from "express";

const { SITE_ADDRESS, SITE_URL, SITE_ISSUER, SITE_CLIENT_ID, SITE_CLIENT_SECRET, SITE_PATIENCE, SITE_REFRESHES } = process.env;

export const settings = {
  url: SITE_URL,
  issuer: SITE_ISSUER,
  clientID: SITE_CLIENT_ID,
  secret: SITE_CLIENT_SECRET,
  patience: Number(SITE_PATIENCE), // seconds that a login may take
  refreshes: SITE_REFRESHES === "true", // whether to use refresh tokens
};

// newSite returns an application with the page that is for everybody.
export function newSite() {
  const app = express();
  app.get("/goodbye", (request, response) => response.send(page("Goodbye", "")));
  return app;
}

// listen starts an application, and shows what goes wrong in it.
export function listen(app) {
  app.use((error, request, response, next) => {
    console.error(error);
    response.status(error.status ?? 500).send(problem(`${error.error ?? "error"}: ${error.message}`));
  });
  const [host, port] = SITE_ADDRESS.split(":");
  app.listen(Number(port), host);
}

// inside returns the page of a visitor who has been let in.
export function inside(who, path) {
  return page("Inside", `<p id="who">${escape(who)}</p>\n<p id="path">${escape(path)}</p>`);
}

// problem returns the page of a visitor whose login came to nothing.
export function problem(message) {
  return page("Problem", `<p>${escape(message)}</p>`);
}

function page(title, body) {
  return `<!doctype html><title>${title}</title><link rel="icon" href="data:,">\n${body}`;
}

function escape(text) {
  return String(text).replace(/[&<>"']/g, (sign) => `&#${sign.charCodeAt(0)};`);
}
