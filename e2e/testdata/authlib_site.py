"""A site that logs its visitors in with Authlib and Flask.

It is what their documentation shows, with what a site needs besides: a page to
come back to, a logout, and errors that are shown. Its settings come from the
environment.
"""

import os
import secrets
import time
from urllib.parse import urlencode

from authlib.integrations.base_client import OAuthError
from authlib.integrations.flask_client import FlaskIntegration, OAuth
from flask import Flask, redirect, request, session
from markupsafe import escape


class Logins:
    """Holds what Authlib has to remember of logins that have begun."""

    def __init__(self):
        self.entries = {}

    def get(self, key):
        value, end = self.entries.get(key, (None, 0))
        return value if time.time() < end else None

    def set(self, key, value, seconds):
        self.entries[key] = (value, time.time() + seconds)

    def delete(self, key):
        self.entries.pop(key, None)


class Integration(FlaskIntegration):
    expires_in = int(os.environ["SITE_PATIENCE"])  # seconds; 3600 unless set


class Registry(OAuth):
    framework_integration_cls = Integration


URL = os.environ["SITE_URL"]
REFRESHES = os.environ["SITE_REFRESHES"] == "true"

app = Flask(__name__)
app.secret_key = secrets.token_bytes(32)
provider = Registry(app, cache=Logins()).register(
    name="anteroom",
    client_id=os.environ["SITE_CLIENT_ID"],
    client_secret=os.environ["SITE_CLIENT_SECRET"],
    server_metadata_url=os.environ["SITE_ISSUER"] + "/.well-known/openid-configuration",
    client_kwargs={"scope": "openid", "code_challenge_method": "S256"},
)


def remember(token):
    session["until"] = token["expires_at"]
    session["id_token"] = token["id_token"]
    if REFRESHES:
        session["refresh_token"] = token["refresh_token"]


def refreshed():
    """Tells whether the visit goes on by the refresh token."""
    if "refresh_token" not in session:
        return False
    try:
        remember(
            provider.fetch_access_token(
                grant_type="refresh_token",
                refresh_token=session.pop("refresh_token"),
            )
        )
    except OAuthError:
        return False
    return True


@app.route("/callback")
def callback():
    try:
        token = provider.authorize_access_token()
    except OAuthError as error:
        return f"<!doctype html><title>Problem</title><p>{escape(error)}</p>", 400
    remember(token)
    session["who"] = token["userinfo"]["sub"]
    return redirect(session.pop("target " + request.args["state"], "/"))


@app.route("/leave")
def leave():
    hint = session.pop("id_token", "")
    session.clear()
    query = urlencode({"id_token_hint": hint, "post_logout_redirect_uri": URL + "/goodbye"})
    return redirect(provider.load_server_metadata()["end_session_endpoint"] + "?" + query)


@app.route("/goodbye")
def goodbye():
    return "<!doctype html><title>Goodbye</title>"


@app.route("/", defaults={"path": ""})
@app.route("/<path:path>")
def page(path):
    target = request.full_path.rstrip("?")
    if session.get("until", 0) <= time.time() and not refreshed():
        state = secrets.token_urlsafe()
        session["target " + state] = target
        return provider.authorize_redirect(URL + "/callback", state=state)
    return (
        "<!doctype html><title>Inside</title>\n"
        f'<p id="who">{escape(session["who"])}</p>\n<p id="path">{escape(target)}</p>'
    )


if __name__ == "__main__":
    host, port = os.environ["SITE_ADDRESS"].split(":")
    app.run(host, int(port), threaded=True)
