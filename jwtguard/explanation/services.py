"""Tokens of well-known services that no API can take: what they are, and which token to send instead.

>>> from jwtguard import Guard, SigningKey
>>> key = SigningKey.generate("HS256")
>>> guard = Guard(issuer="https://issuer.example", audience="https://api.example", keys=key.verification_key)
>>> way_out(TokenContext.of(guard, "e30.e30.SIGNATURE_REMOVED_BY_GOOGLE"))[:60]
'Cloud Run has checked this token and removed its signature: '

They are refused for many reasons: by issuer, key, signature or form. So these causes are looked for first, whatever the
reason.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from jwtguard.explanation.token_context import TokenContext, read_part

_GRAPH = re.compile(
    r"00000003-0000-0000-c000-000000000000"
    r"|https://(?:graph\.microsoft\.com|(?:dod-)?graph\.microsoft\.us|microsoftgraph\.chinacloudapi\.cn)/?"
)
_MICROSOFT = re.compile(
    r"https://(?:sts\.windows\.net|sts\.chinacloudapi\.cn|login\.microsoftonline\.(?:com|us)"
    r"|login\.partner\.microsoftonline\.cn)/.*"
)
_LOAD_BALANCER = re.compile(r"arn:aws[a-z-]*:elasticloadbalancing:.*")
_OKTA = re.compile(r"https://[a-z0-9-]+\.(?:okta|oktapreview|okta-emea|okta-gov)\.com")


def without_signature(context: TokenContext) -> bool:
    """Whether Cloud Run has replaced the signature."""
    return len(context.parts) == 3 and context.parts[2].startswith("SIGNATURE_REMOVED_BY_GOOGLE")


def of_a_load_balancer(context: TokenContext) -> bool:
    """Whether an AWS load balancer signed it; its parts are padded, so the core does not read them."""
    header = read_part(context.parts[0].rstrip("="))
    signer = None if header is None else header.get("signer")
    return isinstance(signer, str) and _LOAD_BALANCER.fullmatch(signer) is not None


def for_graph(context: TokenContext) -> bool:
    """Whether it is for Microsoft Graph: by its audience, or by the nonce that Microsoft hashed before it signed."""
    by_nonce = "nonce" in (context.header or {}) and _MICROSOFT.fullmatch(context.issuer) is not None
    return by_nonce or (bool(context.audiences) and all(map(_GRAPH.fullmatch, context.audiences)))


def of_an_okta_org(context: TokenContext) -> bool:
    """Whether it is an access token of an org's own server."""
    return _OKTA.fullmatch(context.issuer) is not None and "cid" in (context.claims or {})


def of_a_kubernetes_secret(context: TokenContext) -> bool:
    """Whether it is a service account token of the old kind, which stands in a Secret and never ends."""
    return context.issuer == "kubernetes/serviceaccount"


_CLOUD_RUN = (
    "Cloud Run has checked this token and removed its signature: no application can verify it. Send the token for Cloud"
    " Run in X-Serverless-Authorization; the token in Authorization then reaches the application unchanged."
)
_ALB = (
    "This is the x-amzn-oidc-data of an AWS load balancer, which is padded and so no JSON Web Token (RFC 7515 §2). Take"
    " x-amzn-oidc-accesstoken, the provider's own token: TokenHeader('x-amzn-oidc-accesstoken', from_proxy=True), and"
    " a guard for the provider."
)
_FOR_GRAPH = (
    "This token is for Microsoft Graph, and Microsoft alone can verify it. Ask for a token with a scope of this API"
    " (api://…/…)."
)
_OKTA_ORG = (
    "This token is from an Okta org's own server, and Okta alone can verify it. Ask a custom authorization server for"
    " one: https://…/oauth2/default."
)
_KUBERNETES = (
    "This is a service account token from a Secret, which has no audience and does not expire. Mount a projected token"
    " with the audience of this API (serviceAccountToken in a projected volume)."
)
WAYS_OUT: tuple[tuple[Callable[[TokenContext], bool], str], ...] = (
    (without_signature, _CLOUD_RUN),
    (of_a_load_balancer, _ALB),
    (for_graph, _FOR_GRAPH),
    (of_an_okta_org, _OKTA_ORG),
    (of_a_kubernetes_secret, _KUBERNETES),
)


def way_out(context: TokenContext) -> str | None:
    """Which token to send instead; None if it is none of these."""
    return next((remedy for is_it, remedy in WAYS_OUT if is_it(context)), None)
