"""Page: the frame of every HTML file we write, one file with nothing to fetch.

A content security policy forbids all network access and every script but the one given, whose
hash it names; so text of a model that slipped through escaping still could not run.
"""

from __future__ import annotations

import base64
import hashlib
from html import escape

STYLE = """
:root { color-scheme: light dark; --paper:#fcfcfa; --ink:#1d1f21; --soft:#62666b; --grid:#e4e4df;
  --axis:#a2a49f; --panel:#f4f4f0; --good:#2f7240; --bad:#a8372a; --link:#2a6496;
  --series-1:#2a6496; --series-2:#b3541e; --series-3:#3a7d44; --series-4:#7b4b94;
  --series-5:#8a6d00; --series-6:#a33b5c; }
@media (prefers-color-scheme: dark) { :root { --paper:#16181a; --ink:#e6e6e3; --soft:#9da2a7;
  --grid:#2c2f33; --axis:#60656b; --panel:#1f2225; --good:#7cc48d; --bad:#ee8f83; --link:#85b7e6;
  --series-1:#74aee0; --series-2:#eb9d66; --series-3:#83c990; --series-4:#c49ade;
  --series-5:#d6b955; --series-6:#e58aa8; } }
* { box-sizing: border-box; }
body { margin:0; background:var(--paper); color:var(--ink); line-height:1.55; font-size:16px;
  font-family: system-ui, -apple-system, "Segoe UI", sans-serif; }
main { max-width:50rem; margin:0 auto; padding:3.2rem 1.4rem 5rem; }
h1 { font-size:1.75rem; line-height:1.2; letter-spacing:-.015em; margin:0 0 .5rem; }
h2 { font-size:1.15rem; margin:3rem 0 .5rem; padding-top:1rem; border-top:1px solid var(--grid); }
p { margin:.5rem 0 1rem; }
.lead { font-size:1.13rem; max-width:42rem; }
.soft { color:var(--soft); }
.numbers { display:grid; grid-template-columns:repeat(auto-fit, minmax(9.5rem, 1fr)); gap:1.4rem;
  margin:1.4rem 0 1.6rem; padding:0; }
.numbers div { border-left:2px solid var(--axis); padding-left:.8rem; }
.numbers dt { font-size:.84rem; color:var(--soft); }
.numbers dd { margin:0; font-size:1.55rem; line-height:1.3; font-variant-numeric:tabular-nums; }
.numbers small { display:block; font-size:.82rem; color:var(--soft); line-height:1.4; }
figure { margin:1.4rem 0; overflow-x:auto; }
figure svg { display:block; width:100%; min-width:34rem; height:auto; }
.table { overflow-x:auto; margin:1.2rem 0; }
table { border-collapse:collapse; font-size:.91rem; font-variant-numeric:tabular-nums; }
th, td { text-align:right; padding:.34rem 1.1rem .34rem 0; border-bottom:1px solid var(--grid); }
th { color:var(--soft); font-weight:500; vertical-align:bottom; }
th:first-child, td:first-child { text-align:left; }
code, pre { font-family: ui-monospace, SFMono-Regular, Menlo, monospace; font-size:.86em; }
footer { margin-top:4rem; color:var(--soft); font-size:.84rem; }
"""


def page(*, title: str, body: str, style: str = "", script: str = "") -> str:
    """A whole HTML document. `body` is HTML, already escaped; `script` runs, nothing else does."""
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
    if script:
        policy += f"; script-src 'sha256-{digest}'"
    code = f"<script>{script}</script>" if script else ""
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{STYLE}{style}</style></head>\n"
        f"<body>{body}{code}</body></html>\n"
    )
