"""A registry that holds one image, as far as the engine asks when it pulls."""

from __future__ import annotations

import gzip
import hashlib
import json
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"


@contextmanager
def serving(layer: bytes, *, env: list[str]) -> Iterator[str]:
    """Serve an image of one layer on localhost; its name and digest."""
    packed = gzip.compress(layer, compresslevel=1, mtime=0)
    config = json.dumps(
        {
            "architecture": {"aarch64": "arm64"}.get(platform.machine(), "amd64"),
            "os": "linux",
            "config": {"Env": env},
            "rootfs": {"type": "layers", "diff_ids": [_digest(layer)]},
        }
    ).encode()
    manifest = json.dumps(
        {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": _blob(config, "application/vnd.docker.container.image.v1+json"),
            "layers": [_blob(packed, "application/vnd.docker.image.rootfs.diff.tar.gzip")],
        }
    ).encode()
    kept = {_digest(blob): blob for blob in (config, packed, manifest)}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            name = self.path.rpartition("/")[2]
            found = kept.get(name, b"{}" if self.path == "/v2/" else None)
            self.send_response(404 if found is None else 200)
            is_manifest = "/manifests/" in self.path
            self.send_header("Content-Type", MANIFEST if is_manifest else "application/json")
            self.send_header("Docker-Content-Digest", name)
            self.send_header("Content-Length", str(len(found or b"")))
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(found or b"")

        do_HEAD = do_GET

        def log_message(self, format: str, *arguments: object) -> None:
            """Says nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"127.0.0.1:{server.server_port}/pinned@{_digest(manifest)}"
        server.shutdown()


def _blob(data: bytes, kind: str) -> dict[str, object]:
    return {"mediaType": kind, "size": len(data), "digest": _digest(data)}


def _digest(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"
