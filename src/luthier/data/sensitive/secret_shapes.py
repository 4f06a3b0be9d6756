"""The shapes of secrets as their issuers document them: what each is called, what stands in it, and how to find it.

A table of our own, because detect-secrets tells that there is a secret and not where it begins and ends (of a GitHub
token it names the prefix, of a private key the heading), knows none of today's OpenAI, Anthropic, Google or Hugging
Face keys, and takes 286 microseconds for a row of 240 characters.
"""

from __future__ import annotations

import re
from typing import NamedTuple


class SecretShape(NamedTuple):
    """One of `marks` stands in every text in which the pattern can be found, and is cheaper to look for."""

    name: str
    marks: tuple[str, ...]
    pattern: re.Pattern[str]


def _shape(name: str, marks: str, pattern: str) -> SecretShape:
    """The pattern may neither begin nor end inside a longer word."""
    whole = rf"(?<![A-Za-z0-9_-])(?:{pattern})(?![A-Za-z0-9_-])"
    return SecretShape(name, tuple(marks.split()), re.compile(whole, re.DOTALL))


PEM_EDGE = r"(?:[A-Z0-9]+ ){0,3}PRIVATE KEY(?: BLOCK)?-----"

SECRET_SHAPES = (
    _shape("OpenAI key", "sk-", r"sk-(?:proj|svcacct|admin|None)-[A-Za-z0-9_-]{20,200}"),
    _shape("OpenAI key", "T3BlbkFJ", r"sk-[A-Za-z0-9_-]{0,150}T3BlbkFJ[A-Za-z0-9_-]{20,100}"),
    _shape("Anthropic key", "sk-ant-", r"sk-ant-[a-z0-9]{3,10}-[A-Za-z0-9_-]{20,150}"),
    _shape("OpenRouter key", "sk-or-", r"sk-or-v1-[0-9a-f]{64}"),
    _shape("Google API key", "AIza", r"AIza[0-9A-Za-z_-]{35}"),
    _shape("Google OAuth secret", "GOCSPX-", r"GOCSPX-[A-Za-z0-9_-]{28}"),
    _shape("Google OAuth token", "ya29.", r"ya29\.[A-Za-z0-9_-]{30,300}"),
    _shape("Hugging Face token", "hf_", r"hf_[A-Za-z0-9]{30,40}"),
    _shape("Replicate token", "r8_", r"r8_[A-Za-z0-9]{37}"),
    _shape("Groq key", "gsk_", r"gsk_[A-Za-z0-9]{48,56}"),
    _shape("xAI key", "xai-", r"xai-[A-Za-z0-9]{70,90}"),
    _shape("Perplexity key", "pplx-", r"pplx-[A-Za-z0-9]{40,60}"),
    _shape("LangSmith key", "lsv2_", r"lsv2_(?:pt|sk)_[0-9a-f]{32}_[0-9a-f]{10}"),
    _shape("AWS access key", "AKIA ASIA ABIA ACCA", r"(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}"),
    _shape("GitHub token", "ghp_ gho_ ghu_ ghs_ ghr_", r"gh[pousr]_[A-Za-z0-9]{36,255}"),
    _shape("GitHub token", "github_pat_", r"github_pat_[A-Za-z0-9_]{50,90}"),
    _shape("GitLab token", "glpat- glptt- gldt- glrt- glcbt-", r"gl(?:pat|ptt|dt|rt|cbt)-[A-Za-z0-9_=-]{20,64}"),
    _shape("Slack token", "xox", r"xox[abeoprs](?:\.xox[bp])?-[0-9A-Za-z-]{10,200}"),
    _shape("Slack webhook", "hooks.slack.com", r"https://hooks\.slack\.com/services/[A-Za-z0-9_/]{20,80}"),
    _shape(
        "Discord webhook", "/api/webhooks/", r"https://discord(?:app)?\.com/api/webhooks/\d{17,20}/[A-Za-z0-9_-]{60,80}"
    ),
    _shape("Discord token", "iscord", r"[MNO][A-Za-z\d_-]{23,27}\.[A-Za-z\d_-]{6}\.[A-Za-z\d_-]{27,38}"),
    _shape("Telegram token", ":AA", r"\d{8,10}:AA[A-Za-z0-9_-]{33}"),
    _shape("Stripe key", "k_live_", r"[sr]k_live_[0-9A-Za-z]{20,110}"),
    _shape("Stripe webhook secret", "whsec_", r"whsec_[A-Za-z0-9]{32,64}"),
    _shape("Square token", "EAAA sq0atp- sq0csp-", r"EAAA[A-Za-z0-9_-]{60}|sq0(?:csp|atp)-[0-9A-Za-z_-]{22,43}"),
    _shape("Shopify token", "shpat_ shpca_ shppa_ shpss_", r"shp(?:at|ca|pa|ss)_[0-9a-fA-F]{32}"),
    _shape("SendGrid key", "SG.", r"SG\.[A-Za-z0-9_-]{22}\.[A-Za-z0-9_-]{43}"),
    _shape("Mailgun key", "key-", r"key-[0-9a-f]{32}"),
    _shape("Mailchimp key", "-us", r"[0-9a-f]{32}-us\d{1,2}"),
    _shape("npm token", "npm_", r"npm_[A-Za-z0-9]{36}"),
    _shape("PyPI token", "pypi-AgE", r"pypi-AgE[A-Za-z0-9_-]{50,250}"),
    _shape("Docker token", "dckr_pat_", r"dckr_pat_[A-Za-z0-9_-]{27}"),
    _shape("DigitalOcean token", "dop_v1_ doo_v1_ dor_v1_", r"do[opr]_v1_[0-9a-f]{64}"),
    _shape("Databricks token", "dapi", r"dapi[0-9a-f]{32}(?:-\d)?"),
    _shape("Heroku key", "HRKU-", r"HRKU-[A-Za-z0-9_-]{36,60}"),
    _shape("Linear key", "lin_api_", r"lin_api_[A-Za-z0-9]{40}"),
    _shape("Notion token", "ntn_", r"ntn_[A-Za-z0-9]{40,50}"),
    _shape("Postman key", "PMAK-", r"PMAK-[0-9a-f]{24}-[0-9a-f]{34}"),
    _shape("Grafana token", "glsa_", r"glsa_[A-Za-z0-9]{32}_[0-9a-f]{8}"),
    _shape("Atlassian token", "ATATT3", r"ATATT3[A-Za-z0-9_=-]{60,250}"),
    _shape("Figma token", "figd_", r"figd_[A-Za-z0-9_-]{40}"),
    _shape("Artifactory key", "AKCp", r"AKCp[A-Za-z0-9]{10,80}"),
    _shape("Azure storage key", "AccountKey=", r"AccountKey=[A-Za-z0-9+/]{86}=="),
    _shape("age key", "AGE-SECRET-KEY-", r"AGE-SECRET-KEY-1[0-9A-Z]{58}"),
    _shape("JSON Web Token", "eyJ", r"eyJ[A-Za-z0-9_-]{8,2000}\.eyJ[A-Za-z0-9_-]{8,4000}\.[A-Za-z0-9_-]{20,1000}"),
    SecretShape(
        "private key",
        ("PRIVATE KEY",),
        re.compile(
            rf"-----BEGIN {PEM_EDGE}(?:.{{20,8000}}?-----END {PEM_EDGE}|[A-Za-z0-9+/=\s\\]{{40,8000}})", re.DOTALL
        ),
    ),
)

CONNECTION = re.compile(
    r"(?<![A-Za-z0-9])[a-z][a-z0-9+]{2,20}://[A-Za-z0-9._~%+-]{0,64}:"
    r"(?P<value>[^\s:/@'\"`<>{}\[\]()|]{3,128})@[A-Za-z0-9.-]{3,253}"
)
"""An address with a password in it: postgres://user:password@host."""

BEARER = re.compile(r"\bBearer (?P<value>[A-Za-z0-9._~+/=-]{20,2000})")

PASSWORD = r"(?:passwor[dt]|passwd|passphrase|pwd|kennwort|contrase[nñ]a|mot de passe)"
KEY = r"(?:(?:api|access|private|secret|account|auth|encryption)[ _-]?key)"
ASSIGNMENT = re.compile(
    rf"(?:(?P<password>{PASSWORD})|(?P<key>{KEY}|secret|credentials?)|(?P<token>token))(?:[_-]?[A-Za-z0-9]{{1,12}})?"
    r"[\"'`*]{0,3}\s{0,3}(?:(?:=>|:=|={1,3}|:)\s{0,3}|\s(?:is|ist|es|est)\s{1,3}(?:now |set to )?:?\s?)"
    r"[\"'`]?(?P<value>[^\s\"'`,;<>]{6,200})",
    re.IGNORECASE,
)
"""A word for a secret, a sign that something is given, and what is given."""

ASSIGNMENT_MARKS = ("passw", "passp", "pwd", "kennwort", "contrase", "mot de passe", "secret", "token", "credential")
KEY_MARKS = ("api", "access", "private", "account", "auth", "encryption")
"""With one of these begins, in lower case, each word for a secret; with the second kind only where key follows."""
