"""The provider over HTTP, at Keycloak's paths."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from flask import Flask, Response, jsonify, request
from werkzeug.exceptions import HTTPException

from dragoman.devidp.grants import Grants, OAuthError

if TYPE_CHECKING:
    from dragoman.devidp.realm import Realm
    from dragoman.devidp.tokens import Tokens

OPENID = "/protocol/openid-connect"


def make_app(realm: Realm, tokens: Tokens) -> Flask:
    """An application that serves one realm."""
    app = Flask(__name__)
    app.json.sort_keys = False  # type: ignore[attr-defined]
    grants = Grants(realm, tokens)
    root = f"/realms/{realm.name}"

    def rule(path: str, view: Any, *methods: str) -> None:
        app.add_url_rule(root + path, f"{path}", view, methods=list(methods))

    rule("/.well-known/openid-configuration", lambda: jsonify(discovery(tokens.issuer, grants)), "GET")
    rule(f"{OPENID}/certs", lambda: jsonify(tokens.keys.jwks()), "GET")
    rule(f"{OPENID}/token", lambda: _token(grants), "POST")
    rule(f"{OPENID}/token/introspect", lambda: _introspect(grants, tokens), "POST")
    rule(f"{OPENID}/revoke", lambda: _revoke(grants, tokens), "POST")
    rule("/dev/rotate", lambda: _rotate(tokens), "POST")
    app.register_error_handler(OAuthError, _refusal)
    app.register_error_handler(HTTPException, _wrong_path)
    app.after_request(_open_to_pages)
    return app


def discovery(issuer: str, grants: Grants) -> dict[str, Any]:
    """The discovery document; there is no login page, so no authorization endpoint either."""
    base = issuer + OPENID
    secret = ["client_secret_basic", "client_secret_post"]
    return {
        "issuer": issuer,
        "token_endpoint": f"{base}/token",
        "introspection_endpoint": f"{base}/token/introspect",
        "revocation_endpoint": f"{base}/revoke",
        "jwks_uri": f"{base}/certs",
        "grant_types_supported": grants.names,
        "response_types_supported": [],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256", "ES256", "PS256"],
        "token_endpoint_auth_methods_supported": secret,
        "introspection_endpoint_auth_methods_supported": secret,
        "revocation_endpoint_auth_methods_supported": secret,
    }


def _token(grants: Grants) -> Response:
    return _fresh(grants.token(_form(), _authorization()))


def _introspect(grants: Grants, tokens: Tokens) -> Response:
    """RFC 7662: whether a token is good, and what it says; only a client with a secret is told."""
    form = _form()
    grants.confidential(form, _authorization())
    claims = tokens.explain(form.get("token", ""))
    if claims is None:
        return _fresh({"active": False})
    more = {"client_id": claims["azp"], "username": claims["preferred_username"], "token_type": claims["typ"]}
    return _fresh({**claims, **more, "active": True})


def _revoke(grants: Grants, tokens: Tokens) -> Response:
    form = _form()
    grants.client(form, _authorization())
    tokens.revoke(form.get("token", ""))
    return _fresh({})


def _rotate(tokens: Tokens) -> Response:
    """Sign with a new key; with the parameter ``forget`` the old ones are withdrawn."""
    key = tokens.keys.rotate(forget="forget" in request.args)
    return jsonify({"kid": key.kid, "at": int(time.time())})


def _form() -> dict[str, str]:
    """The form's fields; raises OAuthError if one is there twice (RFC 6749, 3.2)."""
    for name, values in request.form.lists():
        if len(values) > 1 and name != "audience":
            raise OAuthError("invalid_request", f"{name} is there more than once")
    return request.form.to_dict()


def _authorization() -> str:
    return request.headers.get("Authorization", "")


def _fresh(body: dict[str, Any]) -> Response:
    response = jsonify(body)
    response.headers.update({"Cache-Control": "no-store", "Pragma": "no-cache"})
    return response


def _refusal(error: OAuthError) -> Response:
    response = _fresh({"error": error.code, "error_description": error.description})
    response.status_code = 401 if error.code == "invalid_client" else 400
    if response.status_code == 401:
        response.headers["WWW-Authenticate"] = 'Basic realm="dragoman dev-idp"'
    return response


def _wrong_path(error: HTTPException) -> Response:
    response = jsonify({"error": "invalid_request", "error_description": error.description})
    response.status_code = error.code or 500
    return response


def _open_to_pages(response: Response) -> Response:
    """Any page may ask, as with a Keycloak client that lists ``*``: this provider guards nothing."""
    response.headers["Access-Control-Allow-Origin"] = "*"
    response.headers["Access-Control-Allow-Headers"] = "Authorization, Content-Type"
    return response
